//! PING at 1,000 requests per second for two seconds against a running server.
//!
//! `cargo run -p aelab-engine --example open_loop -- 127.0.0.1:6379`

use aelab_engine::Live;
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    ArrivalProcess, CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, Rate, RunPlan, Target,
    ValueSize, Workload,
};
use std::sync::atomic::AtomicBool;

#[expect(clippy::print_stdout, reason = "an example prints its figures")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let addr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:6379".to_owned());
    let workload = Workload {
        commands: vec![CommandPlan::new(&["PING"])],
        keys: KeySpace::uniform(1),
        values: ValueSize::Fixed(1),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    let rate = Rate::per_second(1_000.0).ok_or("not a rate")?;
    let group = GroupPlan {
        arrival: ArrivalProcess::Constant(rate),
        ..GroupPlan::new("pings", Target::plain(Endpoint::Tcp(addr.parse()?)), 4, workload)
    };
    let phases = Phases {
        warmup: Nanos::ZERO,
        measure: Some(Nanos::from_secs(2)),
        drain_max: Phases::DEFAULT_DRAIN_MAX,
    };
    let plan = RunPlan::new(vec![group], phases);

    let result = aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false))?;

    let group = &result.groups[0];
    let response = &group.commands[0].response_time.total;
    println!("{} of {} requests were answered", group.counts.ok, group.counts.scheduled);
    println!("p99 response time: {}", Nanos(response.value_at_quantile(0.99)));
    Ok(())
}
