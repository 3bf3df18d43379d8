//! Passwords must not be shown to others: not by the slow log, MONITOR, lists, statistics, traces or
//! error texts.

use crate::harness::{Driven, command, refusal};

const SECRET: &[u8] = b"s3cr3t-of-the-test";

/// Every command that takes a secret, right and wrong.
fn with_secrets() -> Vec<Vec<&'static [u8]>> {
    let texts: [&[&[u8]]; 16] = [
        &[b"AUTH", SECRET],
        &[b"auth", b"default", SECRET],
        &[b"AUTH", SECRET, b"wrong"],
        &[b"AUTH", b"a", b"b", SECRET],
        &[b"HELLO", b"2", b"AUTH", b"default", SECRET],
        &[b"HELLO", b"2", b"AUTH", b"default", SECRET, b"SETNAME", b"n"],
        &[b"HELLO", b"2", b"SETNAME", b"n", b"AUTH", b"default", SECRET],
        &[b"HELLO", b"2", b"SETNAME", b"auth", b"AUTH", b"default", SECRET],
        &[b"HELLO", b"2", b"AUTH", SECRET],
        &[b"HELLO", b"2", b"AUTH", b"default", b"wrong", b"AUTH", b"default", SECRET],
        &[b"CONFIG", b"SET", b"requirepass", SECRET],
        &[b"config", b"set", b"hz", b"20", b"RequirePass", SECRET],
        &[b"CONFIG", b"SET", b"requirepass", SECRET, b"hz", b"none"],
        &[b"CONFIG", b"SET", b"masterauth", SECRET],
        &[b"CONFIG", b"SET", b"masteruser", SECRET],
        &[b"CONFIG", b"SET", b"tls-key-file-pass", SECRET, b"tls-client-key-file-pass", SECRET],
    ];
    texts.iter().map(|words| words.to_vec()).collect()
}

fn ask(server: &mut Driven, text: &[u8]) -> String {
    let mut stream = server.connect();
    let all = [b"AUTH ", SECRET, b"\r\n", text, b"QUIT\r\n"].concat();
    String::from_utf8_lossy(&server.exchange(&mut stream, &all, usize::MAX)).into_owned()
}

#[test]
fn nothing_that_others_can_read_shows_a_password() {
    for model in ["ae", "busy-poll", "thread-per-connection"] {
        let password = String::from_utf8_lossy(SECRET);
        let mut server = Driven::start(&[
            "--slowlog-log-slower-than",
            "0",
            "--latency-monitor-threshold",
            "1",
            "--requirepass",
            &password,
            "--io-model",
            model,
        ]);
        let mut monitor = server.connect();
        let first = [b"AUTH ", SECRET, b"\r\nMONITOR\r\n"].concat();
        server.expect(&mut monitor, &first, b"+OK\r\n+OK\r\n");
        ask(&mut server, b"AE TRACE ON SAMPLE 1\r\n");
        for words in with_secrets() {
            let mut stream = server.connect();
            let name = String::from_utf8_lossy(words[0]).into_owned();
            // As a command of its own and inside a transaction, by a client that may do so.
            let mut bytes = [b"AUTH ", SECRET, b"\r\n"].concat();
            bytes.extend(command(&words));
            bytes.extend_from_slice(b"MULTI\r\n");
            bytes.extend(command(&words));
            bytes.extend_from_slice(b"EXEC\r\nQUIT\r\n");
            let replies = server.exchange(&mut stream, &bytes, usize::MAX);
            let replies = String::from_utf8_lossy(&replies).into_owned();
            assert!(!replies.contains(&*password), "{model}: {name} is told {replies}");
        }
        let seen = ask(
            &mut server,
            b"SLOWLOG GET -1\r\nCLIENT LIST\r\nINFO everything\r\nAE TRACE GET 1000\r\nAE STATS\r\n\
              LATENCY LATEST\r\nLATENCY DOCTOR\r\nMEMORY DOCTOR\r\nCOMMAND COUNT\r\n",
        );
        assert!(seen.contains("(redacted)"), "{model}: the slow log has the commands");
        let place = seen.find(&*password).map(|at| &seen[at.saturating_sub(200)..at]);
        assert_eq!(place, None, "{model}");
        let fed = server.exchange(&mut monitor, b"QUIT\r\n", usize::MAX);
        let fed = String::from_utf8_lossy(&fed).into_owned();
        assert!(fed.contains("\"AUTH\" \"(redacted)\""), "{model}: {fed}");
        assert!(!fed.contains(&*password), "{model}: {fed}");
    }
}

#[test]
fn the_arguments_that_are_no_secret_are_shown() {
    let mut server = Driven::start(&["--slowlog-log-slower-than", "0"]);
    let mut stream = server.connect();
    let settings =
        b"CONFIG SET hz 20 requirepass x maxclients 77\r\nHELLO 2 SETNAME n AUTH u p\r\n\
        HELLO 2 AUTH u p SETNAME m\r\n";
    server.exchange(&mut stream, settings, 40);
    let got = server.exchange(&mut stream, b"SLOWLOG GET\r\nQUIT\r\n", usize::MAX);
    let got = String::from_utf8_lossy(&got).into_owned();
    let words: Vec<&str> = got.split("\r\n").filter(|line| !line.starts_with('$')).collect();
    let text = words.join(" ");
    assert!(text.contains("CONFIG SET hz 20 requirepass (redacted) maxclients 77"), "{text}");
    assert!(text.contains("HELLO 2 SETNAME n AUTH (redacted) (redacted)"), "{text}");
    assert!(text.contains("HELLO 2 AUTH (redacted) (redacted) SETNAME m"), "{text}");
}

#[test]
fn a_message_about_the_configuration_shows_no_password() {
    for args in [
        &["--requirepass", "s3cr3t", "more"][..],
        &["--masterauth", "s3cr3t", "more"],
        &["--requirepass=s3cr3t"],
        &["--requirepas=s3cr3t"],
        &["--tls-key-file-pass", "s3cr3t", "more"],
    ] {
        let text = refusal(args);
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

#[test]
fn a_password_that_is_set_later_does_not_log_out_clients() {
    for model in ["ae", "busy-poll", "thread-per-connection"] {
        let mut server = Driven::start(&["--io-model", model]);
        let (mut inside, mut other) = (server.connect(), server.connect());
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
        server.expect(&mut inside, b"CONFIG SET requirepass x\r\n", b"+OK\r\n");
        server.expect(&mut inside, b"PING\r\n", b"+PONG\r\n");
        server.expect(&mut other, b"PING\r\n", b"+PONG\r\n");
        let mut late = server.connect();
        server.expect(&mut late, b"PING\r\n", b"-NOAUTH Authentication required.\r\n");
        // RESET makes it a new connection.
        let denied = b"+RESET\r\n-NOAUTH Authentication required.\r\n";
        server.expect(&mut other, b"RESET\r\nPING\r\n", denied);
        // A client that came while a password was needed is not let in by a change of it.
        let changed = b"CONFIG SET requirepass \"\"\r\nCONFIG SET requirepass y\r\n";
        server.expect(&mut inside, changed, b"+OK\r\n+OK\r\n");
        server.expect(&mut late, b"PING\r\n", b"-NOAUTH Authentication required.\r\n");
    }
}
