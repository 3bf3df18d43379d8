//! Finds the spans in which nothing was answered although something was asked.
//!
//! Not a judgement on causes. Each thread notes its quiet spans; a stall of the run is a span quiet on every thread, in
//! which at least one of them had requests waiting.
//! Invariant: what a span costs is exact for its thread: every waiting request is counted from the later of its intended
//! time and the span's begin.

use crate::clock::Nanos;
use crate::record::open::Open;
use crate::record::result::Stall;
use crate::record::scheduling_delay::Absence;

/// A span without replies on one thread, absolute times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    from: Nanos,
    until: Nanos,
    /// The part of it in which requests waited, with what they lost.
    waiting: Option<Waiting>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    from: Nanos,
    delayed: u64,
    lost_ns: u64,
}

/// One thread's watch.
#[derive(Debug)]
pub(crate) struct Watch {
    threshold: Nanos,
    last_reply: Nanos,
    /// What was waiting at `base`: the last reply, or the last time requests were given up since.
    at_base: Open,
    base: Nanos,
    /// Requests given up since the last reply, and what they and the others had lost by `base`.
    given_up: u64,
    lost_by_base_ns: u64,
    /// When the first request after an empty moment was due.
    due_from: Option<Nanos>,
    spans: Vec<Quiet>,
}

impl Watch {
    /// A watch that begins at `start` with nothing waiting.
    pub(crate) const fn new(threshold: Nanos, start: Nanos) -> Self {
        Self {
            threshold,
            last_reply: start,
            at_base: Open { count: 0, intended_sum: 0 },
            base: start,
            given_up: 0,
            lost_by_base_ns: 0,
            due_from: None,
            spans: Vec::new(),
        }
    }

    /// A request became due while nothing was waiting.
    #[inline]
    pub(crate) fn on_first_due(&mut self, intended: Nanos) {
        if self.due_from.is_none() {
            self.due_from = Some(intended);
        }
    }

    /// Replies came at `now`; `before` was waiting just before them, `after` still is.
    #[inline]
    pub(crate) fn on_replies(&mut self, now: Nanos, before: Open, after: Open) {
        if now.since(self.last_reply) >= self.threshold {
            self.note(now, before);
        }
        self.last_reply = now;
        self.at_base = after;
        self.base = now;
        self.given_up = 0;
        self.lost_by_base_ns = 0;
        self.due_from = (after.count > 0).then_some(now);
    }

    /// Requests left without a reply at `now`: lost with their connection, or timed out. The span goes on.
    pub(crate) fn on_departures(&mut self, now: Nanos, before: Open, after: Open) {
        self.lost_by_base_ns = self.lost_until(now, before);
        self.given_up += before.count.saturating_sub(after.count);
        self.at_base = after;
        self.base = now;
    }

    /// What all requests have lost between the last reply and `now`, at which `open` waits.
    ///
    /// No request ended since `base`, so all that waited then waits still: they lost the whole span since, the others what has
    /// passed since they were due.
    fn lost_until(&self, now: Nanos, open: Open) -> u64 {
        let old = self.at_base;
        let new_count = open.count.saturating_sub(old.count);
        let new_sum = open.intended_sum.wrapping_sub(old.intended_sum);
        let new_lost = now.0.wrapping_mul(new_count).wrapping_sub(new_sum).cast_signed().max(0);
        // None of them can have lost more than the whole span.
        let most = now.since(self.last_reply).0.saturating_mul(new_count);
        let old_lost = old.count.wrapping_mul(now.since(self.base).0);
        self.lost_by_base_ns.wrapping_add(old_lost).wrapping_add(new_lost.cast_unsigned().min(most))
    }

    fn note(&mut self, now: Nanos, open: Open) {
        let delayed = open.count + self.given_up;
        let waiting = self.due_from.map(|due| due.max(self.last_reply)).and_then(|from| {
            if now.since(from) < self.threshold || delayed == 0 {
                return None;
            }
            Some(Waiting { from, delayed, lost_ns: self.lost_until(now, open) })
        });
        self.spans.push(Quiet { from: self.last_reply, until: now, waiting });
    }

    /// The run is over with `open` still waiting.
    pub(crate) fn finish(mut self, now: Nanos, open: Open) -> Vec<Quiet> {
        if now.since(self.last_reply) >= self.threshold {
            self.note(now, open);
        }
        self.spans
    }
}

/// The stalls of a run, from its threads' quiet spans and the spans they woke up late from; times from `origin`.
pub(crate) fn stalls(
    threads: &[Vec<Quiet>],
    late: &[Vec<Absence>],
    threshold: Nanos,
    origin: Nanos,
) -> Vec<Stall> {
    let mut candidates: Vec<(Nanos, Nanos)> = threads
        .iter()
        .flatten()
        .filter_map(|span| Some((span.waiting?.from, span.until)))
        .collect();
    for spans in threads {
        candidates = candidates
            .into_iter()
            .flat_map(|(from, until)| {
                spans
                    .iter()
                    .map(move |span| (from.max(span.from), until.min(span.until)))
                    .filter(|(from, until)| until.since(*from) >= threshold)
            })
            .collect();
    }
    candidates.sort_unstable();
    let mut merged: Vec<(Nanos, Nanos)> = Vec::new();
    for (from, until) in candidates {
        match merged.last_mut() {
            Some(last) if from < last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
        .into_iter()
        .map(|(from, until)| Stall {
            engine_late: most(late, |absence| absence.within(from, until)),
            engine_busy: most(late, |absence| absence.busy_within(from, until)),
            ..stall(threads, from, until, origin)
        })
        .collect()
}

/// The most of any one thread.
fn most(late: &[Vec<Absence>], of: impl Fn(&Absence) -> Nanos) -> Nanos {
    let of_thread =
        |absences: &Vec<Absence>| absences.iter().map(&of).fold(Nanos::ZERO, Nanos::saturating_add);
    late.iter().map(of_thread).max().unwrap_or(Nanos::ZERO)
}

fn stall(threads: &[Vec<Quiet>], from: Nanos, until: Nanos, origin: Nanos) -> Stall {
    let overlapping = threads
        .iter()
        .flatten()
        .filter(|span| span.from < until && span.until > from)
        .filter_map(|span| span.waiting);
    let (mut delayed, mut lost_ns) = (0, 0);
    for waiting in overlapping {
        delayed += waiting.delayed;
        lost_ns += waiting.lost_ns;
    }
    Stall {
        start: from.since(origin),
        duration: until.since(from),
        delayed,
        lost: Nanos(lost_ns),
        engine_late: Nanos::ZERO,
        engine_busy: Nanos::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn open(intended_ms: &[u64]) -> Open {
        Open {
            count: intended_ms.len() as u64,
            intended_sum: intended_ms.iter().map(|ms| ms * MS).sum(),
        }
    }

    #[test]
    fn loss_is_counted_from_due_time_or_begin() {
        let mut watch = Watch::new(Nanos::from_millis(20), Nanos::ZERO);
        watch.on_first_due(Nanos::from_millis(9));
        watch.on_replies(Nanos::from_millis(10), open(&[9, 10]), open(&[10]));
        // 10 waits all along (90 ms), 40 and 80 come while nothing is answered (60 and 20 ms).
        watch.on_replies(Nanos::from_millis(100), open(&[10, 40, 80]), open(&[]));
        let spans = watch.finish(Nanos::from_millis(101), open(&[]));
        let stalls = stalls(&[spans], &[vec![]], Nanos::from_millis(20), Nanos::ZERO);
        assert_eq!(
            stalls,
            [Stall {
                start: Nanos::from_millis(10),
                duration: Nanos::from_millis(90),
                delayed: 3,
                lost: Nanos::from_millis(170),
                engine_late: Nanos::ZERO,
                engine_busy: Nanos::ZERO,
            }]
        );
    }

    #[test]
    fn requests_given_up_in_a_stall_lose_no_more_than_they_waited() {
        let mut watch = Watch::new(Nanos::from_millis(20), Nanos::ZERO);
        watch.on_first_due(Nanos::ZERO);
        watch.on_replies(Nanos::from_millis(10), open(&[0, 10, 10]), open(&[10, 10]));
        // The server dies at 50 ms with both (40 ms each); one is tried again at once and answered at 200 ms.
        watch.on_departures(Nanos::from_millis(50), open(&[10, 10]), open(&[50]));
        watch.on_replies(Nanos::from_millis(200), open(&[50]), open(&[]));
        let spans = watch.finish(Nanos::from_millis(201), open(&[]));
        let stalls = stalls(&[spans], &[vec![]], Nanos::from_millis(20), Nanos::ZERO);
        assert_eq!(stalls.len(), 1);
        assert_eq!(stalls[0].duration, Nanos::from_millis(190));
        assert_eq!(stalls[0].lost, Nanos::from_millis(40 + 40 + 150));
    }

    #[test]
    fn books_that_do_not_fit_cannot_lose_more_than_the_span() {
        let mut watch = Watch::new(Nanos::from_millis(20), Nanos::ZERO);
        watch.on_first_due(Nanos::ZERO);
        watch.on_replies(Nanos::from_millis(10), open(&[0, 5, 6]), open(&[5, 6]));
        // One of them left without a word.
        watch.on_departures(Nanos::from_millis(100), open(&[5]), open(&[]));
        let spans = watch.finish(Nanos::from_millis(101), open(&[]));
        let stalls = stalls(&[spans], &[vec![]], Nanos::from_millis(20), Nanos::ZERO);
        assert_eq!(stalls[0].lost, Nanos::from_millis(2 * 90), "{stalls:?}");
    }

    #[test]
    fn a_sparse_load_is_no_stall() {
        let mut watch = Watch::new(Nanos::from_millis(20), Nanos::ZERO);
        for due in (100..1_000).step_by(100) {
            watch.on_first_due(Nanos::from_millis(due));
            watch.on_replies(Nanos::from_millis(due + 1), open(&[due]), open(&[]));
        }
        let spans = watch.finish(Nanos::from_secs(2), open(&[]));
        assert_eq!(stalls(&[spans], &[vec![]], Nanos::from_millis(20), Nanos::ZERO), []);
    }

    #[test]
    fn threads_must_agree() {
        let quiet = |from, until, waiting: bool| Quiet {
            from: Nanos::from_millis(from),
            until: Nanos::from_millis(until),
            waiting: waiting.then_some(Waiting {
                from: Nanos::from_millis(from),
                delayed: 5,
                lost_ns: 7,
            }),
        };
        let threshold = Nanos::from_millis(20);
        // The second thread was answered at 60 ms: only the second half is quiet for all.
        let threads = [vec![quiet(0, 100, true)], vec![quiet(0, 60, true), quiet(60, 110, true)]];
        let found = stalls(&threads, &[], threshold, Nanos::ZERO);
        assert_eq!(found.len(), 2);
        assert_eq!(
            (found[1].start, found[1].duration),
            (Nanos::from_millis(60), Nanos::from_millis(40))
        );
        // An idle thread does not object.
        let threads = [vec![quiet(0, 100, true)], vec![quiet(0, 200, false)]];
        assert_eq!(stalls(&threads, &[], threshold, Nanos::ZERO).len(), 1);
        // A thread that was answered all the time does.
        let threads = [vec![quiet(0, 100, true)], vec![]];
        assert_eq!(stalls(&threads, &[], threshold, Nanos::ZERO), []);
    }
}
