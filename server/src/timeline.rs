//! The request timeline: where a request spent its time inside this server, as six instants and five parts.
//!
//! This follows single requests, all of them or a sample, from the wake-up that brought their last byte
//! to the write that sent the last byte of their reply. (`metrics` profiles the loop.) Invariant: the
//! five parts are differences of one chain of instants, so their sum is exactly the time from ready to
//! written. Off, it costs one branch per command.

use crate::client::ClientKey;
use crate::clock::Nanos;
use crate::metrics::{Meter, Tick};
use hdrhistogram::Histogram;
use rand_xoshiro::SplitMix64;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use slotmap::SecondaryMap;
use std::collections::VecDeque;

/// By default one request in this many is followed, which costs a few nanoseconds per request.
pub(crate) const DEFAULT_SAMPLE: u32 = 16;
/// Newest records kept for `AE TRACE GET`.
const RECORDS_KEPT: usize = 1024;
/// Longest time that is recorded, 68 s; precision is two digits.
const VALUE_MAX: u64 = 1 << 36;

/// The names of the parts, in order.
pub(crate) const PARTS: [&str; 5] = ["wait_in_batch", "parse", "execute", "wait_to_write", "write"];

/// One request, as instants on the server's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Instants {
    /// The loop woke with its last byte in the socket.
    pub(crate) ready: Nanos,
    /// The parser began with it: earlier requests of the batch have been executed.
    pub(crate) taken: Nanos,
    pub(crate) parsed: Nanos,
    pub(crate) executed: Nanos,
    /// The first write with its reply began.
    pub(crate) write_began: Nanos,
    /// The kernel has the last byte of its reply.
    pub(crate) written: Nanos,
}

impl Instants {
    /// The time between each two, in the order of [`PARTS`].
    pub(crate) fn parts(&self) -> [Nanos; 5] {
        [
            self.taken - self.ready,
            self.parsed - self.taken,
            self.executed - self.parsed,
            self.write_began - self.executed,
            self.written - self.write_began,
        ]
    }
}

/// One request that was followed to its end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    /// Place in the command table.
    pub(crate) command: u16,
    /// The client's id.
    pub(crate) client: u64,
    /// Commands executed before it in the same turn of the loop.
    pub(crate) position: u32,
    /// Bytes of its reply.
    pub(crate) reply_bytes: usize,
    pub(crate) at: Instants,
}

/// A distribution with its exact sum.
#[derive(Debug, Default)]
pub(crate) struct Distribution {
    histogram: Option<Histogram<u64>>,
    pub(crate) sum: u64,
}

impl Distribution {
    fn record(&mut self, value: u64) {
        if self.histogram.is_none() {
            self.histogram = Histogram::new_with_bounds(1, VALUE_MAX, 2).ok();
        }
        if let Some(histogram) = &mut self.histogram {
            histogram.saturating_record(value);
            self.sum += value;
        }
    }

    /// How many values.
    pub(crate) fn count(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::len)
    }

    /// The value below which the share `quantile` lies; 0 without values.
    pub(crate) fn quantile(&self, quantile: f64) -> u64 {
        self.histogram.as_ref().map_or(0, |h| h.value_at_quantile(quantile))
    }

    /// The largest value, within the precision.
    pub(crate) fn max(&self) -> u64 {
        self.histogram.as_ref().map_or(0, Histogram::max)
    }

    /// The mean, exactly; 0 without values.
    pub(crate) fn mean(&self) -> u64 {
        self.sum / self.count().max(1)
    }
}

/// One command's distributions, in nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Class {
    /// In the order of [`PARTS`].
    pub(crate) parts: [Distribution; 5],
    /// From ready to written.
    pub(crate) total: Distribution,
}

/// A request whose reply is not out yet.
#[derive(Debug)]
struct Waiting {
    record: Record,
    /// Its last byte's position in everything ever sent to this client.
    end: u64,
}

/// See the module's text.
#[derive(Debug)]
pub(crate) struct Timeline {
    /// One request in this many is followed; 0 is off.
    sample: u32,
    countdown: u32,
    random: SplitMix64,
    ready: Nanos,
    classes: Vec<Option<Box<Class>>>,
    pub(crate) events_per_wake: Distribution,
    pub(crate) positions: Distribution,
    waiting: SecondaryMap<ClientKey, VecDeque<Waiting>>,
    records: VecDeque<Record>,
    /// The meter's sums when this was last reset.
    baseline: (Tick, u64),
}

impl Default for Timeline {
    fn default() -> Self {
        Timeline {
            sample: 0,
            countdown: 0,
            // A fixed seed, as everywhere in this server: two runs of the same commands make the same choices.
            random: SplitMix64::seed_from_u64(1),
            ready: Nanos::ZERO,
            classes: Vec::new(),
            events_per_wake: Distribution::default(),
            positions: Distribution::default(),
            waiting: SecondaryMap::new(),
            records: VecDeque::new(),
            baseline: (Tick::default(), 0),
        }
    }
}

impl Timeline {
    /// Follows one request in `sample` from now on.
    pub(crate) fn switch_on(&mut self, sample: u32) {
        self.sample = sample.max(1);
        self.draw_gap();
    }

    /// Follows no more requests; the records stay.
    pub(crate) fn switch_off(&mut self) {
        self.sample = 0;
        self.waiting.clear();
    }

    /// Removes all records.
    pub(crate) fn reset(&mut self, meter: &Meter) {
        *self = Timeline {
            sample: self.sample,
            countdown: self.countdown,
            random: self.random.clone(),
            ready: self.ready,
            baseline: (*meter.sums(), meter.cycles()),
            ..Timeline::default()
        };
    }

    /// Whether requests are followed.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.sample != 0
    }

    /// One request in this many is followed; 0 if none.
    pub(crate) fn sample(&self) -> u32 {
        self.sample
    }

    /// The loop woke with `events` events.
    pub(crate) fn woke(&mut self, now: Nanos, events: usize) {
        self.ready = now;
        if self.is_on() && events > 0 {
            self.events_per_wake.record(events as u64);
        }
    }

    /// Whether to follow the next request.
    #[inline]
    pub(crate) fn choose(&mut self) -> bool {
        if self.sample == 0 {
            return false;
        }
        self.countdown -= 1;
        let chosen = self.countdown == 0;
        if chosen {
            self.draw_gap();
        }
        chosen
    }

    /// Gaps between followed requests are random around their mean: fixed ones would always hit the same
    /// position of a pipeline of the same depth.
    fn draw_gap(&mut self) {
        let spread = u64::from(self.sample) * 2 - 1;
        self.countdown = 1 + (self.random.next_u64() % spread) as u32;
    }

    /// A followed request was executed. Its reply ends at position `end` of all bytes sent to the client.
    /// `ready` is filled in here, the write times later.
    pub(crate) fn executed(&mut self, key: ClientKey, mut record: Record, end: u64) {
        if !self.is_on() {
            return;
        }
        record.at.ready = self.ready.min(record.at.taken);
        if let Some(entry) = self.waiting.entry(key) {
            entry.or_default().push_back(Waiting { record, end });
        }
    }

    /// Whether a reply to this client is followed.
    #[inline]
    pub(crate) fn awaits(&self, key: ClientKey) -> bool {
        self.is_on() && self.waiting.get(key).is_some_and(|queue| !queue.is_empty())
    }

    /// A write that `began` has ended `now`, with `sent` bytes sent to the client in total.
    pub(crate) fn wrote(&mut self, key: ClientKey, began: Nanos, now: Nanos, sent: u64) {
        let Some(mut queue) = self.waiting.remove(key) else { return };
        for waiting in &mut queue {
            let at = &mut waiting.record.at;
            if at.write_began == Nanos::ZERO {
                at.write_began = began;
            }
        }
        while queue.front().is_some_and(|waiting| waiting.end <= sent) {
            if let Some(mut done) = queue.pop_front() {
                done.record.at.written = now;
                self.finish(done.record);
            }
        }
        self.waiting.insert(key, queue);
    }

    fn finish(&mut self, record: Record) {
        let index = record.command as usize;
        if index >= self.classes.len() {
            self.classes.resize_with(index + 1, || None);
        }
        let class = self.classes[index].get_or_insert_default();
        for (part, length) in class.parts.iter_mut().zip(record.at.parts()) {
            part.record(length.0);
        }
        class.total.record((record.at.written - record.at.ready).0);
        self.positions.record(u64::from(record.position));
        if self.records.len() == RECORDS_KEPT {
            self.records.pop_back();
        }
        self.records.push_front(record);
    }

    /// A client was freed, with its unsent replies.
    pub(crate) fn forget(&mut self, key: ClientKey) {
        self.waiting.remove(key);
    }

    /// Every command seen, by its place in the table.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (usize, &Class)> + Clone {
        let classes = self.classes.iter().enumerate();
        classes.filter_map(|(id, class)| class.as_deref().map(|class| (id, class)))
    }

    /// The newest records, the last written first.
    pub(crate) fn records(&self) -> impl ExactSizeIterator<Item = &Record> {
        self.records.iter()
    }

    /// What the meter's sums were when this was last reset.
    pub(crate) fn baseline(&self) -> (&Tick, u64) {
        (&self.baseline.0, self.baseline.1)
    }
}
