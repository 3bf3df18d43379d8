//! Sessions of arms that run no server: order, retries, cancellation and what is on disk.

use super::*;
use crate::observer::Silent;
use aelab_results::caveat::Caveat;
use aelab_results::record::RunRecord;
use std::cell::RefCell;
use std::sync::atomic::AtomicU64;

impl Outcome for Kept {
    fn kept(&self) -> &Kept {
        self
    }
}

/// What an arm's run does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    Good,
    Starved,
    Fails,
    Cancels,
}

#[derive(Debug)]
struct Scripted<'a> {
    name: &'static str,
    /// The next run is the last element; an empty script is good.
    script: RefCell<Vec<Run>>,
    log: &'a RefCell<String>,
    cancel: &'a AtomicBool,
}

impl SessionArm for Scripted<'_> {
    type Outcome = Kept;

    fn name(&self) -> &str {
        self.name
    }

    fn label(&self) -> String {
        self.name.to_owned()
    }

    fn length(&self) -> Duration {
        Duration::from_secs(3600)
    }

    fn run(&self) -> Result<Kept, Failure> {
        self.log.borrow_mut().push_str(self.name);
        let mut record = RunRecord { duration_s: 1.0, ..RunRecord::default() };
        match self.script.borrow_mut().pop().unwrap_or(Run::Good) {
            Run::Good => {}
            Run::Starved => {
                let caveat = Caveat::server_starved(0.5, 1.0, 0.1).expect("above the limit");
                record.caveats.push(caveat.to_record());
            }
            Run::Fails => return Err(Failure::unreachable("no server")),
            Run::Cancels => self.cancel.store(true, Relaxed),
        }
        Ok(Kept { record, series: Vec::new() })
    }
}

/// A folder that is removed at the end of the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("aelab-session-{}-{}", std::process::id(), NEXT.fetch_add(1, Relaxed));
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs arms A and B in ABBA order; the scripts are in the order of their runs. Gives the order of the runs and the end.
fn check(a: &[Run], b: &[Run], retries: u32, dir: &Path) -> (String, Finished<Kept>) {
    check_until(a, b, retries, None, dir)
}

/// The same with a limit: each run is announced to take an hour.
fn check_until(
    a: &[Run],
    b: &[Run],
    retries: u32,
    until: Option<Nanos>,
    dir: &Path,
) -> (String, Finished<Kept>) {
    let (log, cancel) = (RefCell::new(String::new()), AtomicBool::new(false));
    let arm = |name, script: &[Run]| Scripted {
        name,
        script: RefCell::new(script.iter().rev().copied().collect()),
        log: &log,
        cancel: &cancel,
    };
    let arms = vec![arm("A", a), arm("B", b)];
    let session = Session { arms, order: Order::Abba, repetitions: 2, retries, until };
    let finished = session.run(dir, &cancel, &Silent);
    drop(session);
    (log.into_inner(), finished)
}

#[test]
fn every_run_has_a_folder() {
    let dir = TempDir::new();
    let (order, finished) = check(&[], &[], 0, &dir.0);
    assert_eq!(order, "ABBA");
    assert!(finished.failure.is_none() && finished.notes.is_empty());
    for folder in ["arms/A", "arms/B", "arms/A/turns/2", "arms/B/turns/2"] {
        assert!(dir.0.join(folder).join("result.json").is_file(), "{folder}");
    }
}

#[test]
fn a_starved_run_is_repeated_while_retries_are_left() {
    for (a, retries, order, notes) in [
        (vec![Run::Starved], 4, "AABBA", 1),
        (vec![Run::Starved, Run::Starved, Run::Starved], 2, "AAABBA", 1),
        (vec![Run::Starved], 0, "ABBA", 0),
        // The retries of a session are shared by all its runs.
        (vec![Run::Starved, Run::Good, Run::Starved], 1, "AABBA", 1),
    ] {
        let dir = TempDir::new();
        let (made, finished) = check(&a, &[], retries, &dir.0);
        assert_eq!(made, order, "{a:?}");
        assert_eq!(finished.notes.len(), notes, "{a:?} {:?}", finished.notes);
        assert_eq!(finished.runs.len(), 4, "{a:?}");
    }
}

#[test]
fn a_limit_of_time_is_kept() {
    let in_hours = |hours: u64| Some(clock::now() + Nanos::from_secs(hours * 3600 + 60));
    let starved = [Run::Starved];
    for (hours, order, notes) in [
        // A repetition must leave time for the four planned runs.
        (4, "AABBA", 1),
        (3, "ABBA", 0),
        (0, "", 4),
    ] {
        let dir = TempDir::new();
        let (made, finished) = check_until(&starved, &[], 1, in_hours(hours), &dir.0);
        assert_eq!(made, order, "{hours} hours: {:?}", finished.notes);
        assert_eq!(finished.notes.len(), notes, "{:?}", finished.notes);
        assert!(finished.failure.is_none());
    }
}

#[test]
fn a_failure_keeps_what_was_measured_before() {
    let dir = TempDir::new();
    let (order, finished) = check(&[], &[Run::Good, Run::Fails], 0, &dir.0);
    assert_eq!((order.as_str(), finished.runs.len()), ("ABB", 2));
    assert_eq!(finished.failure.expect("a failure").message, "no server");
    assert!(dir.0.join("arms/B/result.json").is_file());
}

#[test]
fn an_interruption_ends_the_session_after_the_run_and_keeps_it() {
    let dir = TempDir::new();
    let (order, finished) = check(&[], &[Run::Cancels], 0, &dir.0);
    assert_eq!((order.as_str(), finished.runs.len()), ("AB", 2));
    assert_eq!(finished.failure.expect("a failure").message, "interrupted");
    assert!(dir.0.join("arms/B/result.json").is_file());
}
