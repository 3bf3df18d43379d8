//! The link in virtual time: what goes onto it comes off it, whole, in order and not early.

use crate::relay::delay_queue::{DelayQueue, End};
use crate::relay::wire::{Shape, Wire};
use aelab_engine::clock::Nanos;
use proptest::prelude::*;
use std::num::NonZeroU64;

const US: u64 = 1_000;
const WINDOW: usize = 4096;

fn shape(delay_us: u64, jitter_us: u64, bandwidth: Option<u64>) -> Shape {
    Shape {
        delay: Nanos(delay_us * US),
        jitter: Nanos(jitter_us * US),
        bandwidth: bandwidth.and_then(NonZeroU64::new),
    }
}

#[test]
fn without_jitter_and_bandwidth_the_delay_is_exact() {
    let mut wire = Wire::new(shape(500, 0, None), 1);
    let mut queue = DelayQueue::new(WINDOW, Nanos::ZERO);
    queue.push(&mut wire, Nanos(1_000), b"one");
    queue.push(&mut wire, Nanos(2_000), b"two");
    assert_eq!(queue.next_due(), Some(Nanos(501_000)));
    assert_eq!(queue.due(Nanos(500_999)), b"");
    assert_eq!(queue.due(Nanos(501_000)), b"one");
    assert_eq!(queue.due(Nanos(502_000)), b"onetwo");
    queue.consume(4);
    assert_eq!(queue.next_due(), Some(Nanos(502_000)));
    assert_eq!(queue.due(Nanos(502_000)), b"wo");
}

#[test]
fn bandwidth_clocks_segments_out_one_after_another() {
    // 1448 bytes take 1 ms.
    let mut wire = Wire::new(shape(0, 0, Some(1_448_000)), 1);
    let mut queue = DelayQueue::new(1 << 20, Nanos::ZERO);
    queue.push(&mut wire, Nanos::ZERO, &[7; 1448 * 2 + 724]);
    for (at_us, bytes) in [(999, 0), (1_000, 1448), (2_000, 1448 * 2), (2_500, 1448 * 2 + 724)] {
        assert_eq!(queue.due(Nanos(at_us * US)).len(), bytes, "at {at_us} us");
    }
    // An idle link owes nothing to the past.
    assert_eq!(wire.carry(Nanos(10_000 * US), 1448), Nanos(11_000 * US));
}

#[test]
fn a_link_that_is_behind_takes_no_more_until_it_has_caught_up() {
    let mut wire = Wire::new(shape(0, 0, Some(1_000_000)), 1);
    assert_eq!(wire.opens_at(Nanos::ZERO), None);
    wire.carry(Nanos::ZERO, 6_000);
    assert_eq!(wire.opens_at(Nanos::ZERO), Some(Nanos(1_000 * US)));
    assert_eq!(wire.opens_at(Nanos(1_000 * US)), None);
}

#[test]
fn jitter_spreads_evenly_around_the_delay() {
    let mut wire = Wire::new(shape(500, 100, None), 3);
    let delays: Vec<u64> = (0..10_000).map(|_| wire.carry(Nanos::ZERO, 1).0).collect();
    let mean = delays.iter().sum::<u64>() / 10_000;
    let (least, most) = (delays.iter().min().copied(), delays.iter().max().copied());
    assert!((495 * US..505 * US).contains(&mean), "{mean}");
    assert!(least.is_some_and(|least| (400 * US..402 * US).contains(&least)), "{least:?}");
    assert!(most.is_some_and(|most| (598 * US..=600 * US).contains(&most)), "{most:?}");
}

#[test]
fn a_line_takes_nothing_while_the_receiver_takes_nothing() {
    let mut wire = Wire::new(shape(100, 0, None), 1);
    let mut queue = DelayQueue::new(10, Nanos::ZERO);
    assert_eq!(queue.room_bytes(Nanos::ZERO), 10);
    queue.push(&mut wire, Nanos::ZERO, b"1234567");
    assert_eq!(queue.room_bytes(Nanos::ZERO), 3, "the window");
    assert_eq!(queue.room_bytes(Nanos(101 * US)), 0, "overdue");
    queue.consume(7);
    assert_eq!(queue.room_bytes(Nanos(101 * US)), 10);
}

#[test]
fn a_close_waits_for_the_bytes_and_a_reset_does_not() {
    let mut wire = Wire::new(shape(100, 0, None), 1);
    let mut queue = DelayQueue::new(10, Nanos::ZERO);
    queue.push(&mut wire, Nanos::ZERO, b"x");
    queue.push_end(&mut wire, Nanos(50 * US), End::Closed);
    let later = Nanos(1_000 * US);
    assert_eq!(queue.end_due(later), None);
    queue.consume(1);
    assert_eq!(queue.end_due(Nanos(149 * US)), None);
    assert_eq!(queue.end_due(Nanos(150 * US)), Some(End::Closed));
    queue.take_end();
    assert!(queue.is_over() && queue.next_due().is_none());

    queue.push_end(&mut wire, later, End::Reset);
    queue.push_end(&mut wire, later, End::Closed);
    assert!(!queue.is_over());
    assert_eq!(queue.end_due(Nanos(1_100 * US)), Some(End::Reset));
}

/// One step of two streams that share a link.
#[derive(Clone, Debug)]
enum Step {
    /// After this pause in µs, a stream sends this many bytes, as far as there is room.
    Send(u64, usize, usize),
    /// After this pause, a stream's receiver takes at most this many of the bytes that are due.
    Take(u64, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_u64, 0..2_usize, 1..3_000_usize).prop_map(|(a, b, c)| Step::Send(a, b, c)),
        (0..400_u64, 0..2_usize, 1..3_000_usize).prop_map(|(a, b, c)| Step::Take(a, b, c)),
    ]
}

/// A stream with all it has sent (byte and arrival) and how much of it was taken.
struct Stream {
    queue: DelayQueue,
    sent: Vec<(u8, Nanos)>,
    taken: usize,
}

impl Stream {
    fn send(&mut self, wire: &mut Wire, now: Nanos, count: usize) {
        let count = count.min(self.queue.room_bytes(now));
        let from = self.sent.len();
        let bytes: Vec<u8> = (from..from + count).map(|at| (at % 251) as u8).collect();
        self.queue.push(wire, now, &bytes);
        self.sent.extend(bytes.iter().map(|byte| (*byte, now)));
    }

    fn take(&mut self, now: Nanos, most: usize, least_delay: Nanos) {
        let due = self.queue.due(now).to_vec();
        let count = due.len().min(most);
        for byte in &due[..count] {
            let (sent, arrived) = self.sent[self.taken];
            assert_eq!(*byte, sent, "byte {} is out of order", self.taken);
            assert!(now >= arrived + least_delay, "byte {} is early", self.taken);
            self.taken += 1;
        }
        self.queue.consume(count);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_reordered_or_early(
        delay_us in 0..2_000_u64,
        jitter_share in 0..=100_u64,
        bandwidth in prop::option::of(100_000..50_000_000_u64),
        steps in prop::collection::vec(step(), 1..120),
        seed: u64,
    ) {
        let shape = shape(delay_us, delay_us * jitter_share / 100, bandwidth);
        let least_delay = shape.delay - shape.jitter;
        let mut wire = Wire::new(shape, seed);
        let stream = || Stream { queue: DelayQueue::new(WINDOW, Nanos::ZERO), sent: Vec::new(), taken: 0 };
        let mut streams = [stream(), stream()];
        let mut now = Nanos::ZERO;
        for step in steps {
            match step {
                Step::Send(pause, which, count) => {
                    now = now + Nanos(pause * US);
                    streams[which].send(&mut wire, now, count);
                }
                Step::Take(pause, which, most) => {
                    now = now + Nanos(pause * US);
                    streams[which].take(now, most, least_delay);
                }
            }
            if let Some(rate) = bandwidth {
                let taken: usize = streams.iter().map(|stream| stream.taken).sum();
                let carried = now.0.saturating_sub(least_delay.0) as f64 / 1e9 * rate as f64;
                prop_assert!(taken as f64 <= carried + 1.0, "{taken} bytes of at most {carried}");
            }
        }
        for stream in &mut streams {
            stream.queue.push_end(&mut wire, now, End::Closed);
            // Follow the queue's own times: everything comes out without anything else happening.
            while let Some(at) = stream.queue.next_due() {
                now = now.max(at);
                if stream.queue.end_due(now).is_some() {
                    break;
                }
                let before = stream.taken;
                stream.take(now, usize::MAX, least_delay);
                prop_assert!(stream.taken > before, "a due time with nothing due");
            }
            prop_assert_eq!(stream.taken, stream.sent.len());
            prop_assert_eq!(stream.queue.end_due(now), Some(End::Closed));
        }
    }
}
