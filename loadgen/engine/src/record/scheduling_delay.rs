//! How late a thread was for what it had planned itself, and what kept it.
//!
//! Facts only; whether they spoil a run is decided elsewhere. Invariant: a span is counted once, and of it no more as stopped,
//! waited or busy than it is long.

use crate::clock::Nanos;
use crate::record::audit::{ThreadAudit, queued_so_far};
use std::ops::Range;

/// A wake-up this late is remembered: far above a timer's usual 50 µs, below the shortest stall worth naming.
const LATE_MIN: Nanos = Nanos::from_millis(5);

/// A span between a planned wake-up and the real one. What kept the thread is looked into from [`ThreadAudit::STOP_MIN`] on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Absence {
    pub(crate) span: Range<Nanos>,
    /// How long of it the thread was stopped: it neither ran nor waited for a CPU.
    stopped: Nanos,
    /// How long of it the thread was running: busy with what it had begun before.
    busy: Nanos,
}

impl Absence {
    /// How much of it lies between `from` and `until`.
    pub(crate) fn within(&self, from: Nanos, until: Nanos) -> Nanos {
        self.span.end.min(until).since(self.span.start.max(from))
    }

    /// How long of that the thread was busy.
    pub(crate) fn busy_within(&self, from: Nanos, until: Nanos) -> Nanos {
        self.within(from, until).min(self.busy)
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct SchedulingDelay {
    /// Those of at least [`LATE_MIN`].
    pub(crate) absences: Vec<Absence>,
    /// The longest time between a planned wake-up and the real one.
    pub(crate) max: Nanos,
    seen: Seen,
    /// No interval has ended since that was seen.
    is_fresh: bool,
}

/// What the thread had used by some time.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    at: Nanos,
    cpu: Nanos,
    /// How long it had waited for a CPU.
    queued: Option<Nanos>,
}

impl SchedulingDelay {
    /// How long it was late in all between `from` and `until`.
    pub(crate) fn sum(&self, from: Nanos, until: Nanos) -> Nanos {
        self.add_up(|absence| absence.within(from, until))
    }

    /// For how long it was stopped between `from` and `until`.
    pub(crate) fn stopped(&self, from: Nanos, until: Nanos) -> Nanos {
        self.add_up(|absence| absence.within(from, until).min(absence.stopped))
    }

    /// For how long it was busy with one thing between `from` and `until`.
    pub(crate) fn busy(&self, from: Nanos, until: Nanos) -> Nanos {
        self.add_up(|absence| absence.busy_within(from, until))
    }

    /// How long before `until` it had looked for the last time, if it was late by then.
    pub(crate) fn blind(&self, until: Nanos) -> Nanos {
        let last = self.absences.iter().find(|absence| absence.span.contains(&until));
        last.map_or(Nanos::ZERO, |absence| until.since(absence.span.start))
    }

    fn add_up(&self, of: impl Fn(&Absence) -> Nanos) -> Nanos {
        self.absences.iter().map(of).fold(Nanos::ZERO, Nanos::saturating_add)
    }

    /// An interval is over.
    pub(crate) const fn close_interval(&mut self) {
        self.is_fresh = false;
    }

    /// Looks at what the thread has used by `now`, if that is up to an interval ago; `cpu` reads its CPU time.
    #[inline]
    pub(crate) fn look(&mut self, now: Nanos, cpu: impl FnOnce() -> Nanos) {
        if !std::mem::replace(&mut self.is_fresh, true) {
            self.seen = Seen { at: now, cpu: cpu(), queued: queued_so_far() };
        }
    }

    /// It was to wake up at `planned`, and did at `real`, for the first time since `last`: what it was behind already by then
    /// is not counted again. `cpu` reads its CPU time.
    #[inline]
    pub(crate) fn note(
        &mut self,
        planned: Nanos,
        last: Nanos,
        real: Nanos,
        cpu: impl FnOnce() -> Nanos,
    ) {
        let late = real.since(planned);
        if late > self.max {
            self.max = late;
        }
        if late >= LATE_MIN {
            self.add(planned.max(last)..real, cpu);
        }
    }

    #[cold]
    fn add(&mut self, span: Range<Nanos>, cpu: impl FnOnce() -> Nanos) {
        let length = span.end.since(span.start);
        if length < LATE_MIN {
            return;
        }
        let (mut stopped, mut busy) = (Nanos::ZERO, Nanos::ZERO);
        if length >= ThreadAudit::STOP_MIN {
            let queued = queued_so_far().zip(self.seen.queued).map(|(now, then)| now.since(then));
            let awake = length.since(queued.unwrap_or(Nanos::ZERO));
            // What it used since it was looked at last, but for what it may have used before the span.
            let used = cpu().since(self.seen.cpu).since(span.start.since(self.seen.at));
            let rest = awake.since(used);
            // A small rest beside it is what was taken off too much.
            let was_running = rest < ThreadAudit::STOP_MIN && used > rest;
            (stopped, busy) =
                if was_running { (Nanos::ZERO, awake) } else { (rest, used.min(awake)) };
        }
        self.absences.push(Absence { span, stopped, busy });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEC: Nanos = Nanos::from_secs(1);

    fn ms(millis: u64) -> Nanos {
        Nanos::from_millis(millis)
    }

    /// What was made of a wake-up planned at 1 s that came `length` later, when the thread had used so much CPU time since
    /// 50 ms before.
    fn noted(length: Nanos, used: Nanos) -> SchedulingDelay {
        let mut scheduling_delay = SchedulingDelay::default();
        scheduling_delay.look(ms(950), || SEC);
        scheduling_delay.note(SEC, Nanos::ZERO, SEC + length, || SEC + used);
        scheduling_delay
    }

    #[test]
    fn a_thread_that_was_running_was_not_stopped() {
        for (length, used, stopped, busy) in [
            // Stopped for a second, after some work.
            (SEC, Nanos::ZERO, SEC, Nanos::ZERO),
            (SEC, ms(40), SEC, Nanos::ZERO),
            // Copied for 571 ms, of which 50 may have been before.
            (ms(571), ms(571), Nanos::ZERO, ms(571)),
            // Copied for 300 ms and was stopped for 700.
            (SEC, ms(350), ms(700), ms(300)),
            // Too short to look into.
            (ms(100), ms(100), Nanos::ZERO, Nanos::ZERO),
        ] {
            let scheduling_delay = noted(length, used);
            let whole = (Nanos::ZERO, Nanos::MAX);
            // The kernel's account of this very thread's waiting is real time, and small.
            let near = |a: Nanos, b: Nanos| a.max(b).since(a.min(b)) < ms(5);
            let found = (
                scheduling_delay.stopped(whole.0, whole.1),
                scheduling_delay.busy(whole.0, whole.1),
            );
            assert!(near(found.0, stopped) && near(found.1, busy), "{length} {used}: {found:?}");
            assert_eq!(scheduling_delay.sum(whole.0, whole.1), length);
        }
    }

    #[test]
    fn who_was_away_at_the_end_had_looked_before() {
        let scheduling_delay = noted(SEC, Nanos::ZERO);
        assert_eq!(scheduling_delay.blind(ms(1_700)), ms(700));
        assert_eq!(scheduling_delay.blind(ms(2_500)), Nanos::ZERO);
    }
}
