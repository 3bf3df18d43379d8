//! A closed loop in virtual time: eight connections against a server that freezes for 200 ms.
//!
//! No socket and no waiting: `cargo run -p aelab-engine --example virtual_closed_loop`.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, RunPlan, Target, ValueSize, Workload,
};
use aelab_engine::sim::{Script, simulate};

#[expect(clippy::print_stdout, reason = "an example prints its figures")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let workload = Workload {
        commands: vec![CommandPlan::new(&["GET", "__key__"])],
        keys: KeySpace::uniform(100_000),
        values: ValueSize::Fixed(64),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    // In virtual time no address is connected to.
    let target = Target::plain(Endpoint::Tcp("127.0.0.1:6379".parse()?));
    let phases = Phases {
        warmup: Nanos::from_secs(1),
        measure: Some(Nanos::from_secs(10)),
        drain_max: Nanos::from_secs(1),
    };
    let plan = RunPlan::new(vec![GroupPlan::new("gets", target, 8, workload)], phases);

    let (from, until) = (Nanos::from_secs(5), Nanos::from_millis(5_200));
    let script = Script { freezes: vec![from..until], ..Script::steady(Nanos::from_micros(20)) };
    let result = simulate(&plan, &script)?;

    let group = &result.groups[0];
    let response = &group.commands[0].response_time.total;
    println!("{} replies in 10 s of virtual time", group.counts.ok);
    for quantile in [0.5, 0.99, 1.0] {
        println!("p{}: {}", quantile * 100.0, Nanos(response.value_at_quantile(quantile)));
    }
    for stall in &result.stalls {
        println!("stall at {}: {}", stall.start, stall.duration);
    }
    Ok(())
}
