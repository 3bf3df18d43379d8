//! Numbers as text, by the rules of C that Redis follows.

pub(crate) mod long_double;
pub(crate) mod strtod;
