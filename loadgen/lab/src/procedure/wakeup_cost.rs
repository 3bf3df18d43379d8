//! What a wake-up costs the server while many other connections are idle (A4, A5, A6).
//!
//! Idle connections are added step by step; at each step one connection asks and waits, so that every request is one wake-up,
//! and the server's processor time is divided by their number. Then some connections ask at the same time, and the server is
//! asked how many events its wake-ups brought. Invariant: the cost is the server's own processor time, not a round trip.

use crate::observe::proc;
use crate::procedure::raw_client::{Peer, command};
use crate::procedure::spread::{Estimate, median};
use crate::procedure::{Findings, Site, Table};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Numbers of idle connections, rising from zero.
    pub idle: Vec<usize>,
    /// Wake-ups of one measurement.
    pub wakeups: usize,
    /// Measurements at each step.
    pub repeats: usize,
    /// Connections that ask at the same time.
    pub active: usize,
}

/// A server is full when a new connection gets no answer; which is told from its reply or its hanging up.
struct Crowd {
    peers: Vec<Peer>,
    refusal: Option<String>,
}

impl Crowd {
    /// As many as asked for, or as many as the server takes.
    fn grow_to(&mut self, site: &Site<'_>, count: usize) -> Result<(), Failure> {
        while self.peers.len() < count && self.refusal.is_none() {
            site.go_on()?;
            // The kernel opens connections for a server that is full: only its answer says that it took one.
            let served = Peer::connect(&site.target).and_then(|mut peer| {
                let reply = peer.ask(&["PING"])?;
                Ok((peer, reply))
            });
            match served {
                Ok((_, Value::Error(text))) => {
                    self.refusal = Some(String::from_utf8_lossy(&text).into_owned());
                }
                Ok((peer, _)) => self.peers.push(peer),
                Err(failure) => self.refusal = Some(failure.message),
            }
        }
        Ok(())
    }
}

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or runs on another machine.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let pid = site.pid.ok_or_else(|| {
        Failure::usage(
            "a wake-up's cost can only be seen on this machine; let the lab start a server",
        )
    })?;
    aelab_engine::sys::raise_descriptor_limit();
    // Asked from the server's own processor a wake-up costs a third of one that has to cross over, and where
    // the kernel puts this thread is chance.
    match site.cpus.as_deref() {
        Some([cpu, ..]) => from_processor(*cpu, || steps(site, pid, params)),
        _ => steps(site, pid, params),
    }
}

/// Runs something in a thread of its own that stays on one processor, if the system lets it.
fn from_processor<T: Send>(cpu: usize, work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let _ = aelab_engine::sys::pin_thread(cpu);
            work()
        });
        worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn steps(site: &Site<'_>, pid: u32, params: &Params) -> Result<Findings, Failure> {
    let mut asking = Peer::connect(&site.target)?;
    let mut crowd = Crowd { peers: Vec::new(), refusal: None };
    let mut steps: Vec<(usize, Estimate)> = Vec::new();
    for &idle in &params.idle {
        crowd.grow_to(site, idle)?;
        if crowd.peers.len() < idle {
            break;
        }
        let mut costs = Vec::new();
        // The first time a step is measured it is new to the caches too.
        cost(pid, &mut asking, params.wakeups)?;
        for _ in 0..params.repeats.max(1) {
            site.go_on()?;
            costs.push(cost(pid, &mut asking, params.wakeups)?);
        }
        let Some(cost) = median(&costs) else { break };
        steps.push((idle, cost));
    }
    let mut findings = Findings::default();
    report(&mut findings, &steps);
    findings.add_count("accepted", crowd.peers.len() + 1);
    findings.add_count("refused", usize::from(crowd.refusal.is_some()));
    if let Some(refusal) = &crowd.refusal {
        let held = crowd.peers.len() + 1;
        findings
            .notes
            .push(format!("with {held} connections open the next was refused: {refusal}"));
    }
    if let Some(events) = events(site, params, &mut crowd)? {
        findings.add("events_per_wake_max", events.most);
        findings.add("events_per_request", events.per_request);
    }
    Ok(findings)
}

/// Processor time of the server for one wake-up, in seconds.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a measurement")]
fn cost(pid: u32, asking: &mut Peer, wakeups: usize) -> Result<f64, Failure> {
    let lost = || Failure::invalid("the server's processor time cannot be read any more");
    let before = proc::look(pid).cpu_ns.ok_or_else(lost)?;
    for _ in 0..wakeups {
        asking.ask(&["PING"])?;
    }
    let after = proc::look(pid).cpu_ns.ok_or_else(lost)?;
    Ok(after.saturating_sub(before) as f64 / 1e9 / wakeups.max(1) as f64)
}

#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn report(findings: &mut Findings, steps: &[(usize, Estimate)]) {
    for (idle, cost) in steps {
        findings.add_between(format!("cost_{idle}_s"), *cost);
    }
    let rows = steps.iter().map(|(idle, cost)| vec![*idle as f64, cost.value]).collect();
    findings.tables.push(Table {
        title: "processor time of one wake-up by idle connections".to_owned(),
        columns: vec!["idle_connections".to_owned(), "cost_s".to_owned()],
        rows,
    });
    let (Some((_, base)), Some((most, top))) = (steps.first(), steps.last()) else { return };
    findings.add_count("most_idle", *most);
    let growth = |top: f64, base: f64| top / base;
    findings.add_between(
        "growth",
        Estimate {
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

/// The slope on two logarithmic axes of what idle connections add to a wake-up: 1 if twice as many cost twice as much. From the
/// fewest of them that add as much as the wake-up costs without any (of fewer it is mostly noise), or else from the second most,
/// to the most: neighbouring steps alone would tell of the processor's caches. `None` where nothing is added.
#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn slope(steps: &[(usize, Estimate)]) -> Option<f64> {
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

/// The slope on two logarithmic axes of the whole cost, from the fewest idle connections above zero to the most: 0 if they
/// make no difference.
#[expect(clippy::cast_precision_loss, reason = "numbers of connections")]
fn cost_slope(steps: &[(usize, Estimate)]) -> Option<f64> {
    let (few, low) = steps.iter().find(|(idle, _)| *idle > 0)?;
    let (many, high) = steps.last()?;
    (many > few).then(|| (high.value / low.value).ln() / (*many as f64 / *few as f64).ln())
}

/// What wake-ups brought while some connections asked at once.
struct Events {
    /// The most of one.
    most: f64,
    /// All of them, by requests: 1 if nothing but the requests was processed.
    per_request: f64,
}

/// Lets `active` connections ask at once, again and again; `None` if the server does not say what its wake-ups brought.
///
/// It is asked on one connection, which stays open: its coming and going would be events too.
#[expect(clippy::cast_precision_loss, reason = "some thousand requests")]
fn events(site: &Site<'_>, params: &Params, crowd: &mut Crowd) -> Result<Option<Events>, Failure> {
    /// Enough rounds for every way in which the requests of one may meet.
    const ROUNDS_MAX: usize = 1000;
    let mut asking = Peer::connect(&site.target)?;
    // The server follows requests only now: the costs above are those of a server that does not.
    if let Value::Error(_) = asking.ask(&["AE", "TRACE", "ON", "SAMPLE", "1"])? {
        return Ok(None);
    }
    asking.ask(&["AE", "RESET"])?;
    let ping = command(&["PING"]);
    let active = params.active.min(crowd.peers.len());
    let some = &mut crowd.peers[..active];
    let rounds = params.wakeups.min(ROUNDS_MAX);
    for _ in 0..rounds {
        site.go_on()?;
        for peer in some.iter_mut() {
            peer.send(&ping)?;
        }
        for peer in some.iter_mut() {
            peer.reply()?;
        }
    }
    let reply = asking.ask(&["AE", "STATS"])?;
    asking.ask(&["AE", "TRACE", "OFF"])?;
    let stats = crate::observe::numbers(&reply);
    let both = stats.get("events_per_wake.max").zip(stats.get("events_per_wake.sum"));
    // The question itself is an event.
    Ok(both.map(|(most, sum)| Events {
        most: *most,
        per_request: (sum - 1.0).max(0.0) / (rounds * active).max(1) as f64,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(costs: &[(usize, f64)]) -> Vec<(usize, Estimate)> {
        let exact = |value| Estimate { value, lo: value, hi: value };
        costs.iter().map(|(idle, cost)| (*idle, exact(*cost))).collect()
    }

    #[test]
    fn a_cost_that_grows_with_the_connections_has_slope_one() {
        let linear = steps(&[(0, 5.0), (100, 8.0), (1000, 35.0)]);
        assert!((slope(&linear).expect("grows") - 1.0).abs() < 1e-9);
        // Ten times as many at twice the price each, where they outgrow a cache.
        let stepped = steps(&[(0, 5.0), (10, 4.9), (100, 15.0), (500, 55.0), (1000, 205.0)]);
        let over_all = slope(&stepped).expect("grows");
        assert!((over_all - (20.0_f64).log10()).abs() < 1e-9, "{over_all}");
        assert_eq!(slope(&steps(&[(0, 5.0), (100, 5.0), (1000, 5.0)])), None);
        assert_eq!(slope(&steps(&[(0, 5.0)])), None);
        let flat = cost_slope(&steps(&[(0, 5.0), (10, 5.0), (1000, 5.0)])).expect("two steps");
        assert!(flat.abs() < 1e-9, "{flat}");
    }
}
