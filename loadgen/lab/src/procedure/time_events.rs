//! What a server does without requests: its timer, the expiry of keys that are not read, and the timeout of idle clients (A9).
//!
//! Nothing touches the keys or the idle client during the observation. Invariant: the timer is measured from outside, by how
//! often an idle server wakes up, so that this works with any server.

use crate::observe::proc;
use crate::procedure::raw_client::{RawClient, command};
use crate::procedure::{Findings, ServerUnderTest};
use crate::server::info::Info;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long the idle server is observed.
    pub watch: Duration,
    /// Keys that expire; zero skips that part.
    pub keys: usize,
    /// Their time to live.
    pub ttl: Duration,
    /// The server's `timeout` (its own setting, whole seconds); zero skips that part.
    pub idle_timeout: Duration,
}

/// Interval between two observations.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Longer than any active expiry or client check should take, on top of the time to live or the timeout.
const GRACE: Duration = Duration::from_secs(5);
/// What every key of this procedure starts with.
const PREFIX: &str = "aelab:unread:";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    timer(under_test, params, &mut findings)?;
    if params.keys > 0 {
        expiry(under_test, params, &mut findings)?;
    }
    if !params.idle_timeout.is_zero() {
        silence(under_test, params, &mut findings)?;
    }
    Ok(findings)
}

/// How often a server without clients wakes up, from the first observed wake-up to the last.
#[expect(clippy::cast_precision_loss, reason = "wake-ups of some seconds")]
fn timer(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    findings: &mut Findings,
) -> Result<(), Failure> {
    /// Interval between two observations: a wake-up is seen late by as much, at the start and at the end.
    const COUNT_EVERY: Duration = Duration::from_millis(2);
    let Some(pid) = under_test.pid else { return Ok(()) };
    let switches = || proc::look(pid).voluntary_switches;
    let cpu = || proc::look(pid).cpu_ns;
    // The earlier requests are over, and their connection is closed by now.
    pause(under_test, COUNT_EVERY * 25)?;
    let (from, mut last, cpu_before) = (clock::now(), switches(), cpu());
    let at_first = last;
    let (mut seen_first, mut seen_last) = (None, None);
    while Duration::from(clock::now().since(from)) < params.watch {
        under_test.go_on()?;
        std::thread::sleep(COUNT_EVERY);
        let (at, count) = (clock::now(), switches());
        if count != last {
            seen_first = seen_first.or_else(|| count.map(|count| (at, count)));
            seen_last = count.map(|count| (at, count));
            last = count;
        }
    }
    if let Some((first, last)) = at_first.zip(last) {
        let wakeups = last.saturating_sub(first) as f64;
        findings.add("wakeups", wakeups);
        if let Some((before, after)) = cpu_before.zip(cpu()).filter(|_| wakeups > 0.0) {
            findings.add("timer_cost_s", after.saturating_sub(before) as f64 / 1e9 / wakeups);
        }
    }
    if let (Some((begin, few)), Some((end, many))) = (seen_first, seen_last)
        && many > few
    {
        let period = end.since(begin).as_secs_f64() / (many - few) as f64;
        findings.add("timer_per_s", 1.0 / period);
        findings.add("timer_period_s", period);
    }
    Ok(())
}

/// Whether keys are expired that no client reads.
#[expect(clippy::cast_precision_loss, reason = "numbers of keys")]
fn expiry(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut client = RawClient::connect(&under_test.target)?;
    let others = size(&mut client)?;
    let ttl = params.ttl.as_millis().to_string();
    for first in (0..params.keys).step_by(500) {
        let last = (first + 500).min(params.keys);
        let sets: Vec<u8> = (first..last)
            .flat_map(|key| command(&["SET", &format!("{PREFIX}{key}"), "x", "PX", &ttl]))
            .collect();
        client.send(&sets)?;
        for _ in first..last {
            client.reply()?;
        }
    }
    let written = clock::now();
    let (mut left, mut most_ops) = (params.keys, None);
    while left > 0 && Duration::from(clock::now().since(written)) < params.ttl + GRACE {
        pause(under_test, LOOK_EVERY)?;
        left = size(&mut client)?.saturating_sub(others).min(params.keys);
        most_ops = most_ops.max(ops_per_s(&mut client)?);
    }
    if left > 0 {
        // They are removed, because the server may be in use for other things.
        remove(&mut client, params.keys)?;
    }
    if let Some(ops) = most_ops {
        findings.add("ops_per_s", ops as f64);
    }
    let gone = params.keys - left;
    findings.add("expired_share", gone as f64 / params.keys as f64);
    if left == 0 {
        let late = clock::now().since(written + Nanos::from(params.ttl));
        findings.add("expired_late_s", late.as_secs_f64());
    }
    Ok(())
}

/// DBSIZE: it counts keys without touching them.
fn size(client: &mut RawClient) -> Result<usize, Failure> {
    match client.ask(&["DBSIZE"])? {
        Value::Integer(count) => Ok(usize::try_from(count).unwrap_or(0)),
        _ => Err(Failure::invalid("the server does not answer DBSIZE with a number")),
    }
}

/// The server's current operations per second; `None` if it gives no statistics.
fn ops_per_s(client: &mut RawClient) -> Result<Option<u64>, Failure> {
    let info = client.ask(&["INFO", "stats"])?;
    let text = info.as_str().unwrap_or_default();
    Ok(Info::parse(text).text("instantaneous_ops_per_sec").and_then(|ops| ops.parse().ok()))
}

/// Removes the keys of this procedure.
fn remove(client: &mut RawClient, keys: usize) -> Result<(), Failure> {
    for key in 0..keys {
        client.send(&command(&["UNLINK", &format!("{PREFIX}{key}")]))?;
        client.reply()?;
    }
    Ok(())
}

/// Whether an idle client is closed.
fn silence(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut idle = RawClient::connect(&under_test.target)?;
    let from = clock::now();
    while Duration::from(clock::now().since(from)) < params.idle_timeout + GRACE {
        pause(under_test, LOOK_EVERY)?;
        if idle.has_answer().is_err() {
            findings.add("idle_closed_after_s", clock::now().since(from).as_secs_f64());
            break;
        }
    }
    let closed = findings.get("idle_closed_after_s").is_some();
    findings.add_count("idle_closed", usize::from(closed));
    Ok(())
}

/// Sleeps; ends early on ^C.
fn pause(under_test: &ServerUnderTest<'_>, length: Duration) -> Result<(), Failure> {
    let until = clock::now() + Nanos::from(length);
    loop {
        under_test.go_on()?;
        let left: Duration = until.since(clock::now()).into();
        if left.is_zero() {
            return Ok(());
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}
