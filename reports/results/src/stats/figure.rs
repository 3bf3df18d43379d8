//! A measured value with its interval. Plain data; it depends on nothing.

/// A measured figure in base units (seconds, bytes, counts, per second) with its confidence
/// interval; `lo == hi == value` if it has none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figure {
    /// The estimate.
    pub value: f64,
    /// Lower end of the interval.
    pub lo: f64,
    /// Upper end of the interval.
    pub hi: f64,
}

impl Figure {
    /// A figure without an interval.
    #[must_use]
    pub fn exact(value: f64) -> Self {
        Self { value, lo: value, hi: value }
    }

    /// Whether the interval is the value itself.
    #[must_use]
    pub fn is_exact(self) -> bool {
        self.lo == self.value && self.hi == self.value
    }
}
