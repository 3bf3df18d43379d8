//! How `loadgen run` ends: the exit code that its records stand for.
//!
//! Pure. Invariant: a run that must not be used is not compared with limits, as its figures say nothing.

use crate::commands::limits;
use crate::console;
use aelab_engine::error::{Exit, Failure};
use aelab_lab::record::Kept;
use aelab_results::record::Counts;
use std::path::Path;

/// How measuring ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    /// Tests that were asked for.
    pub(super) planned: usize,
    /// The user interrupted it.
    pub(super) by_user: bool,
}

/// Whether not all was measured that was to be, and how much was.
fn cut_short(kept: &[(String, Kept)], ended: Ended) -> Option<String> {
    let what = if ended.by_user { "interrupted" } else { "given up without a reply for 30 s" };
    if let Some((_, cut)) = kept.iter().find(|(_, one)| one.record.interrupted) {
        let length = console::figures::length(cut.record.duration_s);
        return Some(format!("{what} after {length} of measurement"));
    }
    // Between two tests: each that was begun is whole.
    let done = kept.len();
    (done < ended.planned).then(|| format!("{what} after {done} of {} tests", ended.planned))
}

/// How the program ends, given what was measured.
///
/// # Errors
/// An interruption, an invalid run (exit 4), a silent server (exit 6), a limit that is exceeded (exit 5) or undecided (exit 3).
pub(super) fn finish(
    kept: &[(String, Kept)],
    out: Option<&Path>,
    ended: Ended,
) -> Result<Exit, Failure> {
    let records = || kept.iter().map(|(_, one)| &one.record);
    let told = |id: &str| {
        let caveat = records().flat_map(|record| &record.caveats).find(|caveat| caveat.id == id);
        caveat.map(|caveat| caveat.message())
    };
    if let Some(what) = cut_short(kept, ended) {
        let place = match out {
            Some(dir) => format!("what was measured is in {}", dir.display()),
            None => "what was measured is printed above".to_owned(),
        };
        let reason = told("node-unreached").filter(|_| !ended.by_user);
        let reason = reason.map_or(String::new(), |text| format!("; {text}"));
        return Err(Failure::invalid(format!("{what}; {place}{reason}")).with_id("interrupted"));
    }
    let sum = |of: fn(&Counts) -> u64| {
        records().flat_map(|r| &r.groups).map(|g| of(&g.counts)).sum::<u64>()
    };
    if let Some(text) = told("nothing-heard") {
        return Err(Failure::invalid(text).with_id("nothing-heard"));
    }
    if let Some(text) = told("node-unreached").filter(|_| sum(|counts| counts.ok) == 0) {
        return Err(Failure::unreachable(text).with_id("node-unreached"));
    }
    if sum(|counts| counts.ok) == 0 {
        let caveats = records().flat_map(|record| &record.caveats);
        let about = ["no-success", "nothing-complete"];
        let mut said = caveats.filter(|caveat| about.contains(&caveat.id.as_str()));
        if let Some(caveat) = said.next() {
            return Err(Failure::invalid(caveat.message()).with_id(caveat.id.clone()));
        }
        if sum(|counts| counts.error) > 0 {
            return Err(Failure::invalid(
                "no request succeeded: all replies were errors; check the server's log",
            )
            .with_id("no-success"));
        }
        let was_busy = records().flat_map(|r| &r.groups).any(|g| g.carried_over > 0);
        if sum(|counts| counts.sent) > 0 && !was_busy {
            return Err(Failure::unreachable(
                "no request was answered; check that the server runs and is not busy with a long command",
            )
            .with_id("no-answer"));
        }
        if sum(|counts| counts.sent) == 0 {
            return Err(Failure::invalid(
                "no request was due during the measurement; use a longer --duration or a higher rate",
            )
            .with_id("nothing-due"));
        }
    }
    match records().find(|record| record.is_invalid()) {
        Some(record) => {
            let Some(caveat) = record.caveats.first() else {
                return Err(Failure::invalid("the measurement must not be used"));
            };
            let message = format!("the measurement must not be used: {}", caveat.message());
            Err(Failure::invalid(message).with_id(caveat.id.clone()))
        }
        None => limits::exit(records()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::caveat::Caveat;
    use aelab_results::record::{Group, RunRecord};
    use aelab_results::stated_limits::StatedLimits;

    /// Of requests of which so many of ten failed.
    fn failing(tenths: u64) -> Kept {
        let counts =
            Counts { scheduled: 10, sent: 10, ok: 10 - tenths, error: tenths, ..Counts::default() };
        let groups = vec![Group { counts, ..Group::default() }];
        Kept { record: RunRecord { groups, ..RunRecord::default() }, series: Vec::new() }
    }

    #[test]
    fn a_limit_that_one_test_exceeds_fails_all_and_an_invalid_run_has_no_limits() {
        let tests = |second: Kept| [("SET".to_owned(), failing(0)), ("GET".to_owned(), second)];
        let end = |mut tests: [(String, Kept); 2], limits: &StatedLimits| {
            for (_, one) in &mut tests {
                one.record.limits = limits.judge(&one.record, None);
            }
            finish(&tests, None, Ended { planned: 2, by_user: false })
        };
        let default = StatedLimits::default();
        assert_eq!(end(tests(failing(0)), &default), Ok(Exit::Success));
        let failure = end(tests(failing(7)), &default).expect_err("70 % errors");
        assert_eq!((failure.exit, &*failure.id), (Exit::LimitExceeded, "limit-exceeded"));
        let any = StatedLimits { max_error_share: Some(1.0), ..StatedLimits::default() };
        assert_eq!(end(tests(failing(7)), &any), Ok(Exit::Success));
        let times = StatedLimits { max_us: vec![(99.0, 1.0)], ..StatedLimits::default() };
        let failure = end(tests(failing(0)), &times).expect_err("no p99");
        assert_eq!((failure.exit, &*failure.id), (Exit::Inconclusive, "limit-undecided"));
        let mut invalid = failing(7);
        let caveat = Caveat::ServerChanged { what: "it died".to_owned() }.to_record();
        invalid.record.caveats.push(caveat);
        let failure = end(tests(invalid), &default).expect_err("invalid");
        assert_eq!(failure.exit, Exit::Invalid);
    }

    #[test]
    fn an_interruption_between_two_tests_is_one() {
        let counts = Counts { scheduled: 9, sent: 9, ok: 9, ..Counts::default() };
        let groups = vec![Group { counts, ..Group::default() }];
        let record = RunRecord { groups, ..RunRecord::default() };
        let kept = [("SET".to_owned(), Kept { record, series: Vec::new() })];
        let end = |planned| finish(&kept, None, Ended { planned, by_user: true });
        assert!(matches!(end(1), Ok(Exit::Success)));
        let failure = end(2).expect_err("GET is missing");
        assert_eq!(failure.exit, Exit::Invalid);
        assert!(failure.message.contains("after 1 of 2 tests"), "{}", failure.message);
    }
}
