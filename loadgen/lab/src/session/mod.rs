//! A session: which arms run in which order and how often, which runs are repeated, and what is written.
//!
//! It knows nothing of claims, verdicts or scenarios: a scenario is one user. Read first: [`order`].
//! Invariant: the folder of a run is written as soon as the run is over, so that a later failure loses no result.

pub mod duration;
pub mod order;

use crate::arm::{ArmOutcome, ArmRun};
use crate::observer::Observer;
use crate::record::Kept;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_results::folder::REPETITIONS_DIR;
use aelab_results::record::Severity;
use aelab_results::text::number::counted;
use aelab_results::write_folder;
use order::{Order, Step};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The caveats that make a run worth repeating, if they make it invalid: the load generator or the server did not get enough
/// CPU time, which says nothing about the server.
const CPU_STARVED: [&str; 2] = ["client-limited", "server-starved"];
/// Why a run was not started.
const OUT_OF_TIME: &str = "the time that was announced is over";
/// Why a run was repeated.
const WHY_REPEATED: &str = "the load generator or the server did not get enough CPU time";

/// One of the things that a session compares.
pub trait SessionArm {
    /// What a run of it leaves behind.
    type Outcome: Outcome;

    /// Its name, unique in the session; also the name of its folder.
    fn name(&self) -> &str;

    /// Its name in notes to the user.
    fn label(&self) -> String;

    /// How long a run takes at most on a machine of usual speed.
    fn length(&self) -> Duration;

    /// Runs it once.
    ///
    /// # Errors
    /// Nothing could be measured; the message names the arm.
    fn run(&self) -> Result<Self::Outcome, Failure>;
}

/// What a run leaves behind, as far as a session needs it.
pub trait Outcome {
    /// What is written to the folder of the run.
    fn kept(&self) -> &Kept;
}

impl SessionArm for ArmRun<'_> {
    type Outcome = ArmOutcome;

    fn name(&self) -> &str {
        &self.arm.name
    }

    fn label(&self) -> String {
        self.settings.label(self.arm)
    }

    fn length(&self) -> Duration {
        duration::length(self.arm)
    }

    fn run(&self) -> Result<ArmOutcome, Failure> {
        Self::run(self)
    }
}

impl Outcome for ArmOutcome {
    fn kept(&self) -> &Kept {
        &self.kept
    }
}

/// The description of a session.
#[derive(Debug)]
pub struct Session<A> {
    /// What is compared.
    pub arms: Vec<A>,
    /// In which order.
    pub order: Order,
    /// How often each arm runs.
    pub repetitions: u32,
    /// How many runs of the whole session may be repeated because they did not get enough CPU time. A machine that is
    /// always busy gives no better result the tenth time.
    pub retries: u32,
    /// No run starts that would end later than this.
    pub until: Option<Nanos>,
}

/// What a session came to.
#[derive(Debug)]
pub struct Finished<T> {
    /// The runs that gave a result, in the order in which they were made.
    pub runs: Vec<(Step, T)>,
    /// One line for each arm that had runs repeated.
    pub notes: Vec<String>,
    /// Why the session ended early, if it did.
    pub failure: Option<Failure>,
}

impl<A: SessionArm> Session<A> {
    /// Runs all arms and writes the folder of each run below `dir`.
    ///
    /// Never fails as a whole: what went wrong is in [`Finished::failure`], beside all earlier results.
    pub fn run(
        &self,
        dir: &Path,
        cancel: &AtomicBool,
        observer: &dyn Observer,
    ) -> Finished<A::Outcome> {
        let mut finished = Finished { runs: Vec::new(), notes: Vec::new(), failure: None };
        let mut retries = self.retries;
        let steps = self.order.steps(self.arms.len(), self.repetitions);
        for (index, step) in steps.iter().copied().enumerate() {
            let arm = &self.arms[step.arm];
            if !self.is_time_for(&steps[index..=index]) {
                finished.notes.push(format!("arm {} was not run: {OUT_OF_TIME}", arm.name()));
                continue;
            }
            // A repeated run must not cost the time of the arms that have not run yet.
            let has_time = || self.is_time_for(&steps[index..]);
            let may_repeat = || has_time() && !cancel.load(Relaxed);
            let notes = &mut finished.notes;
            let outcome = match run_fairly(arm, &mut retries, &may_repeat, observer, notes) {
                Ok(outcome) => outcome,
                Err(failure) => {
                    finished.failure = Some(failure);
                    break;
                }
            };
            let kept = outcome.kept();
            let run_dir = run_dir(dir, arm.name(), step.repetition);
            let written = write_folder(&run_dir, &kept.record, &kept.series);
            finished.runs.push((step, outcome));
            finished.failure = match written {
                Err(error) => Some(Failure::usage(error.to_string())),
                Ok(()) if cancel.load(Relaxed) => Some(Failure::invalid("interrupted")),
                Ok(()) => None,
            };
            if finished.failure.is_some() {
                break;
            }
        }
        finished
    }

    /// Whether these runs can end in time.
    fn is_time_for(&self, steps: &[Step]) -> bool {
        let length: Duration = steps.iter().map(|step| self.arms[step.arm].length()).sum();
        self.until.is_none_or(|until| clock::now() + Nanos::from(length) <= until)
    }
}

/// Runs an arm, and again while the run did not get enough CPU time and retries are left. The figures of a run are never a
/// reason to repeat it.
fn run_fairly<A: SessionArm>(
    arm: &A,
    retries: &mut u32,
    may_repeat: &dyn Fn() -> bool,
    observer: &dyn Observer,
    notes: &mut Vec<String>,
) -> Result<A::Outcome, Failure> {
    let mut outcome = arm.run()?;
    let mut repeated = 0;
    while was_starved(outcome.kept()) && *retries > 0 && may_repeat() {
        *retries -= 1;
        repeated += 1;
        observer.note(&format!("{}: repeated, because {WHY_REPEATED}", arm.label()));
        outcome = arm.run()?;
    }
    if repeated > 0 {
        let times = counted(repeated, "time");
        notes.push(format!("arm {} was repeated {times}, because {WHY_REPEATED}", arm.name()));
    }
    Ok(outcome)
}

fn was_starved(kept: &Kept) -> bool {
    let mut invalid = kept.record.caveats.iter().filter(|c| c.severity == Severity::Invalid);
    invalid.any(|caveat| CPU_STARVED.contains(&caveat.id.as_str()))
}

/// The folder of an arm.
#[must_use]
pub fn arm_dir(dir: &Path, arm: &str) -> PathBuf {
    dir.join("arms").join(arm)
}

/// The folder of one run: the first repetition is in the arm's own folder, the others are below it.
#[must_use]
pub fn run_dir(dir: &Path, arm: &str, repetition: u32) -> PathBuf {
    match repetition {
        0 => arm_dir(dir, arm),
        later => arm_dir(dir, arm).join(REPETITIONS_DIR).join((later + 1).to_string()),
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
