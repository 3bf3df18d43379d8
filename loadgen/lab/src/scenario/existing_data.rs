//! The stall explorer on data that is in a running server already: its size, and commands that only read.
//!
//! Invariant: nothing is written, neither by the lab nor by the command.

use crate::control::Control;
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_engine::workload::words::split_words;
use aelab_resp::value::Value;
use aelab_scenarios::explore::{Data, Exploration, Growing};
use aelab_scenarios::model::CollectionKind;

/// Commands that run scripts: their flags do not show whether they write.
const SCRIPTS: [&str; 4] = ["EVAL", "EVALSHA", "FCALL", "SCRIPT"];

/// Sets the only size of an exploration to that of the data on the server.
///
/// # Errors
/// The data is not there, or the command changes data (exit 2); the server cannot be reached (exit 6).
pub fn look_up(target: &Target, exploration: &mut Exploration) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    only_reads(&mut control, &exploration.offender)?;
    only_reads(&mut control, &exploration.victim)?;
    let size = match &mut exploration.growing {
        Growing::Keys => count(&control.command(&[b"DBSIZE"])?),
        Growing::Collection { kind, name } => {
            *kind = kind_of(&mut control, target, name)?;
            let command: &[u8] = match kind {
                CollectionKind::List => b"LLEN",
                CollectionKind::Set => b"SCARD",
                CollectionKind::Hash => b"HLEN",
                CollectionKind::Zset => b"ZCARD",
            };
            count(&control.command(&[command, name.as_bytes()])?)
        }
    };
    if size == 0 {
        return Err(Failure::usage(format!(
            "database {} of {} is empty; load data, or omit --existing-data",
            target.db, target.endpoint
        )));
    }
    exploration.sizes = vec![size];
    exploration.data = Data::Existing;
    Ok(())
}

fn count(reply: &Value) -> u64 {
    reply.as_i64().and_then(|count| u64::try_from(count).ok()).unwrap_or(0)
}

fn kind_of(control: &mut Control, target: &Target, name: &str) -> Result<CollectionKind, Failure> {
    let reply = control.command(&[b"TYPE", name.as_bytes()])?;
    let found = reply.as_str().unwrap_or_default();
    let kind = CollectionKind::ALL.into_iter().find(|kind| kind.name() == found);
    kind.ok_or_else(|| {
        Failure::usage(match found {
            "none" | "" => format!(
                "{name} is not in database {} of {}; correct the key, or omit --existing-data to load one",
                target.db, target.endpoint
            ),
            other => format!(
                "{name} is a {other}; --existing-data takes a list, set, hash or sorted set"
            ),
        })
    })
}

/// Refuses a command that the server itself calls a writing one.
fn only_reads(control: &mut Control, command: &str) -> Result<(), Failure> {
    let words = split_words(command).map_err(Failure::usage)?;
    let Some(name) = words.first() else { return Ok(()) };
    let shown = String::from_utf8_lossy(name).to_ascii_uppercase();
    let refuse = |why: &str| {
        Err(Failure::usage(format!(
            "{shown} {why}; with --existing-data, use a command that only reads"
        )))
    };
    if SCRIPTS.contains(&shown.as_str()) {
        return refuse("may change data");
    }
    let Ok(reply) = control.command(&[b"COMMAND", b"INFO", name]) else {
        return refuse("cannot be looked up, because the server refuses COMMAND INFO");
    };
    let flags = reply.as_slice().and_then(|of| of.first()?.as_slice()?.get(2)?.as_slice());
    match flags {
        None => refuse("is unknown to the server"),
        Some(flags) if flags.iter().any(|flag| flag.as_str() == Some("write")) => {
            refuse("changes data")
        }
        Some(_) => Ok(()),
    }
}
