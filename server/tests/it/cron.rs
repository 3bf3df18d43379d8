//! What hz, dynamic-hz and the effort of expiry do, on a clock that the test moves; and in which order
//! the replies of a turn leave.

use crate::harness::{Driven, loop_serves};
use aelab_resp::value::{Value, decode};
use aelab_server::db::active_expire::{ActiveExpire, Cycle, Settings};
use aelab_server::db::{Db, Ttl, Value as Stored};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Turns the loop once a millisecond for a second. A request in each turn keeps it from sleeping in
/// the time of the test's machine; of two clients by turns, as I/O threads read one's request before
/// the poll that is to find the other's.
fn one_second(server: &mut Driven) {
    let mut clients = [server.connect(), server.connect()];
    for turn in 0..1000 {
        let client = &mut clients[turn % 2];
        client.write_all(b"PING\r\n").expect("sent");
        server.advance_ms(1);
        server.instance.tick().expect("the loop turns");
        // What is there is enough: the replies only must not pile up.
        let _ = client.read(&mut [0; 256]);
    }
}

#[test]
fn cron_runs_hz_times_a_second() {
    // Where threads serve the clients nothing keeps the loop awake: then its sleeps must be short ones.
    let periods: &[u64] = if loop_serves() { &[1, 10, 100, 500] } else { &[100, 500] };
    for &hz in periods {
        let mut server = Driven::start(&["--hz", &hz.to_string()]);
        one_second(&mut server);
        let before = server.info("eventloop", "cron_turns");
        assert_eq!(server.info("eventloop", "cron_period_usec"), 1_000_000 / hz);
        let between = server.info("eventloop", "cron_turns");
        one_second(&mut server);
        let after = server.info("eventloop", "cron_turns");
        // Asking for a figure turns the loop too, 100 ms a time.
        let asking = between - before;
        let turns = after - between;
        assert!(turns >= hz && turns <= hz + 2 * asking + 2, "hz {hz}: {turns} turns, {asking}");
    }
}

#[test]
fn hz_can_be_changed_while_running() {
    let mut server = Driven::start(&[]);
    let mut client = server.connect();
    server.expect(&mut client, b"CONFIG SET hz 100\r\n", b"+OK\r\n");
    assert_eq!(server.info("server", "hz"), 100);
    server.expect(&mut client, b"CONFIG SET hz 100000\r\n", b"+OK\r\n");
    assert_eq!(server.info("server", "hz"), 500);
}

#[test]
fn dynamic_hz_doubles_with_the_clients() {
    let mut server = Driven::start(&["--hz", "1"]);
    let clients: Vec<UnixStream> = (0..450).map(|_| server.connect()).collect();
    while server.info("clients", "connected_clients") < 450 {}
    // Threads may have counted the last of them after cron looked: at hz 1 it looks once a second.
    for _ in 0..20 {
        server.turn();
    }
    assert_eq!(server.info("server", "hz"), 4, "two hundred clients a turn are enough");
    assert_eq!(server.info("server", "configured_hz"), 1);
    let mut one = clients.into_iter().next().expect("one of them");
    server.expect(&mut one, b"CONFIG SET dynamic-hz no\r\n", b"+OK\r\n");
    assert_eq!(server.info("server", "hz"), 1);
}

#[test]
fn keys_expire_unread() {
    let mut server = Driven::start(&[]);
    let mut client = server.connect();
    for number in 0..100 {
        let set = format!("SET key{number} v PX 50\r\n");
        server.expect(&mut client, set.as_bytes(), b"+OK\r\n");
        server.advance_ms(1);
    }
    for _ in 0..20 {
        server.turn();
    }
    server.expect(&mut client, b"DBSIZE\r\n", b":0\r\n");
    assert_eq!(server.info("stats", "expired_keys"), 100);
}

#[test]
fn more_effort_expires_more_in_one_cycle() {
    let removed_with = |effort| {
        let mut dbs = vec![Db::default()];
        for number in 0..40_000_u32 {
            dbs[0].set(&number.to_le_bytes(), Stored::string(b"x"), Ttl::Clear, 0);
            dbs[0].set_deadline(&number.to_le_bytes(), 5);
        }
        // Each look at the clock finds a millisecond gone.
        let mut time_us = 0;
        let clock = || {
            time_us += 1000;
            time_us
        };
        ActiveExpire::default().run(&mut dbs, Cycle::Slow, Settings { effort, hz: 10 }, 1000, clock)
    };
    let (little, much) = (removed_with(1), removed_with(10));
    assert!(much > little, "effort 1: {little}, effort 10: {much}");
}

fn number(record: &Value, name: &str) -> i64 {
    let Value::Map(pairs) = record else { panic!("no map: {record:?}") };
    let found = pairs.iter().find(|(key, _)| key.as_str() == Some(name));
    found.and_then(|(_, value)| value.as_i64()).unwrap_or_else(|| panic!("no {name}: {record:?}"))
}

/// As in Redis, where a client with a reply goes to the head of the list that is then written from
/// its head.
#[test]
fn replies_leave_in_the_reverse_order_of_execution() {
    if !loop_serves() {
        return;
    }
    let mut server = Driven::start(&[]);
    let mut asker = server.connect();
    server.expect(&mut asker, b"AE TRACE ON SAMPLE 1\r\n", b"+OK\r\n");
    let mut clients: Vec<UnixStream> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        server.expect(client, b"PING\r\n", b"+PONG\r\n");
    }
    for client in &mut clients {
        client.write_all(b"GET k\r\n").expect("sent");
    }
    for _ in 0..2 {
        server.instance.tick().expect("the loop turns");
    }
    for client in &mut clients {
        assert!(client.read(&mut [0; 64]).expect("answered") > 0);
    }
    let hello = server.exchange(&mut asker, b"HELLO 3\r\n", 100);
    assert!(matches!(decode(&hello), Ok(Some((_, used))) if used == hello.len()));
    let reply = server.exchange(&mut asker, b"AE TRACE GET 100\r\n", 400);
    let Ok(Some((Value::Array(records), _))) = decode(&reply) else { panic!("no records") };
    // The last written comes first.
    let gets = records.iter().filter(|record| {
        let Value::Map(pairs) = record else { return false };
        pairs.iter().any(|(_, value)| value.as_str() == Some("get"))
    });
    let positions: Vec<i64> = gets.map(|record| number(record, "position")).collect();
    assert_eq!(positions, [0, 1, 2, 3]);
}
