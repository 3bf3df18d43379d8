//! The run that replays a capture.
//!
//! Not the reading of captures (see `aelab_engine::replay`). Invariant: intended times come from the capture or from `--rate`, so
//! that a server slower than the captured one shows in the response times.

use crate::cli::replay::Speed;
use crate::cli::resolved::Resolved;
use crate::cli::run::RunArgs;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{ArrivalProcess, Assignment, CommandPlan, Phases, Target};
use aelab_engine::replay::load::{Loaded, Wish, load};
use aelab_results::caveat::Caveat;
use aelab_results::text::number::with_noun;
use std::path::Path;
use std::sync::Arc;

/// Connections of a capture with more clients than that, unless asked otherwise: what a server takes without being told.
const CONNECTIONS_DEFAULT: usize = 1_000;
/// The length of a shorter replay is not printed.
const LENGTH_TOLD: Nanos = Nanos::from_secs(60);
/// A pause is printed if it is longer than this fraction (1/N) of the replay.
const PAUSE_TOLD: u64 = 4;
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
            connections_max: replay.replay_connections.unwrap_or(CONNECTIONS_DEFAULT),
            commands_max: load_args.requests,
            only_db: (self.target.dbnum.is_some() || target.db != 0)
                .then(|| u16::try_from(target.db).unwrap_or(u16::MAX)),
        };
        let mut loaded =
            load(file, &wish).map_err(|why| Failure::usage(format!("--replay {why}")))?;
        if load_args.threads > loaded.replay.connections() {
            return Err(Failure::usage(format!(
                "--threads {} for {} connections of the capture; lower --threads",
                load_args.threads,
                loaded.replay.connections()
            )));
        }
        let arrival = self.replay_arrival(&mut loaded)?;
        let commands = loaded.labels.iter().map(|label| CommandPlan::new(&[label])).collect();
        let title = format!("replay of {}", file.display());
        // Without the commands: one that waits for data is sent in its place in the capture, and gets no group of its own.
        let mut plan = load_args.plan(&target, &title, Vec::new())?;
        plan.phases = Phases { warmup: Nanos::ZERO, measure: None, ..plan.phases };
        let notes = notes(file, &loaded, &arrival);
        let caveats = caveats(&loaded);
        if let Some(group) = plan.groups.first_mut() {
            group.workload.commands = commands;
            group.connections = loaded.replay.connections();
            group.requests = Some(loaded.replay.len() as u64);
            group.assignment = Assignment::Pinned;
            group.arrival = arrival;
            // Waiting requests are what a replay is about; eight bytes each, none is shed.
            group.backlog_max = usize::MAX;
            group.replay = Some(Arc::new(loaded.replay));
        }
        let percentiles = self.percentiles();
        Ok(Resolved {
            target,
            prefill: None,
            runs: vec![(title, plan)],
            percentiles,
            notes,
            caveats,
        })
    }

    fn replay_arrival(&self, loaded: &mut Loaded) -> Result<ArrivalProcess, Failure> {
        let load = &self.load;
        if load.rate.is_some() || load.arrival.is_some() {
            let arrival = load.arrival_process(Nanos::from_secs(10))?;
            if matches!(arrival, ArrivalProcess::Poisson(_)) && load.threads > 1 {
                return Err(Failure::usage(
                    "--replay with --arrival poisson works on one thread; leave out --threads",
                ));
            }
            return Ok(arrival);
        }
        let unpaced = ArrivalProcess::Closed { think: Nanos::ZERO };
        match (load.replay.replay_speed, loaded.times.take()) {
            (Some(Speed::Max), _) | (None, None) => Ok(unpaced),
            (Some(Speed::Times(_)), None) => Err(Failure::usage(
                "--replay-speed: an append-only file has no times; use max, or --rate",
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
    let (commands, connections) = (loaded.replay.len(), loaded.replay.connections());
    let shared = match loaded.clients > connections {
        true => format!(" ({} clients share them)", loaded.clients),
        false => String::new(),
    };
    let mut notes = vec![format!(
        "replay of {}: {} on {}{shared}",
        file.display(),
        with_noun(commands as u64, "command"),
        with_noun(connections as u64, "connection")
    )];
    if let ArrivalProcess::Trace(instants) = arrival {
        notes.extend(course(instants));
    }
    notes.extend(
        loaded
            .skipped
            .iter()
            .map(|((name, why), count)| format!("not sent: {count} {name}, which {why}")),
    );
    notes
}

/// How long the replay takes, if that is long.
fn course(instants: &[Nanos]) -> Option<String> {
    let length = *instants.last().filter(|last| **last >= LENGTH_TOLD)?;
    let pauses = instants.windows(2).map(|pair| pair[1].since(pair[0]));
    let longest = pauses.max().unwrap_or(Nanos::ZERO);
    let pause = match longest.0 > length.0 / PAUSE_TOLD {
        true => format!(", including one pause of {}", rough(longest)),
        false => String::new(),
    };
    Some(format!(
        "the replay takes {}{pause}; --replay-speed 10x or max is faster, -n N sends only the first N commands",
        rough(length)
    ))
}

/// A length, rounded, in the largest suitable unit.
fn rough(length: Nanos) -> String {
    let seconds = length.as_secs_f64();
    match seconds {
        ..120.0 => format!("{seconds:.0} s"),
        ..7_200.0 => format!("{:.0} min", seconds / 60.0),
        ..172_800.0 => format!("{:.1} h", seconds / 3_600.0),
        _ => format!("{:.1} days", seconds / 86_400.0),
    }
}

fn caveats(loaded: &Loaded) -> Vec<Caveat> {
    let mut caveats = Vec::new();
    if loaded.is_cut {
        let what = "its last command is incomplete and was not sent".to_owned();
        caveats.push(Caveat::CaptureDoubtful { what });
    }
    if loaded.backward > 0 {
        let what = format!(
            "{} times are earlier than the time before them and were moved to it",
            loaded.backward
        );
        caveats.push(Caveat::CaptureDoubtful { what });
    }
    caveats
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
        assert!(even.starts_with("the replay takes 2 min; "), "{even}");
        let gap = course(&at(&[0, 1, 7_201, 7_260])).expect("long");
        assert!(
            gap.starts_with("the replay takes ") && gap.contains(", including one pause of 2.0 h;"),
            "{gap}"
        );
    }
}
