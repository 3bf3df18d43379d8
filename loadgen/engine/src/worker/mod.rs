//! One engine thread: its connections, its share of every group, and the turn that moves them.
//!
//! Not the socket layer ([`Wire`]) and not the schedule. The same worker runs over sockets and in virtual time.
//! Invariant: a turn touches only connections that are ready or due; nothing in it grows with their number.

pub(crate) mod connections;
pub(crate) mod phases;
pub(crate) mod read_write;
pub(crate) mod replies;
mod state;
pub(crate) mod thread_result;
pub(crate) mod timers;
mod touched;

use crate::clock::Nanos;
use crate::group::Group;
use crate::io::{Wait, Wire};
use crate::plan::Pacing;
use crate::record::Open;
use crate::record::live::{Counted, LiveCounts, Phase};
use crate::record::stall_detector::Watch;
use crate::record::warmup_end::WarmupEndFinder;
use crate::worker::phases::Control;
pub(crate) use crate::worker::state::Worker;
use crate::worker::thread_result::ThreadResult;
use crate::worker::touched::touch;
use std::cmp::Reverse;
use std::io;

/// Packing a closed interval takes some 50 µs: only done with this much time before the next request is due.
const TIDY_SLACK: Nanos = Nanos::from_micros(200);

impl<W: Wire> Worker<'_, W> {
    /// Begins the schedule at `origin`.
    pub(crate) fn start(&mut self, origin: Nanos) {
        self.phases.start(origin);
        self.watch = Watch::new(self.phases.stall_threshold(), origin);
        let (from, until) = (self.phases.measure_from, self.phases.measure_until);
        for group in &mut self.groups {
            group.start(origin, from, until);
        }
    }

    /// The first requests of closed loops; connections with a free slot become known to their group.
    fn begin(&mut self) {
        let origin = self.phases.origin;
        for group in &mut self.groups {
            let touched = &mut self.touched;
            group.begin(&mut self.conns, origin, |token, conn| touch(touched, token, conn));
        }
        if self.watched().count > 0 {
            self.watch.on_first_due(origin);
        }
    }

    /// Runs to the end of the drain; returns when that was.
    ///
    /// # Errors
    /// Waiting failed.
    pub(crate) fn run(&mut self, control: &Control<'_>) -> io::Result<Nanos> {
        // The origin lies a little ahead; nothing is sent before.
        while self.wire.now() < self.phases.origin {
            self.wait(self.phases.origin)?;
            self.read_ready();
        }
        self.now = self.wire.now();
        if let Some(plan) = self.phases.warmup_end
            && self.groups.iter().any(|group| group.is_watched)
            && control.lead()
        {
            self.warmup_end_finder = Some(WarmupEndFinder::new(plan, self.phases.origin));
        }
        self.begin();
        while !self.turn(control)? {}
        self.publish();
        Ok(self.now)
    }

    /// One turn; `true` after the last. The order matters: what is due goes out before anything is read, and all that is
    /// ready is read before anything is written in answer, so that no reply waits behind a send to be stamped.
    fn turn(&mut self, control: &Control<'_>) -> io::Result<bool> {
        self.turns += 1;
        // The last reply of the last quota ends the measurement: no reason to sleep until the interval is over.
        let wakeup = if control.is_stopped() { self.now } else { self.next_wakeup() };
        if wakeup > self.now.saturating_add(TIDY_SLACK) {
            // One metric's interval at most: a longer break would be felt.
            let _ = self.groups.iter_mut().any(|group| group.recorder.tidy());
        }
        let prepare_from = self.prepare_from(wakeup);
        self.wait(prepare_from)?;
        let mut now = self.wire.now();
        if now >= prepare_from && self.buffers.ready.is_empty() {
            // It is prepared as of its due time; `write` does not send before.
            now = now.max(wakeup);
        }
        self.scheduling_delay.note(wakeup, self.now, now, || self.wire.cpu());
        self.now = now;
        if self.phases.seeks_warmup_end() {
            self.find_warmup_end(now, control);
        }
        // Before the phase may move on: a thread that wakes after the end of the measurement has not yet
        // created what fell due while it slept, and a run with nothing open would end without it.
        self.create_due(now);
        if self.keep_time(now, control) {
            self.read_ready();
            return Ok(true);
        }
        self.scheduling_delay.look(now, || self.wire.cpu());
        self.run_timers(now);
        self.expire_pool_waits(now);
        self.dial(now);
        self.flush();
        if prepare_from < wakeup {
            // Also if there was no connection to write to: the time of a turn is never ahead of the clock at its end.
            self.wire.not_before(now);
        }
        self.read_ready();
        self.flush();
        // At once: a run of so many requests ends with its last reply, not with the next look at the time.
        self.note_completion(control);
        Ok(false)
    }

    /// The warm-up has no end yet: looks whether there is one by now, and finds it if that is up to this thread.
    fn find_warmup_end(&mut self, now: Nanos, control: &Control<'_>) {
        if let Some(warmup_end_finder) = &mut self.warmup_end_finder
            && now >= warmup_end_finder.next_look()
        {
            let mut counted = Counted::default();
            let watched = self.groups.iter().filter(|group| group.is_watched);
            watched.for_each(|group| counted.merge(&group.recorder.shown()));
            self.warmup_end = warmup_end_finder.on_block(now, counted);
            if self.warmup_end.is_some() {
                control.decide_begin(self.phases.begin_ahead(now));
                self.warmup_end_finder = None;
            }
        }
        if self.phases.take_begin(now, control) {
            let (from, until) = (self.phases.measure_from, self.phases.measure_until);
            self.groups.iter_mut().for_each(|group| group.measure(from, until));
        }
    }

    fn note_completion(&mut self, control: &Control<'_>) {
        for group in &mut self.groups {
            if group.becomes_complete() {
                control.complete_one(self.wire.now());
            }
            if group.connections.become_gone() {
                control.cut_off_one(self.wire.now());
            }
        }
    }

    /// Moves phases and intervals on; `true` when the run is over.
    fn keep_time(&mut self, now: Nanos, control: &Control<'_>) -> bool {
        if self.phases.interval_is_over(now) {
            self.close_interval(now);
        }
        let open = self.groups.iter().map(|group| group.unfinished(now)).sum();
        let phase = self.phases.phase;
        self.phases.advance(now, open, self.wire.spun(), control);
        if self.phases.phase != phase {
            if phase == Phase::Warmup {
                self.groups.iter_mut().for_each(|group| group.recorder.begin_measurement());
            }
            if matches!(self.phases.phase, Phase::Drain | Phase::Done) && phase != Phase::Drain {
                self.groups.iter_mut().for_each(|group| group.recorder.end_measurement());
                self.note_silence();
            }
            if phase == Phase::Warmup && now >= self.phases.measure_from {
                self.groups.iter_mut().for_each(Group::begin_measurement);
            }
            self.live.set_phase(self.phases.phase);
            let until = self.phases.measure_until;
            self.groups.iter_mut().for_each(|group| group.admission.stop(until));
        }
        self.phases.phase == Phase::Done
    }

    pub(crate) fn close_interval(&mut self, now: Nanos) {
        let number = self.phases.next_interval(now);
        for group in &mut self.groups {
            group.recorder.close_interval(number);
        }
        self.scheduling_delay.close_interval();
        self.live.set_elapsed(now.since(self.phases.origin));
        self.publish();
        self.refresh_layouts(now);
        self.expire_redirected(now);
        if W::STAMPED {
            self.wire.compare_clocks();
        }
    }

    /// Adds what has been counted since the last time to the live counters.
    fn publish(&mut self) {
        for (group, reported) in self.groups.iter().zip(&mut self.reported) {
            let (a, b) = (&group.recorder.counts, &group.recorder.warmup);
            let total = LiveCounts {
                connected: 0,
                scheduled: a.scheduled + b.scheduled,
                ok: a.ok + b.ok,
                error: a.error + b.error,
                timeout: a.timeout + b.timeout,
                shed: a.shed + b.shed,
                lost: group.connections.counts.lost,
                reconnects: group.connections.counts.reconnects,
                messages: group.recorder.delivered(),
                pieces: group.recorder.cursor_steps + group.recorder.traffic.received_bytes,
            };
            self.live.add(group.index, &total.since(reported));
            *reported = total;
        }
    }

    /// Ends requests that have waited too long for a connection of their pool.
    fn expire_pool_waits(&mut self, now: Nanos) {
        let is_late = |group: &Group| group.next_pool_timeout().is_some_and(|limit| limit <= now);
        if !self.groups.iter().any(is_late) {
            return;
        }
        let before = self.watched();
        self.groups.iter_mut().for_each(|group| group.expire_pool_waits(now));
        let after = self.watched();
        self.watch.on_departures(now, before, after);
    }

    fn create_due(&mut self, now: Nanos) {
        let was_empty = self.watched().count == 0;
        let mut is_short = false;
        let mut first_due: Option<Nanos> = None;
        for group in &mut self.groups {
            let Some(due) = group.next_due().filter(|due| *due <= now) else { continue };
            if was_empty && group.is_watched {
                first_due = Some(first_due.map_or(due, |first| first.min(due)));
            }
            let touched = &mut self.touched;
            group.create_due(now, &mut self.conns, |token, conn| touch(touched, token, conn));
            is_short |= group.assignment.router().is_some_and(|router| router.is_short);
        }
        // What is due may not become a request: its user may have no connection.
        if let Some(due) = first_due.filter(|_| self.watched().count > 0) {
            self.watch.on_first_due(due);
        }
        if is_short {
            (0..self.groups.len()).for_each(|index| self.move_connections(index, None, now));
        }
    }

    pub(crate) fn next_timer(&self) -> Option<Nanos> {
        self.timers.peek().map(|Reverse((at, ..))| *at)
    }

    fn next_wakeup(&self) -> Nanos {
        let due = self.groups.iter().filter_map(Group::next_due).min();
        due.unwrap_or(Nanos::MAX).min(self.next_other_wakeup())
    }

    /// The next time at which something other than a request is due.
    fn next_other_wakeup(&self) -> Nanos {
        let timeouts = self.groups.iter().filter_map(Group::next_pool_timeout);
        let others = timeouts.chain(self.next_timer()).chain(self.next_dial()).min();
        others.unwrap_or(Nanos::MAX).min(self.phases.next_boundary())
    }

    /// When to stop waiting for `wakeup`: a little before it if a request is due then, so that only its write is left to do at
    /// its due time. Not while anything can arrive, as nothing is read meanwhile.
    fn prepare_from(&self, wakeup: Nanos) -> Nanos {
        let lead = self.wire.lead();
        let is_alone = || {
            let is_quiet =
                |group: &Group| group.recorder.open.count == 0 && !group.inbox.has_receivers();
            let is_due = |group: &Group| group.next_due() == Some(wakeup);
            self.opening == 0
                && self.groups.iter().all(is_quiet)
                && self.groups.iter().any(is_due)
                && self.next_other_wakeup() >= wakeup
        };
        match lead > Nanos::ZERO && self.phases.has_started() && is_alone() {
            true => Nanos(wakeup.0.saturating_sub(lead.0)),
            false => wakeup,
        }
    }

    pub(crate) fn watched(&self) -> Open {
        let mut open = Open::default();
        for group in self.groups.iter().filter(|group| group.is_watched) {
            open.count += group.recorder.open.count;
            open.intended_sum = open.intended_sum.wrapping_add(group.recorder.open.intended_sum);
        }
        open
    }

    /// Waits for something to happen, at most until `until`; what did is left in `ready`.
    pub(crate) fn wait(&mut self, until: Nanos) -> io::Result<()> {
        let busy = !self.again.is_empty() || !self.touched.is_empty();
        self.buffers.ready.clear();
        self.wire.wait(if busy { Wait::Look } else { Wait::Until(until) }, &mut self.buffers.ready)
    }

    /// What this thread found out; call [`Worker::finish`] before.
    pub(crate) fn into_result(
        self,
        ended: Nanos,
        pinned: Option<usize>,
        margin: Option<Nanos>,
    ) -> ThreadResult {
        ThreadResult {
            unanswered: self.watch.unanswered.clone(),
            quiet: self.watch.finish(ended, self.unfinished),
            groups: self.groups,
            phases: self.phases,
            ended,
            turns: self.turns,
            scheduling_delay: self.scheduling_delay,
            pinned,
            pacing: Pacing::Timerfd,
            margin,
            gaps: None,
            warmup_end: self.warmup_end,
            kernel_clock: None,
        }
    }

    /// Ends the recording: what is unanswered is unfinished as of `ended`.
    pub(crate) fn finish(&mut self, ended: Nanos) {
        self.unfinished = self.watched();
        let number = self.phases.next_interval(ended);
        for group in &mut self.groups {
            for token in group.tokens.clone() {
                for request in self.conns[token as usize].take_requests() {
                    if !request.is_gone {
                        group.recorder.unfinished(request.due(), request.sent, ended);
                    }
                }
            }
            group.abandon(ended);
            if group.connect_schedule.is_during_run() {
                group.connections.note_failed();
            }
            group.recorder.close_interval(number);
        }
    }
}
