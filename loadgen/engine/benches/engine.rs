//! What a request costs the engine, in CPU time, beside redis-benchmark against the same redis-server.
//!
//! Not a latency benchmark: on a shared machine only CPU time can be trusted, and only ratios of interleaved runs.
//! Needs `redis-server` and `redis-benchmark` and two cores; says so and passes if they are missing. Run it with
//! `cargo bench -p aelab-engine --bench engine`.

use aelab_engine::clock::Nanos;
use aelab_engine::plan::{
    CommandPlan, Endpoint, GroupPlan, KeySpace, Phases, RunPlan, Target, ValueSize, Workload,
};
use aelab_engine::{Live, Phase};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Pairs of runs per depth; the median ratio is printed.
const REPEATS: usize = 5;
const KEYS: u64 = 100_000;
/// Few connections.
const FEW: usize = 50;
/// Many, and the most a request over them may cost compared with few.
const MANY: usize = 10_000;
const MANY_TARGET: f64 = 1.3;
/// Pipeline depth, requests per run, and the most a request may cost compared with redis-benchmark.
const CASES: [(usize, u64, f64); 3] =
    [(1, 200_000, 0.70), (16, 2_000_000, 0.65), (100, 6_000_000, 0.60)];

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // Nothing can be done about a server that has gone by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its figures")]
fn main() {
    let Some((_server, port)) = start_server() else {
        println!("skipped: redis-server, redis-benchmark and taskset are needed");
        return;
    };
    println!("depth  ours us  redis-benchmark us  ratio  target");
    for (depth, requests, target) in CASES {
        let mut pairs: Vec<(f64, f64)> = (0..REPEATS)
            .map(|_| (ours(port, depth, requests), theirs(port, depth, requests)))
            .collect();
        pairs.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
        let (ours, theirs) = pairs[REPEATS / 2];
        let ratio = ours / theirs;
        println!("{depth:5}  {ours:7.3}  {theirs:18.3}  {ratio:5.2}  {target:.2}");
    }
    println!(
        "connections  ours us (user + system)  against 50  target  redis-benchmark us  against 50"
    );
    for connections in [1_000, MANY] {
        let (mut pairs, mut others): (Vec<_>, Vec<_>) = (0..REPEATS)
            .map(|round| {
                let ours = pair(connections, round, |count| measured(port, count));
                (ours, pair(connections, round, |count| theirs_running(port, count)))
            })
            .unzip();
        pairs.sort_by(|a, b| (a.1.us() / a.0.us()).total_cmp(&(b.1.us() / b.0.us())));
        others.sort_by(|a, b| (a.1 / a.0).total_cmp(&(b.1 / b.0)));
        let ((few, many), (their_few, their_many)) = (pairs[REPEATS / 2], others[REPEATS / 2]);
        for (count, cost, theirs) in [(FEW, few, their_few), (connections, many, their_many)] {
            let (sum, ratio, their_ratio) = (cost.us(), cost.us() / few.us(), theirs / their_few);
            let Cost { user, system } = cost;
            println!(
                "{count:11}  {sum:.2} ({user:.2} + {system:.2})  {ratio:.2}  {MANY_TARGET}  {theirs:.2}  {their_ratio:.2}"
            );
        }
    }
}

/// CPU time per request in microseconds, once all connections are open. What the kernel counts in ticks of 10 ms is
/// exact in the sum of both over some seconds, and rough between them.
#[derive(Clone, Copy)]
struct Cost {
    user: f64,
    system: f64,
}

impl Cost {
    fn us(&self) -> f64 {
        self.user + self.system
    }
}

/// Few and many connections one after the other; which comes first alternates, so that a drift of the machine hits both.
fn pair<T>(connections: usize, round: usize, cost: impl Fn(usize) -> T) -> (T, T) {
    if round.is_multiple_of(2) {
        let few = cost(FEW);
        (few, cost(connections))
    } else {
        let many = cost(connections);
        (cost(FEW), many)
    }
}

/// The cost in a closed loop without pipelining. Opening the connections, warming up and draining are left out, of the time
/// and of the replies.
fn measured(port: u16, connections: usize) -> Cost {
    let phases = Phases {
        warmup: Nanos::from_secs(2),
        measure: Some(Nanos::from_secs(4)),
        drain_max: Nanos::from_secs(5),
    };
    let plan =
        RunPlan { cpus: Some(vec![1]), ..RunPlan::new(vec![gets(port, connections)], phases) };
    let live = Live::new(&plan);
    let (result, begin, end) = std::thread::scope(|scope| {
        let watcher =
            scope.spawn(|| (ticks_at(&live, Phase::Measure), ticks_at(&live, Phase::Drain)));
        let result = aelab_engine::run(&plan, &live, &AtomicBool::new(false)).expect("a run");
        let (begin, end) = watcher.join().expect("a watcher");
        (result, begin, end)
    });
    let interval = |at: Nanos| (at.0 / plan.interval.0) as u32;
    let inside = interval(result.measure_from)..interval(result.measure_until);
    let response = &result.groups[0].commands[0].response_time;
    let replies: u64 = response
        .intervals
        .iter()
        .filter(|part| inside.contains(&part.number))
        .map(|part| part.count)
        .sum();
    Cost {
        user: per_request(end.0 - begin.0, replies),
        system: per_request(end.1 - begin.1, replies),
    }
}

/// User and system time of this process when a run reaches a phase.
fn ticks_at(live: &Live, phase: Phase) -> (u64, u64) {
    while (live.phase() as u8) < phase as u8 {
        std::thread::sleep(Duration::from_millis(2));
    }
    let user = ticks(Whose::OwnUser);
    (user, ticks(Whose::Own) - user)
}

fn gets(port: u16, connections: usize) -> GroupPlan {
    let workload = Workload {
        commands: vec![CommandPlan::new(&["GET", "__key__"])],
        keys: KeySpace::uniform(KEYS),
        values: ValueSize::Fixed(32),
        compressible: 0.0,
        order: aelab_engine::plan::CommandOrder::Random,
    };
    let target = Target::plain(Endpoint::Tcp(([127, 0, 0, 1], port).into()));
    GroupPlan::new("bench", target, connections, workload)
}

fn start_server() -> Option<(Server, u16)> {
    let port = TcpListener::bind("127.0.0.1:0").ok()?.local_addr().ok()?.port();
    let text = port.to_string();
    let server = Command::new("taskset")
        .args([
            "-c",
            "0",
            "redis-server",
            "--port",
            &text,
            "--save",
            "",
            "--appendonly",
            "no",
            "--maxclients",
            "12000",
        ])
        .stdout(Stdio::null())
        .spawn()
        .ok()?;
    let server = Server(server);
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(100));
        let fill = ["-t", "set", "-r", "100000", "-n", "400000", "-d", "32", "-P", "50"];
        if benchmark(port, &fill)? {
            return Some((server, port));
        }
    }
    None
}

fn benchmark(port: u16, args: &[&str]) -> Option<bool> {
    let status = Command::new("taskset")
        .args(["-c", "1", "redis-benchmark", "-q", "-p", &port.to_string()])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.ok().map(|status| status.success())
}

/// CPU time per request of redis-benchmark, in microseconds.
fn theirs(port: u16, depth: usize, requests: u64) -> f64 {
    per_request(their_ticks(port, FEW, depth, requests), requests)
}

/// What a run of redis-benchmark takes of the CPU, start and end included.
fn their_ticks(port: u16, connections: usize, depth: usize, requests: u64) -> u64 {
    let before = ticks(Whose::Children);
    let (connections, depth, count) =
        (connections.to_string(), depth.to_string(), requests.to_string());
    let args = ["-t", "get", "-r", "100000", "-c", &connections, "-P", &depth, "-n", &count];
    assert_eq!(benchmark(port, &args), Some(true), "redis-benchmark failed");
    ticks(Whose::Children) - before
}

/// CPU time per request of redis-benchmark without opening and closing its connections: a long run less a short one. What
/// it says of many connections tells how much of our own cost is the kernel's price for them.
fn theirs_running(port: u16, connections: usize) -> f64 {
    const SHORT: u64 = 100_000;
    const LONG: u64 = 400_000;
    let [short, long] = [SHORT, LONG].map(|requests| their_ticks(port, connections, 1, requests));
    per_request(long.saturating_sub(short), LONG - SHORT)
}

/// CPU time per request of the engine, start and end of the run included, in microseconds.
fn ours(port: u16, depth: usize, requests: u64) -> f64 {
    let group = GroupPlan { pipeline: depth, requests: Some(requests), ..gets(port, 50) };
    let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: Nanos::from_secs(5) };
    let plan = RunPlan { cpus: Some(vec![1]), ..RunPlan::new(vec![group], phases) };
    let before = ticks(Whose::Own);
    let result =
        aelab_engine::run(&plan, &Live::new(&plan), &AtomicBool::new(false)).expect("a run");
    assert_eq!(result.groups[0].counts.ok, requests, "every reply is recorded");
    per_request(ticks(Whose::Own) - before, requests)
}

/// The kernel counts in hundredths of a second.
fn per_request(ticks: u64, requests: u64) -> f64 {
    ticks as f64 * 10_000.0 / requests as f64
}

#[derive(Clone, Copy)]
enum Whose {
    Own,
    OwnUser,
    Children,
}

/// User and system time so far, from the 14th to 17th field of `/proc/self/stat` (the 2nd may hold spaces).
fn ticks(whose: Whose) -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, rest) = stat.rsplit_once(')').expect("a name in brackets");
    let fields = rest.split_whitespace().skip(11).map_while(|field| field.parse().ok());
    let fields: Vec<u64> = fields.take(4).collect();
    match whose {
        Whose::Own => fields[0] + fields[1],
        Whose::OwnUser => fields[0],
        Whose::Children => fields[2] + fields[3],
    }
}
