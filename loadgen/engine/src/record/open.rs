//! Requests that are created and not finished.
//!
//! Their intended times are kept as a sum only. Invariant: a request is added once and taken off once.

/// Requests created and not finished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Open {
    /// How many.
    pub(crate) count: u64,
    /// The sum of their intended times, modulo 2^64.
    pub(crate) intended_sum: u64,
}
