//! What one engine thread holds.
//!
//! Not what it does with it: that is in the files beside this one.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::group::Group;
use crate::io::{Ready, Token, Wire};
use crate::plan::ConnectPlan;
use crate::record::Open;
use crate::record::live::{Live, LiveCounts};
use crate::record::scheduling_delay::SchedulingDelay;
use crate::record::stall_detector::Watch;
use crate::record::warmup_end::{WarmupEnd, WarmupEndFinder};
use crate::worker::phases::Phases;
use aelab_resp::ReplyScanner;
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

/// Receive buffer, shared by all connections of a thread: it stays in the second-level cache.
pub(crate) const RECEIVE_BYTES: usize = 64 * 1024;

/// Something that is to happen to a connection at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// It must be ready by now.
    Connect,
    /// It may try again.
    Retry,
    /// Its oldest request may have timed out.
    Request,
}

/// Memory that is used again in every turn.
#[derive(Debug)]
pub(crate) struct Buffers {
    /// What happened while waiting.
    pub(crate) ready: Vec<Ready>,
    /// Requests being written.
    pub(crate) scratch: Vec<u8>,
    /// Bytes being read.
    pub(crate) receive: Vec<u8>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Worker<'a, W> {
    pub(crate) wire: W,
    pub(crate) groups: Vec<Group>,
    pub(crate) conns: Vec<Conn>,
    pub(crate) phases: Phases,
    pub(crate) watch: Watch,
    /// Finds the end of the warm-up for all threads, if this one was the first to offer.
    pub(super) warmup_end_finder: Option<WarmupEndFinder>,
    pub(super) warmup_end: Option<WarmupEnd>,
    pub(super) turns: u64,
    /// When this turn's waiting ended.
    pub(super) now: Nanos,
    pub(super) scheduling_delay: SchedulingDelay,
    /// What was waiting when the run ended.
    pub(super) unfinished: Open,
    pub(crate) live: &'a Live,
    pub(super) reported: Vec<LiveCounts>,
    pub(crate) connect: ConnectPlan,
    pub(crate) timers: BinaryHeap<Reverse<(Nanos, Token, Timer)>>,
    /// Connections to be written at the end of the turn.
    pub(crate) touched: VecDeque<Token>,
    /// Connections whose reading was cut off and goes on next turn.
    pub(crate) again: Vec<Token>,
    /// How many connections are being opened.
    pub(crate) opening: usize,
    pub(crate) buffers: Buffers,
    /// Between two replies whenever nothing is read: a connection has one of its own only while half a reply waits.
    pub(crate) scanner: ReplyScanner,
}

impl<'a, W: Wire> Worker<'a, W> {
    /// A worker over these groups; their tokens index `conns`.
    pub(crate) fn new(
        wire: W,
        groups: Vec<Group>,
        conns: Vec<Conn>,
        phases: Phases,
        connect: ConnectPlan,
        live: &'a Live,
    ) -> Self {
        let watch = Watch::new(phases.stall_threshold(), Nanos::ZERO);
        let mut groups = groups;
        for group in &mut groups {
            let index = group.index;
            group.recorder.show(|command| live.shard(index, command));
        }
        Self {
            wire,
            reported: vec![LiveCounts::default(); groups.len()],
            groups,
            conns,
            phases,
            watch,
            warmup_end_finder: None,
            warmup_end: None,
            turns: 0,
            now: Nanos::ZERO,
            scheduling_delay: SchedulingDelay::default(),
            unfinished: Open::default(),
            live,
            connect,
            timers: BinaryHeap::new(),
            touched: VecDeque::new(),
            again: Vec::new(),
            opening: 0,
            buffers: Buffers {
                ready: Vec::new(),
                scratch: Vec::new(),
                receive: vec![0; RECEIVE_BYTES],
            },
            scanner: ReplyScanner::default(),
        }
    }
}
