//! The record of several runs: a scenario, a catalog of scenarios, or several tests of one command line.
//!
//! The only place where such a record is built. Invariant: a caveat of a run keeps its text and gets the name of its arm.

use crate::record::tool;
use aelab_results::caveat::Caveat;
use aelab_results::record::{CaveatRecord, CommandLine, Environment, RunRecord};

/// A record under construction.
#[derive(Debug, Clone)]
pub struct Combined {
    record: RunRecord,
    /// The runs were not all made.
    is_partial: bool,
}

impl Combined {
    /// A record without runs.
    #[must_use]
    pub fn new(command: &[String], seed: u64) -> Self {
        let record = RunRecord {
            tool: tool(),
            command: CommandLine::new(command),
            seed,
            ..RunRecord::default()
        };
        Self { record, is_partial: false }
    }

    /// Adds the run of an arm: its length, its caveats, and, of the first run, when it began, where, and which server it was.
    pub fn add_arm(&mut self, arm: &str, run: &RunRecord) {
        self.add_run(run);
        if self.record.server.is_none() {
            self.record.server.clone_from(&run.server);
        }
        self.record.interrupted |= run.interrupted;
        let named =
            |caveat: &CaveatRecord| CaveatRecord { arm: Some(arm.to_owned()), ..caveat.clone() };
        self.record.caveats.extend(run.caveats.iter().map(named));
    }

    /// Adds a run that has a record of its own elsewhere: its length, and, of the first run, when it began and where.
    pub fn add_run(&mut self, run: &RunRecord) {
        self.record.duration_s += run.duration_s;
        if self.record.started_at.is_empty() {
            self.record.started_at.clone_from(&run.started_at);
        }
        if self.record.environment == Environment::default() {
            self.record.environment = run.environment.clone();
        }
    }

    /// Marks the record as interrupted by the user.
    pub fn interrupted(&mut self) {
        self.record.interrupted = true;
    }

    /// Marks the record as incomplete: runs are missing, for whatever reason.
    pub fn partial(&mut self) {
        self.record.interrupted = true;
        self.is_partial = true;
    }

    /// The record, worst caveats first.
    #[must_use]
    pub fn finish(mut self) -> RunRecord {
        if self.is_partial {
            let measured_s = self.record.duration_s;
            let caveat = Caveat::Interrupted { measured_s, planned_s: None }.to_record();
            self.record.caveats.insert(0, caveat);
        }
        self.record.caveats.sort_by_key(|caveat| caveat.severity);
        self.record
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caveats_have_their_arms_and_the_worst_are_first() {
        let starved = |share| Caveat::server_starved(share, 1.0, 0.1).expect("above the limit");
        let run = |share, started_at: &str| RunRecord {
            duration_s: 2.0,
            started_at: started_at.to_owned(),
            caveats: vec![starved(share).to_record()],
            ..RunRecord::default()
        };
        let mut combined = Combined::new(&["loadgen".to_owned()], 3);
        combined.add_arm("a", &run(0.05, "first"));
        combined.add_arm("b", &run(0.5, "second"));
        let whole = combined.clone().finish();
        let arms: Vec<_> = whole.caveats.iter().map(|c| c.arm.as_deref()).collect();
        assert_eq!(arms, [Some("b"), Some("a")], "b is invalid");
        assert_eq!((whole.duration_s, whole.started_at.as_str()), (4.0, "first"));
        assert!(!whole.interrupted && whole.server.is_none());
        combined.partial();
        let partial = combined.finish();
        assert!(partial.interrupted);
        assert!(partial.caveats.iter().any(|c| c.id == "interrupted" && c.arm.is_none()));
    }
}
