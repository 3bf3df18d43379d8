//! Figures of requests that the bundled server traced.
//!
//! Pure. Invariant: a record that lacks an instant counts as out of order, and is in no part.

use crate::observe::{Observed, TraceRecord};
use aelab_scenarios::criterion::{Stat, TraceField, TracePart};
use aelab_scenarios::judge::Figure;

const NS_PER_S: f64 = 1e9;
/// The instants of a request, in the order that they must have.
const INSTANTS: [&str; 6] = ["ready", "taken", "parsed", "executed", "write_began", "written"];

/// Looks a figure up.
///
/// # Errors
/// No request was traced.
#[expect(clippy::cast_precision_loss, reason = "numbers of records")]
pub(crate) fn look_up(seen: &Observed, field: TraceField) -> Result<Figure, String> {
    let records = &seen.trace;
    if records.is_empty() {
        return Err(
            "no request was followed: it needs the bundled server and [engine] trace".into()
        );
    }
    let ways: Vec<Option<Vec<f64>>> = records.iter().map(instants).collect();
    let whole = || ways.iter().flatten();
    Ok(Figure::exact(match field {
        TraceField::Records => records.len() as f64,
        TraceField::InOrder => {
            let ordered = whole().filter(|way| way.windows(2).all(|pair| pair[0] <= pair[1]));
            ordered.count() as f64 / records.len() as f64
        }
        TraceField::BeforeSleep => before_sleep(whole(), &seen.sleeps)
            .ok_or("no request was followed while the loop's turns were written down")?,
        TraceField::Unaccounted => {
            let off = |way: &Vec<f64>| {
                let parts: f64 = way.windows(2).map(|pair| (pair[1] - pair[0]).max(0.0)).sum();
                (way[way.len() - 1] - way[0] - parts).abs() / NS_PER_S
            };
            whole().map(off).fold(0.0, f64::max)
        }
        TraceField::Part(part, stat) => {
            let mut lengths: Vec<f64> = whole().map(|way| length(way, part) / NS_PER_S).collect();
            lengths.sort_by(f64::total_cmp);
            statistic(&lengths, stat).ok_or("no request was followed to its end")?
        }
    }))
}

/// The share of requests whose reply had been written when the loop next slept, of those that the loop log covers; `None` if it
/// covers none.
#[expect(clippy::cast_precision_loss, reason = "numbers of records")]
fn before_sleep<'a>(ways: impl Iterator<Item = &'a Vec<f64>>, sleeps: &[f64]) -> Option<f64> {
    let (first, last) = (sleeps.first()?, sleeps.last()?);
    let (mut covered, mut in_time) = (0_u64, 0_u64);
    for way in ways {
        let (taken, written) = (way[1], way[way.len() - 1]);
        if taken < *first || written > *last {
            continue;
        }
        // Without a next sleep it was taken after the last one, and written before it: out of order.
        let next = sleeps.get(sleeps.partition_point(|slept| *slept <= taken));
        covered += 1;
        in_time += u64::from(next.is_some_and(|next| written <= *next));
    }
    (covered > 0).then(|| in_time as f64 / covered as f64)
}

fn instants(record: &TraceRecord) -> Option<Vec<f64>> {
    INSTANTS.iter().map(|name| record.numbers.get(*name).copied()).collect()
}

fn length(way: &[f64], part: TracePart) -> f64 {
    let between = |from: usize, to: usize| way[to] - way[from];
    match part {
        TracePart::WaitInBatch => between(0, 1),
        TracePart::Parse => between(1, 2),
        TracePart::Execute => between(2, 3),
        TracePart::WaitToWrite => between(3, 4),
        TracePart::Write => between(4, 5),
        TracePart::Total => between(0, 5),
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rank among some thousand records"
)]
fn statistic(sorted: &[f64], stat: Stat) -> Option<f64> {
    let n = sorted.len() as f64;
    match stat {
        Stat::Count => Some(n),
        Stat::Min => sorted.first().copied(),
        Stat::Max => sorted.last().copied(),
        Stat::Mean => (!sorted.is_empty()).then(|| sorted.iter().sum::<f64>() / n),
        Stat::Percentile(p) => {
            let rank = (n * p / 100.0).ceil().max(1.0) as usize;
            sorted.get(rank - 1).copied()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_and_their_order() {
        let record = |instants: [f64; 6]| TraceRecord {
            command: "set".into(),
            numbers: INSTANTS.iter().map(|name| (*name).to_owned()).zip(instants).collect(),
        };
        let records =
            [record([0.0, 1e3, 3e3, 6e3, 10e3, 15e3]), record([0.0, 2e3, 1e3, 6e3, 10e3, 15e3])];
        let seen = Observed { trace: records.into(), ..Observed::default() };
        let get = |field| look_up(&seen, field).expect("a figure").value;
        assert_eq!(get(TraceField::Records), 2.0);
        assert_eq!(get(TraceField::InOrder), 0.5);
        assert!((get(TraceField::Unaccounted) - 1e-6).abs() < 1e-12);
        assert!((get(TraceField::Part(TracePart::Write, Stat::Mean)) - 5e-6).abs() < 1e-12);
        assert!(
            (get(TraceField::Part(TracePart::Total, Stat::Percentile(50.0))) - 15e-6).abs() < 1e-12
        );
        assert!(look_up(&Observed::default(), TraceField::Records).is_err());
        assert!(look_up(&seen, TraceField::BeforeSleep).is_err(), "no loop log");
    }

    #[test]
    fn a_reply_is_written_before_the_loop_sleeps_again_or_not() {
        let way = |taken: f64, written: f64| vec![taken, taken, taken, taken, taken, written];
        let share = |ways: &[Vec<f64>]| before_sleep(ways.iter(), &[10.0, 20.0, 30.0]);
        assert_eq!(share(&[way(12.0, 19.0), way(22.0, 30.0)]), Some(1.0));
        assert_eq!(share(&[way(12.0, 21.0), way(22.0, 29.0)]), Some(0.5));
        assert_eq!(share(&[way(5.0, 6.0), way(28.0, 31.0)]), None, "beyond the loop log");
    }
}
