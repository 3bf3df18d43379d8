//! Everything that a client can make the server keep counts in `used_memory`, in the client's `tot-mem`
//! and for the limits, and is no longer counted when it is gone.

use crate::harness::{Driven, command};
use std::os::unix::net::UnixStream;

const NAMES: usize = 3_000;
const NAME_BYTES: usize = 200;

fn names(first: &[&[u8]], last: &[&[u8]]) -> Vec<u8> {
    let names: Vec<Vec<u8>> =
        (0..NAMES).map(|at| format!("{at:0>NAME_BYTES$}").into_bytes()).collect();
    let mut words = first.to_vec();
    words.extend(names.iter().map(Vec::as_slice));
    words.extend(last);
    command(&words)
}

/// What makes the server keep the names, and what ends that.
fn cases() -> [(&'static str, Vec<u8>, &'static [u8]); 5] {
    [
        ("channels", names(&[b"SUBSCRIBE"], &[]), b"UNSUBSCRIBE\r\n"),
        ("patterns", names(&[b"PSUBSCRIBE"], &[]), b"RESET\r\n"),
        ("shards", names(&[b"SSUBSCRIBE"], &[]), b"SUNSUBSCRIBE\r\n"),
        ("watched keys", names(&[b"WATCH"], &[]), b"UNWATCH\r\n"),
        ("keys waited for", names(&[b"BLPOP"], &[b"0"]), b""),
    ]
}

fn used(server: &mut Driven) -> u64 {
    server.info("memory", "used_memory")
}

fn settle(server: &mut Driven, stream: &mut UnixStream) {
    for _ in 0..30 {
        server.exchange(stream, b"", 0);
    }
}

#[test]
fn names_that_a_client_makes_the_server_keep_are_counted() {
    for model in ["ae", "thread-per-connection"] {
        for (what, bytes, end) in cases() {
            let mut server = Driven::start(&["--io-model", model]);
            let before = used(&mut server);
            let mut stream = server.connect();
            server.exchange(&mut stream, &bytes, 0);
            settle(&mut server, &mut stream);
            let kept = used(&mut server) - before;
            assert!(kept as usize > NAMES * NAME_BYTES, "{model}, {what}: {kept} bytes");
            let mut other = server.connect();
            let list = server.exchange(&mut other, b"CLIENT LIST\r\nQUIT\r\n", usize::MAX);
            let list = String::from_utf8_lossy(&list).into_owned();
            let totals = list.split("tot-mem=").skip(1);
            let most =
                totals.filter_map(|rest| rest.split(' ').next()?.parse::<usize>().ok()).max();
            assert!(most > Some(NAMES * NAME_BYTES), "{model}, {what}: {list}");
            if !end.is_empty() {
                server.exchange(&mut stream, end, 1);
                settle(&mut server, &mut stream);
                let left = used(&mut server) - before;
                assert!((left as usize) < NAMES * NAME_BYTES / 4, "{model}, {what}: {left} left");
            }
            drop(stream);
            for _ in 0..30 {
                server.turn();
            }
            assert_eq!(used(&mut server), before, "{model}, {what}");
        }
    }
}

#[test]
fn names_and_scripts_count_for_maxmemory() {
    for (what, bytes, _) in cases() {
        let mut server = Driven::start(&["--maxmemory", "500000"]);
        let (mut stream, mut other) = (server.connect(), server.connect());
        server.expect(&mut other, b"SET k v\r\n", b"+OK\r\n");
        server.exchange(&mut stream, &bytes, 0);
        settle(&mut server, &mut stream);
        let got = server.exchange(&mut other, b"SET k v\r\n", 4);
        assert!(got.starts_with(b"-OOM"), "{what}: {}", String::from_utf8_lossy(&got));
    }
    let mut server = Driven::start(&["--maxmemory", "1500000"]);
    let mut stream = server.connect();
    for number in 0..3_000 {
        let script = format!("return {number} --{}", "x".repeat(500));
        let load = command(&[b"SCRIPT", b"LOAD", script.as_bytes()]);
        server.exchange(&mut stream, &load, 47);
    }
    let got = server.exchange(&mut stream, b"SET k v\r\n", 4);
    assert!(got.starts_with(b"-OOM"), "{}", String::from_utf8_lossy(&got));
    server.exchange(&mut stream, b"SCRIPT FLUSH\r\n", 5);
    server.expect(&mut stream, b"SET k v\r\n", b"+OK\r\n");
}

#[test]
fn a_client_with_many_names_is_closed_by_the_limit_of_clients() {
    let mut server = Driven::start(&["--maxmemory-clients", "1000000"]);
    let (mut stream, mut other) = (server.connect(), server.connect());
    server.exchange(&mut stream, &names(&[b"SUBSCRIBE"], &[]), 0);
    for _ in 0..50 {
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
    }
    server.until_closed(&mut stream);
    server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
}

#[test]
fn codes_of_errors_that_scripts_choose_are_bounded() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    let script =
        b"for i = 1, 1000 do redis.pcall('nonsense') end return {err = 'CODE' .. ARGV[1] .. ' x'}";
    for number in 0..1_000 {
        let number = number.to_string();
        let words: [&[u8]; 4] = [b"EVAL", script, b"0", number.as_bytes()];
        server.exchange(&mut stream, &command(&words), 5);
    }
    let info = server.exchange(&mut stream, b"INFO errorstats\r\nQUIT\r\n", usize::MAX);
    let info = String::from_utf8_lossy(&info).into_owned();
    assert!(info.matches("errorstat_").count() <= 129, "{info}");
    assert!(info.contains("errorstat_ERRORSTATS_OVERFLOW:count="), "{info}");
}

/// Resident memory of the server, in bytes.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn resident(client: &mut super::process::Peer) -> u64 {
    let text = client.ask(&[b"INFO", b"memory"]);
    let line = text.lines().find_map(|line| line.strip_prefix("used_memory_rss:"));
    line.and_then(|bytes| bytes.trim().parse().ok()).expect("INFO has the resident memory")
}

/// Memory of many single keys goes back to the system, whichever command deletes them.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[test]
fn memory_of_deleted_keys_is_returned() {
    const KEYS: usize = 100_000;
    let value = "x".repeat(1_000);
    let fill = format!("for i = 1, {KEYS} do redis.call('set', 'k' .. i, ARGV[1]) end");
    let delete = format!("for i = 1, {KEYS} do redis.call('del', 'k' .. i) end");
    let expire = format!("for i = 1, {KEYS} do redis.call('pexpire', 'k' .. i, 1) end");
    for end in [
        delete.as_str(),
        expire.as_str(),
        "redis.call('flushall')",
        "redis.call('flushall', 'async')",
    ] {
        let server = super::process::Process::start(&[]);
        let mut client = server.connect();
        client.eval(&fill, &[value.as_bytes()]);
        let full = loop {
            let bytes = resident(&mut client);
            if bytes > KEYS as u64 * 1_000 {
                break bytes;
            }
        };
        client.eval(end, &[]);
        let mut bytes = full;
        for _ in 0..3_000 {
            bytes = resident(&mut client);
            if bytes < full / 2 {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        assert!(bytes < full / 2, "{end}: {full} bytes, still {bytes}");
    }
}

/// The limit is that of a single argument, as in Redis.
#[test]
fn a_command_may_be_larger_than_the_query_buffer() {
    let value = vec![b'x'; 600_000];
    let large = vec![b'x'; 8_000_000];
    for flags in super::process::SERVED_BY {
        let server = super::process::Process::start(
            &[flags, &["--client-query-buffer-limit", "1mb"]].concat(),
        );
        let mut client = server.connect();
        let reply = client.ask(&[b"MSET", b"a", &value, b"b", &value, b"c", &value]);
        assert_eq!(reply, "+OK", "{flags:?}");
        client.send_until_closed(&[b"SET", b"a", &large]);
        drop(client);
        let stats = server.connect().ask(&[b"INFO", b"stats"]);
        let closed = "client_query_buffer_limit_disconnections:1";
        assert!(stats.contains(closed), "{flags:?}: a larger argument closes the connection");
    }
}
