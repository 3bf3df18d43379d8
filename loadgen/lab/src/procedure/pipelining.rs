//! The same commands one by one and in batches, over links of known round-trip time (B5).
//!
//! A relay in this process adds the round-trip time. The model is `batches × round trip + commands × service time`. Its round
//! trip is measured by PING over the same link and its service time by one batch without a link, so nothing is fitted to the
//! results it is compared with. Invariant: every reply of a batch is read before the next batch is sent.

use crate::procedure::raw_client::{RawClient, command};
use crate::procedure::{Findings, ServerUnderTest, Table};
use crate::relay::{Options, Relay, parse_endpoint};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_results::record::Curve;
use aelab_results::stats::Figure;
use aelab_results::stats::spread::median;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Commands to execute; a deeper pipeline executes as many as it is deep.
    pub commands: usize,
    /// Pipeline depths.
    pub depths: Vec<usize>,
    /// Round-trip times of the links.
    pub round_trips: Vec<Duration>,
    /// How often each is measured.
    pub repeats: usize,
}

/// PINGs that measure a link's round trip.
const PINGS: usize = 50;
/// Batches that measure the service time.
const SERVICE_BATCHES: usize = 30;
const KEY: &str = "aelab:pipelining";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, or no relay can be set up.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let mut direct = RawClient::connect(&under_test.target)?;
    direct.ask(&["SET", KEY, "0123456789abcdef0123456789abcdef"])?;
    let deepest = params.depths.iter().copied().fold(params.commands, usize::max);
    let service = service_time(&mut direct, deepest)?;
    findings.add_between("service_time_s", service);
    let (mut rows, mut over) = (Vec::new(), Vec::new());
    for round_trip in &params.round_trips {
        over_link(under_test, *round_trip, |target| {
            let link = Link { target, round_trip: *round_trip, service: service.value };
            for point in one_link(under_test, params, &link, &mut findings)? {
                rows.push(point.row(*round_trip));
                over.push(point.over_model());
            }
            Ok(())
        })?;
    }
    let by_value = |a: &&Figure, b: &&Figure| a.value.total_cmp(&b.value);
    if let Some((least, most)) = over.iter().min_by(by_value).zip(over.iter().max_by(by_value)) {
        findings.add_between("over_model_max", *most);
        findings.add_between("over_model_min", *least);
    }
    chart(&mut findings, &rows);
    findings.tables.push(Table {
        title: "time for all commands, by depth and round trip".to_owned(),
        columns: ["round_trip_s", "depth", "commands", "time_s", "model_s"]
            .map(str::to_owned)
            .to_vec(),
        rows,
    });
    direct.ask(&["DEL", KEY])?;
    Ok(findings)
}

/// The time of one command by the depth of the pipeline, a line for each link with its model.
fn chart(findings: &mut Findings, rows: &[Vec<f64>]) {
    let time = |seconds: f64| match seconds {
        s if s >= 1e-3 => format!("{:.2} ms", s * 1e3),
        s => format!("{:.2} µs", s * 1e6),
    };
    let link = |seconds: f64| format!("{} ms", (seconds * 1e6).round() / 1e3);
    let of = |row: &[f64]| match *row {
        [trip, depth, commands, time, model] => {
            Some((trip, depth, time / commands, model / commands))
        }
        _ => None,
    };
    let points: Vec<_> = rows.iter().filter_map(|row| of(row)).collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let ends = |wanted: f64| {
        let mut own = points.iter().filter(|point| (point.0 - wanted).abs() < f64::EPSILON);
        own.next().zip(own.next_back())
    };
    // The link of the article, if it was among those measured.
    let (slow, fast) = ends(1e-3).or_else(|| ends(last.0)).unwrap_or((first, last));
    findings.curve = Some(Curve {
        title: format!(
            "With a round trip of {}, a command takes {} at depth {} and {} at depth {}",
            link(slow.0),
            time(slow.2),
            slow.1,
            time(fast.2),
            fast.1
        ),
        x: "pipeline depth".to_owned(),
        y: "time per command".to_owned(),
        y_unit: "s".to_owned(),
        log: true,
        points: Vec::new(),
    });
    for (trip, depth, measured, model) in &points {
        findings.add_point(&format!("round trip {}", link(*trip)), *depth, *measured);
        findings.add_point(&format!("model {}", link(*trip)), *depth, *model);
    }
}

/// The cost of one more command in a batch: the time of a batch without a link less that of a single command, divided. The
/// round trip of the single command is part of every measured round trip already.
#[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
fn service_time(direct: &mut RawClient, commands: usize) -> Result<Figure, Failure> {
    let commands = commands.max(2);
    let times = (0..SERVICE_BATCHES)
        .map(|_| {
            let one = time_of(direct, 1, 1)?;
            let batch = time_of(direct, commands, commands)?;
            Ok((batch - one).max(0.0) / (commands - 1) as f64)
        })
        .collect::<Result<Vec<f64>, Failure>>()?;
    median(&times).ok_or_else(|| Failure::invalid("no batch was measured"))
}

/// Lets `visit` talk to the server over a link of this round trip.
fn over_link<T>(
    under_test: &ServerUnderTest<'_>,
    round_trip: Duration,
    visit: impl FnOnce(&Target) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let listen = parse_endpoint("--listen", "127.0.0.1:0")?;
    let mut options = Options::new(listen, under_test.target.endpoint.clone());
    options.rtt = round_trip.into();
    options.seed = under_test.seed;
    let relay = Relay::bind(&options)?;
    let target = Target { endpoint: relay.endpoint().clone(), ..under_test.target.clone() };
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

/// A link to the server.
struct Link<'a> {
    target: &'a Target,
    round_trip: Duration,
    /// Seconds that the server takes for a command.
    service: f64,
}

/// One depth over one link.
struct Point {
    depth: usize,
    commands: usize,
    time: Figure,
    model: f64,
}

impl Point {
    #[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
    fn row(&self, round_trip: Duration) -> Vec<f64> {
        let (depth, commands) = (self.depth as f64, self.commands as f64);
        vec![round_trip.as_secs_f64(), depth, commands, self.time.value, self.model]
    }

    fn over_model(&self) -> Figure {
        let Figure { value, lo, hi } = self.time;
        Figure { value: value / self.model, lo: lo / self.model, hi: hi / self.model }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
fn one_link(
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    link: &Link<'_>,
    findings: &mut Findings,
) -> Result<Vec<Point>, Failure> {
    let mut client = RawClient::connect(link.target)?;
    let (mut pings, mut points) = (Vec::new(), Vec::new());
    for _ in 0..PINGS {
        let from = clock::now();
        client.ask(&["PING"])?;
        pings.push(seconds_since(from));
    }
    let name = format!("rtt{}us", link.round_trip.as_micros());
    let Some(measured_trip) = median(&pings) else { return Ok(points) };
    findings.add_between(format!("{name}_ping_s"), measured_trip);
    for depth in &params.depths {
        let commands = params.commands.max(*depth);
        let mut times = Vec::new();
        for _ in 0..params.repeats {
            under_test.go_on()?;
            times.push(time_of(&mut client, commands, *depth)?);
        }
        let Some(time) = median(&times) else { continue };
        let trips = commands.div_ceil(*depth) as f64;
        let model = trips * measured_trip.value + commands as f64 * link.service;
        findings.add_between(format!("{name}_depth{depth}_s"), time);
        findings.add(format!("{name}_depth{depth}_model_s"), model);
        points.push(Point { depth: *depth, commands, time, model });
    }
    Ok(points)
}

/// Executes so many commands in batches of `depth`: seconds from the first byte sent to the last reply read.
fn time_of(client: &mut RawClient, commands: usize, depth: usize) -> Result<f64, Failure> {
    let one = command(&["GET", KEY]);
    let full = one.repeat(depth.min(commands));
    let from = clock::now();
    let mut left = commands;
    while left > 0 {
        let batch = depth.min(left);
        client.send(&full[..one.len() * batch])?;
        for _ in 0..batch {
            client.reply()?;
        }
        left -= batch;
    }
    Ok(seconds_since(from))
}

fn seconds_since(from: Nanos) -> f64 {
    clock::now().since(from).as_secs_f64()
}
