//! One service that takes as many connections as it wants, and what is left for its neighbours; then the same with a bound (B13).
//!
//! The server's `maxclients` is made small while this runs. The greedy service opens a connection for every request that it has
//! at a time and keeps it, as a pool without `maxTotal` does; then each neighbour opens its few. Invariant: what was refused is
//! told by the server's answer to each connection, and compared with the server's own count.

use crate::control::Control;
use crate::procedure::maxclients::{enter, number, with_limit};
use crate::procedure::{Findings, Site};
use aelab_engine::error::Failure;
use std::time::Duration;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// The server's limit while this runs.
    pub limit: usize,
    /// Requests that the greedy service has at a time.
    pub demand: usize,
    /// Its `maxTotal` in the second part.
    pub max_total: usize,
    /// Neighbouring services.
    pub neighbours: usize,
    /// Connections that each of them needs.
    pub each: usize,
}

/// Plays it.
///
/// # Errors
/// The server cannot be reached, or does not let its limit be changed.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    aelab_engine::sys::raise_descriptor_limit();
    let mut findings = Findings::default();
    let mut control = Control::open(&site.target)?;
    with_limit(&mut control, params.limit, |control| {
        side_by_side(site, control, params, params.demand, "unbounded", &mut findings)?;
        let bound = params.demand.min(params.max_total);
        side_by_side(site, control, params, bound, "bounded", &mut findings)
    })?;
    Ok(findings)
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
fn side_by_side(
    site: &Site<'_>,
    control: &mut Control,
    params: &Params,
    wanted: usize,
    name: &str,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let present = number(control, "connected_clients")?;
    let rejected = number(control, "rejected_connections")?;
    let mut greedy = Vec::new();
    for _ in 0..wanted {
        site.go_on()?;
        greedy.extend(enter(site)?);
    }
    let own_refusals = wanted - greedy.len();
    let (mut inside, mut refused, mut shut_out) = (Vec::new(), 0, 0);
    for _ in 0..params.neighbours {
        let before = inside.len();
        for _ in 0..params.each {
            match enter(site)? {
                Some(peer) => inside.push(peer),
                None => refused += 1,
            }
        }
        shut_out += usize::from(inside.len() == before);
    }
    let counted = number(control, "rejected_connections")? - rejected;
    findings.add_count(format!("{name}_greedy_holds"), greedy.len());
    findings.add_count(format!("{name}_neighbours_served"), inside.len());
    findings.add_count(format!("{name}_neighbours_refused"), refused);
    findings.add_count(format!("{name}_neighbours_shut_out"), shut_out);
    // Zero if the server counts the refusals that its clients saw.
    findings.add(format!("{name}_refusals_miscounted"), counted - (own_refusals + refused) as f64);
    drop((greedy, inside));
    for _ in 0..500 {
        if number(control, "connected_clients")? <= present {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Err(Failure::invalid("the server still counts clients that have left"))
}
