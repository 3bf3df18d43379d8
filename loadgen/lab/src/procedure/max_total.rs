//! One service without a limit on its connections, and what is left for other services; then the same with a limit (B13).
//!
//! The server's `maxclients` is small during this procedure. The unlimited service opens a connection for each concurrent
//! request and keeps it, as a pool without `maxTotal` does; then each of the other services opens its connections. Invariant: a
//! refusal is seen in the reply to each connection, and compared with the server's own count.

use crate::control::Control;
use crate::procedure::maxclients::{enter, number, with_limit};
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::error::Failure;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// The server's limit while this runs.
    pub limit: usize,
    /// Concurrent requests of the unlimited service.
    pub demand: usize,
    /// Its `maxTotal` in the second part.
    pub max_total: usize,
    /// Other services.
    pub neighbours: usize,
    /// Connections that each of them needs.
    pub each: usize,
}

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, or refuses to change its limit.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    aelab_engine::sys::raise_descriptor_limit();
    let mut findings = Findings::default();
    let mut control = Control::open(&under_test.target)?;
    with_limit(&mut control, params.limit, |control| {
        side_by_side(under_test, control, params, params.demand, "unbounded", &mut findings)?;
        let bound = params.demand.min(params.max_total);
        side_by_side(under_test, control, params, bound, "bounded", &mut findings)
    })?;
    Ok(findings)
}

#[expect(clippy::cast_precision_loss, reason = "counts of connections are far below 2^53")]
fn side_by_side(
    under_test: &ServerUnderTest<'_>,
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
        under_test.go_on()?;
        greedy.extend(enter(under_test)?);
    }
    let own_refusals = wanted - greedy.len();
    let (mut inside, mut refused, mut shut_out) = (Vec::new(), 0, 0);
    for _ in 0..params.neighbours {
        let before = inside.len();
        for _ in 0..params.each {
            match enter(under_test)? {
                Some(raw_client) => inside.push(raw_client),
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
    // Zero if the server's count equals the refusals that the clients saw.
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
