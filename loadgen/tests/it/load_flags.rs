//! Every option of the load shows in what a server hears, or in the record: no flag is parsed and ignored.
//!
//! Structure and counts only; no row depends on how fast the machine is.

use crate::recording_server::{Heard, Listener, Manner};
use crate::support::{LOADGEN, Server, TempDir, loadgen};
use aelab_results::read_folder;
use aelab_results::record::RunRecord;
use std::collections::BTreeSet;
use std::time::Duration;

/// One run against a peer that remembers.
struct Run {
    heard: Vec<Heard>,
    everything: Vec<Heard>,
    record: RunRecord,
    stdout: String,
}

impl Run {
    fn connections(&self) -> usize {
        self.heard.iter().map(|one| one.connection).collect::<BTreeSet<_>>().len()
    }

    /// When each load connection was first heard, in order. The program's own questions use connections that send no load.
    fn load_connections_opened(&self) -> Vec<Duration> {
        let load: BTreeSet<_> = self.heard.iter().map(|one| one.connection).collect();
        let first = |n: &usize| self.everything.iter().find(|one| one.connection == *n);
        load.iter().filter_map(first).map(|one| one.at).collect()
    }

    fn distinct(&self, arg: usize) -> usize {
        self.heard.iter().map(|one| &one.args[arg]).collect::<BTreeSet<_>>().len()
    }

    fn count(&self, name: &str) -> usize {
        self.heard.iter().filter(|one| one.name() == name).count()
    }

    fn ok(&self) -> u64 {
        self.record.groups[0].counts.ok
    }

    /// The share of requests whose key is one of the first `tenth` of `keys`.
    fn share_of_first(&self, keys: u64, first: u64) -> f64 {
        let number = |one: &&Heard| one.args[1].trim_start_matches("key:").parse().unwrap_or(keys);
        self.heard.iter().filter(|one| number(one) < first).count() as f64 / self.heard.len() as f64
    }
}

/// Runs `loadgen run` with these words against a peer of this manner.
#[track_caller]
fn run_at(manner: Manner, words: &[&str]) -> Run {
    let listener = Listener::start(manner);
    let dir = TempDir::new();
    let out = dir.file("out");
    let port = listener.port.to_string();
    let called = loadgen(&[&["run", "-p", &port, "--out", &out], words].concat());
    // Requests that are lost with their connections are errors, more than the limit allows.
    let hung_up = manner.hang_up_after > 0 && called.code == 5;
    assert!(hung_up || matches!(called.code, 0 | 4), "{words:?}: {}", called.stderr);
    let folder = read_folder(std::path::Path::new(&out)).expect("reads back");
    let record = folder.record;
    for group in &record.groups {
        assert!(group.counts.add_up(), "{words:?}: {:?}", group.counts);
    }
    Run { heard: listener.load(), everything: listener.all(), record, stdout: called.stdout }
}

fn run(words: &[&str]) -> Run {
    run_at(Manner::default(), words)
}

type Check = fn(&Run) -> bool;

#[track_caller]
fn check_all(table: &[(&str, Check)]) {
    for (line, check) in table {
        let words: Vec<&str> = line.split(' ').collect();
        let run = run(&words);
        let heard: Vec<_> = run.heard.iter().take(5).map(|one| &one.args).collect();
        assert!(check(&run), "{line}: {heard:?} …\n{}", run.stdout);
    }
}

#[test]
fn connections_requests_and_pipelines() {
    check_all(&[
        ("-c 3 -n 90 GET __key__", |run| run.connections() == 3 && run.heard.len() == 90),
        ("-c 4 -n 40 --threads 2 GET a", |run| run.connections() == 4 && run.ok() == 40),
        ("-c 1 -n 64 GET a", |run| run.heard.iter().all(|one| one.together == 1)),
        ("-c 1 -n 64 -P 8 GET a", |run| run.heard.iter().any(|one| one.together == 8)),
        ("-c 1 -n 20 --reconnect-interval 5 GET a", |run| run.connections() == 4),
        ("-c 1 -n 20 --idle 7 GET a", |run| run.record.groups[1].connections.established == 7),
        // 200 ms apart. The margin is for a busy machine; without the flag both open at once.
        ("-c 2 -n 20 --connect-rate 5 GET a", |run| {
            let opened = run.load_connections_opened();
            opened.len() == 2 && opened[1].saturating_sub(opened[0]).as_millis() >= 100
        }),
        ("-c 2 -n 10 --dbnum 3 GET a", |run| {
            let select = |one: &&Heard| one.args == ["SELECT", "3"];
            run.everything.iter().filter(select).count() >= 2
        }),
        ("-c 1 -n 10 -3 GET a", |run| run.everything.iter().any(|one| one.args == ["HELLO", "3"])),
        ("-c 1 -n 10 -a secret GET a", |run| {
            run.everything.iter().any(|one| one.args == ["AUTH", "secret"])
        }),
        ("-c 1 -n 10 --user me -a secret GET a", |run| {
            run.everything.iter().any(|one| one.args == ["AUTH", "me", "secret"])
        }),
    ]);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn keys_values_and_commands() {
    check_all(&[
        ("-n 300 GET __key__", |run| run.distinct(1) == 1),
        ("-n 300 -r 1k GET __key__", |run| run.distinct(1) > 200),
        ("-n 300 -r 100 --key-dist sequential GET __key__", |run| run.distinct(1) == 100),
        ("-n 900 -r 1k --key-dist zipf:1.2 GET __key__", |run| run.share_of_first(1_000, 10) > 0.3),
        ("-n 900 -r 1k --key-dist latest GET __key__", |run| run.share_of_first(1_000, 500) < 0.4),
        ("-n 900 -r 1k --key-dist gaussian:0.05 GET __key__", |run| {
            run.share_of_first(1_000, 300) < 0.01
        }),
        ("-n 900 -r 1k --key-dist hotspot:keys=0.01,requests=0.9 GET __key__", |run| {
            run.share_of_first(1_000, 10) > 0.8
        }),
        ("-n 30 -d 64 SET a __data__", |run| run.heard.iter().all(|one| one.args[2].len() == 64)),
        ("-n 300 -d 10-20 SET a __data__", |run| {
            let lengths: BTreeSet<_> = run.heard.iter().map(|one| one.args[2].len()).collect();
            lengths.len() > 5 && lengths.iter().all(|len| (10..=20).contains(len))
        }),
        ("-n 300 -d 8:9,32:1 SET a __data__", |run| {
            run.heard.iter().filter(|one| one.args[2].len() == 8).count() > 200
        }),
        ("-n 300 -d zipf:4-400 SET a __data__", |run| {
            run.heard.iter().filter(|one| one.args[2].len() < 20).count() > 100
        }),
        ("-n 10 -d 640 --compressible 1 SET a __data__", |run| {
            run.heard.iter().all(|one| one.args[2].bytes().all(|byte| byte == b'x'))
        }),
        ("-n 50 -t set", |run| run.count("SET") == 50),
        ("-n 20 -r 1k -t mget", |run| {
            run.heard.iter().all(|one| one.name() == "MGET" && one.args.len() == 11)
        }),
        ("-n 20 -d 5 -t xadd", |run| {
            run.heard.iter().all(|one| one.args[..4] == ["XADD", "mystream", "*", "myfield"])
        }),
        ("-n 300 -r 10 --key-dist new SET __key__ x", |run| {
            run.distinct(1) == 300 && run.share_of_first(10, 10) < 0.01
        }),
        ("-n 300 SET {key 100} {data 5-9}", |run| {
            run.distinct(1) > 50 && run.heard.iter().all(|one| (5..=9).contains(&one.args[2].len()))
        }),
        ("-n 900 GET {key zipf 1000000}", |run| run.share_of_first(1_000_000, 100) > 0.25),
        ("-n 99 MGET a{tag} b{tag}", |run| {
            let is_tagged = |one: &Heard| {
                let [_, a, b] = &*one.args else { return false };
                a.len() == 8 && a.starts_with("a{") && a.strip_prefix('a') == b.strip_prefix('b')
            };
            run.distinct(1) > 50 && run.heard.iter().all(is_tagged)
        }),
        ("-n 99 -r 1M HSET __key__ {same} __rand_1st__ __rand_1st__", |run| {
            run.heard.iter().all(|one| one.args[1] == one.args[2] && one.args[3] == one.args[4])
        }),
        ("-n 10 -r 50 --ycsb b --prefill", |run| {
            run.heard.iter().filter(|one| one.args.len() == 22).count() == 50
        }),
        ("-n 300 --ycsb a", |run| run.count("HGETALL") > 100 && run.count("HSET") > 100),
        ("-n 300 --ycsb c -d 7", |run| run.count("HGETALL") == 300),
        ("-n 200 --ycsb e", |run| {
            run.count("SORT") > 150 && run.count("HSET") == run.count("ZADD")
        }),
        ("-n 200 --ycsb f -r 1M", |run| {
            let mut modified = run.heard.iter().filter(|one| one.name() == "HSET");
            let read = |set: &Heard| {
                let is_before = |one: &&Heard| one.connection == set.connection && one.at < set.at;
                let before = run.heard.iter().rfind(is_before);
                before.is_some_and(|one| one.name() == "HGETALL" && one.args[1] == set.args[1])
            };
            run.count("HSET") > 60 && modified.all(read)
        }),
        ("-n 20 --key-prefix u: --key-digits 0 --key-minimum 7 -r 2 GET __key__", |run| {
            run.heard.iter().all(|one| one.args[1] == "u:7" || one.args[1] == "u:8")
        }),
        ("-n 900 --ycsb d", |run| (15..90).contains(&run.count("HSET"))),
        ("-n 300 --ratio 1:2", |run| (70..130).contains(&run.count("SET"))),
        ("-n 50 -r 10 INCR n:{rand 3-5}", |run| run.distinct(1) <= 3),
        ("-n 300 -r 10 INCR n:__rand_int__", |run| run.distinct(1) == 10),
        ("-n 50 EXPIRE a {ttl 5-9}", |run| {
            run.heard.iter().all(|one| ["5", "6", "7", "8", "9"].contains(&one.args[2].as_str()))
        }),
        ("-n 20 SCAN {cursor}", |run| run.ok() == 20 && run.heard.len() == 40),
        ("-r 500 -n 10 --prefill GET __key__", |run| {
            run.heard
                .iter()
                .filter(|one| one.name() == "MSET")
                .map(|one| one.args.len() / 2)
                .sum::<usize>()
                == 500
        }),
        (
            "-r 300 -n 10 --prefill --key-prefix app: --key-digits 4 --key-minimum 5 GET __key__",
            |run| {
                let sets = run.heard.iter().filter(|one| one.name() == "MSET");
                let keys = sets.flat_map(|one| one.args[1..].iter().step_by(2).cloned());
                let mut keys: Vec<String> = keys.collect();
                keys.sort_unstable();
                keys == (5..305).map(|key| format!("app:{key:04}")).collect::<Vec<_>>()
            },
        ),
    ]);
    let dir = TempDir::new();
    let file = dir.file("commands");
    std::fs::write(&file, "# mostly reads\n9 GET __key__\nSET a {data 9}\n").expect("written");
    let mixed = run(&["-n", "400", "--command-file", &file]);
    assert!((320..=390).contains(&mixed.count("GET")), "{}", mixed.count("GET"));
    let mixed = run(&[
        "-n",
        "400",
        "--command",
        "GET a",
        "--command",
        "SET b c",
        "--command-ratio",
        "9",
        "--command-ratio",
        "1",
    ]);
    assert!((320..=390).contains(&mixed.count("GET")), "{}", mixed.count("GET"));
}

#[test]
fn a_seed_decides_every_choice() {
    let keys = |seed: &str| {
        let run = run(&["-c", "1", "-n", "50", "-r", "1M", "--seed", seed, "GET", "__key__"]);
        run.heard.into_iter().map(|one| one.args[1].clone()).collect::<Vec<_>>()
    };
    assert_eq!(keys("7"), keys("7"));
    assert_ne!(keys("7"), keys("8"));
}

#[test]
fn schedules() {
    check_all(&[
        ("--rate 200 --duration 500ms --warmup 0 PING", |run| {
            run.record.groups[0].counts.scheduled == 100
        }),
        ("--rate 200 --duration 250ms --warmup 250ms GET a", |run| {
            run.record.groups[0].counts.scheduled == 50 && run.heard.len() == 100
        }),
        ("--rate 1k --arrival poisson --duration 300ms --warmup 0 GET a", |run| {
            run.record.groups[0].arrival.process == "poisson"
                && run.record.groups[0].counts.scheduled != 300
        }),
        ("--rate 1k --arrival uniform --duration 300ms --warmup 0 GET a", |run| {
            run.record.groups[0].arrival.process == "uniform"
        }),
        ("--arrival ramp:100-300@500ms GET a", |run| run.heard.len() == 100),
        ("--arrival step:100,300@500ms GET a", |run| run.heard.len() == 200),
        ("--rate 200 --arrival burst:on=50ms,off=200ms --duration 500ms --warmup 0 GET a", |run| {
            run.heard.len() == 100
        }),
        ("--rate 200 --arrival sine:amp=1,period=500ms --duration 500ms --warmup 0 GET a", |run| {
            run.heard.len() == 100
        }),
        ("--rate 500 --pacing spin --duration 100ms --warmup 0 GET a", |run| run.heard.len() == 50),
        ("--rate 500 --pacing precise --duration 100ms --warmup 0 GET a", |run| {
            run.heard.len() == 50
        }),
        ("-c 4 --rate 200 --pin-requests --duration 500ms --warmup 0 GET a", |run| {
            let numbers: BTreeSet<_> = run.heard.iter().map(|one| one.connection).collect();
            let each = |n: &usize| run.heard.iter().filter(|one| one.connection == *n).count();
            numbers.len() == 4 && numbers.iter().all(|n| each(n) == 25)
        }),
        ("-c 1 -n 5 --think-time 40ms GET a", |run| {
            run.heard.windows(2).all(|two| (two[1].at - two[0].at).as_millis() >= 39)
        }),
    ]);
}

#[test]
fn a_slow_server_shows_the_effect_of_time_limits() {
    let manner = Manner { delay: Duration::from_millis(60), ..Manner::default() };
    let listener = Listener::start(manner);
    let port = listener.port.to_string();
    let called =
        loadgen(&["run", "-p", &port, "-c", "1", "-n", "3", "--timeout", "20ms", "GET", "a"]);
    assert!(called.stdout.contains("0 ok, 0 errors, 3 timeouts"), "{}", called.stdout);
    assert!(
        called.code == 4 && called.failure().contains("Raise `--timeout`"),
        "{}",
        called.stderr
    );
    // What was given up is in the times as a bound, and said to be one.
    let limited = ["run", "-p", &port, "-c", "1", "-n", "30", "--timeout", "20ms", "--json"];
    let limited = loadgen(&[&limited[..], &["GET", "a"]].concat()).stdout;
    let limited = RunRecord::from_json(&limited, std::path::Path::new("stdout")).expect("a record");
    let service = &limited.groups[0].total.service_time;
    assert!(
        service.censored && service.us_at(50.0).is_some_and(|us| us >= 20_000.0),
        "{service:?}"
    );
    assert!(service.percentiles.iter().all(|one| one.us.is_none() || one.censored), "{service:?}");
    let storm = ["-c", "3", "-n", "6", "--connect-rate", "20", "--connect-storm", "GET", "a"];
    let storm = run_at(Manner::default(), &storm);
    let early = storm.record.groups[0].connections.established;
    assert!(early <= 1, "they are opened while the load runs: {early}");
}

/// In `-t`, in commands, in command files, and through the front-ends.
#[test]
fn sequential_keys_of_one_command_come_once_each() {
    let dir = TempDir::new();
    let file = dir.file("commands.txt");
    std::fs::write(&file, "MSET __key__ a __key__ b\n").expect("written");
    let once = ["-c", "1", "-r", "1000", "--warmup", "0", "-n", "50"];
    let sequence = ["--key-dist", "sequential"];
    let mset = ["--command", "MSET __key__ a __key__ b"];
    let files = ["--command-file", &file];
    for (words, keys) in [
        ([&once[..], &sequence, &["-t", "mset"]].concat(), 500),
        ([&once[..], &sequence, &mset].concat(), 100),
        ([&once[..], &sequence, &files].concat(), 100),
        (
            [&once[..], &["--command", "MSET {key sequential 1k} a {key sequential 1k} b"]]
                .concat(),
            100,
        ),
    ] {
        let run = run_at(Manner::default(), &words);
        let args = run.heard.iter().flat_map(|one| one.args[1..].iter().step_by(2));
        let heard: Vec<&String> = args.collect();
        let want: Vec<String> = (0..keys).map(|key| format!("key:{key:012}")).collect();
        assert!(heard.iter().copied().eq(&want), "{words:?}: {heard:?}");
    }
}

/// A record that is being inserted on one thread is not asked for on another.
#[test]
fn ycsb_d_reads_records_that_are_there() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let load = ["run", "-p", &port, "--json", "--ycsb", "d", "-r", "1000", "--prefill"];
    let more = ["--threads", "2", "-c", "20", "-P", "4", "-n", "20000"];
    let called = loadgen(&[&load[..], &more].concat());
    let record = RunRecord::from_json(&called.stdout, std::path::Path::new("stdout"));
    let group = &record.expect("a record").groups[0];
    assert_eq!(group.commands["READ"].misses, Some(0));
    assert!(group.commands["INSERT"].response_time.count > 500);
}

#[test]
fn lost_connections_follow_the_reconnect_policy() {
    let manner = Manner { hang_up_after: 10, ..Manner::default() };
    let lost =
        |policy: &str| run_at(manner, &["-c", "2", "-n", "40", "--reconnect", policy, "GET", "a"]);
    let never = lost("never");
    let links = &never.record.groups[0].connections;
    assert_eq!((links.reconnects, never.connections()), (0, 2), "{links:?}");
    let short = never.record.caveats.iter().find(|caveat| caveat.id == "server-changed");
    assert!(short.is_some_and(|caveat| caveat.text.contains("of 40 requests")), "{short:?}");
    let by_time = ["-c", "4", "--duration", "60s", "--warmup", "0", "--threads", "2"];
    let cut = run_at(manner, &[&by_time[..], &["--reconnect", "never", "GET", "a"]].concat());
    assert!(cut.record.duration_s < 30.0, "{}", cut.record.duration_s);
    let ended = cut.record.caveats.iter().find(|caveat| caveat.id == "server-changed");
    assert!(ended.is_some_and(|caveat| caveat.text.contains("of 60.0 s no connection was left")));
    // The shortest time between a connection's last request and the first on the one after it.
    let gap = |run: &Run| {
        let pairs = run.heard.windows(2).filter(|two| two[0].connection != two[1].connection);
        pairs.map(|two| (two[1].at - two[0].at).as_millis()).min()
    };
    let at_once = lost("immediate");
    assert!(at_once.record.groups[0].connections.reconnects >= 2);
    assert_eq!(at_once.ok() + at_once.record.groups[0].counts.error, 40);
    let slow = run_at(manner, &["-c", "1", "-n", "30", "--reconnect", "fixed:300ms", "GET", "a"]);
    assert!(slow.record.groups[0].connections.reconnects >= 2);
    assert!(gap(&slow).is_some_and(|gap| gap >= 295), "{:?}", gap(&slow));
    let long = ["-c", "1", "-n", "30", "--reconnect", "backoff:400ms..1s", "GET", "a"];
    assert!(gap(&run_at(manner, &long)).is_some_and(|gap| gap >= 195));
}

/// 25 requests/s against 60 ms of service are 1.5 connections busy on average.
#[test]
fn an_emulated_pool_grows_shrinks_and_makes_requests_wait() {
    let manner = Manner { delay: Duration::from_millis(60), ..Manner::default() };
    let load = ["--rate", "50", "--duration", "1s", "--warmup", "0"];
    let pool = |more: &[&str]| {
        let run = run_at(manner, &[&load, more, &["GET", "a"]].concat());
        let pool = run.record.groups[0].pool.clone().expect("a pool");
        (run, pool)
    };
    // One connection serves 16 of 50 per second: the others wait, and the wait has a metric of its own.
    let (run, one) = pool(&["--pool-max-total", "1"]);
    assert_eq!((run.connections(), one.most_open), (1, 1));
    assert!(one.wait.max_us.expect("samples") > 500_000.0, "{:?}", one.wait);
    assert!(run.stdout.contains("wait for a connection"), "{}", run.stdout);
    // Those that may not wait for long are turned away, and counted.
    let (run, short) = pool(&["--pool-max-total", "1", "--pool-max-wait", "100ms"]);
    assert!(short.pool_timeouts > 5, "{short:?}");
    assert_eq!(run.record.groups[0].counts.error, short.pool_timeouts);
    let pool_timeouts = run.record.groups[0].error_time.as_ref().expect("their times");
    assert!(pool_timeouts.count == short.pool_timeouts && run.stdout.contains("errors, since due"));
    assert!(short.wait.max_us.expect("samples") <= 101_000.0, "{:?}", short.wait);
    // With room to grow, it opens what is needed, and closes what is idle beyond its limit.
    let bursts = ["--arrival", "burst:on=100ms,off=400ms"];
    let (run, grown) =
        pool(&[&bursts[..], &["--pool-max-total", "20", "--pool-max-idle", "1"]].concat());
    assert!(grown.most_open >= 3 && grown.closed > 0, "{grown:?}");
    assert!(run.connections() > 1);
    // Connections in advance: the first request finds one.
    let (warm, ready) = pool(&["--pool-max-total", "20", "--pool-min-idle", "10"]);
    assert!(ready.most_open >= 10, "{ready:?}");
    assert!(warm.stdout.contains("load: 10 to 20 connections (pool)"), "{}", warm.stdout);
    let (fifo, _) =
        pool(&["--pool-max-total", "9", "--pool-min-idle", "9", "--pool-order", "fifo"]);
    let (lifo, _) =
        pool(&["--pool-max-total", "9", "--pool-min-idle", "9", "--pool-order", "lifo"]);
    assert_eq!(fifo.connections(), 9, "each in turn");
    assert!(lifo.connections() < 9, "the warm ones again and again: {}", lifo.connections());
}

#[test]
fn the_waiting_time_of_a_pool_is_in_the_log() {
    let listener =
        Listener::start(Manner { delay: Duration::from_millis(20), ..Manner::default() });
    let dir = TempDir::new();
    let out = dir.file("out");
    let port = listener.port.to_string();
    let called = std::process::Command::new(LOADGEN)
        .args(["run", "-p", &port, "--out", &out, "--rate", "100", "--duration", "300ms"])
        .args(["--pool-max-total", "1", "GET", "a"])
        .output()
        .expect("runs");
    assert!(matches!(called.status.code(), Some(0 | 4)), "{called:?}");
    let log = std::fs::read_to_string(std::path::Path::new(&out).join("latency.hlog"));
    assert!(log.expect("a log").contains("Tag=load:*:wait,"));
}
