//! How long a warm-up that finds its own end may take.
//!
//! Not how the end is found (see `record::warmup_end`).

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// What a warm-up that finds its own end is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarmupEndPlan {
    /// Length of a block.
    pub block: Nanos,
    /// The measurement begins after this long at the latest.
    pub at_most: Nanos,
}

impl WarmupEndPlan {
    /// For a measurement of this length: blocks of a second, and patience for ten times the measurement, but at least ten
    /// seconds and at most a minute.
    #[must_use]
    pub fn for_measurement(length: Option<Nanos>) -> Self {
        let ten_times = length.map_or(u64::MAX, |length| length.0.saturating_mul(10));
        let (least, most) = (Nanos::from_secs(10), Nanos::from_secs(60));
        Self { block: Nanos::from_secs(1), at_most: Nanos(ten_times).clamp(least, most) }
    }
}
