//! Which command caused a stall, and what supports that.
//!
//! A cause is only named with evidence: a request of an offender that was in flight for nearly all of the stall, and the
//! server's own slow log where it has one; and none if the server's process waited for a CPU all the while. Invariants:
//! coincidence is not cause, so a SCAN that only happened to run is not blamed; and one execution explains one stall.

use crate::observe::cpu_wait::{WAITED_SHARE, Waits};
use crate::server::info::SlowEntry;
use aelab_engine::clock::Nanos;
use aelab_engine::plan::{CommandPlan, Cursor, Role, RunPlan};
use aelab_engine::record::result::{LoggedRequest, RunResult, Stall as Span};
use aelab_engine::workload::command_text::is_page;
use aelab_results::caveat::{Caveat, Hold};
use aelab_results::record::Stall;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

/// Share of the stall that the offender's request must cover.
const COVER_SHARE: f64 = 0.8;
/// The slow-log entry must be as long as the stall, give or take this share of the longer of the two: a short stall while the
/// reply of a long command streams out is another event.
const SLOWLOG_SHARE: f64 = 0.5;
/// Or this much: a short command with a pause of the machine before or after it.
const SLOWLOG_SLACK: Duration = Duration::from_millis(2);
/// Two stalls with replies between them are one if together they are no longer than the command executed, and this share.
const SPLIT_SHARE: f64 = 1.1;
/// The start of the evidence of a stall in which the server had no CPU.
pub const WAITING: &str = "the server's process was waiting for a CPU";
/// From this share of the wait on, a command cannot be the cause, whatever the slow log says: its time includes the wait of the
/// process. Below, and from [`WAITED_SHARE`] on, a command and the wait made the stall together.
const WAITED_ONLY_SHARE: f64 = 0.8;
/// From this share on, a stall that no command explains is the measuring machine's own.
const LATE_SHARE: f64 = 0.5;
/// The slow log counts in whole seconds, and logs when a command ends.
const SLOWLOG_CLOCK_SLACK_S: i64 = 2;

/// The stalls of the measurement, explained as far as they can be.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Explained {
    /// Those of the server or of unknown cause, in order of time.
    pub stalls: Vec<Stall>,
    /// Those that the load generator caused itself, and why it was late.
    pub own: Vec<(Duration, Hold)>,
    /// How long those were in which the server's process waited for a CPU half of the time or more; they are among the
    /// stalls, with a cause only if the wait was not all of it.
    pub cpu_waits: Vec<Duration>,
}

impl Explained {
    /// The caveat for stalls that the load generator caused itself.
    #[must_use]
    pub fn caveat(&self) -> Option<Caveat> {
        let (longest, hold) = *self.own.iter().max_by_key(|(length, _)| length)?;
        Some(Caveat::ClientHeldUp {
            times: self.own.len() as u64,
            longest_ms: longest.as_secs_f64() * 1e3,
            hold,
        })
    }
}

/// Explains the stalls of the measurement; without a slow log the server is not known to keep one. An empty one says that no
/// command took long. Without an offender the slow log alone decides, whichever client sent the command.
#[must_use]
pub fn explain(
    plan: &RunPlan,
    result: &RunResult,
    slowlog: Option<&[SlowEntry]>,
    waits: &Waits,
) -> Explained {
    let offenders = plan.groups.iter().zip(&result.groups);
    let suspects = offenders.filter(|(planned, _)| planned.role == Role::Offender);
    let suspects = suspects.map(|(planned, measured)| Suspect {
        group: &measured.name,
        commands: &planned.workload.commands,
        log: &measured.log.entries,
    });
    let inquiry = Inquiry {
        suspects: suspects.collect(),
        started: result.started,
        started_wall_ns: result.started_wall_ns,
        measured: result.measure_from..result.measure_until,
        slowlog: slowlog.unwrap_or_default(),
        keeping: if slowlog.is_some() { Keeping::Keeps } else { Keeping::Unknown },
        waits,
        entries: Vec::new(),
        calls: Vec::new(),
    };
    inquiry.conclude(&result.stalls)
}

/// The result for one span.
enum Finding {
    /// This command, and what supports it.
    Cause(String, Vec<String>),
    /// No cause; the evidence against the candidates.
    Nothing(Vec<String>),
    /// It is the rest of a stall that was found before.
    Merged,
}

/// How much of a span the server's process waited for a CPU, as text.
enum Waiting {
    /// Too little to matter, or unknown.
    Little,
    /// Half of it or more.
    Half(String),
    /// So much that no command can have made the stall.
    All(String),
}

/// A call of an offender that a stall has been booked on.
struct Booked {
    /// Index of its group and of its request in the group's log.
    call: (usize, usize),
    /// Its place among the stalls found so far.
    stall: usize,
    /// How long the server says that it executed.
    execution: Option<Duration>,
}

/// Why the load generator was late, for most of that time.
fn hold_of(span: &Span) -> Hold {
    let was_busy = span.engine_busy.0.saturating_mul(2) >= span.engine_late.0;
    if was_busy { Hold::Busy } else { Hold::Kept }
}

/// A group whose commands may have caused a stall.
struct Suspect<'a> {
    group: &'a str,
    commands: &'a [CommandPlan],
    log: &'a [LoggedRequest],
}

/// The search for causes, and what has been booked so far; times from the origin unless said otherwise.
struct Inquiry<'a> {
    suspects: Vec<Suspect<'a>>,
    /// The origin, on the monotonic clock and on the wall clock.
    started: Nanos,
    started_wall_ns: u64,
    measured: Range<Nanos>,
    slowlog: &'a [SlowEntry],
    keeping: Keeping,
    waits: &'a Waits,
    /// Numbers of the slow-log entries that explain a stall already.
    entries: Vec<i64>,
    calls: Vec<Booked>,
}

impl<'a> Inquiry<'a> {
    fn conclude(mut self, stalls: &[Span]) -> Explained {
        let measured = |span: &&Span| {
            span.start + span.duration > self.measured.start && span.start < self.measured.end
        };
        let mut spans: Vec<&Span> = stalls.iter().filter(measured).collect();
        // One execution makes one stall: the one that it fits best, or else the first.
        spans.sort_by_key(|span| (self.misfit(span), span.start));
        let mut explained = Explained::default();
        for span in spans {
            let waiting = self.waiting(span);
            let finding = self.look_into(span, &waiting, &mut explained);
            let late = span.engine_late.as_secs_f64() >= LATE_SHARE * span.duration.as_secs_f64();
            let (cause, mut evidence) = match finding {
                Finding::Merged => continue,
                Finding::Nothing(_) if late => {
                    explained.own.push((span.duration.into(), hold_of(span)));
                    continue;
                }
                Finding::Cause(cause, evidence) => (Some(cause), evidence),
                Finding::Nothing(evidence) => (None, evidence),
            };
            if let Waiting::Half(why) | Waiting::All(why) = waiting {
                explained.cpu_waits.push(span.duration.into());
                // It is what is known best: first, if nothing else explains the stall.
                evidence.insert(if cause.is_some() { evidence.len() } else { 0 }, why);
            }
            explained.stalls.push(Stall {
                start_s: self.seconds(span.start),
                duration_s: span.duration.as_secs_f64(),
                delayed: span.delayed,
                lost_client_seconds: span.lost.as_secs_f64(),
                cause,
                evidence,
            });
        }
        explained.stalls.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
        explained
    }

    /// How far the slow log is from explaining a span.
    fn misfit(&self, span: &Span) -> Duration {
        let distance = |suspect: &Suspect<'_>| {
            let request = &suspect.log[covering(suspect.log, span)?];
            let name = name_of(suspect.commands.get(request.command)?);
            let entry =
                best_entry(self.slowlog.iter(), &name, self.ended_unix_s(span), span.duration)?;
            Some(entry.duration.abs_diff(span.duration.into()))
        };
        let anyones = || {
            let entry = self.anyones(span).filter(|_| self.suspects.is_empty())?;
            Some(entry.duration.abs_diff(span.duration.into()))
        };
        let of_suspects = self.suspects.iter().filter_map(distance).min();
        of_suspects.or_else(anyones).unwrap_or(Duration::MAX)
    }

    /// When a span ended on the wall clock, in seconds since 1970.
    fn ended_unix_s(&self, span: &Span) -> u64 {
        (self.started_wall_ns + (span.start + span.duration).0) / 1_000_000_000
    }

    /// An instant in seconds from the begin of the measurement.
    fn seconds(&self, at: Nanos) -> f64 {
        at.as_secs_f64() - self.measured.start.as_secs_f64()
    }

    fn look_into(&mut self, span: &Span, waiting: &Waiting, explained: &mut Explained) -> Finding {
        let mut evidence = Vec::new();
        if matches!(waiting, Waiting::All(_)) {
            return Finding::Nothing(evidence);
        }
        for (group, suspect) in self.suspects.iter().enumerate() {
            let Some(index) = covering(suspect.log, span) else { continue };
            let request = &suspect.log[index];
            let Some(command) = suspect.commands.get(request.command) else { continue };
            let name = name_of(command);
            evidence.push(format!(
                "{name} of group {} was in flight from {:.4} s to {:.4} s",
                suspect.group,
                self.seconds(request.sent),
                self.seconds(request.replied),
            ));
            let one_call = is_one_call(command);
            let call = (group, index);
            if let Some(booked) = self.calls.iter().find(|b| one_call && b.call == call) {
                if self.continues(booked, span, explained) {
                    return Finding::Merged;
                }
                evidence.push(format!("but this {name} explains another stall already"));
                continue;
            }
            let execution = match self.execution(&name, span) {
                Execution::Fits(entry) => {
                    self.entries.push(entry.id);
                    evidence.push(format!("SLOWLOG entry {}: {}", entry.id, took(&name, entry)));
                    Some(entry.duration)
                }
                // A single command in flight for the whole stall is evidence enough where the server keeps no slow log, unless
                // it was in flight because the server did not execute it.
                Execution::NoLog if one_call && matches!(waiting, Waiting::Little) => None,
                Execution::Other(entry) => {
                    evidence.push(format!("but of those in SLOWLOG {}", took(&name, entry)));
                    continue;
                }
                Execution::NoLog | Execution::Absent => {
                    evidence.push(format!("but SLOWLOG has no other {name} of that time"));
                    continue;
                }
            };
            self.calls.push(Booked { call, stall: explained.stalls.len(), execution });
            return Finding::Cause(whole_command(&command.args), evidence);
        }
        if self.suspects.is_empty()
            && let Some(entry) = self.anyones(span)
        {
            self.entries.push(entry.id);
            let text = format!(
                "SLOWLOG entry {} of about that time: {}",
                entry.id,
                took(&entry.command, entry)
            );
            return Finding::Cause(whole_command(&entry.words), vec![text]);
        }
        Finding::Nothing(evidence)
    }

    /// The slow-log entry that fits a span best, whichever client sent the command.
    fn anyones(&self, span: &Span) -> Option<&'a SlowEntry> {
        let free = self.slowlog.iter().filter(|entry| !self.entries.contains(&entry.id));
        let commands: BTreeSet<&str> = free.clone().map(|entry| entry.command.as_str()).collect();
        let best = commands.into_iter().filter_map(|command| {
            best_entry(free.clone(), command, self.ended_unix_s(span), span.duration)
        });
        best.filter(|entry| fits(entry, span))
            .min_by_key(|entry| entry.duration.abs_diff(span.duration.into()))
    }

    /// Whether the server's process waited for a CPU during the span.
    fn waiting(&self, span: &Span) -> Waiting {
        let from = self.started + span.start;
        let Some(waited) = self.waits.within(from, from + span.duration) else {
            return Waiting::Little;
        };
        let share = waited.as_secs_f64() / span.duration.as_secs_f64();
        let words = || format!("{WAITING} for {:.1} ms of it", waited.as_secs_f64() * 1e3);
        match share {
            share if share >= WAITED_ONLY_SHARE => Waiting::All(words()),
            share if share >= WAITED_SHARE => Waiting::Half(words()),
            _ => Waiting::Little,
        }
    }

    /// What the slow log says of a command at the time of a span.
    fn execution(&self, name: &str, span: &Span) -> Execution<'a> {
        if self.keeping == Keeping::Unknown {
            return Execution::NoLog;
        }
        let free = self.slowlog.iter().filter(|entry| !self.entries.contains(&entry.id));
        match best_entry(free, name, self.ended_unix_s(span), span.duration) {
            Some(entry) if fits(entry, span) => Execution::Fits(entry),
            Some(entry) => Execution::Other(entry),
            None => Execution::Absent,
        }
    }

    /// Whether a span is another part of the stall that a call was booked on, as a reply that was read late splits one in two.
    /// If so, the two become one.
    fn continues(&self, booked: &Booked, span: &Span, explained: &mut Explained) -> bool {
        let Some(execution) = booked.execution else { return false };
        let Some(first) = explained.stalls.get_mut(booked.stall) else { return false };
        let start_s = self.seconds(span.start);
        let end_s = start_s + span.duration.as_secs_f64();
        let from = first.start_s.min(start_s);
        let whole_s = (first.start_s + first.duration_s).max(end_s) - from;
        if whole_s > execution.as_secs_f64() * SPLIT_SHARE {
            return false;
        }
        first.start_s = from;
        first.duration_s = whole_s;
        first.delayed += span.delayed;
        first.lost_client_seconds += span.lost.as_secs_f64();
        first.evidence.push("a few replies were read in the middle of it".to_owned());
        true
    }
}

fn name_of(command: &CommandPlan) -> String {
    String::from_utf8_lossy(&command.args[0]).to_ascii_uppercase()
}

fn took(name: &str, entry: &SlowEntry) -> String {
    let millis = entry.duration.as_secs_f64() * 1e3;
    format!("{name} executed for {millis:.3} ms")
}

/// Whether the server is known to keep a slow log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keeping {
    Keeps,
    Unknown,
}

/// What the slow log has of a command.
enum Execution<'a> {
    /// An entry about as long as the stall.
    Fits(&'a SlowEntry),
    /// None that is; this one is the closest.
    Other(&'a SlowEntry),
    /// Nothing of that time that explains no other stall.
    Absent,
    /// The server keeps none.
    NoLog,
}

/// Whether a request of this command is one call of the server's, and not a cursor or pages that are followed.
pub(crate) fn is_one_call(command: &CommandPlan) -> bool {
    command.cursor == Cursor::Ignore && !command.args.iter().any(|arg| is_page(arg))
}

/// The offender's request that overlaps most of the stall, by its place in the log.
fn covering(log: &[LoggedRequest], span: &Span) -> Option<usize> {
    let end = span.start + span.duration;
    let overlap =
        |request: &LoggedRequest| request.replied.min(end).since(request.sent.max(span.start));
    let (index, best) = log.iter().enumerate().max_by_key(|(_, request)| overlap(request))?;
    let share = overlap(best).as_secs_f64() / span.duration.as_secs_f64();
    (share >= COVER_SHARE).then_some(index)
}

/// The entry of that command and time whose duration is closest to the stall's; one that ended in another second only if there
/// is no other.
fn best_entry<'a>(
    slowlog: impl Iterator<Item = &'a SlowEntry>,
    command: &str,
    ended_unix_s: u64,
    duration: Nanos,
) -> Option<&'a SlowEntry> {
    let ended = i64::try_from(ended_unix_s).unwrap_or(i64::MAX);
    slowlog
        .filter(|entry| entry.command == command)
        .filter(|entry| (entry.at_unix_s - ended).abs() <= SLOWLOG_CLOCK_SLACK_S)
        .min_by_key(|entry| {
            let is_off = (entry.at_unix_s - ended).abs() > 1;
            (is_off, entry.duration.abs_diff(Duration::from(duration)))
        })
}

/// Whether the entry is about as long as the stall.
fn fits(entry: &SlowEntry, span: &Span) -> bool {
    let stall = Duration::from(span.duration);
    let apart = entry.duration.abs_diff(stall);
    let longer_s = entry.duration.max(stall).as_secs_f64();
    apart <= SLOWLOG_SLACK || apart.as_secs_f64() <= SLOWLOG_SHARE * longer_s
}

/// The command as users write it: `KEYS *`.
fn whole_command(args: &[Vec<u8>]) -> String {
    let words: Vec<_> = args.iter().map(|arg| String::from_utf8_lossy(arg)).collect();
    let text = words.join(" ");
    /// Longer commands are cut: the name and the first arguments are enough.
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
#[path = "stall_cause_tests.rs"]
mod tests;
