//! Questions of a run to the server about itself, and what is reported if the server refuses to answer.
//!
//! Not what the answers mean (see `aelab_lab::observe::stall_cause`). Invariant: a server that refuses to tell costs no measurement, but the
//! reader learns what could not be looked up, and why.

use crate::console;
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_engine::plan::{RunPlan, Target};
use aelab_engine::record::result::RunResult;
use aelab_lab::control::Control;
use aelab_lab::server::info::{
    Info, REFUSED_SLOWLOG, SlowEntry, config, describe, info_refusal, slowlog_gap,
    slowlog_or_refusal,
};
use aelab_lab::server::local;
use aelab_results::record::{Server, Stall};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the servers say of themselves before a run.
pub(super) struct Look {
    /// INFO of each.
    pub(super) infos: Vec<(Target, Info)>,
    /// The first one with its settings, as the record names it; `None` if it refuses INFO and CONFIG.
    pub(super) server: Option<Server>,
}

impl Look {
    /// Every server.
    pub(super) fn targets(&self) -> Vec<Target> {
        self.infos.iter().map(|(target, _)| target.clone()).collect()
    }

    /// The processes of those that are on this machine.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.infos.iter().filter_map(|(target, info)| local::process_id(target, info)).collect()
    }

    /// The server of a record. The nodes of a cluster hold a part of the keys each; of several servers that are no cluster, the
    /// record describes the first.
    pub(super) fn server_of(&self, plan: &RunPlan) -> Option<Server> {
        let mut server = self.server.clone()?;
        if plan.groups.iter().any(|group| group.cluster.is_some()) {
            server.keys = self.infos.iter().map(|(_, info)| info.keys()).sum();
        }
        Some(server)
    }

    /// INFO of the first server.
    pub(super) fn info(&self) -> Info {
        self.infos.first().map_or_else(Info::default, |(_, info)| info.clone())
    }
}

/// Asks each server.
///
/// # Errors
/// One of them is not there (exit 6).
pub(super) fn look(target: &Target) -> Result<Look, Failure> {
    let mut look = Look { infos: Vec::new(), server: None };
    for target in target.each() {
        let mut control = Control::open(&target)?;
        let info = Info::parse(&control.info()?);
        if look.infos.is_empty() {
            let config = config(&mut control)?;
            let is_known = info != Info::default() || config.is_ok();
            look.server = is_known.then(|| describe(&info, config));
        }
        look.infos.push((target, info));
    }
    Ok(look)
}

/// Prints a note if the server refuses INFO.
///
/// # Errors
/// The connection breaks.
pub(super) fn note_refused_info(control: &mut Control, target: &Target) -> Result<(), Failure> {
    if let Some(refusal) = info_refusal(control)? {
        console::note(&format!(
            "{} refused INFO ({refusal}): the record will not name the server, and a restart will not be detected; allow \
             +info to this ACL user",
            target.endpoint
        ));
    }
    Ok(())
}

/// The slow log of the one server that stalled, if it tells; of several, whose entry is whose would be a guess.
#[derive(Debug, Default)]
pub(super) struct SlowLog {
    /// What it has.
    entries: Vec<SlowEntry>,
    /// How the server refused it.
    refusal: Option<String>,
    /// The settings of the server, which may switch it off.
    config: BTreeMap<String, String>,
}

impl SlowLog {
    /// Asks for it, if there are stalls to explain.
    pub(super) fn ask(target: &Target, result: &RunResult, server: Option<&Server>) -> Self {
        if result.stalls.is_empty() || target.each().count() > 1 {
            return Self::default();
        }
        let config = server.map_or_else(BTreeMap::new, |server| server.config.clone());
        // If the server is gone or has no slow log, the stall has no cause.
        match Control::open(target).and_then(|mut control| slowlog_or_refusal(&mut control)) {
            Ok(Ok(entries)) => Self { entries, refusal: None, config },
            Ok(Err(refusal)) => Self { entries: Vec::new(), refusal: Some(refusal), config },
            Err(_) => Self::default(),
        }
    }

    /// Its entries; `None` if it is switched off, so that it says nothing of commands that it does not have.
    pub(super) fn entries(&self) -> Option<&[SlowEntry]> {
        let is_off = slowlog_gap(&self.config, Duration::MAX).is_some();
        (!is_off || !self.entries.is_empty()).then_some(self.entries.as_slice())
    }

    /// Says in each stall of unknown cause why it could not be looked up, and what to do about that.
    pub(super) fn complete(&self, mut stalls: Vec<Stall>) -> Vec<Stall> {
        for stall in stalls.iter_mut().filter(|stall| stall.cause.is_none()) {
            let length = Duration::try_from_secs_f64(stall.duration_s).unwrap_or_default();
            let why = match &self.refusal {
                Some(refusal) => Some(format!(
                    "{REFUSED_SLOWLOG} ({refusal}), so the command that caused the stall is unknown; allow +slowlog|get to this ACL user"
                )),
                None => slowlog_gap(&self.config, length),
            };
            stall.evidence.extend(why);
        }
        stalls
    }
}

/// How far off the begin of a server is that counts how long it has been up in whole seconds.
const UPTIME_SLACK_S: f64 = 1.0;

/// Gives a stall without a cause the cause "restart", if the one server was restarted during it.
pub(super) fn mark_restart(
    target: &Target,
    before: &Info,
    result: &RunResult,
    stalls: Vec<Stall>,
) -> Vec<Stall> {
    if stalls.iter().all(|stall| stall.cause.is_some()) || target.each().count() > 1 {
        return stalls;
    }
    // A server that is gone is reported elsewhere.
    let Ok(text) = Control::open(target).and_then(|mut control| control.info()) else {
        return stalls;
    };
    let asked = clock::now().since(result.started.saturating_add(result.measure_from));
    restarted(before, &Info::parse(&text), asked.as_secs_f64(), stalls)
}

/// The same from what the server said before the run and `asked_s` after the measurement had begun.
fn restarted(before: &Info, after: &Info, asked_s: f64, mut stalls: Vec<Stall>) -> Vec<Stall> {
    let ids = before.text("run_id").zip(after.text("run_id")).filter(|(was, is)| was != is);
    let Some((ids, up_s)) = ids.zip(after.number("uptime_in_seconds")) else { return stalls };
    let began_s = asked_s - up_s;
    let spans = |stall: &&mut Stall| {
        let end_s = stall.start_s + stall.duration_s;
        stall.start_s <= began_s + UPTIME_SLACK_S && end_s >= began_s - UPTIME_SLACK_S
    };
    // One restart makes one stall: the shorter ones near it are others.
    let unknown = stalls.iter_mut().filter(|stall| stall.cause.is_none()).filter(spans);
    if let Some(stall) = unknown.max_by(|a, b| a.duration_s.total_cmp(&b.duration_s)) {
        stall.cause = Some("a restart of the server".to_owned());
        stall.evidence.push(format!(
            "run_id was {} and is {}, and the server had been up for {up_s:.0} s when it was asked, {asked_s:.1} s after the \
             measurement had begun",
            ids.0, ids.1
        ));
    }
    stalls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stall(start_s: f64, duration_s: f64, cause: Option<&str>) -> Stall {
        let cause = cause.map(str::to_owned);
        Stall { start_s, duration_s, cause, ..Stall::default() }
    }

    #[test]
    fn a_stall_during_a_restart_has_the_restart_as_its_cause() {
        let told = |before: &str, after: &str| {
            let stalls = vec![
                stall(0.1, 0.3, None),
                stall(2.0, 1.5, None),
                stall(3.6, 0.02, None),
                stall(3.7, 1.6, Some("KEYS *")),
                stall(8.0, 0.5, None),
            ];
            let told = restarted(&Info::parse(before), &Info::parse(after), 10.0, stalls);
            let causes = told.into_iter().map(|stall| stall.cause.unwrap_or_default());
            causes.collect::<Vec<_>>()
        };
        let unknown = ["", "", "", "KEYS *", ""];
        // It was up for 7 s at 10 s: it began at 3 s, give or take one.
        let want = ["", "a restart of the server", "", "KEYS *", ""];
        assert_eq!(told("run_id:a", "run_id:b\nuptime_in_seconds:7"), want);
        assert_eq!(told("run_id:a", "run_id:a\nuptime_in_seconds:7"), unknown);
        assert_eq!(told("run_id:a", "run_id:b"), unknown);
        assert_eq!(told("run_id:a", "run_id:b\nuptime_in_seconds:900"), unknown, "a proxy");
        assert_eq!(told("", "run_id:b\nuptime_in_seconds:7"), unknown);
    }
}
