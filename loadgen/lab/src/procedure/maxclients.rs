//! How many connections a server takes, and what the next one is told (B10).
//!
//! Connections are opened until one is refused, each asked for a PONG so that it is known to be in. Invariant: what counts
//! against the limit is what the server itself counts, connections of others included.

use crate::control::Control;
use crate::procedure::raw_client::Peer;
use crate::procedure::{Findings, Site};
use crate::server::info::Info;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// The server's `maxclients`; it is set while it runs and put back afterwards. Zero leaves it as it is.
    pub limit: usize,
}

/// How long the last words of a server that refuses may take.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or refuses nobody although its limit is passed.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    aelab_engine::sys::raise_descriptor_limit();
    let mut findings = Findings::default();
    let mut control = Control::open(&site.target)?;
    if let Some(default) = maxclients(&mut control)? {
        findings.add("configured_limit", default);
    }
    with_limit(&mut control, params.limit, |control| crowd(site, control, &mut findings))?;
    if let Some(descriptors) = site.pid.and_then(descriptor_limit) {
        findings.add("descriptors", descriptors);
    }
    Ok(findings)
}

/// Does something while the server's `maxclients` is another (zero leaves it), and puts it back whatever happens.
///
/// # Errors
/// The server does not take the limit, and what `act` says.
pub(crate) fn with_limit(
    control: &mut Control,
    limit: usize,
    act: impl FnOnce(&mut Control) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(before) = maxclients(control)?.filter(|_| limit > 0) else { return act(control) };
    set_maxclients(control, &limit.to_string())?;
    let outcome = act(control);
    set_maxclients(control, &before.to_string())?;
    outcome
}

/// Opens connections until one is refused.
#[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
fn crowd(site: &Site<'_>, control: &mut Control, findings: &mut Findings) -> Result<(), Failure> {
    let limit = maxclients(control)?.unwrap_or(0.0);
    let present = number(control, "connected_clients")?;
    let refused_before = number(control, "rejected_connections")?;
    let mut inside = Vec::new();
    // One more than can be taken; a server that takes that too has no limit.
    while inside.len() as f64 <= limit {
        site.go_on()?;
        match enter(site)? {
            Some(peer) => inside.push(peer),
            None => break,
        }
    }
    findings.add("limit", limit);
    findings.add("accepted", inside.len() as f64 + present);
    let words = refusal(site);
    let proper = words.as_deref() == Some("ERR max number of clients reached");
    findings.add("refused_in_words", f64::from(u8::from(proper)));
    findings.notes.push(match words {
        Some(words) => format!("the next connection is told: -{words}"),
        None => "the next connection is told nothing".to_owned(),
    });
    let refused = number(control, "rejected_connections")? - refused_before;
    findings.add("rejected_connections", refused);
    // Whoever leaves makes room for one.
    inside.pop();
    let mut entered = false;
    for _ in 0..50 {
        // The server may not have noticed yet that one has left.
        if let Some(peer) = enter(site)? {
            entered = true;
            inside.push(peer);
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    findings.add("room_after_leaving", f64::from(u8::from(entered)));
    // All at once, and not one by one while somebody already counts again.
    let count = inside.len();
    drop(inside);
    for _ in 0..500 {
        if number(control, "connected_clients")? <= present {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Failure::invalid(format!(
        "the server still counts its {count} clients after they have left"
    )))
}

/// A connection that was answered, or `None` if it was refused.
///
/// # Errors
/// Nobody listens there.
pub(crate) fn enter(site: &Site<'_>) -> Result<Option<Peer>, Failure> {
    let mut peer = Peer::dial(&site.target).map_err(|error| {
        Failure::unreachable(format!("cannot connect to {}: {error}", site.target.endpoint))
    })?;
    // Who is refused may be cut off before or after it could read why: both are refusals.
    let sent = peer.send(b"PING\r\n");
    match sent.and_then(|()| peer.reply()) {
        Ok(Value::Error(text)) if text.starts_with(b"ERR max number of clients") => Ok(None),
        Ok(_) => Ok(Some(peer)),
        Err(_) => Ok(None),
    }
}

/// What the server says to a connection that keeps silent, if it is one too many.
fn refusal(site: &Site<'_>) -> Option<String> {
    let mut peer = Peer::dial(&site.target).ok()?;
    peer.set_patience(LAST_WORDS).ok()?;
    match peer.reply() {
        Ok(Value::Error(text)) => Some(String::from_utf8_lossy(&text).into_owned()),
        _ => None,
    }
}

/// A number of INFO.
///
/// # Errors
/// The connection broke, or INFO has no such number.
pub(crate) fn number(control: &mut Control, field: &str) -> Result<f64, Failure> {
    Info::parse(&control.info()?)
        .number(field)
        .ok_or_else(|| Failure::invalid(format!("INFO has no number {field}")))
}

/// The server's limit, if it tells.
fn maxclients(control: &mut Control) -> Result<Option<f64>, Failure> {
    let reply = control.command(&[b"CONFIG", b"GET", b"maxclients"])?;
    let value = reply.as_slice().and_then(|pair| pair.get(1)).and_then(Value::as_i64);
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
    Ok(value.map(|value| value as f64))
}

fn set_maxclients(control: &mut Control, limit: &str) -> Result<(), Failure> {
    match control.command(&[b"CONFIG", b"SET", b"maxclients", limit.as_bytes()])? {
        Value::Error(text) => Err(Failure::invalid(format!(
            "the server does not take maxclients {limit}: {}",
            String::from_utf8_lossy(&text)
        ))),
        _ => Ok(()),
    }
}

/// The limit of open descriptors that a process has, from /proc.
fn descriptor_limit(pid: u32) -> Option<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).ok()?;
    let rest = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    rest.split_whitespace().next()?.parse().ok()
}
