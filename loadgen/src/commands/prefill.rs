//! `--prefill`: the data that is written before a run.

use crate::cli::resolved::Prefill;
use crate::console::progress::Console;
use aelab_engine::error::Failure;
use aelab_engine::plan::{RunPlan, Target};
use aelab_lab::arm::{fill_observed, run_observed};
use aelab_lab::control::Control;
use aelab_lab::server::fill::{FillPlan, Part, refusal};
use aelab_lab::server::quiesce::quiesce;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Writes what was asked for before the run, and waits until the server is done with it.
pub(super) fn fill(
    target: &Target,
    part: Option<Part>,
    plan: &Prefill,
    cancel: &AtomicBool,
    console: &Console<'_>,
) -> Result<(), Failure> {
    match plan {
        Prefill::Strings(plan) => {
            fill_observed("run", target, &FillPlan { part, ..plan.clone() }, cancel, console)?;
        }
        // A cluster's records find their nodes themselves, all at once.
        Prefill::Records(plan) if part.as_ref().is_some_and(|part| part.node == 0) => {
            fill_records(target, plan, cancel, console)?;
        }
        Prefill::Records(_) if part.is_some() => {}
        Prefill::Records(plan) => {
            let mut plan = plan.as_ref().clone();
            plan.groups.iter_mut().for_each(|group| group.target = target.clone());
            fill_records(target, &plan, cancel, console)?;
        }
    }
    quiesce(&mut Control::open(target)?, console)
}

fn fill_records(
    target: &Target,
    plan: &RunPlan,
    cancel: &AtomicBool,
    console: &Console<'_>,
) -> Result<(), Failure> {
    let result = run_observed("run: loading data", plan, cancel, &|_| {}, console)?;
    let Some(group) = result.groups.first() else { return Ok(()) };
    let asked = plan.groups.first().and_then(|group| group.requests).unwrap_or(0);
    if group.counts.ok == asked {
        return Ok(());
    }
    if cancel.load(Relaxed) {
        return Err(Failure::invalid("interrupted while data was loaded"));
    }
    let why = group.errors.first().map_or("it stopped answering", |error| error.word.as_str());
    Err(Failure::unreachable(format!(
        "{} accepted {} of {asked} records ({why}); {}",
        target.endpoint,
        group.counts.ok,
        refusal::remedy(why, &needs_of(plan))
    )))
}

/// What an ACL user needs in order to write the records of a plan: each command of an operation, and its key.
fn needs_of(plan: &RunPlan) -> refusal::Needs {
    let (mut commands, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for workload in plan.groups.iter().map(|group| &group.workload) {
        let parts = workload.commands.iter().flat_map(|one| one.args.split(|arg| arg == b";"));
        for part in parts {
            let word = |at: usize| String::from_utf8_lossy(part.get(at).map_or(&[], Vec::as_slice));
            commands.insert(format!("+{}", word(0).to_ascii_lowercase()));
            keys.insert(match word(1) {
                key if key.contains('{') || key.contains("__") => {
                    format!("~{}*", workload.keys.prefix)
                }
                key => format!("~{key}"),
            });
        }
    }
    let joined = |rules: BTreeSet<String>| rules.into_iter().collect::<Vec<_>>().join(" ");
    refusal::Needs { commands: joined(commands), keys: joined(keys) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ycsb::{Home, Ycsb};
    use aelab_engine::clock::Nanos;
    use aelab_engine::plan::{Endpoint, GroupPlan, KeySpace, Phases, ValueSize, Workload};

    #[test]
    fn the_load_phase_names_its_commands_and_keys_to_an_acl_user() {
        let keys = KeySpace { prefix: "user".to_owned(), ..KeySpace::uniform(10) };
        let commands = Ycsb::load_phase(10, Home::Server).expect("templates without an error");
        let workload = Workload {
            commands,
            keys,
            values: ValueSize::Fixed(100),
            compressible: 0.0,
            order: aelab_engine::plan::CommandOrder::Random,
        };
        let target = Target::plain(Endpoint::Unix("/nowhere".into()));
        let group = GroupPlan::new("load phase", target, 1, workload);
        let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: Nanos::ZERO };
        let needs = needs_of(&RunPlan::new(vec![group], phases));
        assert_eq!(needs.commands, "+hset +zadd");
        assert_eq!(needs.keys, "~_indices ~user*");
    }
}
