//! Which command caused a stall, and what supports that.
//!
//! A cause is only named with evidence: a request of an offender that was in flight for nearly all of the stall, and the
//! server's own slow log where it has one. Invariant: coincidence is not cause; a SCAN that merely was under way is not blamed.

use super::view::SlowEntry;
use crate::clock::Nanos;
use crate::engine::plan::{CommandPlan, Cursor, Role, RunPlan};
use crate::engine::result::{LoggedRequest, RunResult, Stall as Span};
use crate::words::is_page;
use aelab_reports::caveat::Caveat;
use aelab_reports::record::Stall;
use std::time::Duration;

/// Share of the stall that the offender's request must cover.
const COVER_SHARE: f64 = 0.8;
/// The slow-log entry must be as long as the stall, up to this factor: a short stall while the reply of a long command
/// streams out is another event.
const SLOWLOG_FACTOR: f64 = 2.0;
/// From this share on, a stall that no command explains is the measuring machine's own.
const LATE_SHARE: f64 = 0.5;
/// The slow log counts in whole seconds, and logs when a command ends.
const SLOWLOG_CLOCK_SLACK_S: i64 = 2;

/// The stalls of the measurement, explained as far as they can be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explained {
    /// Those of the server, or of nobody known.
    pub stalls: Vec<Stall>,
    /// Those that the measuring machine made: the load generator itself did not get to run.
    pub own: Vec<Duration>,
}

impl Explained {
    /// The doubt that stalls of our own making call for.
    #[must_use]
    pub fn doubt(&self) -> Option<Caveat> {
        let longest = self.own.iter().max()?;
        Some(Caveat::EnvironmentMoved {
            what: format!(
                "the load generator itself got no processor {}, the longest for {:.1} ms; that is not counted as a stall",
                match self.own.len() {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                },
                longest.as_secs_f64() * 1e3
            ),
        })
    }
}

/// Explains the stalls of the measurement.
#[must_use]
pub fn explain(plan: &RunPlan, result: &RunResult, slowlog: &[SlowEntry]) -> Explained {
    let mut explained = Explained::default();
    let measured = |span: &&Span| span.start + span.duration > result.measure_from;
    for span in result.stalls.iter().filter(measured) {
        let (cause, evidence) = cause_of(plan, result, slowlog, span);
        let late = span.engine_late.as_secs_f64() >= LATE_SHARE * span.duration.as_secs_f64();
        if late && cause.is_none() {
            explained.own.push(span.duration.into());
            continue;
        }
        explained.stalls.push(Stall {
            start_s: signed_seconds(span.start, result.measure_from),
            duration_s: span.duration.as_secs_f64(),
            delayed: span.delayed,
            lost_client_seconds: span.lost.as_secs_f64(),
            cause,
            evidence,
        });
    }
    explained
}

fn signed_seconds(at: Nanos, origin: Nanos) -> f64 {
    if at >= origin { (at - origin).as_secs_f64() } else { -(origin - at).as_secs_f64() }
}

fn cause_of(
    plan: &RunPlan,
    result: &RunResult,
    slowlog: &[SlowEntry],
    span: &Span,
) -> (Option<String>, Vec<String>) {
    let mut evidence = Vec::new();
    let offenders =
        plan.groups.iter().zip(&result.groups).filter(|(p, _)| p.role == Role::Offender);
    for (planned, group) in offenders {
        let Some(request) = covering(&group.log, span) else { continue };
        let Some(command) = planned.workload.commands.get(request.command) else { continue };
        let name = String::from_utf8_lossy(&command.args[0]).to_ascii_uppercase();
        evidence.push(format!(
            "{name} of group {} was in flight from {:.4} s to {:.4} s",
            group.name,
            signed_seconds(request.sent, result.measure_from),
            signed_seconds(request.replied, result.measure_from),
        ));
        let ended_unix_s =
            (result.started_wall_ns + (span.start + span.duration).0) / 1_000_000_000;
        let entry = best_entry(slowlog, &name, ended_unix_s, span.duration);
        match entry {
            Some(entry) if fits(entry, span) => {
                evidence.push(format!(
                    "SLOWLOG entry {}: {name} executed for {:.3} ms",
                    entry.id,
                    entry.duration.as_secs_f64() * 1e3
                ));
                return (Some(whole_command(&command.args)), evidence);
            }
            Some(entry) => evidence.push(format!(
                "but the {name} in SLOWLOG that comes closest executed for {:.3} ms",
                entry.duration.as_secs_f64() * 1e3
            )),
            // A single command in flight for the whole stall is evidence enough where the server keeps no slow log.
            None if slowlog.is_empty() && is_one_call(command) => {
                return (Some(whole_command(&command.args)), evidence);
            }
            None => evidence.push(format!("but SLOWLOG has no {name} of that time")),
        }
    }
    (None, evidence)
}

/// Whether a request of this command is one call of the server's, and not a cursor or pages that are followed.
pub(super) fn is_one_call(command: &CommandPlan) -> bool {
    command.cursor == Cursor::Ignore && !command.args.iter().any(|arg| is_page(arg))
}

/// The offender's request that overlaps most of the stall.
fn covering<'a>(log: &'a [LoggedRequest], span: &Span) -> Option<&'a LoggedRequest> {
    let end = span.start + span.duration;
    let overlap =
        |request: &LoggedRequest| request.replied.min(end).since(request.sent.max(span.start));
    let best = log.iter().max_by_key(|request| overlap(request))?;
    let share = overlap(best).as_secs_f64() / span.duration.as_secs_f64();
    (share >= COVER_SHARE).then_some(best)
}

/// The entry of that command and time whose duration is closest to the stall's.
fn best_entry<'a>(
    slowlog: &'a [SlowEntry],
    command: &str,
    ended_unix_s: u64,
    duration: Nanos,
) -> Option<&'a SlowEntry> {
    let ended = i64::try_from(ended_unix_s).unwrap_or(i64::MAX);
    slowlog
        .iter()
        .filter(|entry| entry.command == command)
        .filter(|entry| (entry.at_unix_s - ended).abs() <= SLOWLOG_CLOCK_SLACK_S)
        .min_by_key(|entry| entry.duration.abs_diff(Duration::from(duration)))
}

/// Whether the entry is about as long as the stall.
fn fits(entry: &SlowEntry, span: &Span) -> bool {
    let factor = entry.duration.as_secs_f64() / span.duration.as_secs_f64();
    (SLOWLOG_FACTOR.recip()..=SLOWLOG_FACTOR).contains(&factor)
}

/// The command as people know it: `KEYS *`.
fn whole_command(args: &[Vec<u8>]) -> String {
    let words: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
    let text = words.join(" ");
    /// Longer commands are cut: the name and first arguments tell enough.
    const LENGTH_MAX: usize = 60;
    match text.char_indices().nth(LENGTH_MAX) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

/// The slow-log durations of a command inside the measurement.
///
/// `requests` is how many of the command were measured, if each is one call: the slow log's clock has whole seconds, so the
/// entries are also counted from the end, and those of the warm-up stay out.
#[must_use]
pub fn measured_entries(
    slowlog: &[SlowEntry],
    command: &str,
    from_unix_s: i64,
    requests: Option<usize>,
) -> Vec<Duration> {
    let of_time: Vec<Duration> = slowlog
        .iter()
        .filter(|entry| entry.command == command && entry.at_unix_s >= from_unix_s)
        .map(|entry| entry.duration)
        .collect();
    let surplus = requests.map_or(0, |requests| of_time.len().saturating_sub(requests));
    of_time[surplus..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::result::Outcome;

    fn span(start_ms: u64, millis: u64) -> Span {
        Span {
            start: Nanos::from_millis(start_ms),
            duration: Nanos::from_millis(millis),
            delayed: 1,
            lost: Nanos::ZERO,
            engine_late: Nanos::ZERO,
        }
    }

    fn entry(command: &str, at_unix_s: i64, millis: u64) -> SlowEntry {
        let duration = Duration::from_millis(millis);
        SlowEntry { id: 7, at_unix_s, duration, command: command.into() }
    }

    #[test]
    fn only_a_request_that_spans_the_stall_is_a_suspect() {
        let request = |sent: u64, replied: u64| LoggedRequest {
            command: 0,
            intended: Nanos::from_millis(sent),
            sent: Nanos::from_millis(sent),
            replied: Nanos::from_millis(replied),
            outcome: Outcome::Ok,
        };
        let log = [request(0, 50), request(100, 300), request(400, 450)];
        assert_eq!(covering(&log, &span(110, 150)), Some(&log[1]));
        assert_eq!(covering(&log, &span(20, 100)), None, "it lasted on after the request");
        assert_eq!(covering(&[], &span(0, 10)), None);
    }

    #[test]
    fn the_slow_log_entry_must_fit_in_time_and_length() {
        let log = [entry("KEYS", 998, 90), entry("KEYS", 1000, 300), entry("SCAN", 1000, 100)];
        let best = |millis| best_entry(&log, "KEYS", 1000, Nanos::from_millis(millis));
        assert_eq!(best(100), Some(&log[0]));
        assert_eq!(best(290), Some(&log[1]));
        assert_eq!(best_entry(&log, "KEYS", 2000, Nanos::from_millis(90)), None);
        assert!(fits(&log[1], &span(0, 290)) && fits(&log[1], &span(0, 200)));
        assert!(!fits(&log[1], &span(0, 15)), "a hiccup while the reply streams out");
        assert!(!fits(&log[1], &span(0, 900)), "much longer than the command");
    }

    #[test]
    fn entries_of_the_warm_up_stay_out() {
        let log = [entry("KEYS", 999, 1), entry("KEYS", 1000, 2), entry("KEYS", 1000, 3)];
        let millis = |entries: Vec<Duration>| entries.iter().map(Duration::as_millis).sum::<u128>();
        assert_eq!(millis(measured_entries(&log, "KEYS", 1000, None)), 5);
        assert_eq!(millis(measured_entries(&log, "KEYS", 1000, Some(1))), 3);
        assert_eq!(millis(measured_entries(&log, "SCAN", 1000, Some(1))), 0);
    }
}
