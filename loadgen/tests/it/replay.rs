//! What was captured is sent again: the same commands, on connections of their own, in their order, at their times.

use crate::recording_server::{Heard, Listener, Manner};
use crate::support::{Server, TempDir, ask, check_failure, loadgen};
use aelab_results::read_folder;
use aelab_results::record::RunRecord;
use std::fmt::Write as _;

/// What a replay led to.
struct Replayed {
    heard: Vec<Heard>,
    record: RunRecord,
    stderr: String,
}

#[track_caller]
fn replay_at(manner: Manner, file: &str, more: &[&str]) -> Replayed {
    let listener = Listener::start(manner);
    let dir = TempDir::new();
    let out = dir.file("out");
    let port = listener.port.to_string();
    let words = [&["run", "-p", &port, "--out", &out, "--replay", file], more].concat();
    let called = loadgen(&words);
    // Requests that are lost with their connections are errors, more than the limit allows.
    let hung_up = manner.hang_up_after > 0 && called.code == 5;
    assert!(hung_up || matches!(called.code, 0 | 4), "{more:?}: {}", called.stderr);
    let record = read_folder(std::path::Path::new(&out)).expect("reads back").record;
    assert!(record.groups[0].counts.add_up(), "{:?}", record.groups[0].counts);
    Replayed { heard: listener.load(), record, stderr: called.stderr }
}

fn replay(file: &str, more: &[&str]) -> Replayed {
    replay_at(Manner::default(), file, more)
}

fn args(heard: &[Heard]) -> Vec<Vec<&str>> {
    heard.iter().map(|one| one.args.iter().map(String::as_str).collect()).collect()
}

/// `clients` take turns at `count` commands in all, 1 ms apart; each has keys of its own, numbered.
fn capture(clients: usize, count: usize) -> String {
    let mut text = "OK\n".to_owned();
    for number in 0..count {
        let (client, place) = (number % clients, number / clients);
        let micros = 1_000_000 + number * 1_000;
        let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
        let port = 40_000 + client;
        writeln!(
            text,
            "{seconds}.{micros:06} [0 127.0.0.1:{port}] \"SET\" \"c{client}:{place}\" \"x\""
        )
        .expect("a string");
    }
    text
}

/// Per client, the places of its commands in the order they came.
fn places(heard: &[Heard], clients: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new(); clients];
    for one in heard {
        let (client, place) = one.args[1][1..].split_once(':').expect("c1:2");
        let client: usize = client.parse().expect("a number");
        all[client].push(place.parse().expect("a number"));
    }
    all
}

#[test]
fn a_monitor_capture_keeps_bytes_clients_databases_and_order() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    let text = "OK\n\
        10.000000 [0 127.0.0.1:1] \"set\" \"a b\" \"\\x00\\\"\\\\\\n\"\n\
        10.000100 [0 127.0.0.1:2] \"get\" \"a b\"\n\
        10.000200 [0 lua] \"set\" \"inner\" \"1\"\n\
        10.000300 [0 127.0.0.1:2] \"select\" \"3\"\n\
        10.000400 [3 127.0.0.1:2] \"get\" \"other\"\n\
        10.000500 [0 127.0.0.1:1] \"flushall\"\n\
        10.000600 [0 127.0.0.1:1] \"blpop\" \"q\" \"0\"\n\
        10.000700 [0 127.0.0.1:1] \"monitor\"\n\
        10.000800 [0 127.0.0.1:1] \"del\" \"a b\"\n";
    std::fs::write(&file, text).expect("written");
    let replayed = replay(&file, &[]);
    let all = &replayed.heard;
    // 100 µs apart on two connections: either may be heard first.
    let setter = all.iter().find(|one| one.name() == "SET").expect("it was sent");
    let first = setter.connection;
    let (one, two): (Vec<Heard>, Vec<Heard>) =
        all.iter().cloned().partition(|one| one.connection == first);
    assert_eq!(args(&one), [vec!["set", "a b", "\0\"\\\n"], vec!["del", "a b"]]);
    assert_eq!(args(&two), [vec!["get", "a b"], vec!["get", "other"]]);
    let counts = &replayed.record.groups[0].counts;
    assert_eq!((counts.scheduled, counts.ok), (5, 5), "with a SELECT between");
    let labels: Vec<_> = replayed.record.groups[0].commands.keys().map(String::as_str).collect();
    assert_eq!(labels, ["DEL", "GET", "SELECT", "SET"]);
    for part in ["1 FLUSHALL, which would destroy", "1 BLPOP", "1 MONITOR", "by a script"] {
        assert!(replayed.stderr.contains(part), "{part}: {}", replayed.stderr);
    }
    let everything = replay(&file, &["--replay-all"]);
    let names: Vec<String> = everything.heard.iter().map(Heard::name).collect();
    assert!(names.contains(&"FLUSHALL".to_owned()) && names.contains(&"BLPOP".to_owned()));
    assert!(!names.contains(&"MONITOR".to_owned()), "it would push replies");
}

/// What editors and shells put before a text is no part of it: in captures, command files and traces alike.
#[test]
fn a_byte_order_mark_is_not_taken_for_text() {
    let dir = TempDir::new();
    let file = dir.file("text");
    let marked = |text: &str| std::fs::write(&file, format!("\u{feff}{text}")).expect("written");
    // Without the line of OK, so that the mark stands before a command.
    let text = capture(2, 20).replace("OK\n", "");
    marked(&text);
    let replayed = replay(&file, &[]);
    let mut all = args(&replayed.heard);
    all.sort_unstable();
    assert_eq!((all.len(), &all[0]), (20, &vec!["SET", "c0:0", "x"]));
    marked("*1\r\n$4\r\nPING\r\n");
    check_failure(&["run", "--replay", &file], 2, "byte order mark");
    std::fs::write(&file, b"\xff\xfe1\0.\0").expect("written");
    check_failure(&["run", "--replay", &file], 2, "UTF-16");
    check_failure(&["run", "--command-file", &file], 2, "UTF-16");

    let listener = Listener::start(Manner::default());
    let port = listener.port.to_string();
    marked("GET a\n");
    let called = loadgen(&["run", "-p", &port, "-n", "5", "--command-file", &file]);
    assert!(called.ran(), "{}", called.stderr);
    marked("0\n10ms\n20ms\n");
    let trace = format!("trace:{file}");
    let called = loadgen(&["run", "-p", &port, "--arrival", &trace, "GET", "b"]);
    assert!(called.ran(), "{}", called.stderr);
    let names = listener.load().into_iter().map(|one| one.args.join(" ")).collect::<Vec<_>>();
    assert_eq!(names.iter().filter(|name| *name == "GET a").count(), 5);
    assert_eq!(names.iter().filter(|name| *name == "GET b").count(), 3);
}

#[test]
fn each_client_keeps_its_order_at_any_speed_and_on_any_threads() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    std::fs::write(&file, capture(7, 400)).expect("written");
    let in_order: Vec<Vec<usize>> =
        (0..7).map(|client: usize| (0..(400 - client).div_ceil(7)).collect()).collect();
    for more in [
        &["--replay-speed", "4x"][..],
        &["--replay-speed", "max"],
        &["--replay-speed", "max", "-P", "8"],
        &["--replay-speed", "max", "--threads", "3"],
        &["--replay-speed", "20", "--threads", "3"],
        &["--rate", "5k"],
        &["--replay-speed", "max", "--replay-connections", "2"],
    ] {
        let replayed = replay(&file, more);
        assert_eq!(places(&replayed.heard, 7), in_order, "{more:?}");
        assert_eq!(replayed.record.groups[0].counts.ok, 400, "{more:?}");
    }
    let some = replay(&file, &["-n", "10", "--replay-speed", "max"]);
    assert_eq!(some.heard.len(), 10);
}

#[test]
fn captured_times_are_the_intended_times() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    std::fs::write(&file, capture(2, 300)).expect("written");
    let replayed = replay(&file, &[]);
    let span = |heard: &[Heard]| heard[heard.len() - 1].at - heard[0].at;
    // 299 gaps of 1 ms, however slow the machine; twice as fast is half of it at least.
    assert!(span(&replayed.heard).as_millis() >= 280, "{:?}", span(&replayed.heard));
    assert_eq!(replayed.record.groups[0].arrival.process, "trace");
    let fast = replay(&file, &["--replay-speed", "2x"]);
    assert!(span(&fast.heard).as_millis() >= 140);
    // A server that takes 20 ms where 2 ms lie between a client's commands falls behind, and the waiting is in the result.
    let slow = Manner { delay: std::time::Duration::from_millis(20), ..Manner::default() };
    let late = replay_at(slow, &file, &["-n", "100"]);
    let response = &late.record.groups[0].total.response_time;
    assert!(response.max_us.expect("samples") > 500_000.0, "{:?}", response.max_us);
}

#[test]
fn lost_connections_lose_only_the_sent_requests() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    std::fs::write(&file, capture(3, 240)).expect("written");
    let manner = Manner { hang_up_after: 20, ..Manner::default() };
    for more in [&["--replay-speed", "10x"][..], &["--replay-speed", "max", "-P", "4"]] {
        let replayed = replay_at(manner, &file, more);
        for (client, places) in places(&replayed.heard, 3).iter().enumerate() {
            assert!(places.windows(2).all(|two| two[0] < two[1]), "{more:?} {client}: {places:?}");
            assert_eq!(places.last(), Some(&79), "{more:?} {client}: to the end");
        }
        let counts = &replayed.record.groups[0].counts;
        assert_eq!(counts.scheduled, 240);
        assert_eq!(counts.ok + counts.error, 240, "{counts:?}");
        assert!(counts.error > 0);
    }
}

#[test]
fn broken_captures_are_refused_and_truncated_ones_have_a_caveat() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    let whole = capture(2, 20);
    let cut = &whole[..whole.len() - 4];
    std::fs::write(&file, cut).expect("written");
    let replayed = replay(&file, &["--replay-speed", "max"]);
    assert_eq!(replayed.heard.len(), 19);
    assert!(replayed.record.caveats.iter().any(|caveat| caveat.id == "capture-doubtful"));
    std::fs::write(&file, whole.replacen("c0:3\"", "c0:3", 1)).expect("written");
    check_failure(&["run", "--replay", &file], 2, "line 8: an argument's quotes");
    std::fs::write(&file, "OK\nhello\nworld\n").expect("written");
    check_failure(&["run", "--replay", &file], 2, "line 2: it does not begin with a time");
    std::fs::write(&file, "").expect("written");
    check_failure(&["run", "--replay", &file], 2, "is empty");
    std::fs::write(&file, "REDIS0011").expect("written");
    check_failure(&["run", "--replay", &file], 2, "RDB snapshot");
    check_failure(&["run", "--replay", &file, "--duration", "1s"], 2, "cannot be used with");
    check_failure(&["run", "--replay", "/nowhere"], 2, "/nowhere");
    check_failure(&["run", "--replay", "/nowhere"], 2, "give the output of redis-cli MONITOR");
    check_failure(&["run", "--replay-speed", "2x"], 2, "--replay");
}

#[test]
fn an_append_only_file_is_replayed_with_its_databases_and_transactions() {
    let dir = TempDir::new();
    let command = |words: &[&str]| {
        let args = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        format!("*{}\r\n{}", words.len(), args.collect::<String>())
    };
    let text: String = [
        &["SELECT", "0"][..],
        &["SET", "a", "1"],
        &["MULTI"],
        &["INCR", "a"],
        &["INCR", "a"],
        &["EXEC"],
        &["SELECT", "2"],
        &["SET", "b", "two words"],
    ]
    .map(command)
    .concat();
    let file = dir.file("appendonly.aof");
    std::fs::write(&file, &text).expect("written");
    let server = Server::start(&[]);
    let port = server.port_arg();
    let called = loadgen(&["run", "-p", &port, "--replay", &file]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    assert_eq!(ask(server.port, "INCR a").as_deref(), Some(":4"));
    check_failure(&["run", "--replay", &file, "--replay-speed", "1x"], 2, "no times");
    // The same as one of several files, named by a manifest.
    std::fs::rename(&file, dir.file("a.1.incr.aof")).expect("renamed");
    std::fs::write(dir.file("a.1.base.aof"), command(&["SET", "base", "1"])).expect("written");
    let manifest = "file a.1.base.aof seq 1 type b\nfile a.1.incr.aof seq 1 type i\n";
    std::fs::write(dir.file("a.manifest"), manifest).expect("written");
    let folder = dir.path().to_str().expect("a path");
    let replayed = replay(folder, &[]);
    assert_eq!(args(&replayed.heard)[0], ["SET", "base", "1"]);
    assert_eq!(replayed.heard.len(), 7);
    std::fs::write(dir.file("a.1.base.aof"), "").expect("written");
    assert_eq!(replay(folder, &[]).heard.len(), 6, "an empty base has nothing to say");
    // A server of Redis 7's defaults writes its base as a snapshot: of nothing, if it began empty.
    std::fs::write(dir.file("a.1.base.aof"), b"REDIS0010\xfa\x08aof-base\xc0\x01\xff12345678")
        .expect("written");
    assert_eq!(replay(folder, &[]).heard.len(), 6, "an empty snapshot has nothing to say");
    std::fs::write(dir.file("a.1.base.aof"), b"REDIS0010\xfe\x00data").expect("written");
    let instead = format!("--replay {}", dir.file("a.1.incr.aof"));
    for part in ["a.1.base.aof: is an RDB snapshot, which holds data", &instead] {
        check_failure(&["run", "--replay", folder], 2, part);
    }
    check_failure(
        &["run", "--replay", &dir.file("a.1.base.aof")],
        2,
        "begins with an RDB snapshot",
    );
}

#[test]
fn a_database_that_the_server_lacks_ends_the_replay_before_anything_is_sent() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    let text = "OK\n\
        10.000000 [0 127.0.0.1:1] \"set\" \"a\" \"1\"\n\
        10.000100 [7 127.0.0.1:2] \"set\" \"b\" \"1\"\n";
    std::fs::write(&file, text).expect("written");
    let server = Server::start(&["--databases", "2"]);
    let port = server.port_arg();
    check_failure(&["run", "-p", &port, "--replay", &file], 6, "refused SELECT 7");
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":0"));
    let called = loadgen(&["run", "-p", &port, "--replay", &file, "--dbnum", "0"]);
    assert!(called.ran(), "{}", called.stderr);
    assert_eq!(ask(server.port, "DBSIZE").as_deref(), Some(":2"), "all in the one that was named");
}

#[test]
fn a_connection_that_comes_back_is_in_its_database() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    let text = capture(2, 120).replace("[0 127.0.0.1:40001]", "[3 127.0.0.1:40001]");
    std::fs::write(&file, text).expect("written");
    let manner = Manner { hang_up_after: 20, ..Manner::default() };
    for more in [&["--replay-speed", "10x"][..], &["--replay-speed", "max", "-P", "4"]] {
        let listener = Listener::start(manner);
        let port = listener.port.to_string();
        let any = ["--max-error-rate", "100%"];
        let called = loadgen(&[&["run", "-p", &port, "--replay", &file], &any[..], more].concat());
        assert!(called.ran(), "{}", called.stderr);
        let mut databases = std::collections::HashMap::new();
        let mut in_three = 0;
        for one in listener.all() {
            match one.name().as_str() {
                "SELECT" => {
                    databases.insert(one.connection, one.args[1].clone());
                }
                "SET" => {
                    let db = databases.get(&one.connection).map_or("0", String::as_str);
                    let want = if one.args[1].starts_with("c1:") { "3" } else { "0" };
                    assert_eq!(db, want, "{more:?}: {one:?}");
                    in_three += usize::from(db == "3");
                }
                _ => {}
            }
        }
        assert!(in_three > 30 && databases.len() > 4, "{in_three}, {}", databases.len());
    }
}

#[test]
fn a_transaction_stays_in_one_piece_where_clients_share_a_connection() {
    let dir = TempDir::new();
    let file = dir.file("capture");
    let text = "OK\n\
        10.000000 [0 127.0.0.1:1] \"multi\"\n\
        10.000100 [0 127.0.0.1:2] \"get\" \"other\"\n\
        10.000200 [0 127.0.0.1:3] \"watch\" \"a\"\n\
        10.000300 [0 127.0.0.1:1] \"set\" \"a\" \"1\"\n\
        10.000310 [0 127.0.0.1:1] \"exec\"\n\
        10.000400 [0 127.0.0.1:2] \"multi\"\n";
    std::fs::write(&file, text).expect("written");
    let names = |replayed: &Replayed| replayed.heard.iter().map(Heard::name).collect::<Vec<_>>();
    let shared = replay(&file, &["--replay-connections", "1"]);
    assert_eq!(names(&shared), ["GET", "MULTI", "SET", "EXEC"]);
    for part in ["1 WATCH, which would watch for all", "1 MULTI, which began a transaction"] {
        assert!(shared.stderr.contains(part), "{part}: {}", shared.stderr);
    }
    assert_eq!(replay(&file, &[]).heard.len(), 6, "each on its own: as captured");
}
