//! Flags that replay a capture, as typed, and the run they come to.
//!
//! Not the reading of captures (see `aelab_engine::replay`). Invariant: intended times come from the capture or from `--rate`, so
//! that a server slower than the captured one shows in the response times.

use crate::cli::resolve::Resolved;
use crate::cli::run::RunArgs;
use crate::console::table::counted;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{ArrivalProcess, Assignment, CommandPlan, Phases, Target};
use aelab_engine::replay::load::{Loaded, Wish, load};
use aelab_results::caveat::Caveat;
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Connections of a capture with more clients than that, unless asked otherwise: what a server takes without being told.
const LANES_DEFAULT: usize = 1_000;
/// A shorter replay is over before anyone asks how long it takes.
const LENGTH_TOLD: Nanos = Nanos::from_secs(60);
/// A pause is told if it is a larger part of the replay than one of so many.
const PAUSE_TOLD: u64 = 4;
/// Fastest and slowest replay: beyond it, times that are not zero become zero, or a second becomes a day.
const SPEED_MIN: f64 = 1e-5;
const SPEED_MAX: f64 = 1e6;

/// Replay flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Replay")]
pub struct ReplayArgs {
    /// Send what was captured: the output of MONITOR, an append-only file (on Redis 7 its …incr.aof), or an appendonlydir whose
    /// base is no snapshot with data. Each captured client has its own connection; -n takes only the first commands. Takes 36 bytes of memory per command, whatever its size.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "connections", "duration", "warmup", "think_time", "data_size", "compressible", "keyspace", "key_dist", "tests",
        "ratio", "templates", "command", "command_file", "ycsb", "prefill", "reconnect_interval", "cluster",
        "pool_max_total", "pool_min_idle", "pool_max_idle", "pool_max_wait", "pool_order", "pin_requests",
    ])]
    pub replay: Option<PathBuf>,
    /// 1x keeps the captured times, 2x is twice as fast, 0.5x half, max sends each client's next command as soon as the last
    /// was answered [default: 1x; for an append-only file, which has no times, max or --rate].
    #[arg(long, value_name = "SPEED", requires = "replay", conflicts_with_all = ["rate", "arrival"], value_parser = speed)]
    pub replay_speed: Option<Speed>,
    /// At most so many connections; clients beyond share: their transactions are sent in one piece, their WATCH is left out
    /// [default: 1000].
    #[arg(long, value_name = "N", requires = "replay", value_parser = crate::cli::values::positive)]
    pub replay_connections: Option<usize>,
    /// Send dangerous and blocking commands too: FLUSHALL, SHUTDOWN, CONFIG SET, DEBUG, BLPOP …
    #[arg(long, requires = "replay")]
    pub replay_all: bool,
}

/// How fast a capture is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times the captured speed.
    Times(f64),
    /// Without waiting.
    Max,
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|number| (SPEED_MIN..=SPEED_MAX).contains(number))
        .map(Speed::Times)
        .ok_or_else(|| "write 1x, 2x, 0.5x or max".to_owned())
}

impl RunArgs {
    /// The run that replays `file`.
    ///
    /// # Errors
    /// The capture cannot be read, or a flag asks for what it does not have (exit 2).
    pub(super) fn resolve_replay(&self, file: &Path, target: Target) -> Result<Resolved, Failure> {
        let load_args = &self.load;
        let replay = &load_args.replay;
        let wish = Wish {
            all: replay.replay_all,
            lanes_max: replay.replay_connections.unwrap_or(LANES_DEFAULT),
            commands_max: load_args.requests,
            only_db: (self.target.dbnum.is_some() || target.db != 0)
                .then(|| u16::try_from(target.db).unwrap_or(u16::MAX)),
        };
        let mut loaded =
            load(file, &wish).map_err(|why| Failure::usage(format!("--replay {why}")))?;
        if load_args.threads > loaded.replay.lanes() {
            return Err(Failure::usage(format!(
                "--threads {} for {} connections of the capture; lower --threads",
                load_args.threads,
                loaded.replay.lanes()
            )));
        }
        let arrival = self.replay_arrival(&mut loaded)?;
        let commands = loaded.labels.iter().map(|label| CommandPlan::new(&[label])).collect();
        let title = format!("replay of {}", file.display());
        // Without the commands: one that waits for data is sent in its place in the capture, and gets no group of its own.
        let mut plan = load_args.plan(&target, &title, Vec::new())?;
        plan.phases = Phases { warmup: Nanos::ZERO, measure: None, ..plan.phases };
        let notes = notes(file, &loaded, &arrival);
        let doubts = doubts(&loaded);
        if let Some(group) = plan.groups.first_mut() {
            group.workload.commands = commands;
            group.connections = loaded.replay.lanes();
            group.requests = Some(loaded.replay.len() as u64);
            group.assignment = Assignment::Pinned;
            group.arrival = arrival;
            // Waiting requests are what a replay is about; eight bytes each, none is shed.
            group.backlog_max = usize::MAX;
            group.replay = Some(Arc::new(loaded.replay));
        }
        let percentiles = self.output.percentiles.clone();
        Ok(Resolved {
            target,
            prefill: None,
            runs: vec![(title, plan)],
            percentiles,
            notes,
            doubts,
        })
    }

    fn replay_arrival(&self, loaded: &mut Loaded) -> Result<ArrivalProcess, Failure> {
        let load = &self.load;
        if load.rate.is_some() || load.arrival.is_some() {
            let arrival = load.arrival_process(Nanos::from_secs(10))?;
            if matches!(arrival, ArrivalProcess::Poisson(_)) && load.threads > 1 {
                return Err(Failure::usage(
                    "--replay with --arrival poisson works on one thread: leave --threads out",
                ));
            }
            return Ok(arrival);
        }
        let flat_out = ArrivalProcess::Closed { think: Nanos::ZERO };
        match (load.replay.replay_speed, loaded.times.take()) {
            (Some(Speed::Max), _) | (None, None) => Ok(flat_out),
            (Some(Speed::Times(_)), None) => Err(Failure::usage(
                "--replay-speed: an append-only file has no times to keep; use max, or --rate",
            )),
            (speed, Some(times)) => {
                let factor = match speed {
                    Some(Speed::Times(factor)) => factor,
                    _ => 1.0,
                };
                let instants = times.into_iter().map(|at| Nanos((at as f64 / factor) as u64));
                Ok(ArrivalProcess::Trace(instants.collect()))
            }
        }
    }
}

/// What the user should know before the run: one line for what is sent, one for each kind that is not.
fn notes(file: &Path, loaded: &Loaded, arrival: &ArrivalProcess) -> Vec<String> {
    let (commands, lanes) = (loaded.replay.len(), loaded.replay.lanes());
    let shared = match loaded.clients > lanes {
        true => format!(" ({} clients share them)", loaded.clients),
        false => String::new(),
    };
    let mut notes = vec![format!(
        "replay of {}: {} on {}{shared}",
        file.display(),
        counted(commands as u64, "command", "commands"),
        counted(lanes as u64, "connection", "connections")
    )];
    if let ArrivalProcess::Trace(instants) = arrival {
        notes.extend(course(instants));
    }
    notes.extend(
        loaded
            .skipped
            .iter()
            .map(|((name, why), count)| format!("left out: {count} {name}, which {why}")),
    );
    notes
}

/// How long it will take, if it is long enough to make somebody wonder.
fn course(instants: &[Nanos]) -> Option<String> {
    let length = *instants.last().filter(|last| **last >= LENGTH_TOLD)?;
    let pauses = instants.windows(2).map(|pair| pair[1].since(pair[0]));
    let longest = pauses.max().unwrap_or(Nanos::ZERO);
    let pause = match longest.0 > length.0 / PAUSE_TOLD {
        true => format!(", of which one pause takes {}", rough(longest)),
        false => String::new(),
    };
    Some(format!(
        "it takes {}{pause}; --replay-speed 10x or max is faster, -n sends the first commands alone",
        rough(length)
    ))
}

/// A length in the unit that people would say it in.
fn rough(length: Nanos) -> String {
    let seconds = length.as_secs_f64();
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

fn doubts(loaded: &Loaded) -> Vec<Caveat> {
    let mut doubts = Vec::new();
    if loaded.is_cut {
        let what = "its last command is cut and was left out".to_owned();
        doubts.push(Caveat::CaptureDoubtful { what });
    }
    if loaded.backward > 0 {
        let what =
            format!("{} times lie before the one ahead and were moved to it", loaded.backward);
        doubts.push(Caveat::CaptureDoubtful { what });
    }
    doubts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_replay_says_how_long_it_takes() {
        let at =
            |seconds: &[u64]| seconds.iter().map(|at| Nanos::from_secs(*at)).collect::<Vec<_>>();
        assert_eq!(course(&at(&[0, 1, 59])), None);
        assert_eq!(course(&[]), None);
        let even = course(&at(&[0, 20, 40, 60, 80, 100, 120])).expect("long");
        assert!(even.starts_with("it takes 2 min; "), "{even}");
        let gap = course(&at(&[0, 1, 7_201, 7_260])).expect("long");
        assert!(
            gap.starts_with("it takes ") && gap.contains(", of which one pause takes 2.0 h;"),
            "{gap}"
        );
    }
}
