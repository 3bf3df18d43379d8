//! What a wake-up costs the server while many other connections are idle (A4, A5, A6).
//!
//! Idle connections are added step by step. At each step one connection sends requests one at a time, so that every request is
//! one wake-up, and the server's CPU time is divided by their number. Then several connections send at the same time, and the
//! server reports how many events each wake-up had. Invariant: the cost is the server's own CPU time, not a round trip.

use crate::observe::proc;
use crate::procedure::raw_client::{RawClient, command};
use crate::procedure::{Findings, ServerUnderTest, Table};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use aelab_results::stats::Figure;
use aelab_results::stats::spread::median;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Numbers of idle connections, rising from zero.
    pub idle: Vec<usize>,
    /// Wake-ups of one measurement.
    pub wakeups: usize,
    /// Measurements at each step.
    pub repeats: usize,
    /// Connections that send at the same time.
    pub active: usize,
}

/// Idle connections. The server is full when a new connection gets an error or is closed.
struct Crowd {
    clients: Vec<RawClient>,
    refusal: Option<String>,
}

impl Crowd {
    /// Opens as many as requested, or as many as the server accepts.
    fn grow_to(&mut self, under_test: &ServerUnderTest<'_>, count: usize) -> Result<(), Failure> {
        while self.clients.len() < count && self.refusal.is_none() {
            under_test.go_on()?;
            // The kernel completes connections even if the server is full: only a reply shows that the server accepted one.
            let served = RawClient::connect(&under_test.target).and_then(|mut client| {
                let reply = client.ask(&["PING"])?;
                Ok((client, reply))
            });
            match served {
                Ok((_, Value::Error(text))) => {
                    self.refusal = Some(String::from_utf8_lossy(&text).into_owned());
                }
                Ok((client, _)) => self.clients.push(client),
                Err(failure) => self.refusal = Some(failure.message),
            }
        }
        Ok(())
    }
}

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, or runs on another machine.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let pid = under_test.pid.ok_or_else(|| {
        Failure::usage(
            "the cost of a wake-up can be measured on this machine only; let loadgen start the server",
        )
    })?;
    aelab_engine::sys::raise_descriptor_limit();
    // A wake-up from the server's own core costs a third of one from another core, and the kernel places this
    // thread at random.
    match under_test.cpus.as_deref() {
        Some([cpu, ..]) => from_core(*cpu, || steps(under_test, pid, params)),
        _ => steps(under_test, pid, params),
    }
}

/// Runs `work` in a thread that is pinned to one core, if the system allows it.
fn from_core<T: Send>(cpu: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _ = aelab_engine::sys::pin_thread(cpu);
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn steps(under_test: &ServerUnderTest<'_>, pid: u32, params: &Params) -> Result<Findings, Failure> {
    let mut asking = RawClient::connect(&under_test.target)?;
    let mut crowd = Crowd { clients: Vec::new(), refusal: None };
    let mut steps: Vec<(usize, Figure)> = Vec::new();
    for &idle in &params.idle {
        crowd.grow_to(under_test, idle)?;
        if crowd.clients.len() < idle {
            break;
        }
        let mut costs = Vec::new();
        // The first measurement of a step also warms the caches, so it is discarded.
        cost(pid, &mut asking, params.wakeups)?;
        for _ in 0..params.repeats.max(1) {
            under_test.go_on()?;
            costs.push(cost(pid, &mut asking, params.wakeups)?);
        }
        let Some(cost) = median(&costs) else { break };
        steps.push((idle, cost));
    }
    let mut findings = Findings::default();
    report(&mut findings, &steps);
    findings.add_count("accepted", crowd.clients.len() + 1);
    findings.add_count("refused", usize::from(crowd.refusal.is_some()));
    if let Some(refusal) = &crowd.refusal {
        let held = crowd.clients.len() + 1;
        findings
            .notes
            .push(format!("with {held} connections open, the next was refused: {refusal}"));
    }
    if let Some(events) = events(under_test, params, &mut crowd)? {
        findings.add("events_per_wake_max", events.most);
        findings.add("events_per_request", events.per_request);
    }
    Ok(findings)
}

/// CPU time of the server for one wake-up, in seconds.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a measurement")]
fn cost(pid: u32, asking: &mut RawClient, wakeups: usize) -> Result<f64, Failure> {
    let lost = || Failure::invalid("the server's CPU time can no longer be read");
    let before = proc::look(pid).cpu_ns.ok_or_else(lost)?;
    for _ in 0..wakeups {
        asking.ask(&["PING"])?;
    }
    let after = proc::look(pid).cpu_ns.ok_or_else(lost)?;
    Ok(after.saturating_sub(before) as f64 / 1e9 / wakeups.max(1) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn report(findings: &mut Findings, steps: &[(usize, Figure)]) {
    for (idle, cost) in steps {
        findings.add_between(format!("cost_{idle}_s"), *cost);
    }
    let rows = steps.iter().map(|(idle, cost)| vec![*idle as f64, cost.value]).collect();
    findings.tables.push(Table {
        title: "CPU time of one wake-up by idle connections".to_owned(),
        columns: vec!["idle_connections".to_owned(), "cost_s".to_owned()],
        rows,
    });
    let (Some((_, base)), Some((most, top))) = (steps.first(), steps.last()) else { return };
    findings.add_count("most_idle", *most);
    let growth = |top: f64, base: f64| top / base;
    findings.add_between(
        "growth",
        Figure {
            value: growth(top.value, base.value),
            lo: growth(top.lo, base.hi),
            hi: growth(top.hi, base.lo),
        },
    );
    if let Some(slope) = cost_slope(steps) {
        findings.add("cost_slope", slope);
    }
    findings.add("cost_per_connection_s", (top.value - base.value) / (*most).max(1) as f64);
    if let Some(slope) = slope(steps) {
        findings.add("slope", slope);
    }
}

/// The log-log slope of the cost that idle connections add to a wake-up: 1 if twice as many cost twice as much. It is taken up
/// to the largest number of connections, from the smallest number that at least doubles the cost of a wake-up (below it is
/// mostly noise), or else from the second largest: neighbouring steps alone would show the CPU caches. `None` if nothing is
/// added.
#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn slope(steps: &[(usize, Figure)]) -> Option<f64> {
    let (_, base) = steps.first()?;
    let added: Vec<(f64, f64)> = steps
        .iter()
        .filter(|(idle, _)| *idle > 0)
        .map(|(idle, cost)| (*idle as f64, cost.value - base.value))
        .collect();
    let [rest @ .., second, (many, high)] = added.as_slice() else { return None };
    let (few, low) = rest.iter().find(|(_, cost)| *cost >= base.value).unwrap_or(second);
    (*low > 0.0 && *high > 0.0).then(|| (high / low).ln() / (many / few).ln())
}

/// The log-log slope of the whole cost, from the smallest number of idle connections above zero to the largest: 0 if they make
/// no difference.
#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn cost_slope(steps: &[(usize, Figure)]) -> Option<f64> {
    let (few, low) = steps.iter().find(|(idle, _)| *idle > 0)?;
    let (many, high) = steps.last()?;
    (many > few).then(|| (high.value / low.value).ln() / (*many as f64 / *few as f64).ln())
}

/// Events of the server's wake-ups while several connections sent at the same time.
struct Events {
    /// The most in one wake-up.
    most: f64,
    /// All events divided by requests: 1 if only the requests were processed.
    per_request: f64,
}

/// Lets `active` connections send at the same time, repeatedly; `None` if the server does not report events per wake-up.
///
/// The report is requested on one connection that stays open, because opening one would be an event too.
#[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
fn events(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    crowd: &mut Crowd,
) -> Result<Option<Events>, Failure> {
    /// Enough rounds for every way in which the requests of a round can coincide.
    const ROUNDS_MAX: usize = 1000;
    let mut asking = RawClient::connect(&under_test.target)?;
    // Tracing starts only now: the costs above are those of a server that does not trace.
    if let Value::Error(_) = asking.ask(&["AE", "TRACE", "ON", "SAMPLE", "1"])? {
        return Ok(None);
    }
    asking.ask(&["AE", "RESET"])?;
    let ping = command(&["PING"]);
    let active = params.active.min(crowd.clients.len());
    let some = &mut crowd.clients[..active];
    let rounds = params.wakeups.min(ROUNDS_MAX);
    for _ in 0..rounds {
        under_test.go_on()?;
        for client in some.iter_mut() {
            client.send(&ping)?;
        }
        for client in some.iter_mut() {
            client.reply()?;
        }
    }
    let reply = asking.ask(&["AE", "STATS"])?;
    asking.ask(&["AE", "TRACE", "OFF"])?;
    let stats = crate::observe::numbers(&reply);
    let both = stats.get("events_per_wake.max").zip(stats.get("events_per_wake.sum"));
    // The command that asks is an event itself.
    Ok(both.map(|(most, sum)| Events {
        most: *most,
        per_request: (sum - 1.0).max(0.0) / (rounds * active).max(1) as f64,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(costs: &[(usize, f64)]) -> Vec<(usize, Figure)> {
        let exact = |value| Figure { value, lo: value, hi: value };
        costs.iter().map(|(idle, cost)| (*idle, exact(*cost))).collect()
    }

    #[test]
    fn a_cost_that_grows_with_the_connections_has_slope_one() {
        let linear = steps(&[(0, 5.0), (100, 8.0), (1000, 35.0)]);
        assert!((slope(&linear).expect("grows") - 1.0).abs() < 1e-9);
        // Ten times as many connections at twice the cost each, as if they no longer fit a cache.
        let stepped = steps(&[(0, 5.0), (10, 4.9), (100, 15.0), (500, 55.0), (1000, 205.0)]);
        let over_all = slope(&stepped).expect("grows");
        assert!((over_all - (20.0_f64).log10()).abs() < 1e-9, "{over_all}");
        assert_eq!(slope(&steps(&[(0, 5.0), (100, 5.0), (1000, 5.0)])), None);
        assert_eq!(slope(&steps(&[(0, 5.0)])), None);
        let flat = cost_slope(&steps(&[(0, 5.0), (10, 5.0), (1000, 5.0)])).expect("two steps");
        assert!(flat.abs() < 1e-9, "{flat}");
    }
}
