//! Reading, writing and limits: bytes in any pieces, replies of any size, clients of any behaviour.

use crate::harness::{ALWAYS_THREADED, Driven, check, command, free_port, loop_serves};
use proptest::prelude::*;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

#[test]
fn inline_and_multibulk_requests_mix_in_one_pipeline() {
    check(
        "PING\r\n*1\r\n$4\r\nPING\r\n\r\nSET k \"a b\"\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\n*0\r\n*-1\r\nGET none\r\n",
        "+PONG\r\n+PONG\r\n+OK\r\n$3\r\na b\r\n$-1\r\n",
    );
}

#[test]
fn a_pipeline_split_at_every_byte_gives_the_same_replies() {
    let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nv\r\n\r\n\r\n*2\r\n$3\r\nGET\r\n$1\r\nk\r\nPING \"x\\r\"\r\nECHO 1\r\n";
    let expected = b"+OK\r\n$5\r\nv\r\n\r\n\r\n$2\r\nx\r\r\n$1\r\n1\r\n";
    let mut server = Driven::start(&[]);
    for split in 1..input.len() {
        let mut stream = server.connect();
        let mut got = server.exchange(&mut stream, &input[..split], 0);
        got.extend(server.exchange(&mut stream, &input[split..], expected.len() - got.len()));
        assert_eq!(got, expected, "split at {split}");
    }
}

#[test]
fn a_pipeline_longer_than_the_read_quantum_is_read_to_its_end() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    let count = 20_000;
    server.expect(&mut stream, &b"PING\r\n".repeat(count), &b"+PONG\r\n".repeat(count));
}

#[test]
fn arguments_larger_than_any_buffer_arrive_whole() {
    let mut server = Driven::start(&[]);
    for size in [16_383, 16_384, 32_767, 32_768, 65_536, 1_000_003, 8 * 1024 * 1024] {
        let mut stream = server.connect();
        let value: Vec<u8> = (0..size).map(|i: usize| (i % 251) as u8).collect();
        server.expect(&mut stream, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
        let mut expected = format!("${size}\r\n").into_bytes();
        expected.extend_from_slice(&value);
        expected.extend_from_slice(b"\r\n");
        let got = server.exchange(&mut stream, b"GET k\r\n", expected.len());
        assert!(got == expected, "a value of {size} bytes");
    }
}

#[test]
fn a_client_that_does_not_read_its_reply_delays_nobody() {
    let mut server = Driven::start(&[]);
    let (mut slow, mut other) = (server.connect(), server.connect());
    let value = vec![b'x'; 4 * 1024 * 1024];
    server.expect(&mut slow, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    slow.write_all(b"GET k\r\nGET k\r\n").expect("sent");
    for _ in 0..50 {
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
    }
    let expected = 2 * (value.len() + b"$4194304\r\n\r\n".len());
    assert_eq!(server.exchange(&mut slow, b"", expected).len(), expected);
}

#[test]
fn replies_larger_than_the_output_limit_close_the_client_and_are_counted() {
    let mut server = Driven::start(&["--client-output-buffer-limit", "normal 1mb 0 0"]);
    let mut stream = server.connect();
    let value = vec![b'x'; 512 * 1024];
    server.expect(&mut stream, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    stream.write_all(&b"GET k\r\n".repeat(100)).expect("sent");
    server.until_closed(&mut stream);
    assert_eq!(server.info("stats", "client_output_buffer_limit_disconnections"), 1);
}

#[test]
fn a_subscriber_that_does_not_read_meets_its_limit_and_the_publisher_does_not() {
    let mut server = Driven::start(&["--client-output-buffer-limit", "pubsub 1mb 0 0"]);
    let (mut subscriber, mut publisher) = (server.connect(), server.connect());
    server.expect(
        &mut subscriber,
        b"SUBSCRIBE c\r\n",
        b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
    );
    let message = command(&[b"PUBLISH", b"c", &vec![b'm'; 256 * 1024]]);
    let mut receivers = Vec::new();
    for _ in 0..20 {
        receivers.push(server.exchange(&mut publisher, &message, 4));
    }
    assert_eq!(receivers.first().map(Vec::as_slice), Some(&b":1\r\n"[..]));
    assert_eq!(receivers.last().map(Vec::as_slice), Some(&b":0\r\n"[..]));
    server.until_closed(&mut subscriber);
}

#[test]
fn a_soft_output_limit_closes_only_after_its_seconds() {
    let mut server = Driven::start(&["--client-output-buffer-limit", "normal 0 1mb 10"]);
    let mut stream = server.connect();
    let value = vec![b'x'; 4 * 1024 * 1024];
    server.expect(&mut stream, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    stream.write_all(b"GET k\r\n").expect("sent");
    for _ in 0..50 {
        server.turn();
    }
    assert_eq!(server.info("stats", "client_output_buffer_limit_disconnections"), 0);
    for _ in 0..100 {
        server.turn();
    }
    assert_eq!(server.info("stats", "client_output_buffer_limit_disconnections"), 1);
}

#[test]
fn clients_beyond_maxclients_get_the_exact_text_and_are_closed() {
    let mut server = Driven::start(&["--maxclients", "2"]);
    let (mut first, mut second) = (server.connect(), server.connect());
    server.expect(&mut first, b"PING\r\n", b"+PONG\r\n");
    server.expect(&mut second, b"PING\r\n", b"+PONG\r\n");
    let mut third = server.connect();
    assert_eq!(server.until_closed(&mut third), b"-ERR max number of clients reached\r\n");
    drop(first);
    server.turn();
    server.turn();
    let mut fourth = server.connect();
    server.expect(&mut fourth, b"PING\r\n", b"+PONG\r\n");
    drop((second, fourth));
    server.turn();
    server.turn();
    assert_eq!(server.info("stats", "rejected_connections"), 1);
}

#[test]
fn maxclients_can_be_raised_while_running() {
    let mut server = Driven::start(&["--maxclients", "1"]);
    let mut first = server.connect();
    server.expect(&mut first, b"CONFIG SET maxclients 300\r\n", b"+OK\r\n");
    let mut clients: Vec<UnixStream> = (0..250).map(|_| server.connect()).collect();
    for client in &mut clients {
        server.expect(client, b"PING\r\n", b"+PONG\r\n");
    }
}

#[test]
fn idle_clients_are_closed_after_the_timeout_and_subscribers_are_not() {
    let mut server = Driven::start(&["--timeout", "5"]);
    let (mut idle, mut subscriber) = (server.connect(), server.connect());
    server.expect(&mut idle, b"PING\r\n", b"+PONG\r\n");
    let confirmed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n";
    server.expect(&mut subscriber, b"SUBSCRIBE c\r\n", confirmed);
    for _ in 0..30 {
        server.turn();
    }
    server.expect(&mut idle, b"PING\r\n", b"+PONG\r\n");
    assert_eq!(server.until_closed(&mut idle), b"");
    let mut publisher = server.connect();
    server.expect(&mut publisher, b"PUBLISH c m\r\n", b":1\r\n");
}

#[test]
fn an_unfinished_command_beyond_the_query_buffer_limit_closes_the_client() {
    let mut server = Driven::start(&["--client-query-buffer-limit", "1mb"]);
    let mut stream = server.connect();
    let mut request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\n".to_vec();
    request.resize(3_000_000, b'x');
    server.exchange(&mut stream, &request, usize::MAX);
    assert_eq!(server.info("stats", "client_query_buffer_limit_disconnections"), 1);
}

#[test]
fn half_a_command_then_the_end_of_the_stream_is_forgotten() {
    let mut server = Driven::start(&[]);
    for half in ["*2\r\n$3\r\nGET\r\n$5\r\nab", "*", "SET k", "*3\r\n", "PING\r\nPI"] {
        let mut stream = server.connect();
        stream.write_all(half.as_bytes()).expect("sent");
        server.turn();
        stream.shutdown(Shutdown::Write).expect("half-closed");
        server.until_closed(&mut stream);
    }
    // The connection of INFO itself is the only one left.
    assert_eq!(server.info("clients", "connected_clients"), 1);
}

#[test]
fn what_was_executed_before_the_end_of_the_stream_is_answered() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"SET k v\r\nGET k\r\n").expect("sent");
    stream.shutdown(Shutdown::Write).expect("half-closed");
    assert_eq!(server.until_closed(&mut stream), b"+OK\r\n$1\r\nv\r\n");
}

#[test]
fn protocol_errors_are_answered_with_redis_words_and_close() {
    let mut server = Driven::start(&[]);
    for (input, words) in [
        ("*1\r\nPING\r\n", "expected '$', got 'P'"),
        ("*abc\r\n", "invalid multibulk length"),
        ("*2147483648\r\n", "invalid multibulk length"),
        ("*1\r\n$-1\r\n", "invalid bulk length"),
        ("*1\r\n$536870913\r\n", "invalid bulk length"),
        ("SET k \"v\r\n", "unbalanced quotes in request"),
    ] {
        let mut stream = server.connect();
        stream.write_all(format!("PING\r\n{input}PING\r\n").as_bytes()).expect("sent");
        let got = server.until_closed(&mut stream);
        let expected = format!("+PONG\r\n-ERR Protocol error: {words}\r\n");
        assert_eq!(String::from_utf8_lossy(&got), expected);
    }
}

#[test]
fn strangers_may_send_little() {
    let mut server = Driven::start(&["--requirepass", "secret"]);
    let mut stream = server.connect();
    server.expect(&mut stream, b"GET k\r\n", b"-NOAUTH Authentication required.\r\n");
    let wrong = b"-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    server.expect(&mut stream, b"AUTH wrong\r\n", wrong);
    stream.write_all(b"*11\r\n").expect("sent");
    let got = server.until_closed(&mut stream);
    assert_eq!(got, b"-ERR Protocol error: unauthenticated multibulk length\r\n");
    let mut stream = server.connect();
    stream.write_all(b"*2\r\n$4\r\nAUTH\r\n$16385\r\n").expect("sent");
    let got = server.until_closed(&mut stream);
    assert_eq!(got, b"-ERR Protocol error: unauthenticated bulk length\r\n");
    let mut stream = server.connect();
    server.expect(&mut stream, b"AUTH secret\r\n*1\r\n$4\r\nPING\r\n", b"+OK\r\n+PONG\r\n");
    let mut many = vec![&b"DEL"[..]];
    many.resize(100, b"k");
    server.expect(&mut stream, &command(&many), b":0\r\n");
}

#[test]
fn browsers_are_turned_away_without_a_word() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"POST / HTTP/1.1\r\nHost: x\r\n\r\nSET k v\r\n").expect("sent");
    assert_eq!(server.until_closed(&mut stream), b"");
    let mut other = server.connect();
    server.expect(&mut other, b"EXISTS k\r\n", b":0\r\n");
}

#[test]
fn replies_can_be_switched_off_and_on() {
    check(
        "CLIENT REPLY OFF\r\nPING\r\nSET k v\r\nCLIENT REPLY ON\r\nGET k\r\nCLIENT REPLY SKIP\r\nPING\r\nPING x\r\n",
        "+OK\r\n$1\r\nv\r\n$1\r\nx\r\n",
    );
}

#[test]
fn quit_answers_and_ignores_what_follows() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    stream.write_all(b"QUIT\r\nSET k v\r\n").expect("sent");
    assert_eq!(server.until_closed(&mut stream), b"+OK\r\n");
    let mut other = server.connect();
    server.expect(&mut other, b"EXISTS k\r\n", b":0\r\n");
}

#[test]
fn a_client_may_kill_another_in_the_middle_of_its_pipeline() {
    let mut server = Driven::start(&[]);
    let (mut victim, mut killer) = (server.connect(), server.connect());
    server.expect(&mut victim, b"CLIENT ID\r\n", b":1\r\n");
    server.expect(&mut killer, b"CLIENT ID\r\n", b":2\r\n");
    // Both are readable in the same turn; the order must not matter.
    victim.write_all(&b"SET k v\r\n".repeat(50)).expect("sent");
    server.expect(&mut killer, b"CLIENT KILL ID 1\r\nPING\r\n", b":1\r\n+PONG\r\n");
    server.until_closed(&mut victim);
    server.expect(&mut killer, b"CLIENT KILL ID 2 SKIPME no\r\n", b":1\r\n");
    assert_eq!(server.until_closed(&mut killer), b"");
}

#[test]
fn a_burst_of_connections_beyond_the_accept_cap_is_accepted_over_several_turns() {
    // select cannot watch so many; its own tests say what it does instead.
    if std::env::var("AELAB_TEST_BACKEND").is_ok_and(|name| name == "select") {
        return;
    }
    let port = free_port();
    let mut server = Driven::start_tcp(port, &["--tcp-backlog", "3000", "--maxclients", "3000"]);
    // Not more than the system's own bound on the queue lets in before the first accept.
    let limit = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    let count = limit.trim().parse::<usize>().unwrap_or(128).min(1200);
    let mut clients: Vec<TcpStream> =
        (0..count).map(|_| TcpStream::connect(("127.0.0.1", port)).expect("queued")).collect();
    for client in &mut clients {
        client.set_nonblocking(true).expect("non-blocking");
        client.write_all(b"PING\r\n").expect("sent");
    }
    server.turn();
    server.turn();
    server.turn();
    for client in &mut clients {
        server.expect(client, b"", b"+PONG\r\n");
    }
}

#[test]
fn a_server_on_a_unix_socket_removes_it_when_it_ends() {
    let server = Driven::start(&["--unixsocketperm", "700"]);
    let path = server.path.clone();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(&path).expect("the socket's file").permissions(),
    );
    assert_eq!(mode & 0o777, 0o700);
    drop(server);
    assert!(!path.exists());
}

#[test]
fn shutdown_answers_the_others_and_ends_the_loop() {
    if !loop_serves() {
        return;
    }
    let mut server = Driven::start(&[]);
    let (mut one, mut other) = (server.connect(), server.connect());
    server.expect(&mut one, b"PING\r\n", b"+PONG\r\n");
    server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
    one.write_all(b"INCR k\r\n").expect("sent");
    other.write_all(b"SHUTDOWN NOSAVE\r\n").expect("sent");
    server.instance.run().expect("ends");
    drop(server);
    let mut got = Vec::new();
    one.set_nonblocking(false).expect("blocking");
    one.read_to_end(&mut got).expect("closed");
    assert_eq!(got, b":1\r\n");
}

/// What one of several clients does next.
#[derive(Clone, Debug)]
struct Piece {
    client: usize,
    bytes: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Several clients send their pipelines in pieces of any size, interleaved in any way: each
    /// gets exactly its own replies, in order, and nothing stays behind. With threads that read, parse
    /// and write it is the same.
    #[test]
    fn any_interleaving_of_any_pieces_gives_everybody_their_replies(
        pieces in prop::collection::vec((0_usize..4, 1_usize..40_000), 1..60),
        threads in any::<bool>(),
    ) {
        let pieces: Vec<Piece> =
            pieces.into_iter().map(|(client, bytes)| Piece { client, bytes }).collect();
        let args = ["--io-model", "ae", "--io-threads", "3"].into_iter().chain(ALWAYS_THREADED);
        let args: Vec<&str> = args.take(if threads { usize::MAX } else { 0 }).collect();
        let mut server = Driven::start(&args);
        let mut streams: Vec<UnixStream> = (0..4).map(|_| server.connect()).collect();
        let inputs: Vec<Vec<u8>> = (0..4).map(pipeline).collect();
        let expected: Vec<Vec<u8>> = (0..4).map(replies).collect();
        let (mut sent, mut got) = ([0_usize; 4], vec![Vec::new(); 4]);
        let rest = (0..4).map(|client| Piece { client, bytes: usize::MAX });
        for piece in pieces.into_iter().chain(rest) {
            let (from, c) = (sent[piece.client], piece.client);
            let to = inputs[c].len().min(from.saturating_add(piece.bytes));
            got[c].extend(server.exchange(&mut streams[c], &inputs[c][from..to], 0));
            sent[c] = to;
        }
        for c in 0..4 {
            let missing = expected[c].len().saturating_sub(got[c].len());
            got[c].extend(server.exchange(&mut streams[c], b"", missing));
            prop_assert!(got[c] == expected[c], "client {c}");
        }
    }
}

/// Sixty commands of a client, small ones and values up to 40 KiB.
fn pipeline(client: usize) -> Vec<u8> {
    let key = format!("k{client}");
    let mut out = Vec::new();
    for i in 0..60_usize {
        let value = vec![b'a' + (i % 26) as u8; i * i * 11];
        out.extend(command(&[b"SET", key.as_bytes(), &value]));
        out.extend_from_slice(format!("STRLEN {key}\r\n").as_bytes());
    }
    out
}

fn replies(_: usize) -> Vec<u8> {
    (0..60_usize).flat_map(|i| format!("+OK\r\n:{}\r\n", i * i * 11).into_bytes()).collect()
}

#[test]
fn a_client_with_half_a_reply_outstanding_may_ask_about_clients() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    let value = vec![b'x'; 4 * 1024 * 1024];
    server.expect(&mut stream, &command(&[b"SET", b"k", &value]), b"+OK\r\n");
    // Part of the reply is with the kernel and part is not when the next command asks for the longest output.
    for request in [&b"GET k\r\n"[..], b"INFO clients\r\n", b"CLIENT LIST\r\n", b"PING\r\n"] {
        stream.write_all(request).expect("room for a request");
        for _ in 0..4 {
            server.turn();
        }
    }
    let reply = server.exchange(&mut stream, b"PING\r\n", value.len() + 400);
    let text = String::from_utf8_lossy(&reply[value.len()..]).into_owned();
    let longest = text.split("client_recent_max_output_buffer:").nth(1).unwrap_or_default();
    let digits: String = longest.chars().take_while(char::is_ascii_digit).collect();
    let longest: usize = digits.parse().expect("a number");
    assert!(longest <= 2 * value.len(), "{longest}");
}

#[test]
fn half_a_command_then_silence_delays_nobody_and_ends_at_the_timeout() {
    let mut server = Driven::start(&["--timeout", "5"]);
    let (mut silent, mut other) = (server.connect(), server.connect());
    server.exchange(&mut silent, b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nabc", 0);
    for _ in 0..40 {
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
    }
    assert_eq!(server.until_closed(&mut silent), b"");
    server.expect(&mut other, b"EXISTS k\r\n", b":0\r\n");
}

#[test]
fn a_bulk_of_600_megabytes_is_refused_and_where_it_is_allowed_costs_only_what_came() {
    const HEADER: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$629145600\r\n";
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    stream.write_all(HEADER).expect("sent");
    let refused: &[u8] = b"-ERR Protocol error: invalid bulk length\r\n";
    assert_eq!(server.until_closed(&mut stream), refused);
    let mut server = Driven::start(&["--proto-max-bulk-len", "1gb"]);
    let mut stream = server.connect();
    server.exchange(&mut stream, HEADER, 0);
    server.exchange(&mut stream, &[b'x'; 100_000], 0);
    for _ in 0..20 {
        server.turn();
    }
    let bytes = server.info("memory", "mem_clients_normal");
    assert!(bytes < 2_000_000, "{bytes} bytes for an announcement");
}

#[test]
fn binary_garbage_is_answered_with_errors_and_the_server_serves_on() {
    let mut server = Driven::start(&[]);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    for length in [1, 7, 64, 1_000, 20_000] {
        for prefix in ["", "*", "$", "*3\r\n$3\r\n", "PING "] {
            let mut stream = server.connect();
            let garbage: Vec<u8> =
                prefix.bytes().chain(std::iter::repeat_with(&mut byte).take(length)).collect();
            stream.write_all(&garbage).expect("sent");
            for _ in 0..5 {
                server.turn();
            }
            stream.shutdown(Shutdown::Write).expect("half-closed");
            let said = server.until_closed(&mut stream);
            assert!(
                said.is_empty() || said[0] == b'-' || said[0] == b'$',
                "{}",
                said.escape_ascii()
            );
        }
    }
    let mut stream = server.connect();
    server.expect(&mut stream, b"PING\r\n", b"+PONG\r\n");
}
