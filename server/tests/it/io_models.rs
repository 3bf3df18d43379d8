//! The I/O models other than ae: what each promises, and what it refuses.

use crate::harness::{Driven, command, refusal};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;

const MODELS: [&str; 4] = ["ae", "blocking", "thread-per-connection", "busy-poll"];
/// Those that serve several clients at a time.
const SHARED: [&str; 3] = ["ae", "thread-per-connection", "busy-poll"];

fn start(model: &str, args: &[&str]) -> Driven {
    let mut all = vec!["--io-model", model];
    all.extend(args);
    Driven::start(&all)
}

#[test]
fn every_model_serves_one_client_alike() {
    let value = vec![b'x'; 3 * 1024 * 1024];
    let mut input = b"SET k v\r\nGET k\r\nMULTI\r\nINCR n\r\nINCR n\r\nEXEC\r\n".to_vec();
    input.extend(command(&[b"SET", b"big", &value]));
    input.extend_from_slice(b"GET big\r\nCLIENT REPLY SKIP\r\nPING\r\nSTRLEN big\r\n");
    let mut expected =
        b"+OK\r\n$1\r\nv\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:2\r\n".to_vec();
    expected.extend_from_slice(format!("+OK\r\n${}\r\n", value.len()).as_bytes());
    expected.extend_from_slice(&value);
    expected.extend_from_slice(format!("\r\n:{}\r\n", value.len()).as_bytes());
    for model in MODELS {
        let mut server = start(model, &[]);
        let mut stream = server.connect();
        let got = server.exchange(&mut stream, &input, expected.len());
        assert!(got == expected, "{model}: {} bytes", got.len());
    }
}

#[test]
fn every_model_says_what_it_is() {
    for model in MODELS {
        let mut server = start(model, &[]);
        let mut stream = server.connect();
        let expected = format!("*2\r\n$8\r\nio-model\r\n${}\r\n{model}\r\n", model.len());
        server.expect(&mut stream, b"CONFIG GET io-model\r\n", expected.as_bytes());
        let immutable =
            b"-ERR CONFIG SET failed (possibly related to argument 'io-model') - can't \
                          set immutable config\r\n";
        server.expect(&mut stream, b"CONFIG SET io-model ae\r\n", immutable);
        let said = server.exchange(&mut stream, b"INFO server\r\nAE STATS\r\nQUIT\r\n", usize::MAX);
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(said.contains(&format!("\r\nio_model:{model}\r\n")), "{said}");
        let stats = format!("$8\r\nio_model\r\n${}\r\n{model}\r\n", model.len());
        assert!(said.contains(&stats), "{said}");
        assert_eq!(said.contains("multiplexing_api:none"), model != "ae", "{said}");
        // Whatever of the timeline does not exist or means something else is said.
        assert_eq!(said.contains("timeline_note\r\n$0\r\n"), model == "ae", "{said}");
    }
}

#[test]
fn cron_goes_on_while_a_client_is_silent() {
    for model in MODELS {
        let mut server = start(model, &["--timeout", "30"]);
        let mut stream = server.connect();
        server.expect(&mut stream, b"SET k v PX 500\r\n", b"+OK\r\n");
        for _ in 0..20 {
            server.turn();
        }
        // No command has read the key: active expiry has removed it.
        server.expect(&mut stream, b"DBSIZE\r\n", b":0\r\n");
        for _ in 0..330 {
            server.turn();
        }
        assert_eq!(server.until_closed(&mut stream), b"", "{model}: idle for longer than timeout");
    }
}

#[test]
fn a_client_may_end_its_own_connection_in_every_model() {
    for model in MODELS {
        let mut server = start(model, &[]);
        for (goodbye, reply) in [("QUIT", "+OK"), ("CLIENT KILL ID 2 SKIPME no", ":1")] {
            let mut stream = server.connect();
            stream.write_all(format!("PING\r\n{goodbye}\r\n").as_bytes()).expect("sent");
            let expected = format!("+PONG\r\n{reply}\r\n").into_bytes();
            assert_eq!(server.until_closed(&mut stream), expected, "{model}: {goodbye}");
        }
        let mut stream = server.connect();
        stream.write_all(b"*1\r\nPING\r\n").expect("sent");
        let got = server.until_closed(&mut stream);
        assert_eq!(got, b"-ERR Protocol error: expected '$', got 'P'\r\n", "{model}");
    }
}

#[test]
fn shutdown_ends_every_model() {
    for model in MODELS {
        let mut server = start(model, &[]);
        let mut stream = server.connect();
        server.expect(&mut stream, b"PING\r\n", b"+PONG\r\n");
        stream.write_all(b"INCR k\r\nSHUTDOWN NOSAVE\r\n").expect("sent");
        server.instance.run().expect("ends");
        drop(server);
        let mut got = Vec::new();
        stream.set_nonblocking(false).expect("blocking");
        stream.read_to_end(&mut got).expect("closed");
        assert_eq!(got, b":1\r\n", "{model}");
    }
}

#[test]
fn blocking_serves_the_next_client_when_the_first_has_gone() {
    let mut server = start("blocking", &[]);
    let (mut first, mut second) = (server.connect(), server.connect());
    server.expect(&mut first, b"PING\r\n", b"+PONG\r\n");
    second.write_all(b"PING\r\n").expect("sent");
    for _ in 0..100 {
        server.turn();
    }
    let mut nothing = [0; 1];
    assert!(second.read(&mut nothing).is_err(), "served in the middle of another's session");
    drop(first);
    server.expect(&mut second, b"", b"+PONG\r\n");
}

#[test]
fn blocking_refuses_to_wait_for_what_nobody_could_send() {
    let mut server = start("blocking", &[]);
    let mut stream = server.connect();
    for refused in ["SUBSCRIBE c", "PSUBSCRIBE c*", "MONITOR"] {
        let request = format!("{refused}\r\n");
        let got = server.exchange(&mut stream, request.as_bytes(), 10);
        assert!(got.starts_with(b"-ERR io-model blocking serves one client at a time"), "{got:?}");
    }
    server.expect(&mut stream, b"PUBLISH c m\r\nPING\r\n", b":0\r\n+PONG\r\n");
}

#[test]
fn what_has_no_meaning_in_a_model_is_refused_at_start_and_later() {
    for (args, expected) in [
        (
            &["--io-model", "busy-poll", "--ae-backend", "poll"][..],
            "directive ae-backend: io-model busy-poll uses no backend: remove it",
        ),
        (
            &["--ae-batch", "--io-model", "blocking"][..],
            "directive ae-batch: io-model blocking does not serve clients in batches: remove it",
        ),
        (
            &["--io-model", "io_uring"][..],
            "argument --io-model: 'io-model io_uring': argument(s) must be one of the following: \
             ae, blocking, thread-per-connection, busy-poll",
        ),
    ] {
        assert_eq!(refusal(args), expected);
    }
    let mut server = start("blocking", &[]);
    let mut stream = server.connect();
    let got = server.exchange(&mut stream, b"CONFIG SET reply-immediately yes\r\n", 10);
    assert!(got.starts_with(b"-ERR CONFIG SET failed"), "{got:?}");
    let unset = b"*2\r\n$17\r\nreply-immediately\r\n$2\r\nno\r\n";
    server.expect(&mut stream, b"CONFIG GET reply-immediately\r\n", unset);
}

#[test]
fn a_sweep_meets_a_client_that_comes_and_goes_and_one_that_does_not_read() {
    let mut server = start("busy-poll", &[]);
    let (mut slow, mut other) = (server.connect(), server.connect());
    let value = vec![b'x'; 2 * 1024 * 1024];
    server.expect(&mut slow, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    slow.write_all(b"GET k\r\n").expect("sent");
    for _ in 0..20 {
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
        drop(server.connect());
    }
    let expected = value.len() + b"$2097152\r\n\r\n".len();
    assert_eq!(server.exchange(&mut slow, b"", expected).len(), expected);
    // The connections that went are gone; the one of INFO is there.
    assert_eq!(server.info("clients", "connected_clients"), 3);
}

/// Sixty transactions; in each, both counters are equal.
pub(crate) fn transactions(mut stream: UnixStream) {
    let mut replies = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let mut line = || replies.next().expect("a reply").expect("readable");
    for _ in 0..60 {
        stream.write_all(b"MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\nINCR alone\r\n").expect("sent");
        assert_eq!([line(), line(), line(), line()], ["+OK", "+QUEUED", "+QUEUED", "*2"]);
        assert_eq!(line(), line(), "another client's command ran in between");
        assert!(line().starts_with(':'));
    }
}

#[test]
fn transactions_and_increments_of_clients_at_once_are_atomic_in_every_model() {
    for model in SHARED {
        let mut server = start(model, &[]);
        server.concurrently(6, transactions);
        let mut stream = server.connect();
        server.expect(&mut stream, b"GET a\r\nGET b\r\nGET alone\r\n", &b"$3\r\n360\r\n".repeat(3));
    }
}

#[test]
fn what_one_client_publishes_reaches_another_in_every_model() {
    for model in SHARED {
        let mut server = start(model, &[]);
        let (mut subscriber, mut monitor, mut publisher) =
            (server.connect(), server.connect(), server.connect());
        let confirmed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
        server.expect(&mut subscriber, b"SUBSCRIBE c\r\n", confirmed);
        server.expect(&mut monitor, b"MONITOR\r\n", b"+OK\r\n");
        for _ in 0..3 {
            server.expect(&mut publisher, b"PUBLISH c m\r\n", b":1\r\n");
            // The message while its own thread is writing replies, or reading.
            subscriber.write_all(b"PING\r\n").expect("sent");
        }
        let message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n";
        let pong = b"*2\r\n$4\r\npong\r\n$0\r\n\r\n";
        let length = 3 * (message.len() + pong.len());
        let got = server.exchange(&mut subscriber, b"", length);
        let got = String::from_utf8_lossy(&got).into_owned();
        assert_eq!((got.len(), got.matches("message").count()), (length, 3), "{model}: {got}");
        let seen = server.exchange(&mut monitor, b"", 200);
        assert!(String::from_utf8_lossy(&seen).contains("\"PUBLISH\" \"c\" \"m\""), "{model}");
    }
}

#[test]
fn clients_in_the_middle_of_a_read_or_a_write_can_be_killed_in_every_model() {
    for model in SHARED {
        let mut server = start(model, &[]);
        let (mut silent, mut deaf, mut killer) =
            (server.connect(), server.connect(), server.connect());
        server.expect(&mut silent, b"CLIENT SETNAME silent\r\n", b"+OK\r\n");
        let value = vec![b'x'; 4 * 1024 * 1024];
        server.expect(&mut deaf, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
        deaf.write_all(b"GET k\r\nGET k\r\n").expect("sent");
        let list = server.exchange(&mut killer, b"CLIENT LIST\r\n", 300);
        assert!(String::from_utf8_lossy(&list).contains("name=silent"), "{model}");
        // Whatever of the list is still to come, the reply to the killing comes last.
        killer.write_all(b"CLIENT KILL TYPE normal\r\n").expect("sent");
        assert_eq!(server.until_closed(&mut silent), b"", "{model}");
        assert!(server.until_closed(&mut deaf).len() < 2 * value.len(), "{model}");
        let got = server.exchange(&mut killer, b"DBSIZE\r\n", 8);
        assert!(got.ends_with(b":2\r\n:1\r\n"), "{model}: {}", String::from_utf8_lossy(&got));
        assert_eq!(server.info("clients", "connected_clients"), 2, "{model}");
    }
}

#[test]
fn output_limits_hold_for_a_client_that_does_not_read_in_every_model() {
    for model in MODELS {
        let mut server = start(model, &["--client-output-buffer-limit", "normal 0 1mb 10"]);
        let mut stream = server.connect();
        let value = vec![b'x'; 4 * 1024 * 1024];
        server.expect(&mut stream, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
        stream.write_all(b"GET k\r\n").expect("sent");
        for _ in 0..200 {
            server.turn();
        }
        assert!(server.until_closed(&mut stream).len() < value.len(), "{model}");
        assert_eq!(server.info("stats", "client_output_buffer_limit_disconnections"), 1, "{model}");
    }
}

/// Pops what another pushes, with a reply before it in the same pipeline.
fn popping(mut stream: UnixStream) {
    let mut replies = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    let mut line = || replies.next().expect("a reply").expect("readable");
    for number in 0..40 {
        stream.write_all(b"PING\r\nBLPOP queue 0\r\nLPUSH queue2 x\r\n").expect("sent");
        let got: Vec<String> = (0..7).map(|_| line()).collect();
        assert_eq!(got[..4], ["+PONG", "*2", "$5", "queue"], "{number}");
        assert!(got[6].starts_with(':'), "{number}: {got:?}");
    }
}

fn pushing(mut stream: UnixStream) {
    let mut replies = BufReader::new(stream.try_clone().expect("a second handle")).lines();
    for _ in 0..40 {
        stream.write_all(b"RPUSH queue element\r\n").expect("sent");
        assert!(replies.next().expect("a reply").expect("readable").starts_with(':'));
    }
}

#[test]
fn who_waits_for_an_element_gets_it_after_its_earlier_replies_in_every_model() {
    for model in SHARED {
        let mut server = start(model, &[]);
        let clients: [fn(UnixStream); 6] = [popping, popping, popping, pushing, pushing, pushing];
        server.at_once(&clients);
        let mut stream = server.connect();
        server.expect(&mut stream, b"LLEN queue\r\nLLEN queue2\r\n", b":0\r\n:120\r\n");
    }
}
