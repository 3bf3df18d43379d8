//! LATENCY and MONITOR, against a server turned by hand.

use crate::harness::{Driven, command};
use std::io::{Read, Write};

fn ask(server: &mut Driven, stream: &mut (impl Read + Write), words: &[&str]) -> String {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let got = server.exchange(stream, &command(&words), 1);
    String::from_utf8_lossy(&got).into_owned()
}

#[test]
fn without_a_threshold_nothing_is_noted() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    for (words, expected) in [
        (&["LATENCY", "LATEST"][..], "*0\r\n"),
        (&["LATENCY", "HISTORY", "command"], "*0\r\n"),
        (&["LATENCY", "RESET"], ":0\r\n"),
        (&["LATENCY", "RESET", "command", "fork"], ":0\r\n"),
        (&["LATENCY", "GRAPH", "nope"], "-ERR No samples available for event 'nope'\r\n"),
        (&["LATENCY", "HISTOGRAM", "nope"], "*0\r\n"),
    ] {
        assert_eq!(ask(&mut server, &mut stream, words), expected, "{words:?}");
    }
}

#[test]
fn a_histogram_counts_every_call_of_a_used_command_only() {
    let mut server = Driven::start(&[]);
    let mut stream = server.connect();
    for _ in 0..3 {
        ask(&mut server, &mut stream, &["GET", "k"]);
    }
    // The clock stands still while a command runs: all are in the first bucket.
    let expected =
        "*2\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:3\r\n$14\r\nhistogram_usec\r\n*2\r\n:1\r\n:3\r\n";
    let got = ask(&mut server, &mut stream, &["LATENCY", "HISTOGRAM", "get", "set", "nope"]);
    assert_eq!(got, expected);
    let text = ask(&mut server, &mut stream, &["INFO", "latencystats"]);
    assert!(
        text.contains("latency_percentiles_usec_get:p50=0.001,p99=0.001,p99.9=0.001"),
        "{text}"
    );
    ask(&mut server, &mut stream, &["CONFIG", "SET", "latency-tracking-info-percentiles", "10 50"]);
    let text = ask(&mut server, &mut stream, &["INFO", "latencystats"]);
    assert!(text.contains("latency_percentiles_usec_get:p10=0.001,p50=0.001\r\n"), "{text}");
    ask(&mut server, &mut stream, &["CONFIG", "SET", "latency-tracking", "no"]);
    let text = ask(&mut server, &mut stream, &["INFO", "latencystats"]);
    assert!(!text.contains("percentiles"), "{text}");
}

#[test]
fn a_monitor_sees_every_command_as_it_was_executed() {
    let mut server = Driven::start(&["--requirepass", "secret"]);
    let (mut watcher, mut other) = (server.connect(), server.connect());
    let path = server.path.display().to_string();
    ask(&mut server, &mut watcher, &["AUTH", "secret"]);
    assert_eq!(ask(&mut server, &mut watcher, &["MONITOR"]), "+OK\r\n");
    let commands: [(&[&str], &str); 6] = [
        (&["AUTH", "secret"], r#""AUTH" "(redacted)""#),
        (&["set", "k", "a \"b\"\n"], r#""set" "k" "a \"b\"\n""#),
        (&["SELECT", "3"], r#""SELECT" "3""#),
        (&["GET", "k"], r#""GET" "k""#),
        (&["CONFIG", "GET", "maxmemory"], ""),
        (&["NOSUCH"], ""),
    ];
    let mut seen = String::new();
    for (words, _) in &commands {
        ask(&mut server, &mut other, words);
        seen.push_str(&String::from_utf8_lossy(&server.exchange(&mut watcher, b"", 0)));
    }
    let lines: Vec<&str> = seen.lines().collect();
    let expected: Vec<&str> = commands.iter().map(|(_, s)| *s).filter(|s| !s.is_empty()).collect();
    assert_eq!(lines.len(), expected.len(), "{seen}");
    for ((line, expected), db) in lines.iter().zip(expected).zip([0, 0, 3, 3]) {
        let tail = format!(" [{db} unix:{path}] {expected}");
        assert!(line.starts_with('+') && line.ends_with(&tail), "{line} / {tail}");
    }
    // It sees its own commands as well, and gets no more lines after RESET.
    let own = ask(&mut server, &mut watcher, &["PING"]);
    assert!(own.starts_with("+PONG\r\n+") && own.ends_with("\"PING\"\r\n"), "{own}");
    ask(&mut server, &mut watcher, &["RESET"]);
    ask(&mut server, &mut other, &["GET", "k"]);
    assert_eq!(server.exchange(&mut watcher, b"", 0), b"");
}
