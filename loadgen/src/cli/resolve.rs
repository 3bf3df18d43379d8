//! What the flags of `loadgen run` come to: plans with every default filled in.
//!
//! [`RunArgs`] can only fail on spelling; [`RunArgs::resolve`] needs the target. Invariant: connections, requests and rate are
//! totals, never per thread or per connection.

use crate::cli::load::TimestampsArg;
use crate::cli::resolved::Resolved;
use crate::cli::run::RunArgs;
use aelab_engine::error::Failure;
use aelab_engine::plan::{GroupPlan, Reception, RunPlan, Timestamps};

impl RunArgs {
    /// Decides everything that the flags left open.
    ///
    /// # Errors
    /// Flags that contradict each other or templates that cannot be read (exit 2), or an unknown host (exit 6).
    pub fn resolve(&self) -> Result<Resolved, Failure> {
        let load = &self.load;
        if load.timestamps == TimestampsArg::Kernel && !self.output.shows_kernel_times() {
            return Err(Failure::usage(
                "--timestamps kernel is not shown by -q, --csv and --compat; leave these out, or add --out DIR for the \
                 record",
            ));
        }
        let target = self.target.resolve()?;
        // The parser asks for --command only where nothing that excludes it was given.
        if !load.command_ratio.is_empty() && load.templates.is_empty() {
            return Err(Failure::usage("--command-ratio needs a --command; give one for each"));
        }
        if let Some(file) = &load.replay.replay {
            return self.resolve_replay(file, target);
        }
        load.check_assignment()?;
        if load.threads > load.connections {
            return Err(Failure::usage(format!(
                "{} threads need at least {} connections; lower --threads or raise -c",
                load.threads, load.threads
            )));
        }
        if load.prefill && load.keyspace.is_none() && load.ycsb.is_none() {
            return Err(Failure::usage("--prefill needs the number of keys; give -r N"));
        }
        let runs = self
            .mixes()?
            .into_iter()
            .map(|(title, commands)| {
                let plan = load.plan(&target, &title, commands)?;
                Ok((title, plan))
            })
            .collect::<Result<Vec<_>, Failure>>()?;
        let prefill = load.prefill.then(|| load.fill(&target, self.target.home())).transpose()?;
        let percentiles = self.percentiles();
        let (notes, caveats) = (unstamped_note(&runs).into_iter().collect(), Vec::new());
        Ok(Resolved { target, prefill, runs, percentiles, notes, caveats })
    }

    /// Percentiles that the record must have beside the usual ones: asked for, or limited. p100 is the maximum.
    #[must_use]
    pub fn percentiles(&self) -> Vec<f64> {
        let limited = self.limits.limits().percentiles().into_iter().filter(|p| *p < 100.0);
        let mut all = self.output.percentiles.clone();
        all.extend(limited.filter(|p| !self.output.percentiles.contains(p)));
        all
    }
}

/// What kernel time stamps say nothing about, if they are asked for and there is something of that kind.
fn unstamped_note(runs: &[(String, RunPlan)]) -> Option<String> {
    let stamped = runs.iter().filter(|(_, plan)| plan.timestamps == Timestamps::Kernel);
    let mut groups = stamped.flat_map(|(_, plan)| &plan.groups);
    let receives = |group: &GroupPlan| group.reception().is_ok_and(|how| how != Reception::Replies);
    let receiver = groups.find(|group| receives(group))?;
    Some(format!(
        "{}: messages are not split into wire and wake-up; --timestamps kernel applies to commands and their replies",
        receiver.name
    ))
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod unit;
