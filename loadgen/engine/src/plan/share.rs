//! One thread's share of a whole: of connections, requests or keys.
//!
//! Pure arithmetic. Invariant: the shares of a whole add up to it, and differ by at most one.

/// Which thread's share of the group this is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Share {
    pub(crate) index: u64,
    pub(crate) of: u64,
}

impl Share {
    /// How many of `whole` belong to the shares before this one.
    pub(crate) fn before(self, whole: u64) -> u64 {
        (0..self.index).map(|index| part(whole, index, self.of)).sum()
    }
}

/// Part `index` of `of` nearly equal parts of `whole`.
pub(crate) const fn part(whole: u64, index: u64, of: u64) -> u64 {
    whole / of + if index < whole % of { 1 } else { 0 }
}
