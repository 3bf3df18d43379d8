//! The commands in docs/workloads.md and docs/switching.md work as they stand there.

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
        assert!(!called.stdout.contains(" 0 ok"), "{command}: {}", called.stdout);
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
