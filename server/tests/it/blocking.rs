//! Clients that wait, on a clock that the test moves: deadlines, CLIENT UNBLOCK, CLIENT PAUSE, and what
//! INFO and CLIENT LIST show. Which client is served is in `tests/transcripts/blocking.txt`.

use crate::harness::{Driven, loop_serves};
use std::io::Read;
use std::os::unix::net::UnixStream;

const NULL_ARRAY: &[u8] = b"*-1\r\n";

/// What has come so far.
fn come(stream: &mut UnixStream) -> Vec<u8> {
    let mut got = vec![0; 4096];
    let count = stream.read(&mut got).unwrap_or(0);
    got.truncate(count);
    got
}

#[test]
fn a_deadline_ends_the_waiting_and_not_before() {
    let mut server = Driven::start(&[]);
    if !loop_serves() {
        return;
    }
    let mut client = server.connect();
    server.exchange(&mut client, b"BLPOP l 5\r\nPING\r\n", 0);
    for _ in 0..40 {
        server.turn();
    }
    assert_eq!(come(&mut client), b"", "four of five seconds are over");
    assert_eq!(server.info("clients", "blocked_clients"), 1);
    assert_eq!(server.info("clients", "clients_in_timeout_table"), 1);
    server.expect(&mut client, b"", b"*-1\r\n+PONG\r\n");
    assert_eq!(server.info("clients", "blocked_clients"), 0);
    assert_eq!(server.info("clients", "clients_in_timeout_table"), 0);
}

#[test]
fn a_waiting_client_is_not_idle_and_may_leave() {
    let mut server = Driven::start(&["--timeout", "5"]);
    if !loop_serves() {
        return;
    }
    let mut client = server.connect();
    server.exchange(&mut client, b"BLPOP l 0\r\n", 0);
    for _ in 0..100 {
        server.turn();
    }
    assert_eq!(server.info("clients", "blocked_clients"), 1, "ten seconds are no idleness");
    drop(client);
    for _ in 0..3 {
        server.turn();
    }
    assert_eq!(server.info("clients", "blocked_clients"), 0);
    let mut other = server.connect();
    server.expect(&mut other, b"RPUSH l x\r\nLLEN l\r\n", b":1\r\n:1\r\n");
}

#[test]
fn others_can_end_the_waiting() {
    let mut server = Driven::start(&[]);
    if !loop_serves() {
        return;
    }
    let (mut one, mut two, mut other) = (server.connect(), server.connect(), server.connect());
    server.expect(&mut one, b"CLIENT ID\r\n", b":1\r\n");
    server.expect(&mut two, b"CLIENT ID\r\n", b":2\r\n");
    server.exchange(&mut one, b"BLPOP l 0\r\n", 0);
    server.exchange(&mut two, b"WAIT 1 0\r\n", 0);
    let list = server.exchange(&mut other, b"CLIENT LIST ID 1\r\n", 100);
    assert!(String::from_utf8_lossy(&list).contains(" flags=b"), "{list:?}");
    server.expect(&mut other, b"CLIENT UNBLOCK 1\r\n", b":1\r\n");
    server.expect(&mut one, b"", NULL_ARRAY);
    server.expect(&mut other, b"CLIENT UNBLOCK 1\r\n", b":0\r\n");
    server.expect(&mut other, b"CLIENT UNBLOCK 2 TIMEOUT\r\n", b":1\r\n");
    server.expect(&mut two, b"", b":0\r\n");
    server.exchange(&mut one, b"BLPOP l 0\r\n", 0);
    server.expect(&mut other, b"CLIENT UNBLOCK 1 ERROR\r\n", b":1\r\n");
    server.expect(&mut one, b"", b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
}

#[test]
fn a_pause_ends_by_itself_and_nothing_expires_meanwhile() {
    let mut server = Driven::start(&[]);
    if !loop_serves() {
        return;
    }
    let (mut client, mut other) = (server.connect(), server.connect());
    server.expect(&mut client, b"SET k v PX 500\r\n", b"+OK\r\n");
    server.expect(&mut client, b"CLIENT PAUSE 3000 WRITE\r\n", b"+OK\r\n");
    server.exchange(&mut other, b"SET x 1\r\nGET x\r\n", 0);
    for _ in 0..20 {
        server.turn();
    }
    assert_eq!(come(&mut other), b"");
    assert_eq!(server.info("stats", "expired_keys"), 0);
    server.expect(&mut other, b"", b"+OK\r\n$1\r\n1\r\n");
    for _ in 0..10 {
        server.turn();
    }
    assert_eq!(server.info("stats", "expired_keys"), 1);
}

#[test]
fn no_touch_leaves_the_time_of_last_use() {
    let mut server = Driven::start(&[]);
    let mut client = server.connect();
    server.expect(&mut client, b"SET k v\r\nCLIENT NO-TOUCH on\r\n", b"+OK\r\n+OK\r\n");
    server.advance_ms(20_000);
    server.expect(&mut client, b"GET k\r\n", b"$1\r\nv\r\n");
    let idle = server.exchange(&mut client, b"OBJECT IDLETIME k\r\n", 4);
    assert!(idle.starts_with(b":2"), "{idle:?}");
    server.expect(&mut client, b"CLIENT NO-TOUCH off\r\nGET k\r\n", b"+OK\r\n$1\r\nv\r\n");
    let idle = server.exchange(&mut client, b"OBJECT IDLETIME k\r\n", 4);
    assert!(idle == b":0\r\n" || idle == b":1\r\n", "{idle:?}");
}

#[test]
fn many_keys_at_once_are_waited_for_once_each_and_forgotten() {
    let mut server = Driven::start(&[]);
    if !loop_serves() {
        return;
    }
    let (mut waiting, mut other) = (server.connect(), server.connect());
    let mut request = b"BLPOP a b a c b a".to_vec();
    (0..2_000).for_each(|n| request.extend_from_slice(format!(" k{n}").as_bytes()));
    request.extend_from_slice(b" 0\r\n");
    server.exchange(&mut waiting, &request, 0);
    // One command changes all keys: the first that changed is served, once.
    let push =
        "for i = 0, 1999 do redis.call('rpush', 'k' .. i, 'x') end redis.call('rpush', 'a', 'y')";
    let eval = format!("EVAL \"{push}\" 0\r\n");
    server.expect(&mut other, eval.as_bytes(), b"$-1\r\n");
    server.expect(&mut waiting, b"PING\r\n", b"*2\r\n$2\r\nk0\r\n$1\r\nx\r\n+PONG\r\n");
    server.expect(&mut other, b"LLEN a\r\nLLEN k0\r\nLLEN k1\r\n", b":1\r\n:0\r\n:1\r\n");
    assert_eq!(server.info("clients", "blocked_clients"), 0);
    // Nothing of it is left: the same keys serve the next who waits.
    server.exchange(&mut waiting, b"BLPOP k0 0\r\n", 0);
    server.expect(&mut other, b"RPUSH k0 z\r\n", b":1\r\n");
    server.expect(&mut waiting, b"", b"*2\r\n$2\r\nk0\r\n$1\r\nz\r\n");
}

#[test]
fn reset_has_commands_count_as_uses_again() {
    let mut server = Driven::start(&[]);
    let mut client = server.connect();
    let prepare = b"SET k v\r\nCLIENT NO-TOUCH on\r\nRESET\r\n";
    server.expect(&mut client, prepare, b"+OK\r\n+OK\r\n+RESET\r\n");
    server.advance_ms(20_000);
    server.expect(&mut client, b"GET k\r\n", b"$1\r\nv\r\n");
    let idle = server.exchange(&mut client, b"OBJECT IDLETIME k\r\n", 4);
    assert!(idle == b":0\r\n" || idle == b":1\r\n", "{idle:?}");
}
