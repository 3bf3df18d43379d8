//! Keys that collide under a known seed must not collide in a server, unless the seed is asked for.

use super::process::{Peer, Process};
use aelab_server::db::HashSeed;

const KEYS: usize = 600;

/// Keys whose hashes agree in the bits that choose the bucket, under the seed 0.
fn colliding() -> Vec<Vec<u8>> {
    let keys = (0_u64..).map(|number| format!("key:{number}").into_bytes());
    keys.filter(|key| HashSeed::default().hash(key) & 0xfff == 0x123).take(KEYS).collect()
}

fn fill(client: &mut Peer, keys: &[Vec<u8>]) {
    for key in keys {
        assert_eq!(client.ask(&[b"SET", key, b"v"]), "+OK");
        client.ask(&[b"SADD", b"set", key]);
        client.ask(&[b"HSET", b"hash", key, b"v"]);
        client.ask(&[b"ZADD", b"zset", b"1", key]);
    }
}

/// The most elements that one step of a scan returns. It returns whole buckets.
fn largest_step(client: &mut Peer, command: &[&[u8]]) -> usize {
    let (mut cursor, mut most) = ("0".to_owned(), 0);
    loop {
        let words = [command, &[cursor.as_bytes(), b"COUNT", b"1"]].concat();
        let reply = client.ask(&words);
        let (next, items) = reply[1..].split_once(", ").expect("a cursor and items");
        most = most.max(items.split(", ").count());
        cursor = next.to_owned();
        if cursor == "0" {
            return most;
        }
    }
}

#[test]
fn chosen_keys_do_not_meet_in_one_bucket() {
    let keys = colliding();
    let server = Process::start(&[]);
    let mut client = server.connect();
    fill(&mut client, &keys);
    for command in [&[&b"SCAN"[..]][..], &[b"SSCAN", b"set"], &[b"HSCAN", b"hash"]] {
        let most = largest_step(&mut client, command);
        assert!(most < KEYS / 4, "{command:?}: {most} of {KEYS} keys in one step");
    }
}

/// The keys in the order of a scan.
fn order(flags: &[&str]) -> String {
    let server = Process::start(flags);
    let mut client = server.connect();
    for number in 0..200 {
        client.ask(&[b"SET", format!("k{number}").as_bytes(), b"v"]);
    }
    client.ask(&[b"KEYS", b"*"])
}

#[test]
fn the_order_of_keys_repeats_with_a_fixed_seed_only() {
    assert_eq!(order(&["--hash-seed", "7"]), order(&["--hash-seed", "7"]));
    assert_ne!(order(&["--hash-seed", "7"]), order(&["--hash-seed", "8"]));
    assert_ne!(order(&[]), order(&[]));
}
