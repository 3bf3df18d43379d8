//! Text shared by terminal output, pages and messages: numbers with units, escaped words, masked passwords.
//!
//! Pure functions. Read next: [`number`], [`escape`], [`secret`].

pub mod escape;
pub mod number;
pub mod secret;
