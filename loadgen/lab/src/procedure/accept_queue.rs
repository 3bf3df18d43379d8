//! Connecting to a busy server: what the kernel does by itself, what waits, and what a full accept queue does (B7).
//!
//! Connections are made first to an idle server, then to a paused one. Each sends a command; the times of `connect()` and of
//! the first reply are recorded. With a small `tcp-backlog`, more clients than the queue holds connect at the same time; the
//! kernel's retries decide how long that takes. Invariant: each connection is timed alone; the queue length is read from the
//! kernel.

use crate::procedure::pause_server::Pause;
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest, Table};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::plan::Endpoint;
use aelab_results::record::Curve;
use aelab_results::stats::spread::{largest, median};
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long the server is paused.
    pub stall: Duration,
    /// Connections made one after the other while it is paused, and as many while it is idle.
    pub connections: usize,
    /// Connections made at the same time while it is paused: more than its accept queue holds. Zero skips this part.
    pub crowd: usize,
    /// How long the server is paused while these connect: several of the kernel's retries.
    pub crowd_stall: Duration,
}

/// Time between the start of the pause and the first connection.
const FALLING_ASLEEP: Duration = Duration::from_millis(20);

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or does not allow DEBUG SLEEP.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let idle: Vec<Visit> = (0..params.connections)
        .map(|_| Visit::begin(under_test)?.finish())
        .collect::<Result<_, _>>()?;
    report("idle", &idle, &mut findings);
    busy(under_test, params, &mut findings)?;
    if params.crowd > 0 {
        crowd(under_test, params, &mut findings)?;
    }
    Ok(findings)
}

/// A connection that has sent a command and waits for the reply.
struct Begun {
    raw_client: RawClient,
    from: Nanos,
    connected: Nanos,
}

/// One connection's times.
#[derive(Debug, Clone, Copy)]
struct Visit {
    from: Nanos,
    connected: Nanos,
    replied: Nanos,
}

impl Visit {
    /// Connects and sends a command.
    fn begin(under_test: &ServerUnderTest<'_>) -> Result<Begun, Failure> {
        let from = clock::now();
        let mut raw_client = RawClient::dial(&under_test.target).map_err(|error| {
            Failure::unreachable(format!(
                "cannot connect to {}: {error}",
                under_test.target.endpoint
            ))
        })?;
        let connected = clock::now();
        // Any reply will do: a server with a password answers NOAUTH just as fast.
        raw_client.send(b"PING\r\n")?;
        Ok(Begun { raw_client, from, connected })
    }

    fn connect_s(&self) -> f64 {
        self.connected.since(self.from).as_secs_f64()
    }

    fn reply_s(&self) -> f64 {
        self.replied.since(self.from).as_secs_f64()
    }
}

impl Begun {
    fn finish(mut self) -> Result<Visit, Failure> {
        self.raw_client.reply()?;
        Ok(Visit { from: self.from, connected: self.connected, replied: clock::now() })
    }
}

fn report(name: &str, visits: &[Visit], findings: &mut Findings) {
    let connects: Vec<f64> = visits.iter().map(Visit::connect_s).collect();
    let replies: Vec<f64> = visits.iter().map(Visit::reply_s).collect();
    for (what, values) in [("connect", &connects), ("first_reply", &replies)] {
        if let Some(middle) = median(values) {
            findings.add_between(format!("{name}_{what}_s"), middle);
        }
        if let Some(most) = largest(values) {
            findings.add(format!("{name}_{what}_max_s"), most);
        }
    }
}

/// Connections spread over a pause of the server.
fn busy(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let pause = Pause::begin(under_test, params.stall)?;
    let from = pause.from;
    std::thread::sleep(FALLING_ASLEEP);
    // The last begins at three quarters of the pause, so that all of them lie within it.
    let gap =
        params.stall.mul_f64(0.75) / u32::try_from(params.connections.max(1)).unwrap_or(u32::MAX);
    let mut begun = Vec::new();
    for _ in 0..params.connections {
        under_test.go_on()?;
        begun.push(Visit::begin(under_test)?);
        std::thread::sleep(gap);
    }
    let queued = queue_length(under_test);
    let asleep_still = !pause.is_over();
    let until = pause.end()?;
    let visits: Vec<Visit> = begun.into_iter().map(Begun::finish).collect::<Result<_, _>>()?;
    findings.add("stall_s", until.since(from).as_secs_f64());
    findings.add("all_within_stall", f64::from(u8::from(asleep_still)));
    if let Some(queued) = queued {
        findings.add_count("queued", queued);
    }
    report("stalled", &visits, findings);
    // The reply arrives after the pause, so each connection waits for the rest of the pause.
    let waits: Vec<f64> = visits
        .iter()
        .map(|visit| visit.reply_s() / until.since(visit.from).as_secs_f64())
        .collect();
    if let Some(share) = median(&waits) {
        findings.add_between("wait_of_rest_of_stall", share);
    }
    findings.curve = Some(Curve {
        title: "While the server is paused, connect() returns at once and the first reply waits for the end of the pause"
            .to_owned(),
        x: "seconds from the start of the stall to connect()".to_owned(),
        y: "time".to_owned(),
        y_unit: "s".to_owned(),
        log: false,
        points: Vec::new(),
    });
    for visit in &visits {
        let begun = visit.from.since(from).as_secs_f64();
        findings.add_point("connect()", begun, visit.connect_s());
        findings.add_point("first reply", begun, visit.reply_s());
    }
    findings.tables.push(Table {
        title: "connections made while the server was paused".to_owned(),
        columns: ["begun_s", "connect_s", "first_reply_s"].map(str::to_owned).to_vec(),
        rows: visits
            .iter()
            .map(|v| vec![v.from.since(from).as_secs_f64(), v.connect_s(), v.reply_s()])
            .collect(),
    });
    Ok(())
}

/// More simultaneous connections than the accept queue holds.
fn crowd(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let pause = Pause::begin(under_test, params.crowd_stall)?;
    let from = pause.from;
    std::thread::sleep(FALLING_ASLEEP);
    let visits: Vec<Result<Visit, Failure>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..params.crowd)
            .map(|_| scope.spawn(|| Visit::begin(under_test).and_then(Begun::finish)))
            .collect();
        let lost = || Err(Failure::invalid("a thread of the procedure ended early"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let until = pause.end()?;
    let failed = visits.iter().filter(|visit| visit.is_err()).count();
    let mut visits: Vec<Visit> = visits.into_iter().filter_map(Result::ok).collect();
    visits.sort_by_key(|visit| visit.connected);
    /// A handshake on one machine takes microseconds; the kernel's first retry follows after one second.
    const RETRIED_S: f64 = 0.5;
    let late: Vec<f64> =
        visits.iter().map(Visit::connect_s).filter(|seconds| *seconds > RETRIED_S).collect();
    findings.add("crowd_stall_s", until.since(from).as_secs_f64());
    findings.add_count("crowd_at_once", visits.len() - late.len());
    findings.add_count("crowd_retried", late.len());
    findings.add_count("crowd_failed", failed);
    if let Some(first) = late.first() {
        findings.add("crowd_first_connect_s", *first);
    }
    if let Some(last) = largest(&late) {
        findings.add("crowd_last_connect_s", last);
        // The connection was possible from the end of the pause; the kernel made it at its next retry.
        let after = visits.last().map_or(0.0, |visit| visit.connected.since(until).as_secs_f64());
        findings.add("crowd_late_after_stall_s", after);
    }
    if let Ok(linear) = std::fs::read_to_string("/proc/sys/net/ipv4/tcp_syn_linear_timeouts") {
        let linear = linear.trim();
        findings.notes.push(format!(
            "this kernel sends its first {linear} SYN retries a second apart (net.ipv4.tcp_syn_linear_timeouts), then doubles the pause"
        ));
    }
    let mut connects: Vec<f64> = visits.iter().map(Visit::connect_s).collect();
    connects.sort_by(f64::total_cmp);
    findings.curve = Some(Curve {
        title: "A full accept queue: further clients connect at one of the kernel's retries"
            .to_owned(),
        x: "clients, fastest first".to_owned(),
        y: "time to connect".to_owned(),
        y_unit: "s".to_owned(),
        log: false,
        points: Vec::new(),
    });
    for (before, connect) in connects.iter().enumerate() {
        findings.add_point("connect()", (before + 1) as f64, *connect);
    }
    findings.tables.push(Table {
        title: "clients that connect at the same time to a paused server with a short accept queue"
            .to_owned(),
        columns: ["begun_s", "connect_s", "first_reply_s"].map(str::to_owned).to_vec(),
        rows: visits
            .iter()
            .map(|v| vec![v.from.since(from).as_secs_f64(), v.connect_s(), v.reply_s()])
            .collect(),
    });
    Ok(())
}

/// Connections that the kernel has completed and the server has not accepted: the receive queue of a listening socket in
/// /proc/net/tcp. `None` if the file does not list it.
fn queue_length(under_test: &ServerUnderTest<'_>) -> Option<usize> {
    let Endpoint::Tcp(addr) = &under_test.target.endpoint else { return None };
    let text = std::fs::read_to_string("/proc/net/tcp").ok()?;
    listening_queue(&text, addr.port())
}

/// The queue of the listener on a port, from the text of /proc/net/tcp.
fn listening_queue(text: &str, port: u16) -> Option<usize> {
    /// `TCP_LISTEN` of the kernel, as the file writes it.
    const LISTEN: &str = "0A";
    text.lines().find_map(|line| {
        let mut fields = line.split_whitespace();
        let (_, local, _, state, queues) =
            (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let local_port = u16::from_str_radix(local.split_once(':')?.1, 16).ok()?;
        let (_, received) = queues.split_once(':')?;
        (state == LISTEN && local_port == port)
            .then(|| usize::from_str_radix(received, 16).ok())
            .flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::listening_queue;

    #[test]
    fn reads_the_accept_queue() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n\
                    0: 0100007F:18EB 00000000:0000 0A 00000000:0000000C 00:00000000 00000000     0\n\
                    1: 0100007F:18EB 0100007F:9C40 01 00000000:00000007 00:00000000 00000000     0\n";
        assert_eq!(listening_queue(text, 0x18EB), Some(12));
        assert_eq!(listening_queue(text, 80), None);
        assert_eq!(listening_queue("", 80), None);
    }
}
