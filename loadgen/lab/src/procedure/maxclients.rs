//! How many connections a server accepts, and what it replies to the next one (B10).
//!
//! Connections are opened until one is refused; each sends a PING, so that a reply proves that it was accepted. Invariant: the
//! server's own count is compared with the limit, connections of other clients included.

use crate::control::Control;
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest};
use crate::server::info::Info;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// The value of `maxclients` for this procedure; the old value is restored afterwards. Zero does not change it.
    pub limit: usize,
}

/// How long the server's error for a refused connection may take.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, or accepts more connections than its limit.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    aelab_engine::sys::raise_descriptor_limit();
    let mut findings = Findings::default();
    let mut control = Control::open(&under_test.target)?;
    if let Some(default) = maxclients(&mut control)? {
        findings.add("configured_limit", default);
    }
    with_limit(&mut control, params.limit, |control| crowd(under_test, control, &mut findings))?;
    if let Some(descriptors) = under_test.pid.and_then(descriptor_limit) {
        findings.add("descriptors", descriptors);
    }
    Ok(findings)
}

/// Calls `act` with another `maxclients` (zero does not change it), and restores the old value in any case.
///
/// # Errors
/// The server refuses the limit, or `act` fails.
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
fn crowd(
    under_test: &ServerUnderTest<'_>,
    control: &mut Control,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let limit = maxclients(control)?.unwrap_or(0.0);
    let present = number(control, "connected_clients")?;
    let refused_before = number(control, "rejected_connections")?;
    let mut inside = Vec::new();
    // One more than the limit; a server that accepts that as well has no limit.
    while inside.len() as f64 <= limit {
        under_test.go_on()?;
        match enter(under_test)? {
            Some(raw_client) => inside.push(raw_client),
            None => break,
        }
    }
    findings.add("limit", limit);
    findings.add("accepted", inside.len() as f64 + present);
    let words = refusal(under_test);
    let proper = words.as_deref() == Some("ERR max number of clients reached");
    findings.add("refused_in_words", f64::from(u8::from(proper)));
    findings.notes.push(match words {
        Some(words) => format!("reply to the next connection: -{words}"),
        None => "the next connection is closed without a reply".to_owned(),
    });
    let refused = number(control, "rejected_connections")? - refused_before;
    findings.add("rejected_connections", refused);
    // A connection that closes makes room for another.
    inside.pop();
    let mut entered = false;
    for _ in 0..50 {
        // The server may not have seen the close yet.
        if let Some(raw_client) = enter(under_test)? {
            entered = true;
            inside.push(raw_client);
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    findings.add("room_after_leaving", f64::from(u8::from(entered)));
    // All at once: a later procedure must not count some of them.
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
/// Nothing listens at that address.
pub(crate) fn enter(under_test: &ServerUnderTest<'_>) -> Result<Option<RawClient>, Failure> {
    let mut raw_client = RawClient::dial(&under_test.target).map_err(|error| {
        Failure::unreachable(format!("cannot connect to {}: {error}", under_test.target.endpoint))
    })?;
    // The server may close a refused connection before or after its error arrives: both are refusals.
    let sent = raw_client.send(b"PING\r\n");
    match sent.and_then(|()| raw_client.reply()) {
        Ok(Value::Error(text)) if text.starts_with(b"ERR max number of clients") => Ok(None),
        Ok(_) => Ok(Some(raw_client)),
        Err(_) => Ok(None),
    }
}

/// The server's error for a connection over the limit that sends nothing.
fn refusal(under_test: &ServerUnderTest<'_>) -> Option<String> {
    let mut raw_client = RawClient::dial(&under_test.target).ok()?;
    raw_client.set_patience(REFUSAL_TIMEOUT).ok()?;
    match raw_client.reply() {
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

/// The server's limit, if CONFIG gives it.
fn maxclients(control: &mut Control) -> Result<Option<f64>, Failure> {
    let reply = control.command(&[b"CONFIG", b"GET", b"maxclients"])?;
    let value = reply.as_slice().and_then(|pair| pair.get(1)).and_then(Value::as_i64);
    #[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
    Ok(value.map(|value| value as f64))
}

fn set_maxclients(control: &mut Control, limit: &str) -> Result<(), Failure> {
    match control.command(&[b"CONFIG", b"SET", b"maxclients", limit.as_bytes()])? {
        Value::Error(text) => Err(Failure::invalid(format!(
            "the server refuses maxclients {limit}: {}",
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
