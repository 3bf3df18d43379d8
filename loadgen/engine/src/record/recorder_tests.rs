//! What recording a reply costs, by itself.

use super::*;
use crate::clock;
use crate::conn::request::Mark;
use crate::plan::{CommandPlan, Endpoint, KeySpace, Target, ValueSize, Workload};
use crate::workload::new_keys::NO_KEY;

/// Not part of the suite, since it depends on the machine: `cargo test --release -p aelab-engine --lib recording -- --ignored
/// --nocapture` prints it. The target is 15 ns.
#[test]
#[ignore = "prints a time"]
fn recording_a_reply_costs_nanoseconds() {
    const REPLIES: u64 = 5_000_000;
    let workload = Workload {
        commands: vec![CommandPlan::new(&["GET", "__key__"])],
        keys: KeySpace::uniform(1_000),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
        order: crate::plan::CommandOrder::Random,
    };
    let target = Target::plain(Endpoint::Tcp(([127, 0, 0, 1], 1).into()));
    let plan = GroupPlan::new("bench", target, 50, workload);
    let mut best = f64::MAX;
    for _ in 0..9 {
        let mut recorder = Recorder::new(&plan, &[Shape::Plain], Reception::Replies);
        recorder.start(Nanos::ZERO, Nanos::ZERO);
        let begin = clock::now();
        for number in 0..REPLIES {
            // Replies at times between 100 and 356 µs, one or two in a read.
            let intended = Nanos(number * 1_000);
            let now = Nanos(intended.0 + 100_000 + (number.wrapping_mul(0x9E37_79B9) & 0x3_FFFF));
            recorder.created(intended);
            let request = InFlight {
                intended,
                sent: Nanos(intended.0 + 300),
                start: 0,
                command: 0,
                mark: Mark::Plain,
                is_gone: false,
                new_key: NO_KEY,
            };
            recorder.ok(&request, now);
            recorder.flush(now);
        }
        best = best.min(clock::now().since(begin).0 as f64 / REPLIES as f64);
        assert_eq!(recorder.counts.ok, REPLIES);
    }
    println!(
        "recording a reply (three metrics, the accounting, both ends of a request): {best:.1} ns"
    );
}
