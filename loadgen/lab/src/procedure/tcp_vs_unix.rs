//! The same load over TCP on this machine and over a Unix socket of the same server, alternating (B1).
//!
//! Short blocks in the order TCP, Unix, Unix, TCP, so that a drift affects both equally. A ratio is formed from each
//! pair of blocks, and its median and interval from the pairs. Invariant: both sides of a pair differ in nothing but the
//! socket.

use crate::procedure::burst::{self, Showing};
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest, Table};
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, GroupPlan, Target};
use aelab_results::record::Curve;
use aelab_results::stats::Figure;
use aelab_results::stats::spread::median;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Sizes of the values that are set and read.
    pub value_sizes: Vec<usize>,
    /// Requests in flight per connection.
    pub depths: Vec<usize>,
    /// Connections.
    pub connections: usize,
    /// Pairs of blocks for each size and depth.
    pub pairs: usize,
    /// Length of a block.
    pub block: Duration,
}

/// Keys that the load touches.
const KEYS: u64 = 100;
/// Load before each block that is not counted: the first requests of the connections.
const SETTLE: Duration = Duration::from_millis(20);

/// Runs the procedure.
///
/// # Errors
/// The server has no Unix socket, or cannot be reached.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let unix = under_test.unix.clone().ok_or_else(|| {
        Failure::usage(
            "the server has no Unix socket on this machine; start it with --unixsocket PATH",
        )
    })?;
    let over_unix = Target { endpoint: Endpoint::Unix(unix), ..under_test.target.clone() };
    let mut findings = Findings::default();
    let mut rows = Vec::new();
    for size in &params.value_sizes {
        fill(&under_test.target, *size)?;
        for depth in &params.depths {
            let pairs = pairs(under_test, params, &over_unix, *size, *depth)?;
            let name = format!("size{size}_depth{depth}");
            rows.extend(compare(&name, [*size, *depth], &pairs, &mut findings));
        }
    }
    clear(&under_test.target)?;
    chart(&mut findings, &rows);
    let columns = [
        "value_bytes",
        "depth",
        "tcp_p50_s",
        "unix_p50_s",
        "p50_ratio",
        "p50_ratio_lo",
        "p50_ratio_hi",
        "p99_ratio",
        "throughput_ratio",
    ];
    findings.tables.push(Table {
        title: "Unix socket divided by TCP, by value size and pipeline depth".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows,
    });
    Ok(findings)
}

/// The median response time by value size, a line for each socket and depth.
fn chart(findings: &mut Findings, rows: &[Vec<f64>]) {
    let Some([_, depth, _, _, ratio, lo, hi, ..]) = rows.first().map(Vec::as_slice) else { return };
    let lower = |ratio: f64| (1.0 - ratio) * 100.0;
    findings.curve = Some(Curve {
        title: format!(
            "With the smallest values at depth {depth}, the Unix socket's median is {:.1} % lower ({:.1} to {:.1} %)",
            lower(*ratio),
            lower(*hi),
            lower(*lo)
        ),
        x: "value size in bytes".to_owned(),
        y: "median response time".to_owned(),
        y_unit: "s".to_owned(),
        log: true,
        points: Vec::new(),
    });
    for row in rows {
        let [size, depth, tcp, unix, ..] = row[..] else { continue };
        findings.add_point(&format!("TCP, depth {depth}"), size, tcp);
        findings.add_point(&format!("Unix socket, depth {depth}"), size, unix);
    }
}

/// Sets every key to a value of this size, so that every read finds one.
fn fill(target: &Target, size: usize) -> Result<(), Failure> {
    let mut client = RawClient::connect(target)?;
    let value = "x".repeat(size);
    for key in 0..KEYS {
        client.ask(&["SET", &burst::key(key), &value])?;
    }
    Ok(())
}

/// Removes the keys: the server may be in use for other things.
fn clear(target: &Target) -> Result<(), Failure> {
    let mut client = RawClient::connect(target)?;
    for key in 0..KEYS {
        client.ask(&["DEL", &burst::key(key)])?;
    }
    Ok(())
}

/// The figures of TCP and of the Unix socket, pair by pair.
fn pairs(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    over_unix: &Target,
    size: usize,
    depth: usize,
) -> Result<Vec<(Showing, Showing)>, Failure> {
    let block = |target: &Target| -> Result<Showing, Failure> {
        let work = burst::workload(&["GET __key__", "SET __key__ __data__"], KEYS, size)?;
        let mut group = GroupPlan::new("paired", target.clone(), params.connections, work);
        group.pipeline = depth;
        let result = burst::run(under_test, vec![group], SETTLE, params.block)?;
        let group = result.groups.first().ok_or_else(|| Failure::invalid("no group was run"))?;
        Ok(burst::showing(group, &result))
    };
    (0..params.pairs)
        .map(|index| {
            if index % 2 == 0 {
                let tcp = block(&under_test.target)?;
                Ok((tcp, block(over_unix)?))
            } else {
                let unix = block(over_unix)?;
                Ok((block(&under_test.target)?, unix))
            }
        })
        .collect()
}

/// Figures of one size and depth, and their row for the table.
fn compare(
    name: &str,
    at: [usize; 2],
    pairs: &[(Showing, Showing)],
    findings: &mut Findings,
) -> Option<Vec<f64>> {
    let ratio_of = |of: fn(&Showing) -> f64| -> Option<Figure> {
        median(&pairs.iter().map(|(tcp, unix)| of(unix) / of(tcp)).collect::<Vec<_>>())
    };
    let (p50, p99) = (ratio_of(|s| s.p50_s)?, ratio_of(|s| s.p99_s)?);
    let throughput = ratio_of(|s| s.per_s)?;
    let middle =
        |of: fn(&(Showing, Showing)) -> f64| median(&pairs.iter().map(of).collect::<Vec<_>>());
    let (tcp, unix) = (middle(|pair| pair.0.p50_s)?, middle(|pair| pair.1.p50_s)?);
    findings.add_between(format!("{name}_tcp_p50_s"), tcp);
    findings.add_between(format!("{name}_unix_p50_s"), unix);
    findings.add_between(format!("{name}_p50_ratio"), p50);
    findings.add_between(format!("{name}_p99_ratio"), p99);
    findings.add_between(format!("{name}_throughput_ratio"), throughput);
    // The figure of the article: how much lower the latency is.
    let gain = Figure { value: 1.0 - p50.value, lo: 1.0 - p50.hi, hi: 1.0 - p50.lo };
    findings.add_between(format!("{name}_p50_lower_by"), gain);
    #[expect(clippy::cast_precision_loss, reason = "sizes of an experiment are far below 2^53")]
    let [size, depth] = at.map(|number| number as f64);
    let (p50_row, rest) = ([p50.value, p50.lo, p50.hi], [p99.value, throughput.value]);
    Some([&[size, depth, tcp.value, unix.value][..], &p50_row[..], &rest[..]].concat())
}
