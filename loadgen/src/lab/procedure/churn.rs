//! What it costs to connect for each request, and what avoids it: a pool, or a proxy that shares connections (B11, B14).
//!
//! The same requests at the same rate in several ways, by turns: a fresh connection for each; connections that stay; where asked,
//! short-lived instances that each open a small pool for one request; and a fresh connection for each to a proxy on this machine
//! that shares a few connections to the server. Invariant: a request's response time begins when it was due, so the
//! connecting is part of it, and processor time is the server's own account divided by the requests it served.

use super::burst::{self, Showing, info, server_cpu_s};
use super::spread::median;
use super::{Findings, Site};
use crate::engine::plan::{ArrivalProcess, GroupPlan, PoolOrder, PoolPlan, Rate, Role, Target};
use crate::exit::Failure;
use crate::relay::{Options, Relay, parse_endpoint};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Params {
    /// Requests per second, in every way.
    pub per_s: f64,
    /// Most connections at a time; the size of the pool.
    pub connections: usize,
    /// Round-trip time between clients and server; zero is this machine's own.
    pub round_trip: Duration,
    /// Connections that a short-lived instance's pool opens for its one request; zero leaves that way out.
    pub instance_pool: usize,
    /// Connections that the proxy shares; zero leaves that way out.
    pub shared: usize,
    /// How often each way is measured.
    pub repeats: usize,
    /// Length of each.
    pub block: Duration,
}

/// Load before each block that is not counted.
const SETTLE: Duration = Duration::from_millis(200);
/// Small requests, as a web application's.
const VALUE_BYTES: usize = 32;
const KEYS: u64 = 1000;

/// One of the things compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// connect, use, close
    Fresh,
    /// connections that stay
    Pooled,
    /// each short-lived instance opens its own pool
    InstancePools,
    /// connect, use, close, to a proxy that keeps connections to the server
    Proxied,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Pooled => "pooled",
            Self::InstancePools => "instance_pools",
            Self::Proxied => "proxied",
        }
    }
}

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or a relay cannot be set up.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut ways = vec![Way::Fresh, Way::Pooled];
    if params.instance_pool > 0 {
        ways.push(Way::InstancePools);
    }
    if params.shared > 0 {
        ways.push(Way::Proxied);
    }
    let mut seen: Vec<(Way, Vec<Block>)> = ways.into_iter().map(|way| (way, Vec::new())).collect();
    for turn in 0..params.repeats {
        // Forth and back, so that a drift weighs on all alike.
        for index in 0..seen.len() {
            let index = if turn % 2 == 0 { index } else { seen.len() - 1 - index };
            let block = block(site, params, seen[index].0)?;
            seen[index].1.push(block);
        }
    }
    let mut findings = Findings::default();
    for (way, blocks) in &seen {
        report(way.name(), blocks, &mut findings);
    }
    Ok(findings)
}

/// One way, measured once.
#[derive(Debug, Clone, Copy)]
struct Block {
    showing: Showing,
    /// Seconds of the server's processor per request.
    cpu_s: Option<f64>,
    /// Connections the server accepted per request.
    connections: Option<f64>,
    /// And per second.
    connections_per_s: Option<f64>,
}

fn block(site: &Site<'_>, params: &Params, way: Way) -> Result<Block, Failure> {
    let link = params.round_trip > Duration::ZERO;
    match way {
        Way::Proxied => {
            through(site, params, Some(params.shared), |target| measure(site, params, way, target))
        }
        _ if link => through(site, params, None, |target| measure(site, params, way, target)),
        _ => measure(site, params, way, &site.target),
    }
}

/// Lets clients talk to the server through a relay: a link, a proxy, or both.
fn through<T>(
    site: &Site<'_>,
    params: &Params,
    share: Option<usize>,
    visit: impl FnOnce(&Target) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let listen = parse_endpoint("--listen", "127.0.0.1:0")?;
    let mut options = Options::new(listen, site.target.endpoint.clone());
    options.rtt = params.round_trip.into();
    options.seed = site.seed;
    options.share = share;
    let relay = Relay::bind(&options)?;
    let target = Target { endpoint: relay.endpoint().clone(), ..site.target.clone() };
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let running = scope.spawn(|| relay.run(&stop));
        let visited = visit(&target);
        stop.store(true, Relaxed);
        let relayed = running.join().map_err(|_| Failure::invalid("the relay ended early"))?;
        let value = visited?;
        relayed?;
        Ok(value)
    })
}

fn measure(site: &Site<'_>, params: &Params, way: Way, target: &Target) -> Result<Block, Failure> {
    let groups = groups(params, way, target)?;
    let before = (server_cpu_s(site)?, info(site, "total_connections_received")?);
    let result = burst::run(site, groups, SETTLE, params.block)?;
    let after = (server_cpu_s(site)?, info(site, "total_connections_received")?);
    let group = result.groups.first().ok_or_else(|| Failure::invalid("no group was run"))?;
    let showing = burst::showing(group, &result);
    // Server figures span warm-up and measurement: so do the requests they are divided by.
    #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^53")]
    let requests = (group.counts.sent + group.warmup_counts.sent).max(1) as f64;
    let wall = (SETTLE + params.block).as_secs_f64();
    let grown = |(is, was): (f64, f64)| is - was;
    // Our own two looks and the one in between are connections too.
    let connections = after.1.zip(before.1).map(|pair| (grown(pair) - 2.0).max(0.0));
    Ok(Block {
        showing,
        cpu_s: after.0.zip(before.0).map(|pair| grown(pair) / requests),
        connections: connections.map(|count| count / requests),
        connections_per_s: connections.map(|count| count / wall),
    })
}

fn groups(params: &Params, way: Way, target: &Target) -> Result<Vec<GroupPlan>, Failure> {
    let rate = |per_s: f64| {
        Rate::per_second(per_s)
            .ok_or_else(|| Failure::usage(format!("{per_s} per second is no rate")))
    };
    let work = burst::workload(&["GET __key__", "SET __key__ __data__"], KEYS, VALUE_BYTES)?;
    let mut group = GroupPlan::new("requests", target.clone(), params.connections, work);
    group.arrival = ArrivalProcess::Poisson(rate(params.per_s)?);
    // A connection for each request, opened when the request is due and closed when it was answered.
    let each = PoolPlan { min_idle: 0, max_idle: 0, max_wait: None, order: PoolOrder::Lifo };
    match way {
        Way::Pooled => {}
        Way::Fresh | Way::Proxied => group.pool = Some(each),
        Way::InstancePools => {
            group.pool = Some(each);
            // The other connections of each instance's pool: opened, tested with a PING as pools do, and closed with it.
            let others = params.instance_pool.saturating_sub(1);
            let ping = burst::workload(&["PING"], 1, 0)?;
            let most = params.connections * others.max(1);
            let mut rest = GroupPlan::new("rest-of-pools", target.clone(), most, ping);
            rest.role = Role::Background;
            #[expect(clippy::cast_precision_loss, reason = "a pool's size")]
            let per_s = params.per_s * others.max(1) as f64;
            rest.arrival = ArrivalProcess::Poisson(rate(per_s)?);
            rest.pool = Some(each);
            return Ok(vec![group, rest]);
        }
    }
    Ok(vec![group])
}

fn report(name: &str, blocks: &[Block], findings: &mut Findings) {
    let mut add = |what: &str, of: &dyn Fn(&Block) -> Option<f64>| {
        let values: Option<Vec<f64>> = blocks.iter().map(of).collect();
        if let Some(estimate) = values.and_then(|values| median(&values)) {
            findings.add_between(format!("{name}_{what}"), estimate);
        }
    };
    add("p50_s", &|block| Some(block.showing.p50_s));
    add("p99_s", &|block| Some(block.showing.p99_s));
    add("replies_per_s", &|block| Some(block.showing.per_s));
    add("server_cpu_s", &|block| block.cpu_s);
    add("connections_per_request", &|block| block.connections);
    add("connections_per_s", &|block| block.connections_per_s);
    let total = |of: fn(&Showing) -> u64| -> usize {
        let sum: u64 = blocks.iter().map(|block| of(&block.showing)).sum();
        usize::try_from(sum).unwrap_or(usize::MAX)
    };
    findings.add_count(format!("{name}_requests"), total(|showing| showing.sent));
    findings.add_count(format!("{name}_ok"), total(|showing| showing.ok));
    findings.add_count(format!("{name}_failed"), total(|showing| showing.failed));
}
