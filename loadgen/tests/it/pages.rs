//! The commands in pages of docs/ work as they stand there.

use crate::support::{Server, TempDir, loadgen_in};

/// The command lines in the page's blocks without a language, in order.
fn commands(page: &str) -> Vec<String> {
    let mut commands = Vec::new();
    let mut block: Option<bool> = None;
    for line in page.lines() {
        block = match (block, line.strip_prefix("```")) {
            (None, Some(language)) => Some(language.is_empty()),
            (Some(_), Some(_)) => None,
            (state, None) => state,
        };
        if block == Some(true) && line.starts_with("loadgen ") {
            commands.push(line.to_owned());
        }
    }
    commands
}

/// Runs each command of a page in a folder with the files that the page speaks of.
fn check(page: &str, least: usize) {
    let server = Server::start(&[]);
    let dir = TempDir::new();
    let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text);
    write("workload.txt", "9 GET __key__\nSET __key__ {data 16-256} EX {ttl 60-120}\n")
        .expect("written");
    write("instants.txt", "0\n0.1\n200ms\n").expect("written");
    write("capture.txt", "OK\n1.000000 [0 127.0.0.1:1] \"set\" \"a\" \"1\"\n").expect("written");
    write("appendonly.aof", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n").expect("written");
    let commands = commands(page);
    assert!(commands.len() >= least, "{commands:?}");
    for command in commands {
        let line = command.replace("-p 6379", &format!("-p {}", server.port));
        let words = aelab_loadgen::words::split_words(&line).expect("reads");
        let words: Vec<String> =
            words.into_iter().map(|word| String::from_utf8(word).expect("text")).collect();
        let called = loadgen_in(dir.path(), &words[1..]);
        // A machine without time for it may spoil a measurement; the command worked.
        assert!(matches!(called.code, 0 | 4), "{command}: {}", called.stderr);
        // Who receives may have had all its connections ready before the measurement.
        let heard = called.stdout.contains(" messages received; 0 lost");
        assert!(heard || !called.stdout.contains(" 0 ok"), "{command}: {}", called.stdout);
    }
}

#[test]
fn workloads() {
    check(include_str!("../../../docs/workloads.md"), 20);
}

#[test]
fn switching() {
    check(include_str!("../../../docs/switching.md"), 4);
}

#[test]
fn operations_and_messages() {
    let page = include_str!("../../../docs/operations-and-messages.md");
    check(page, 2);
    let (_, block) = page.split_once("```toml\n").expect("a scenario");
    let (scenario, _) = block.split_once("```").expect("its end");
    let dir = TempDir::new();
    std::fs::write(dir.path().join("messages.toml"), scenario).expect("written");
    let words = ["scenario", "run", "messages.toml", "--out", "played"].map(str::to_owned);
    let called = loadgen_in(dir.path(), &words);
    assert_eq!(called.code, 0, "{}", called.stderr);
    let arms = dir.path().join("played/arms");
    let arm = std::fs::read_dir(arms).expect("arms").next().expect("one").expect("a folder").path();
    let record = aelab_reports::read_folder(&arm).expect("reads back").record;
    let heard: Vec<_> = record.groups.iter().filter_map(|group| group.delivery.as_ref()).collect();
    assert!(heard.iter().any(|delivery| delivery.received > 1_000 && delivery.lost == 0));
}

#[test]
fn capacity() {
    check(include_str!("../../../docs/capacity.md"), 3);
}
