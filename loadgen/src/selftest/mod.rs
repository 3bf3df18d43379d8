//! `loadgen selftest`: the engine against theory, on this machine.
//!
//! The bundled server is given known service times and scripted stalls, so that what must come out is known beforehand.
//! Not a benchmark: no row depends on how fast the machine is, only on whether it leaves the programs alone.
//! Invariant: a row states what was expected, what was measured and how far apart they may be; nothing is judged without all
//! three. The same promises are held exactly, in virtual time, by the tests of the engine.
//!
//! Read next: [`row`], [`mod@bench`], then a family of checks.

pub mod bench;
mod draws;
mod faults;
mod lindley;
mod pacing;
mod queue;
mod replies;
pub mod row;
mod stall;

use aelab_engine::error::Failure;
use bench::Bench;
use row::Row;
use std::sync::atomic::AtomicBool;

/// One experiment, which fills one or several rows.
pub struct Check {
    /// The rows it fills, by the names of the list of acceptance tests.
    pub ids: &'static [&'static str],
    /// What it does, while it does it.
    pub about: &'static str,
    run: fn(&mut Bench<'_>) -> Result<Vec<Row>, Failure>,
}

/// All checks, in the order in which they run. A6 has no experiment of its own: it is the bookkeeping of all others.
pub const CHECKS: &[Check] = &[
    Check {
        ids: &["A1", "A2"],
        about: "one stall of 1 s in a run of 30 s",
        run: stall::one_second,
    },
    Check {
        ids: &["A3"],
        about: "one stall of 0.5 s, with 10, 200 and 2,000 connections",
        run: |bench| bench.tried(stall::by_connections),
    },
    Check {
        ids: &["A4"],
        about: "a stall; then the server handles requests at twice the rate at which they arrive",
        run: |bench| bench.tried(stall::slow_drain),
    },
    Check {
        ids: &["A5"],
        about: "a stall that lasts longer than the run",
        run: stall::beyond_the_end,
    },
    Check { ids: &["A7"], about: "M/D/1 at loads of 0.5, 0.8, 0.9", run: queue::fixed },
    Check { ids: &["A8"], about: "M/M/1 at loads of 0.5, 0.8, 0.9", run: queue::exponential },
    Check {
        ids: &["A9"],
        about: "intervals between requests: exponential (Poisson) and constant",
        run: pacing::gaps,
    },
    Check {
        ids: &["A10", "A11"],
        about: "six rates at the same time, in one run of 10 s",
        run: pacing::rates,
    },
    Check {
        ids: &["A12"],
        about: "16 requests in one pipeline, one reply per millisecond",
        run: replies::spaced,
    },
    Check { ids: &["A13"], about: "a stall of 10 s", run: stall::ten_seconds },
    Check {
        ids: &["A14"],
        about: "difference between service times of 20 us and 25 us, over a Unix socket",
        run: replies::five_microseconds,
    },
    Check { ids: &["A16"], about: "connections killed, server restarted", run: faults::restart },
    Check {
        ids: &["A17"],
        about: "5,000 connections requested, 1,000 allowed",
        run: faults::too_many,
    },
    Check { ids: &["A18"], about: "a load generator with 20 % of a core", run: faults::starved },
    Check { ids: &["A19"], about: "the merged histogram of two threads", run: draws::merged },
    Check {
        ids: &["A21"],
        about: "runs interrupted by ^C at random times",
        run: faults::interrupted,
    },
    Check { ids: &["A22"], about: "a stall during the warm-up", run: stall::in_warmup },
    Check { ids: &["A23"], about: "a million keys, Zipf distribution", run: draws::zipf },
];

/// The row that all checks fill together.
pub const BOOKS: &str = "A6";

/// Promises that the tests of the sources hold, and why no experiment on this machine does.
pub const ELSEWHERE: &[(&str, &str)] = &[
    (
        "A15",
        "a check would have to set this machine's clock. Response times use the monotonic clock, and a run has the \
         caveat clock-stepped if the wall clock was set",
    ),
    (
        "A20",
        "it checks that latency.hlog reads back with the same values, and that .hgrm text is that of HdrHistogram for \
         Java. This does not depend on the machine; cargo test -p aelab-results checks it",
    ),
];

/// Every name that a check can be asked for by.
pub fn ids() -> impl Iterator<Item = &'static str> {
    CHECKS.iter().flat_map(|check| check.ids.iter().copied()).chain([BOOKS])
}

/// Runs the checks that fill one of `only` (all if it is empty). `begin` is called before each, `end` gets its rows.
///
/// # Errors
/// A server that does not start (exit 6), ^C (exit 4), or a run that cannot be made: none of these is a row that failed.
pub fn run(
    only: &[String],
    cancel: &AtomicBool,
    mut begin: impl FnMut(&Check),
    mut end: impl FnMut(&[Row]),
) -> Result<Vec<Row>, Failure> {
    let wanted =
        |id: &str| only.is_empty() || only.iter().any(|asked| asked.eq_ignore_ascii_case(id));
    let mut bench = Bench::new(cancel);
    let mut all = Vec::new();
    let books_alone = only.len() == 1 && wanted(BOOKS);
    for check in CHECKS.iter().filter(|check| books_alone || check.ids.iter().any(|id| wanted(id)))
    {
        begin(check);
        let mut rows = (check.run)(&mut bench)?;
        rows.retain(|row| books_alone || wanted(row.id));
        if !books_alone {
            end(&rows);
            all.extend(rows);
        }
    }
    if wanted(BOOKS) {
        let rows = [bench.accounting(BOOKS)];
        end(&rows);
        all.extend(rows);
    }
    Ok(all)
}
