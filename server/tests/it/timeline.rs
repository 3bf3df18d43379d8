//! The request timeline, injected latency, the batch mode and immediate replies: on a clock that only
//! injection moves, so every expected length is exact.

use crate::harness::{Driven, check_with, command, loop_serves};
use aelab_resp::value::{Value, decode};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Sends each client's bytes and lets one turn of the loop find them all; the next sends the replies.
/// The clock stands still but for what is injected.
fn one_turn(server: &mut Driven, clients: &mut [UnixStream], bytes: &[u8]) {
    for client in clients.iter_mut() {
        client.write_all(bytes).expect("sent");
    }
    for _ in 0..2 {
        server.instance.tick().expect("the loop turns");
    }
    for client in clients {
        let mut reply = [0; 4096];
        assert!(client.read(&mut reply).expect("answered") > 0);
    }
}

/// What a command replies, in RESP3.
fn ask(server: &mut Driven, request: &str) -> Value {
    let mut stream = server.connect();
    let mut got = Vec::new();
    stream.write_all(format!("HELLO 3\r\n{request}\r\n").as_bytes()).expect("sent");
    loop {
        got.extend(server.exchange(&mut stream, b"", 1));
        let Ok(Some((_, hello))) = decode(&got) else { continue };
        if let Ok(Some((value, _))) = decode(&got[hello..]) {
            return value;
        }
    }
}

/// The value under `path` in nested maps.
fn at<'a>(value: &'a Value, path: &[&str]) -> &'a Value {
    path.iter().fold(value, |value, name| {
        let Value::Map(pairs) = value else { panic!("no map around {name}: {value:?}") };
        let found = pairs.iter().find(|(key, _)| *key == Value::Bulk(name.as_bytes().to_vec()));
        &found.unwrap_or_else(|| panic!("no {name} in {value:?}")).1
    })
}

fn number(value: &Value, path: &[&str]) -> i64 {
    match at(value, path) {
        Value::Integer(number) => *number,
        other => panic!("{path:?} is no number: {other:?}"),
    }
}

fn records(server: &mut Driven) -> Vec<Value> {
    match ask(server, "AE TRACE GET 100") {
        Value::Array(records) => records,
        other => panic!("no array: {other:?}"),
    }
}

const PARTS: [&str; 5] = ["wait_in_batch", "parse", "execute", "wait_to_write", "write"];
const INSTANTS: [&str; 6] = ["ready", "taken", "parsed", "executed", "write_began", "written"];
const US: i64 = 1_000;

/// The five parts of a record, in microseconds.
fn parts(record: &Value) -> Vec<i64> {
    let instants: Vec<i64> = INSTANTS.iter().map(|name| number(record, &[name])).collect();
    instants.windows(2).map(|pair| (pair[1] - pair[0]) / US).collect()
}

fn is_get(record: &Value) -> bool {
    *at(record, &["command"]) == Value::Bulk(b"get".to_vec())
}

#[test]
fn nothing_is_collected_while_it_is_off() {
    let mut server = Driven::start(&[]);
    let mut clients = [server.connect()];
    server.expect(&mut clients[0], b"PING\r\n", b"+PONG\r\n");
    one_turn(&mut server, &mut clients, b"GET k\r\nGET k\r\n");
    let stats = ask(&mut server, "AE STATS");
    assert_eq!(number(&stats, &["requests"]), 0);
    assert_eq!(*at(&stats, &["commands"]), Value::Map(Vec::new()));
    assert_eq!(*at(&stats, &["trace"]), Value::Bulk(b"off".to_vec()));
    assert!(records(&mut server).is_empty());
}

#[test]
fn in_a_pipeline_each_waits_for_those_before_and_its_reply_for_those_after() {
    let mut server = Driven::start(&["--inject", "service=fixed:100us,commands=get"]);
    assert_eq!(ask(&mut server, "AE TRACE ON SAMPLE 1"), Value::Simple(b"OK".to_vec()));
    let mut clients = [server.connect()];
    server.expect(&mut clients[0], b"PING\r\n", b"+PONG\r\n");
    one_turn(&mut server, &mut clients, &b"GET k\r\n".repeat(4));
    let mut gets: Vec<Value> = records(&mut server).into_iter().filter(is_get).collect();
    gets.reverse();
    let expected =
        [[0, 0, 100, 300, 0], [100, 0, 100, 200, 0], [200, 0, 100, 100, 0], [300, 0, 100, 0, 0]];
    assert_eq!(gets.iter().map(parts).collect::<Vec<_>>(), expected);
    let positions: Vec<i64> = gets.iter().map(|get| number(get, &["position"])).collect();
    assert_eq!(positions, [0, 1, 2, 3]);
    // The five sums make up exactly the time from ready to written, for every command.
    let stats = ask(&mut server, "AE STATS");
    let Value::Map(commands) = at(&stats, &["commands"]) else { panic!("a map") };
    assert!(commands.len() >= 2, "{commands:?}");
    for (name, class) in commands {
        let sum: i64 = PARTS.iter().map(|part| number(class, &[part, "sum"])).sum();
        assert_eq!(sum, number(class, &["total", "sum"]), "{name:?}");
    }
    assert_eq!(number(&stats, &["commands", "get", "total", "sum"]), 4 * 400 * US);
    assert_eq!(number(&stats, &["commands", "get", "execute", "count"]), 4);
    assert_eq!(number(&stats, &["position_in_batch", "max"]), 3);
}

#[test]
fn replies_of_one_turn_leave_in_reverse_order_of_execution() {
    if !loop_serves() {
        return;
    }
    let mut server = Driven::start(&["--inject", "service=fixed:100us,commands=get"]);
    let mut clients: Vec<UnixStream> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| server.expect(client, b"PING\r\n", b"+PONG\r\n"));
    ask(&mut server, "AE TRACE ON SAMPLE 1");
    one_turn(&mut server, &mut clients, b"GET k\r\n");
    let gets: Vec<Value> = records(&mut server).into_iter().filter(is_get).collect();
    // Records stand newest first, in order of writing: what was executed first was written last.
    let positions: Vec<i64> = gets.iter().map(|get| number(get, &["position"])).collect();
    assert_eq!(positions, [0, 1, 2]);
    let waits: Vec<i64> = gets.iter().map(|get| parts(get)[0]).collect();
    assert_eq!(waits, [0, 100, 200]);
    assert!(gets.iter().all(|get| parts(get).iter().sum::<i64>() == 300));
    let stats = ask(&mut server, "AE STATS");
    // Busy polling has no wake-ups.
    if crate::harness::io_model() != "busy-poll" {
        assert!(number(&stats, &["events_per_wake", "max"]) >= 3);
    }
}

#[test]
fn immediate_replies_wait_for_nobody() {
    if !loop_serves() {
        return;
    }
    let args = ["--inject", "service=fixed:100us,commands=get", "--reply-immediately"];
    let mut server = Driven::start(&args);
    ask(&mut server, "AE TRACE ON SAMPLE 1");
    let mut clients = [server.connect()];
    server.expect(&mut clients[0], b"PING\r\n", b"+PONG\r\n");
    one_turn(&mut server, &mut clients, &b"GET k\r\n".repeat(3));
    let mut gets: Vec<Value> = records(&mut server).into_iter().filter(is_get).collect();
    gets.reverse();
    let expected = [[0, 0, 100, 0, 0], [100, 0, 100, 0, 0], [200, 0, 100, 0, 0]];
    assert_eq!(gets.iter().map(parts).collect::<Vec<_>>(), expected);
}

#[test]
fn one_request_in_n_is_followed_at_no_fixed_distance() {
    let mut server = Driven::start(&[]);
    ask(&mut server, "AE TRACE ON SAMPLE 10");
    let mut client = server.connect();
    for _ in 0..100 {
        server.expect(&mut client, &b"PING\r\n".repeat(100), &b"+PONG\r\n".repeat(100));
    }
    let stats = ask(&mut server, "AE STATS");
    let followed = number(&stats, &["requests"]);
    assert!((850..1150).contains(&followed), "{followed} of 10000");
    let p50 = number(&stats, &["position_in_batch", "p50"]);
    assert!((40..60).contains(&p50), "the middle of a batch of 100, not {p50}");
    ask(&mut server, "AE TRACE OFF");
    server.expect(&mut client, &b"PING\r\n".repeat(100), &b"+PONG\r\n".repeat(100));
    assert_eq!(number(&ask(&mut server, "AE STATS"), &["requests"]), followed);
    ask(&mut server, "AE RESET");
    assert_eq!(number(&ask(&mut server, "AE STATS"), &["requests"]), 0);
}

#[test]
fn a_reply_too_large_for_the_socket_is_written_when_its_last_byte_is() {
    let mut server = Driven::start(&[]);
    let mut client = server.connect();
    let value = vec![b'x'; 4 * 1024 * 1024];
    server.expect(&mut client, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    ask(&mut server, "AE TRACE ON SAMPLE 1");
    let expected = value.len() + b"$4194304\r\n\r\n".len();
    server.exchange(&mut client, b"GET k\r\n", expected);
    server.turn();
    let gets: Vec<Value> = records(&mut server).into_iter().filter(is_get).collect();
    assert_eq!(number(&gets[0], &["reply_bytes"]), expected as i64);
    // The clock moves 100 ms a turn, and the loop needs many turns; a thread writes while we read.
    let least = if loop_serves() { 1_000_000 } else { 0 };
    assert!(parts(&gets[0])[4] >= least, "{:?}", parts(&gets[0]));
}

#[test]
fn wrong_words_are_refused() {
    check_with(
        &[],
        "AE TRACE\r\nAE TRACE ON SAMPLE 0\r\nAE TRACE ON 5\r\nAE TRACE GET -1\r\nAE WHAT\r\nAE TRACE GET\r\n",
        "-ERR wrong number of arguments for 'ae|trace' command\r\n\
         -ERR SAMPLE must be a number greater than 0: one request in n\r\n\
         -ERR syntax error\r\n\
         -ERR count should be greater than 0\r\n\
         -ERR unknown subcommand 'WHAT'. Try AE HELP.\r\n\
         *0\r\n",
    );
}

#[test]
fn injection_is_announced_and_can_be_changed_and_ended() {
    let args = ["--inject", "service=exp:200us", "--inject", "stall=every:10s,dur:100ms"];
    let mut server = Driven::start(&args);
    let shown = "service=exp:200us,seed=1 stall=every:10s,dur:100ms,at:10s";
    for section in ["INFO server", "INFO ae"] {
        let Value::Verbatim(text) = ask(&mut server, section) else { panic!("text") };
        let text = String::from_utf8_lossy(&text).into_owned();
        assert!(text.contains(shown), "{section}: {text}");
    }
    let config = ask(&mut server, "CONFIG GET inject");
    assert_eq!(*at(&config, &["inject"]), Value::Bulk(shown.into()));
    ask(&mut server, "CONFIG SET inject service=fixed:5us");
    let config = ask(&mut server, "CONFIG GET inject");
    let changed = "service=fixed:5us,seed=1 stall=every:10s,dur:100ms,at:10s";
    assert_eq!(*at(&config, &["inject"]), Value::Bulk(changed.into()));
    ask(&mut server, "CONFIG SET inject \"\"");
    let config = ask(&mut server, "CONFIG GET inject");
    assert_eq!(*at(&config, &["inject"]), Value::Bulk(Vec::new()));
}

#[test]
fn a_stall_holds_up_the_command_that_meets_it_once_per_period() {
    let mut server = Driven::start(&["--inject", "stall=every:10s,dur:70ms,at:1s"]);
    ask(&mut server, "AE TRACE ON SAMPLE 1");
    let mut client = server.connect();
    // Each exchange takes a few turns of 100 ms: about 40 s altogether.
    for _ in 0..400 {
        server.expect(&mut client, b"GET k\r\n", b"$-1\r\n");
        server.advance_ms(50);
    }
    let stats = ask(&mut server, "AE STATS");
    let stalled = number(&stats, &["commands", "get", "execute", "sum"]) / (70_000 * US);
    let periods = number(&stats, &["commands", "get", "total", "count"]);
    assert!(stalled >= 4 && stalled * 10 < periods, "{stalled} stalls of {periods}");
    assert_eq!(number(&stats, &["commands", "get", "execute", "p50"]), 0);
}

#[test]
fn the_batch_mode_gives_the_same_replies_and_forgets_those_who_left() {
    if !loop_serves() {
        return;
    }
    let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n\r\n\r\nGET k\r\nPING\r\n";
    let expected = b"+OK\r\n$5\r\nv\r\n\r\n\r\n+PONG\r\n";
    let mut server = Driven::start(&["--ae-batch"]);
    for split in 1..input.len() {
        let mut stream = server.connect();
        let mut got = server.exchange(&mut stream, &input[..split], 0);
        got.extend(server.exchange(&mut stream, &input[split..], expected.len() - got.len()));
        assert_eq!(got, expected, "split at {split}");
    }
    let mut stream = server.connect();
    server.expect(&mut stream, &b"PING\r\n".repeat(20_000), &b"+PONG\r\n".repeat(20_000));
    // All three are read before any runs; the first to run ends the others.
    let mut clients: Vec<UnixStream> = (0..3).map(|_| server.connect()).collect();
    clients.iter_mut().for_each(|client| server.expect(client, b"PING\r\n", b"+PONG\r\n"));
    for client in &mut clients {
        client.write_all(b"INCR ran\r\nCLIENT KILL TYPE normal\r\n").expect("sent");
    }
    server.turn();
    server.turn();
    let mut stream = server.connect();
    server.expect(&mut stream, b"GET ran\r\n", b"$1\r\n1\r\n");
}
