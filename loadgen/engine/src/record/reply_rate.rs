//! How many replies came while measuring, whenever their requests were due.
//!
//! Not the samples: those belong to the requests that were due in the measurement. Costs nothing per request: it compares
//! counts that are kept anyway, at the begin and the end of the measurement and once an interval.
//! Invariant: a reply is counted once, in the interval and the phase in which it was read.

/// Replies so far, error replies included, by the phase for which their requests count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replied {
    /// To requests of the warm-up.
    pub warmup: u64,
    /// To measured requests.
    pub measured: u64,
}

impl Replied {
    /// Both phases.
    pub const fn total(&self) -> u64 {
        self.warmup + self.measured
    }

    /// From `earlier` to this.
    const fn since(&self, earlier: &Self) -> Self {
        Self {
            warmup: self.warmup.saturating_sub(earlier.warmup),
            measured: self.measured.saturating_sub(earlier.measured),
        }
    }

    /// Adds another thread's.
    pub const fn add(&mut self, other: &Self) {
        self.warmup += other.warmup;
        self.measured += other.measured;
    }
}

/// Replies of one group over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Those that came inside the measurement.
    pub inside: Replied,
    /// All replies by the number of the interval in which they came, from the origin; intervals without are 0.
    pub by_interval: Vec<u64>,
}

impl Arrivals {
    /// Adds another thread's.
    pub fn add(&mut self, other: &Self) {
        self.inside.add(&other.inside);
        if self.by_interval.len() < other.by_interval.len() {
            self.by_interval.resize(other.by_interval.len(), 0);
        }
        self.by_interval.iter_mut().zip(&other.by_interval).for_each(|(mine, more)| *mine += more);
    }
}

/// Requests that ended in an error without a reply: lost with their connection, or turned away by a pool.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Lost {
    pub(crate) warmup: u64,
    pub(crate) measured: u64,
}

/// Counts the replies of one thread's share of a group.
#[derive(Debug, Default)]
pub(crate) struct ReplyRate {
    pub(crate) lost: Lost,
    at_begin: Option<Replied>,
    at_end: Option<Replied>,
    by_interval: Vec<u64>,
    seen: u64,
}

impl ReplyRate {
    /// The measurement begins, with so many replies before it.
    pub(crate) const fn begin(&mut self, so_far: Replied) {
        self.at_begin = Some(so_far);
    }

    /// The measurement is over, with so many replies by now.
    pub(crate) const fn end(&mut self, so_far: Replied) {
        self.at_end = Some(so_far);
    }

    /// Interval `number` is over.
    pub(crate) fn close_interval(&mut self, number: u32, so_far: Replied) {
        let (total, number) = (so_far.total(), number as usize);
        if self.by_interval.len() <= number {
            self.by_interval.resize(number + 1, 0);
        }
        self.by_interval[number] += total - self.seen;
        self.seen = total;
    }

    /// The result; a measurement that did not end is taken to end with `so_far`.
    pub(crate) fn finish(self, so_far: Replied) -> Arrivals {
        let end = self.at_end.unwrap_or(so_far);
        let inside = self.at_begin.map_or_else(Replied::default, |begin| end.since(&begin));
        Arrivals { inside, by_interval: self.by_interval }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_count_where_they_came() {
        let so_far = |warmup, measured| Replied { warmup, measured };
        let mut rate = ReplyRate::default();
        rate.close_interval(0, so_far(100, 0));
        rate.begin(so_far(110, 0));
        rate.close_interval(1, so_far(200, 0));
        rate.end(so_far(250, 30));
        rate.close_interval(3, so_far(260, 90));
        let mut arrivals = rate.finish(so_far(260, 90));
        assert_eq!(arrivals.inside, so_far(140, 30));
        assert_eq!(arrivals.by_interval, [100, 100, 0, 150]);
        arrivals.add(&Arrivals { inside: so_far(1, 1), by_interval: vec![1; 5] });
        assert_eq!(arrivals.inside.total(), 172);
        assert_eq!(arrivals.by_interval, [101, 101, 1, 151, 1]);
    }
}
