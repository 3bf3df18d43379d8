//! Background work of a server, and what happened to its keys and connections, from two of its INFO texts.
//!
//! Pure. Invariant: a field that one of the two does not have gives no caveat; counters that fell (a restart, CONFIG RESETSTAT)
//! are not counted as growth.

use crate::server::info::Info;
use aelab_engine::plan::RunPlan;
use aelab_results::caveat::Caveat;

/// Background work, the field that shows it, and what a counter of it is called.
const WORK: [(&str, &str, Option<&str>); 4] = [
    ("loading", "loading its data set", None),
    ("rdb_bgsave_in_progress", "saving (RDB)", Some("rdb_saves")),
    ("aof_rewrite_in_progress", "rewriting its AOF", Some("aof_rewrites")),
    ("async_loading", "loading its data set from a master", None),
];

/// Whether a load makes keys expire itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expiry {
    /// Some command sets one.
    Sets,
    /// None does.
    Leaves,
}

impl Expiry {
    /// Of a plan.
    #[must_use]
    pub fn of(plan: &RunPlan) -> Self {
        /// Names and options that set one; `{ttl` is a placeholder of aelab.
        const WORDS: [&[u8]; 12] = [
            b"EX",
            b"PX",
            b"EXAT",
            b"PXAT",
            b"SETEX",
            b"PSETEX",
            b"EXPIRE",
            b"PEXPIRE",
            b"EXPIREAT",
            b"PEXPIREAT",
            b"EVAL",
            b"EVALSHA",
        ];
        let sets = |arg: &[u8]| {
            WORDS.iter().any(|word| arg.eq_ignore_ascii_case(word)) || arg.starts_with(b"{ttl")
        };
        let commands = plan.groups.iter().flat_map(|group| &group.workload.commands);
        match commands.flat_map(|command| &command.args).any(|arg| sets(arg)) {
            true => Self::Sets,
            false => Self::Leaves,
        }
    }
}

/// The caveats that follow from INFO before and after a run.
#[must_use]
pub fn caveats(before: &Info, after: &Info, expiry: Expiry) -> Vec<Caveat> {
    let mut found = changes(before, after);
    // The counters of a restarted server begin at zero.
    let restarted = !found.is_empty();
    found.extend(work(before, after));
    let grown = |field: &str| -> Option<u64> {
        let (was, is) = before.number(field).zip(after.number(field))?;
        (!restarted && is > was).then_some((is - was) as u64)
    };
    if let Some(count) = grown("evicted_keys") {
        found.push(Caveat::KeysEvicted { count });
    }
    if let Some(count) = grown("expired_keys").filter(|_| expiry == Expiry::Leaves) {
        found.push(Caveat::KeysExpired { count });
    }
    if let Some(count) = grown("rejected_connections") {
        found.push(Caveat::ConnectionsRejected { count });
    }
    found
}

/// Another server than before, or the same in another role.
fn changes(before: &Info, after: &Info) -> Vec<Caveat> {
    let mut found = Vec::new();
    for field in ["run_id", "role"] {
        if let (Some(was), Some(is)) = (before.text(field), after.text(field))
            && was != is
        {
            found.push(Caveat::ServerChanged { what: format!("{field} was {was} and is {is}") });
        }
    }
    let uptime = |info: &Info| info.number("uptime_in_seconds");
    if before.text("run_id").is_none()
        && let Some((was, is)) = uptime(before).zip(uptime(after))
        && is < was
    {
        let what = format!("it was up for {was:.0} s before and for {is:.0} s after: it restarted");
        found.push(Caveat::ServerChanged { what });
    }
    found
}

/// Background work at the start, at the end, or in between.
fn work(before: &Info, after: &Info) -> Option<Caveat> {
    let is_on = |info: &Info, field: &str| info.number(field).is_some_and(|value| value > 0.0);
    let phrase = |&(field, what, counter): &(&str, &str, Option<&str>)| {
        let counted = counter.and_then(|name| before.number(name).zip(after.number(name)));
        match (is_on(before, field), is_on(after, field)) {
            (true, true) => Some(format!("{what} before and after the run")),
            (true, false) => Some(format!("{what} when the run began")),
            (false, true) => Some(format!("{what} when the run ended")),
            (false, false) => {
                counted.filter(|(was, is)| is > was).map(|_| format!("{what} during the run"))
            }
        }
    };
    let phrases: Vec<String> = WORK.iter().filter_map(phrase).collect();
    (!phrases.is_empty()).then(|| Caveat::ServerBusy { what: phrases.join(" and ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(before: &str, after: &str, expiry: Expiry) -> Vec<String> {
        let found = caveats(&Info::parse(before), &Info::parse(after), expiry);
        found.iter().map(|caveat| format!("{}: {}", caveat.id(), caveat.cause())).collect()
    }

    #[test]
    fn each_change_is_a_caveat_of_its_own() {
        for (before, after, want) in [
            ("run_id:a\nrole:master", "run_id:a\nrole:master", None),
            ("run_id:a", "run_id:b", Some("server-changed")),
            ("run_id:a\nrole:master", "run_id:a\nrole:slave", Some("server-changed")),
            ("uptime_in_seconds:90", "uptime_in_seconds:2", Some("server-changed")),
            (
                "loading:1",
                "loading:0",
                Some("server-busy: the server was loading its data set when"),
            ),
            (
                "rdb_bgsave_in_progress:0\nrdb_saves:3",
                "rdb_bgsave_in_progress:0\nrdb_saves:4",
                Some("server-busy: the server was saving (RDB) during the run"),
            ),
            ("aof_rewrite_in_progress:0", "aof_rewrite_in_progress:1", Some("server-busy")),
            ("evicted_keys:5", "evicted_keys:9", Some("keys-evicted: the server evicted 4 keys")),
            ("evicted_keys:9", "evicted_keys:5", None),
            ("expired_keys:0", "expired_keys:2", Some("keys-expired: 2 keys")),
            ("rejected_connections:1", "rejected_connections:3", Some("connections-rejected")),
            ("evicted_keys:5", "", None),
        ] {
            let found = found(before, after, Expiry::Leaves);
            assert_eq!(found.len(), usize::from(want.is_some()), "{before} / {after}: {found:?}");
            if let Some(want) = want {
                assert!(found[0].starts_with(want), "{found:?}");
            }
        }
        assert!(found("expired_keys:0", "expired_keys:2", Expiry::Sets).is_empty());
        let restart = found("run_id:a\nevicted_keys:1", "run_id:b\nevicted_keys:5", Expiry::Leaves);
        assert_eq!(restart.len(), 1, "counters of another process say nothing: {restart:?}");
    }
}
