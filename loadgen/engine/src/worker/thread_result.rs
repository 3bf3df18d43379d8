//! What one thread of a run found out.
//!
//! Not merged with the others yet (see `run::merge`).

use crate::clock::{Nanos, StampClock};
use crate::group::Group;
use crate::record::audit::Gaps;
use crate::record::scheduling_delay::Lateness;
use crate::record::stall_detector::Quiet;
use crate::record::warmup_end::Settled;
use crate::worker::phases::Clockwork;

/// What one thread found out.
#[derive(Debug)]
pub(crate) struct ThreadResult {
    pub(crate) groups: Vec<Group>,
    pub(crate) clockwork: Clockwork,
    pub(crate) quiet: Vec<Quiet>,
    pub(crate) ended: Nanos,
    pub(crate) turns: u64,
    pub(crate) lateness: Lateness,
    pub(crate) pinned: Option<usize>,
    pub(crate) margin: Option<Nanos>,
    pub(crate) stamp_clock: Option<StampClock>,
    pub(crate) gaps: Option<Gaps>,
    pub(crate) settled: Option<Settled>,
}
