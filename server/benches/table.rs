//! The keyspace's table: what a look-up costs, and that no single operation is ever slow.
//!
//! `cargo bench -p aelab-server --bench table` first shows the tail: the longest single insertions while the keyspace
//! grows from nothing to ten million keys, and the longest deletions on the way back. Then come divan's medians.
//! Set `AELAB_BENCH_KEYS` for another number of keys.

use std::hint::black_box;
use std::time::Duration;

use aelab_server::clock::Clock;
use aelab_server::db::{Db, Free, Ttl, Value};
use divan::Bencher;
use divan::counter::ItemsCount;

/// Keys of the tail measurement unless AELAB_BENCH_KEYS says otherwise.
const TAIL_KEYS: usize = 10_000_000;
/// How many of the longest operations are shown.
const SHOWN: usize = 8;
/// Any time; nothing expires here.
const NOW_MS: i64 = 1_000_000;

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test");
    let keys = std::env::var("AELAB_BENCH_KEYS").ok().and_then(|text| text.parse().ok());
    if !smoke {
        show_tail(keys.unwrap_or(TAIL_KEYS));
    }
    divan::main();
}

fn key(number: usize) -> [u8; 16] {
    let mut key = *b"key:000000000000";
    let mut rest = number;
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// A permutation of the numbers below a power of two, so that neighbours in time are none in memory.
fn shuffled(number: usize, count: usize) -> usize {
    let mask = count.next_power_of_two() - 1;
    let mut next = number;
    loop {
        next = next.wrapping_mul(0x9e37_79b9_7f4a_7c15 | 1) & mask;
        if next < count {
            return next;
        }
    }
}

/// CPU time of this thread, so that other processes do not count.
fn timed(clock: &Clock, operation: impl FnOnce()) -> Duration {
    let start = clock.thread_cpu();
    operation();
    Duration::from(clock.thread_cpu() - start)
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn show(name: &str, times: &[u32]) {
    let mut sorted: Vec<(u32, usize)> = times.iter().copied().zip(0..).collect();
    sorted.sort_unstable();
    let at = |quantile: f64| sorted[((sorted.len() - 1) as f64 * quantile) as usize].0;
    println!(
        "{name}: p50 {} ns, p99 {} ns, p99.9 {} ns, p99.99 {} ns, p99.999 {} ns",
        at(0.5),
        at(0.99),
        at(0.999),
        at(0.9999),
        at(0.99999)
    );
    let longest = sorted.iter().rev().take(SHOWN);
    let longest = longest.map(|(ns, number)| format!("{:.0} (#{number})", f64::from(*ns) / 1e3));
    println!("    longest, us: {}", longest.collect::<Vec<_>>().join(" "));
}

/// Times every single operation: page faults are in the figures, and about 0.3 us of the measurement's own.
fn show_tail(count: usize) {
    let (mut db, clock) = (Db::default(), Clock::system());
    let value = Value::string;
    let nanos = |duration: Duration| u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX);
    let mut times = vec![0_u32; count];
    for (number, time) in times.iter_mut().enumerate() {
        let key = key(number);
        *time = nanos(timed(&clock, || {
            db.set(&key, value(b"0123456789abcdef"), Ttl::Clear, NOW_MS);
        }));
    }
    show(&format!("{count} insertions, growing from nothing"), &times);
    for (number, time) in times.iter_mut().enumerate() {
        let key = key(shuffled(number, count));
        *time = nanos(timed(&clock, || {
            black_box(db.lookup_read(&key, NOW_MS));
        }));
    }
    show(&format!("{count} look-ups, spread out"), &times);
    let mut keys_time = Duration::ZERO;
    let mut bytes = 0;
    keys_time += timed(&clock, || db.for_each(|entry| bytes += entry.key().len()));
    show_walk(keys_time, bytes);
    for (number, time) in times.iter_mut().enumerate() {
        let key = key(number);
        *time = nanos(timed(&clock, || {
            db.remove(&key, Free::Now, NOW_MS);
        }));
    }
    show(&format!("{count} deletions, down to nothing"), &times);
}

#[expect(clippy::print_stdout, reason = "the result of the benchmark")]
fn show_walk(time: Duration, bytes: usize) {
    println!("a walk over all keys ({bytes} bytes): {} ms", time.as_millis());
}

fn filled(count: usize) -> Db {
    let mut db = Db::default();
    for number in 0..count {
        db.set(&key(number), Value::string(&[b'x'; 32]), Ttl::Clear, NOW_MS);
    }
    while db.rehash_step(1000) {}
    db
}

const SIZES: [usize; 3] = [1000, 100_000, 1_000_000];

#[divan::bench(args = SIZES)]
fn get(bencher: Bencher<'_, '_>, count: usize) {
    let mut db = filled(count);
    let mut next = 0;
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        next += 1;
        black_box(db.lookup_read(&key(shuffled(next % count, count)), NOW_MS).is_some())
    });
}

#[divan::bench(args = SIZES)]
fn get_missing(bencher: Bencher<'_, '_>, count: usize) {
    let mut db = filled(count);
    let mut next = count;
    bencher.bench_local(|| {
        next += 1;
        black_box(db.lookup_read(&key(next), NOW_MS).is_some())
    });
}

#[divan::bench(args = SIZES)]
fn set_existing(bencher: Bencher<'_, '_>, count: usize) {
    let mut db = filled(count);
    let mut next = 0;
    bencher.bench_local(|| {
        next += 1;
        let key = key(shuffled(next % count, count));
        db.set(&key, Value::string(&[b'y'; 32]), Ttl::Clear, NOW_MS)
    });
}

#[divan::bench(args = SIZES)]
fn walk(bencher: Bencher<'_, '_>, count: usize) {
    let db = filled(count);
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        let mut bytes = 0;
        db.for_each(|entry| bytes += entry.key().len());
        bytes
    });
}

#[divan::bench(args = SIZES)]
fn scan(bencher: Bencher<'_, '_>, count: usize) {
    let db = filled(count);
    bencher.counter(ItemsCount::new(count)).bench_local(|| {
        let (mut cursor, mut seen) = (0, 0_usize);
        loop {
            cursor = db.scan(cursor, |_| seen += 1);
            if cursor == 0 {
                return seen;
            }
        }
    });
}
