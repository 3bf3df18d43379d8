//! What one thread of a run found out.
//!
//! Not merged with the others yet (see `run::merge`).

use crate::clock::{KernelClock, Nanos};
use crate::group::Group;
use crate::plan::Pacing;
use crate::record::audit::Gaps;
use crate::record::scheduling_delay::SchedulingDelay;
use crate::record::stall_detector::Quiet;
use crate::record::warmup_end::WarmupEnd;
use crate::worker::phases::Phases;
use std::ops::Range;

/// What one thread found out.
#[derive(Debug)]
pub(crate) struct ThreadResult {
    pub(crate) groups: Vec<Group>,
    pub(crate) phases: Phases,
    pub(crate) quiet: Vec<Quiet>,
    /// From when to when requests waited that this thread's last reply left unanswered when the measurement ended.
    pub(crate) unanswered: Option<Range<Nanos>>,
    pub(crate) ended: Nanos,
    pub(crate) turns: u64,
    pub(crate) scheduling_delay: SchedulingDelay,
    pub(crate) pinned: Option<usize>,
    pub(crate) pacing: Pacing,
    pub(crate) margin: Option<Nanos>,
    pub(crate) kernel_clock: Option<KernelClock>,
    pub(crate) gaps: Option<Gaps>,
    pub(crate) warmup_end: Option<WarmupEnd>,
}
