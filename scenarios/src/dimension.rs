//! The physical dimension of a figure. Plain data.

/// The dimension of a figure; base units are seconds, bytes, requests per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Seconds.
    Time,
    /// Bytes.
    Size,
    /// A plain number.
    Number,
    /// Requests per second.
    Rate,
}
