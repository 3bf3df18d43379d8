//! Command lines and outputs of other tools: they run as they are, and scripts that parse what comes out still can.

use crate::recording_server::{Listener, Manner};
use crate::support::{Server, TempDir, check_failure, loadgen};
use std::time::Duration;

#[test]
fn redis_benchmarks_command_lines_run_and_print_its_forms() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let run = |more: &str| {
        let words = ["run", "--compat", "redis-benchmark", "-p", &port, "-n", "500"];
        let more = more.split(' ').filter(|word| !word.is_empty());
        let called = loadgen(&words.into_iter().chain(more).collect::<Vec<_>>());
        assert!(called.ran(), "{}", called.stderr);
        called.stdout
    };
    let all = run("-q -c 5 -P 4");
    let names: Vec<&str> = all.lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(names.len(), 20, "{all}");
    assert_eq!((names[0], names[2], names[19]), ("PING_INLINE", "SET", "MSET (10 keys)"));
    let csv = run("--csv -t get");
    assert!(csv.starts_with("\"test\",\"rps\",") && csv.contains("\n\"GET\","), "{csv}");
    let text = run("-t set -d 32 -k 0 -c 3");
    for part in [
        "====== SET ======",
        "500 requests completed in",
        "3 parallel clients",
        "32 bytes",
        "keep alive: 0",
        "host configuration \"save\": ",
        "host configuration \"appendonly\": no",
        "multi-thread: no",
        "\nCumulative distribution of latencies:\n",
        "milliseconds (cumulative count 500)\n\nSummary:",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = run("-r 10 lpush list:__rand_int__ x");
    assert!(text.contains("====== lpush list:__rand_int__ x ======"), "{text}");
    let words = ["run", "--compat", "redis-benchmark", "-p", &port, "-I"];
    check_failure(&words, 2, "-I has no equivalent");
}

/// Every form that prints the name of one command prints the whole command, as redis-benchmark does.
#[test]
fn a_command_of_ones_own_is_named_by_all_its_words() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let dir = TempDir::new();
    let file = dir.file("commands");
    std::fs::write(&file, "set k v\n").expect("written");
    let names = |words: &[&str]| {
        let named = |form: &str| {
            let called = loadgen(
                &[&["run"], words, &[]]
                    .concat()
                    .iter()
                    .map(|word| {
                        if *word == "FORM" {
                            form
                        } else if *word == "PORT" {
                            port.as_str()
                        } else {
                            *word
                        }
                    })
                    .collect::<Vec<_>>(),
            );
            assert!(called.ran(), "{words:?}: {}", called.stderr);
            let line = called.stdout.lines().last().unwrap_or_default().to_owned();
            match form {
                "-q" => line.rsplit_once(": ").expect("a line").0.to_owned(),
                _ => line.split("\",\"").next().expect("a cell")[1..].replace("\"\"", "\""),
            }
        };
        let (quiet, csv) = (named("-q"), named("--csv"));
        assert_eq!(quiet, csv);
        quiet
    };
    let front = ["--compat", "redis-benchmark", "-p", "PORT", "-n", "100", "FORM"];
    let valkey = ["--compat", "valkey-benchmark", "-p", "PORT", "-n", "100", "FORM"];
    let own = ["-p", "PORT", "-n", "100", "FORM"];
    for (words, want) in [
        ([&front[..], &["set", "key:__rand_int__", "a b"]].concat(), "set key:__rand_int__ a b"),
        ([&front[..], &["set", "a:{tag}", "\"x\""]].concat(), "set a:{tag} \"x\""),
        ([&front[..], &["echo", ";"]].concat(), "echo ;"),
        ([&valkey[..], &["--", "set", "a", "1", ";", "get", "a"]].concat(), "set a 1 ; get a"),
        ([&own[..], &["get", "a"]].concat(), "get a"),
        ([&own[..], &["--command", "set k 'a b'"]].concat(), "set k 'a b'"),
        ([&own[..], &["--command-file", &file]].concat(), "SET"),
        ([&own[..], &["-t", "set"]].concat(), "SET"),
    ] {
        assert_eq!(names(&words), want);
    }
}

#[test]
fn caveats_are_printed_once_after_all_tests() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let words = ["run", "-p", &port, "-n", "10", "-t", "set,get", "--percentiles", "99.9"];
    for form in ["-q", "--csv"] {
        let called = loadgen(&[&words[..], &[form]].concat());
        assert!(called.ran(), "{}", called.stderr);
        let caveats = called.stderr.lines().filter(|line| line.contains("too-few-samples"));
        let caveats: Vec<&str> = caveats.collect();
        assert!(
            matches!(caveats[..], [one] if one.contains("(SET, also in GET)")),
            "{form}: {}",
            called.stderr
        );
    }
    let called = loadgen(&[&words[..], &["-q"]].concat());
    let lines: Vec<&str> = called.stdout.lines().collect();
    assert!(lines.len() == 2 && lines[1].starts_with("GET: "), "{}", called.stdout);
    assert!(lines.iter().all(|line| line.ends_with(", p50=- msec (n<20)")), "{}", called.stdout);
}

#[test]
fn valkey_benchmarks_rate_and_time_and_sequences_are_kept() {
    let listener = Listener::start(Manner::default());
    let port = listener.port.to_string();
    let run = |more: &[&str]| {
        let words = ["run", "--compat", "valkey-benchmark", "-p", &port];
        let called = loadgen(&[&words, more].concat());
        assert!(called.ran(), "{}", called.stderr);
        called
    };
    let called = run(&["--rps", "50", "--duration", "1", "-r", "9", "--sequential", "-t", "set"]);
    assert!(called.stdout.contains("====== SET ======"), "{}", called.stdout);
    assert!(called.stderr.contains("--rate 50 --duration 1s --warmup 0"), "{}", called.stderr);
    let heard = listener.load();
    assert_eq!(heard.len(), 50, "the rate times the time");
    let keys: std::collections::BTreeSet<_> = heard.iter().map(|one| &one.args[1]).collect();
    assert_eq!(keys.len(), 9, "in turn");
    run(&[
        "-n",
        "10",
        "-c",
        "1",
        "-r",
        "100",
        "--",
        "SET",
        "a:__rand_1st__",
        "1",
        ";",
        "GET",
        "a:__rand_1st__",
    ]);
    let heard: Vec<_> = listener.load().into_iter().skip(50).collect();
    assert_eq!(heard.len(), 20);
    assert!(heard.chunks(2).all(|two| two[0].args[1] == two[1].args[1] && two[1].name() == "GET"));
    check_failure(
        &["run", "--compat", "valkey-benchmark", "--mptcp"],
        2,
        "--mptcp has no equivalent",
    );
    check_failure(
        &["run", "--compat", "redis-benchmark", "--rps", "5"],
        2,
        "--compat valkey-benchmark",
    );
}

#[test]
fn memtiers_command_lines_run_and_print_its_forms() {
    let server = Server::start(&[]);
    let port = server.port_arg();
    let dir = TempDir::new();
    let (json, text) = (dir.file("out.json"), dir.file("out.txt"));
    let run = |more: &str| {
        let words = ["run", "--compat=memtier", "-p", &port, "-t", "2", "-c", "3"];
        let called = loadgen(&words.into_iter().chain(more.split(' ')).collect::<Vec<_>>());
        assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
        called
    };
    // First all keys are written once, then read: none is missing.
    run(
        "--ratio=1:0 --key-pattern=P:P --key-minimum=1 --key-maximum=300 -n allkeys --hide-histogram",
    );
    let words =
        format!("--ratio=1:4 --key-minimum=1 --key-maximum=300 -n 100 --json-out-file {json}");
    let called = run(&words);
    let lines: Vec<&str> = called.stdout.lines().collect();
    assert!(lines[0] == "ALL STATS" && lines[2].starts_with("Type"), "{}", called.stdout);
    assert!(called.stdout.contains("\nSets ") && called.stdout.contains("\nTotals "));
    let kb = |name: &str| -> f64 {
        let row = lines.iter().find(|line| line.starts_with(name)).expect("a row");
        row.split_whitespace().last().and_then(|text| text.parse().ok()).expect("a number")
    };
    let (sets, gets, all) = (kb("Sets"), kb("Gets"), kb("Totals"));
    assert!(sets > 0.0 && gets > sets && (sets + gets - all).abs() < 0.1, "{}", called.stdout);
    let written = std::fs::read_to_string(&json).expect("written");
    let parsed: serde_json::Value = serde_json::from_str(&written).expect("JSON");
    let all = &parsed["ALL STATS"];
    assert!(all["Totals"]["Ops/sec"].as_f64().expect("a rate") > 0.0, "{written}");
    assert_eq!(all["Totals"]["Count"], 600);
    assert_eq!(all["Gets"]["Misses/sec"], 0.0, "{written}");
    assert!(all["Totals"]["Percentile Latencies"]["p50.00"].is_number(), "{written}");
    run(&format!("-n 10 -o {text}"));
    assert!(std::fs::read_to_string(&text).expect("written").starts_with("ALL STATS"));
}

/// On each connection as many of the first command as the ratio says, then of the second, with keys in step: nothing is drawn.
#[test]
fn memtiers_ratios_are_exact_on_each_connection() {
    let heard_by_connection = |words: &[&str]| {
        let listener = Listener::start(Manner::default());
        let port = listener.port.to_string();
        let all = [&["run", "-p", &port, "-r", "100"][..], words].concat();
        let words = if words[0] == "--compat" {
            [&["run", "--compat", "memtier", "-p", &port, "--key-prefix=k"][..], &words[1..]]
                .concat()
        } else {
            all
        };
        let called = loadgen(&words);
        assert!(called.ran(), "{words:?}: {}", called.stderr);
        let mut by_connection = std::collections::BTreeMap::<_, Vec<String>>::new();
        for one in listener.load() {
            let text = format!("{} {}", one.name(), one.args[1]);
            by_connection.entry(one.connection).or_default().push(text);
        }
        by_connection.into_values().collect::<Vec<_>>()
    };
    let same = |key: u64| [format!("SET k{key}"), format!("GET k{key}")];
    let each = ["--compat", "--ratio=1:1", "--key-pattern=S:S", "-t", "2", "-c", "3", "-n", "10"];
    let all = heard_by_connection(&each);
    assert_eq!(all.len(), 6);
    for connection in all {
        assert_eq!(connection, (0..5).flat_map(same).collect::<Vec<_>>());
    }
    let part = ["--compat", "--ratio=1:1", "--key-pattern=P:P", "-t", "1", "-c", "2", "-n", "10"];
    for connection in heard_by_connection(&part) {
        let keys: Vec<&str> = connection.iter().map(|one| &one[5..]).collect();
        assert!(keys.chunks(2).all(|pair| pair.len() < 2 || pair[0] == pair[1]), "{keys:?}");
    }
    let commands =
        ["--command=SET a 1", "--command=GET b", "--command-ratio=1", "--command-ratio=3"];
    let front = [&["--compat"][..], &commands, &["-t", "1", "-c", "2", "-n", "12"]].concat();
    let own = [&commands[..], &["--ratio-order", "exact", "-c", "2", "-n", "24"]].concat();
    for words in [front, own] {
        for connection in heard_by_connection(&words) {
            let cycle = ["SET a", "GET b", "GET b", "GET b"].into_iter().cycle();
            assert!(connection.iter().map(String::as_str).eq(cycle.take(connection.len())));
        }
    }
    let one = ["run", "-p", "1", "--ratio-order", "exact", "GET", "a"];
    check_failure(&one, 2, "--ratio-order has no effect");
}

/// `-n` is per connection in memtier: a fast connection does not take requests of a slow one, so the totals of the commands follow
/// from the ratio, also where `-n` is no multiple of it.
#[test]
fn memtiers_totals_follow_from_the_ratio() {
    let commands = ["--command=SET a 1", "--command=GET b", "--command-ratio=2"];
    for (load, each, sets) in [
        (&["--ratio=1:10", "-t", "2", "-c", "2", "-n", "105"][..], 105, 10),
        (&["--ratio=1:1", "-t", "1", "-c", "3", "-n", "7"], 7, 4),
        (&["--ratio=3:2", "-t", "3", "-c", "1", "-n", "9", "--pipeline", "4"], 9, 6),
        (&[&commands[..], &["-t", "1", "-c", "2", "-n", "8"]].concat(), 8, 6),
        (&["--ratio=1:10", "-t", "1", "-c", "4", "-n", "15", "--rate-limiting=100"], 15, 2),
    ] {
        let uneven = Duration::from_millis(3);
        let listener = Listener::start(Manner { uneven, ..Manner::default() });
        let port = listener.port.to_string();
        let words = [&["run", "--compat", "memtier", "-p", &port][..], load].concat();
        let called = loadgen(&words);
        assert!(called.ran(), "{load:?}: {}", called.stderr);
        let mut by_connection = std::collections::BTreeMap::<_, (u64, u64)>::new();
        for one in listener.load() {
            let (all, of_sets) = by_connection.entry(one.connection).or_default();
            *all += 1;
            *of_sets += u64::from(one.name() == "SET");
        }
        for counts in by_connection.values() {
            assert_eq!(*counts, (each, sets), "{load:?}: {by_connection:?}");
        }
    }
}

/// A connection that is refused sends nothing: the others send its part, so that the run ends.
#[test]
fn the_part_of_a_missing_connection_is_sent_by_the_others() {
    let server = Server::start(&["--maxclients", "6"]);
    let (port, load) = (server.port_arg(), ["-c", "20", "-n", "200", "--ratio", "1:1", "--json"]);
    let words = [&["run", "-p", &port, "--ratio-order", "exact"][..], &load].concat();
    let called = loadgen(&words);
    let record: serde_json::Value = serde_json::from_str(&called.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", called.stderr));
    assert_eq!(record["groups"][0]["counts"]["ok"], 200, "{record}");
}

/// The example that memtier's users try first: nothing is missed on an empty server.
#[test]
fn what_memtier_sets_it_finds() {
    let server = Server::start(&[]);
    let (port, dir) = (server.port_arg(), TempDir::new());
    let json = dir.file("out.json");
    let words = ["run", "--compat", "memtier", "-p", &port, "-t", "2", "-c", "5", "-n", "20"];
    let more = ["--ratio=1:1", "--key-pattern=S:S", "--json-out-file", &json];
    let called = loadgen(&[&words[..], &more].concat());
    assert!(called.ran(), "{}", called.stderr);
    let text = std::fs::read_to_string(&json).expect("written");
    let all: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(all["ALL STATS"]["Totals"]["Count"], 200, "{text}");
    assert_eq!(all["ALL STATS"]["Gets"]["Misses/sec"], 0.0, "{text}");
}

#[test]
fn memtiers_numbers_are_per_connection_there_and_totals_here() {
    let listener = Listener::start(Manner::default());
    let port = listener.port.to_string();
    let words =
        "--key-pattern=S:S --ratio 1:0 --key-prefix=k --key-maximum=9 -d 5 --expiry-range=7-7";
    let words = words.split(' ');
    let run = ["run", "--compat", "memtier", "-p", &port, "-t", "1", "-c", "2", "-n", "5"];
    let called = loadgen(&run.into_iter().chain(words).collect::<Vec<_>>());
    assert!(matches!(called.code, 0 | 4), "{}", called.stderr);
    let heard = listener.load();
    let mut keys: Vec<_> = heard.iter().map(|one| one.args[1].as_str()).collect();
    keys.sort_unstable();
    // One command alone: each key once, whichever connection is the faster one.
    assert_eq!(keys, ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9"]);
    assert!(heard.iter().all(|one| one.args[2].len() == 5 && one.args[3..] == ["EX", "7"]));
}
