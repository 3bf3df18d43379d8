//! The same load over TCP on this machine and over a Unix socket of the same server, alternating (B1).
//!
//! Short blocks in the order TCP, Unix, Unix, TCP, so that a drift affects both equally. A ratio is formed from each
//! pair of blocks, and its median and interval from the pairs. Invariant: both sides of a pair differ in nothing but the
//! socket.

use crate::procedure::burst::{self, Showing};
use crate::procedure::raw_client::RawClient;
use crate::procedure::{Findings, ServerUnderTest, Table};
use aelab_engine::error::Failure;
use aelab_engine::plan::{ArrivalProcess, Endpoint, GroupPlan, Rate, Target};
use aelab_results::record::Curve;
use aelab_results::stats::Figure;
use aelab_results::stats::spread::median;
use aelab_results::text::number::{counted, grouped};
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Sizes of the values that are set and read.
    pub value_sizes: Vec<usize>,
    /// Requests in flight per connection.
    pub depths: Vec<usize>,
    /// Numbers of connections: all sizes and depths with the first, the first size and depth with the others.
    pub connections: Vec<usize>,
    /// Percent of the throughput over TCP that an open loop sends; 0 skips the open loop.
    pub open_load: usize,
    /// Pairs of blocks for each combination.
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
    let experiment = Experiment { under_test, params, over_unix };
    let (mut findings, mut measured) = (Findings::default(), Vec::new());
    for (number, size) in params.value_sizes.iter().enumerate() {
        fill(&under_test.target, *size)?;
        for regime in regimes(params, number) {
            experiment.measure(regime, &mut measured, &mut findings)?;
        }
    }
    clear(&under_test.target)?;
    extremes(&measured, &mut findings);
    chart(&mut findings, &measured);
    let columns = [
        "value_bytes",
        "depth",
        "connections",
        "rate_per_s",
        "tcp_p50_s",
        "unix_p50_s",
        "p50_ratio",
        "p50_ratio_lo",
        "p50_ratio_hi",
        "p99_ratio",
        "throughput_ratio",
    ];
    findings.tables.push(Table {
        title: "Unix socket divided by TCP (rate 0 is a closed loop)".to_owned(),
        columns: columns.map(str::to_owned).to_vec(),
        rows: measured.iter().map(Measured::row).collect(),
    });
    Ok(findings)
}

/// What distinguishes one comparison from the others.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Regime {
    size: usize,
    depth: usize,
    connections: usize,
    /// Whether the number of connections is not the first one, and so part of the figures' names.
    is_named: bool,
    /// Whether it is part of the comparison by connections: the first size and depth.
    is_main: bool,
}

/// All sizes and depths with the first number of connections; the other numbers with the first size and depth.
fn regimes(params: &Params, size_number: usize) -> Vec<Regime> {
    let size = params.value_sizes[size_number];
    let mut all = Vec::new();
    for (depth_number, depth) in params.depths.iter().enumerate() {
        let is_main = size_number == 0 && depth_number == 0;
        let counts = if is_main { params.connections.len() } else { 1 };
        for (number, connections) in params.connections.iter().take(counts).enumerate() {
            let (depth, connections) = (*depth, *connections);
            all.push(Regime { size, depth, connections, is_named: number > 0, is_main });
        }
    }
    all
}

impl Regime {
    /// The begin of its figures' names.
    fn name(self, rate: Option<f64>) -> String {
        let Self { size, depth, connections, is_named, .. } = self;
        let of =
            if is_named || rate.is_some() { format!("_conns{connections}") } else { String::new() };
        let open = if rate.is_some() { "_open" } else { "" };
        format!("size{size}_depth{depth}{of}{open}")
    }
}

/// The comparison in one regime.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Measured {
    regime: Regime,
    /// Requests per second of the open loop; `None` for a closed loop.
    rate: Option<f64>,
    tcp_s: f64,
    unix_s: f64,
    p50: Figure,
    p99: f64,
    throughput: f64,
}

impl Measured {
    #[expect(clippy::cast_precision_loss, reason = "sizes of an experiment are far below 2^53")]
    fn row(&self) -> Vec<f64> {
        let Regime { size, depth, connections, .. } = self.regime;
        let at = [size as f64, depth as f64, connections as f64, self.rate.unwrap_or(0.0)];
        let p50 = [self.tcp_s, self.unix_s, self.p50.value, self.p50.lo, self.p50.hi];
        [&at[..], &p50[..], &[self.p99, self.throughput]].concat()
    }

    /// How much lower the median is: the article's figure.
    fn lower_by(&self) -> Figure {
        Figure { value: 1.0 - self.p50.value, lo: 1.0 - self.p50.hi, hi: 1.0 - self.p50.lo }
    }

    /// The regime in words: `20 connections, closed loop`.
    fn words(&self) -> String {
        let connections = counted(self.regime.connections, "connection");
        match self.rate {
            None => format!("{connections}, closed loop"),
            Some(rate) => format!("{connections}, open loop at {}/s", grouped(rate.round() as u64)),
        }
    }

    fn percent(&self) -> String {
        let Figure { value, lo, hi } = self.lower_by();
        match value < 0.0 {
            false => format!("{:.1} % lower ({:.1} to {:.1} %)", value * 1e2, lo * 1e2, hi * 1e2),
            true => {
                format!("{:.1} % higher ({:.1} to {:.1} %)", -value * 1e2, -hi * 1e2, -lo * 1e2)
            }
        }
    }
}

/// The regimes in which the Unix socket gains most and least.
fn extremes(measured: &[Measured], findings: &mut Findings) {
    let main = || measured.iter().filter(|one| one.regime.is_main);
    let by = |a: &&Measured, b: &&Measured| b.p50.value.total_cmp(&a.p50.value);
    let (Some(most), Some(least)) = (main().max_by(by), main().min_by(by)) else { return };
    for (name, word, one) in [("largest", "largest", most), ("smallest", "smallest", least)] {
        findings.add_between(format!("{name}_lower_by"), one.lower_by());
        findings.notes.push(format!(
            "the gain is {word} with {}: the median is {}",
            one.words(),
            one.percent()
        ));
    }
}

/// The medians by number of connections, or by value size if there is only one number.
fn chart(findings: &mut Findings, measured: &[Measured]) {
    let Some(first) = measured.first() else { return };
    let by_connections = measured.iter().any(|one| one.regime.is_named);
    let x = if by_connections { "connections" } else { "value size in bytes" };
    let of = |one: &&Measured| !by_connections || one.regime.is_main;
    let gains = || measured.iter().filter(of).map(|one| one.lower_by().value * 100.0);
    let (least, most) =
        (gains().fold(f64::INFINITY, f64::min), gains().fold(f64::NEG_INFINITY, f64::max));
    findings.curve = Some(Curve {
        title: format!(
            "The Unix socket's median is {least:.0} to {most:.0} % lower, with {} {:.1} %",
            first.words(),
            first.lower_by().value * 100.0
        ),
        x: x.to_owned(),
        y: "median response time".to_owned(),
        y_unit: "s".to_owned(),
        log: true,
        points: Vec::new(),
    });
    for one in measured.iter().filter(of) {
        let Regime { size, depth, connections, .. } = one.regime;
        let at = if by_connections { connections } else { size };
        let kind = match (by_connections, one.rate) {
            (true, None) => "closed loop".to_owned(),
            (_, Some(_)) => "open loop".to_owned(),
            (false, None) => format!("depth {depth}"),
        };
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
        let at = at as f64;
        findings.add_point(&format!("TCP, {kind}"), at, one.tcp_s);
        findings.add_point(&format!("Unix socket, {kind}"), at, one.unix_s);
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

/// Everything that the comparisons share.
struct Experiment<'a> {
    under_test: &'a ServerUnderTest<'a>,
    params: &'a Params,
    over_unix: Target,
}

impl Experiment<'_> {
    /// Compares in a closed loop and, in the main regimes, in an open loop at one rate for both.
    fn measure(
        &self,
        regime: Regime,
        measured: &mut Vec<Measured>,
        findings: &mut Findings,
    ) -> Result<(), Failure> {
        let closed = self.pairs(regime, None)?;
        measured.extend(compare(regime, None, &closed, findings));
        if !regime.is_main || self.params.open_load == 0 {
            return Ok(());
        }
        let per_s = closed.iter().map(|(tcp, _)| tcp.per_s).collect::<Vec<_>>();
        #[expect(clippy::cast_precision_loss, reason = "a percentage")]
        let share = self.params.open_load as f64 / 100.0;
        let Some(rate) = median(&per_s).map(|figure| figure.value * share) else { return Ok(()) };
        let open = self.pairs(regime, Some(rate))?;
        measured.extend(compare(regime, Some(rate), &open, findings));
        Ok(())
    }

    /// The figures of TCP and of the Unix socket, pair by pair.
    fn pairs(&self, regime: Regime, rate: Option<f64>) -> Result<Vec<(Showing, Showing)>, Failure> {
        let (under_test, params) = (self.under_test, self.params);
        let block = |target: &Target| -> Result<Showing, Failure> {
            let commands = ["GET __key__", "SET __key__ __data__"];
            let work = burst::workload(&commands, KEYS, regime.size)?;
            let mut group = GroupPlan::new("paired", target.clone(), regime.connections, work);
            group.pipeline = regime.depth;
            if let Some(rate) = rate.and_then(Rate::per_second) {
                group.arrival = ArrivalProcess::Constant(rate);
            }
            let result = burst::run(under_test, vec![group], SETTLE, params.block)?;
            let group =
                result.groups.first().ok_or_else(|| Failure::invalid("no group was run"))?;
            Ok(burst::showing(group, &result))
        };
        (0..params.pairs)
            .map(|index| {
                if index % 2 == 0 {
                    let tcp = block(&under_test.target)?;
                    Ok((tcp, block(&self.over_unix)?))
                } else {
                    let unix = block(&self.over_unix)?;
                    Ok((block(&under_test.target)?, unix))
                }
            })
            .collect()
    }
}

/// The figures of one regime.
fn compare(
    regime: Regime,
    rate: Option<f64>,
    pairs: &[(Showing, Showing)],
    findings: &mut Findings,
) -> Option<Measured> {
    let name = regime.name(rate);
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
    let measured = Measured {
        regime,
        rate,
        tcp_s: tcp.value,
        unix_s: unix.value,
        p50,
        p99: p99.value,
        throughput: throughput.value,
    };
    findings.add_between(format!("{name}_p50_lower_by"), measured.lower_by());
    Some(measured)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params(open_load: usize) -> Params {
        Params {
            value_sizes: vec![32, 1024],
            depths: vec![1, 16],
            connections: vec![1, 20],
            open_load,
            pairs: 1,
            block: Duration::ZERO,
        }
    }

    #[test]
    fn connections_vary_at_the_first_size_and_depth() {
        let params = params(50);
        let names: Vec<String> = (0..2)
            .flat_map(|number| regimes(&params, number))
            .map(|regime| regime.name(None))
            .collect();
        let first = ["size32_depth1", "size32_depth1_conns20", "size32_depth16"];
        assert_eq!(names, [&first[..], &["size1024_depth1", "size1024_depth16"]].concat());
        let main = regimes(&params, 0)[0];
        assert_eq!(main.name(Some(5.0)), "size32_depth1_conns1_open");
    }

    #[test]
    fn the_regimes_of_the_largest_and_the_smallest_gain_are_named() {
        let showing = |p50_s| Showing { p50_s, p99_s: 2.0 * p50_s, per_s: 1.0 };
        let mut findings = Findings::default();
        let mut measured = Vec::new();
        let all = regimes(&params(50), 0);
        for (regime, rate, unix) in [
            (all[0], None, 0.86),
            (all[1], None, 0.72),
            (all[0], Some(1234.4), 0.9),
            (all[2], None, 0.1),
        ] {
            let pairs = vec![(showing(1.0), showing(unix)); 8];
            measured.extend(compare(regime, rate, &pairs, &mut findings));
        }
        extremes(&measured, &mut findings);
        chart(&mut findings, &measured);
        let value = |name: &str| findings.get(name).expect(name).value;
        assert!((value("largest_lower_by") - 0.28).abs() < 1e-9, "depth 16 is not compared");
        assert!((value("smallest_lower_by") - 0.1).abs() < 1e-9);
        assert!(findings.notes[0].contains("20 connections, closed loop: the median is 28.0 %"));
        assert!(findings.notes[1].contains("1 connection, open loop at 1,234/s"), "{findings:?}");
        assert_eq!(findings.curve.expect("a chart").points.len(), 6);
    }
}
