//! Single replies: each of a pipeline has its own time, and small differences can be told apart.

use crate::selftest::bench::{Bench, CLOSED, find, group, logged, quantile, service};
use crate::selftest::lindley;
use crate::selftest::row::{Row, Unit};
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, GroupPlan, Pacing, RunPlan, Target};
use aelab_lab::control::Control;
use aelab_lab::server::ServerProcess;
use aelab_resp::value::Value;

/// Depth of the pipeline of A12.
const DEPTH: usize = 16;
/// Runs of A12; a row is the median over them, which one hiccup does not move.
const RUNS: usize = 5;

/// A12.
pub(super) fn spaced(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let server = bench
        .server(&[("reply-immediately", "yes"), ("inject", "service=fixed:1ms,commands=get")])?;
    let mut runs = Vec::new();
    for _ in 0..RUNS {
        let batch = GroupPlan {
            pipeline: DEPTH,
            requests: Some(DEPTH as u64),
            ..logged(group("batch", &server.target, &["GET", "__key__"], 1, CLOSED))
        };
        let result = bench.run(&bench.plan(vec![batch], Nanos::ZERO, Nanos::from_secs(1)))?;
        let mut times: Vec<f64> = find(&result, "batch")?
            .log
            .entries
            .iter()
            .map(|request| request.replied.since(request.sent).0 as f64)
            .collect();
        times.sort_unstable_by(f64::total_cmp);
        runs.push(times);
    }
    let median = |rank: usize| {
        let mut values: Vec<f64> = runs.iter().filter_map(|run| run.get(rank).copied()).collect();
        lindley::quantile(&mut values, 0.5)
    };
    let ranks = [0, DEPTH / 2 - 1, DEPTH - 1];
    Ok(ranks
        .map(|rank| {
            let millis = (rank + 1) as f64 * 1e6;
            let what = format!("reply {} of {DEPTH}", rank + 1);
            Row::inside("A12", what, Unit::Time, median(rank), millis..=millis * 1.05 + 0.5e6)
        })
        .into())
}

/// Pairs of measurements for A14.
const PAIRS: usize = 11;

/// A14. One server gives both service times: two processes differ by as much as a microsecond or two in where their memory lies,
/// for as long as they live.
pub(super) fn five_microseconds(bench: &mut Bench<'_>) -> Result<Vec<Row>, Failure> {
    let (server, socket) = over_unix(bench)?;
    let mut control = Control::open(&server.target)?;
    bench.tried(|bench| {
        let apart = apart(bench, &socket, &mut control)?;
        let what = "difference of medians, services 5 us apart, median pair";
        Ok(vec![Row::inside("A14", what, Unit::Time, apart, 4e3..=6e3)])
    })
}

/// The median difference of pairs of medians. The thread does not sleep in between: how long a CPU takes to wake up depends
/// on how long it slept, by as much as what is measured. Pairs share the moment, and back and forth a drift affects both.
fn apart(bench: &mut Bench<'_>, socket: &Target, control: &mut Control) -> Result<f64, Failure> {
    let mut median = |inject: &[u8]| -> Result<f64, Failure> {
        let answer = control.command(&[b"CONFIG", b"SET", b"inject", inject])?;
        if let Value::Error(why) = answer {
            return Err(Failure::unreachable(format!(
                "the bundled server refuses CONFIG SET inject: {}",
                String::from_utf8_lossy(&why)
            )));
        }
        let one = group("echo", socket, &["GET", "__key__"], 1, CLOSED);
        let plan = bench.plan(vec![one], Nanos::from_millis(50), Nanos::from_millis(250));
        let pacing = match bench.engine_cpu() {
            Some(_) => Pacing::Spin,
            // On its only CPU it would keep the server from running.
            None => plan.pacing,
        };
        let plan = RunPlan { pacing, ..plan };
        Ok(quantile(service(find(&bench.run(&plan)?, "echo")?)?, 0.5))
    };
    let fast = b"service=fixed:20us,commands=get";
    let slow = b"service=fixed:25us,commands=get";
    let mut apart = Vec::new();
    for pair in 0..PAIRS {
        apart.push(if pair % 2 == 0 {
            let fast = median(fast)?;
            median(slow)? - fast
        } else {
            median(slow)? - median(fast)?
        });
    }
    Ok(lindley::quantile(&mut apart, 0.5))
}

/// A server that listens on a Unix socket too, and that socket.
fn over_unix(bench: &Bench<'_>) -> Result<(ServerProcess, Target), Failure> {
    let path = std::env::temp_dir().join(format!("aelab-selftest-{}", std::process::id()));
    let text = path.display().to_string();
    let server = bench.server(&[("unixsocket", &text)])?;
    Ok((server, Target::plain(Endpoint::Unix(path))))
}
