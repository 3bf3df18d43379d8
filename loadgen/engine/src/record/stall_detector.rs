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
use std::ops::Range;

/// A span without replies on one thread, absolute times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quiet {
    from: Nanos,
    until: Nanos,
    /// The parts of it in which requests waited: several if they left without a reply and others became due later.
    waits: Vec<Waiting>,
}

/// A part of a quiet span in which requests waited, with what they lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    from: Nanos,
    until: Nanos,
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
    /// Requests given up since the last reply, or since nothing waited, and what they and the others had lost by `base`.
    given_up: u64,
    lost_by_base_ns: u64,
    /// When the first request after an empty moment was due.
    due_from: Option<Nanos>,
    /// Since the last reply: the spans in which requests waited, until the last of them left without a reply.
    in_vain: Vec<Waiting>,
    /// When the first of them was due.
    in_vain_from: Option<Nanos>,
    spans: Vec<Quiet>,
    /// What was unanswered at the end of the measurement.
    pub(crate) unanswered: Option<Range<Nanos>>,
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
            in_vain: Vec::new(),
            in_vain_from: None,
            spans: Vec::new(),
            unanswered: None,
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
        if self.in_vain_from.take().is_some() {
            self.in_vain.clear();
        }
    }

    /// Requests left without a reply at `now`: lost with their connection, or timed out. The span goes on, but from then on
    /// nothing waits if they were the last.
    pub(crate) fn on_departures(&mut self, now: Nanos, before: Open, after: Open) {
        self.lost_by_base_ns = self.lost_until(now, before);
        self.given_up += before.count.saturating_sub(after.count);
        self.at_base = after;
        self.base = now;
        if after.count == 0
            && let Some(waiting) = self.waiting(now, after)
        {
            self.in_vain_from.get_or_insert(waiting.from);
            self.keep_in_vain(waiting);
            (self.due_from, self.given_up, self.lost_by_base_ns) = (None, 0, 0);
        }
    }

    /// The measurement ends at `until`. Users without a connection would have sent requests, the first of them when it says;
    /// subscribers without one wait since then.
    pub(crate) fn end_measurement(
        &mut self,
        until: Nanos,
        users: Option<Stranded>,
        subscribers: Option<Stranded>,
    ) {
        if let Some(users) = users.filter(|users| users.since < until) {
            self.on_first_due(users.since);
            self.given_up += users.count;
        }
        let subscribers = subscribers.map(|stranded| stranded.since..until);
        let parts = self.silence(until).into_iter().chain(subscribers);
        self.unanswered =
            parts.reduce(|a, b| a.start.min(b.start)..a.end.max(b.end)).filter(|s| !s.is_empty());
    }

    /// Since the last reply: from the first time to the last, up to `now`, that requests waited.
    fn silence(&self, now: Nanos) -> Option<Range<Nanos>> {
        let waits = self.due_from.map(|due| due.max(self.last_reply));
        let from = self.in_vain_from.or(waits)?;
        let until = if waits.is_some() { now } else { self.in_vain.last()?.until };
        Some(from..until)
    }

    /// Adds a span in which requests waited in vain. It goes on with the one before if that ended when it began. Spans that
    /// are no stall, and cannot become one, are not kept.
    fn keep_in_vain(&mut self, waiting: Waiting) {
        match self.in_vain.last_mut() {
            Some(last) if waiting.from <= last.until => last.extend(&waiting),
            Some(last) if last.until.since(last.from) < self.threshold => *last = waiting,
            _ => self.in_vain.push(waiting),
        }
    }

    /// What waits since the last reply, or since the first request after it was due.
    fn waiting(&self, now: Nanos, open: Open) -> Option<Waiting> {
        let from = self.due_from?.max(self.last_reply);
        let delayed = open.count + self.given_up;
        let lost_ns = self.lost_until(now, open);
        (delayed > 0).then_some(Waiting { from, until: now, delayed, lost_ns })
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
        if let Some(waiting) = self.waiting(now, open) {
            self.keep_in_vain(waiting);
        }
        let mut waits = std::mem::take(&mut self.in_vain);
        waits.retain(|waiting| waiting.until.since(waiting.from) >= self.threshold);
        self.spans.push(Quiet { from: self.last_reply, until: now, waits });
    }

    /// The run is over with `open` still waiting.
    pub(crate) fn finish(mut self, now: Nanos, open: Open) -> Vec<Quiet> {
        if now.since(self.last_reply) >= self.threshold {
            self.note(now, open);
        }
        self.spans
    }
}

/// Clients whose connections were lost and are not back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stranded {
    /// Since when the first of them waits.
    pub(crate) since: Nanos,
    pub(crate) count: u64,
}

impl Waiting {
    /// Adds a span that begins where this one ends.
    fn extend(&mut self, next: &Self) {
        self.until = next.until;
        self.delayed += next.delayed;
        self.lost_ns += next.lost_ns;
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
        .flat_map(|span| &span.waits)
        .map(|waiting| (waiting.from, waiting.until))
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
        .flat_map(|span| &span.waits)
        .filter(|waiting| waiting.from < until && waiting.until > from);
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
    fn a_silence_in_which_nothing_waits_is_no_stall() {
        let ms = Nanos::from_millis;
        let threshold = ms(20);
        let mut watch = Watch::new(threshold, Nanos::ZERO);
        // Lost with its connection after 30 ms; a second later the next is due, and is answered.
        watch.on_first_due(ms(10));
        watch.on_departures(ms(40), open(&[10]), open(&[]));
        assert_eq!(watch.silence(ms(900)), Some(ms(10)..ms(40)));
        watch.on_first_due(ms(1_000));
        assert_eq!(watch.silence(ms(1_001)), Some(ms(10)..ms(1_001)));
        watch.on_replies(ms(1_001), open(&[1_000]), open(&[]));
        assert_eq!(watch.silence(ms(1_500)), None);
        // An idle connection is lost.
        watch.on_departures(ms(1_200), open(&[]), open(&[]));
        assert_eq!(watch.silence(ms(1_500)), None);
        // The user of a closed loop asks again as soon as its request is lost: one span.
        watch.on_first_due(ms(1_500));
        watch.on_departures(ms(1_515), open(&[1_500]), open(&[]));
        watch.on_first_due(ms(1_515));
        watch.on_departures(ms(1_530), open(&[1_515]), open(&[]));
        watch.on_first_due(ms(1_530));
        watch.on_replies(ms(1_540), open(&[1_530]), open(&[]));
        // One that has no connection at the end waits for it.
        watch.end_measurement(ms(5_000), Some(Stranded { since: ms(2_000), count: 1 }), None);
        assert_eq!(watch.unanswered, Some(ms(2_000)..ms(5_000)));
        let spans = watch.finish(ms(5_000), open(&[]));
        let found = stalls(&[spans], &[vec![]], threshold, Nanos::ZERO);
        let found: Vec<_> = found.iter().map(|s| (s.start, s.duration, s.delayed)).collect();
        assert_eq!(found, [(ms(10), ms(30), 1), (ms(1_500), ms(40), 3), (ms(2_000), ms(3_000), 1)]);
    }

    #[test]
    fn threads_must_agree() {
        let quiet = |from, until, waits: bool| {
            let (from, until) = (Nanos::from_millis(from), Nanos::from_millis(until));
            let waiting = Waiting { from, until, delayed: 5, lost_ns: 7 };
            Quiet { from, until, waits: waits.then_some(waiting).into_iter().collect() }
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
