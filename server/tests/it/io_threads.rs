//! `io-threads`: threads that read, parse and write change nothing that a client could see.

use crate::harness::{ALWAYS_THREADED, Driven, command, refusal};
use aelab_server::ae::Backend;
use std::io::Write;
use std::os::unix::net::UnixStream;

/// A server with `count` threads that take part however few clients there are.
fn threaded(count: &str, args: &[&str]) -> Driven {
    let mut all = vec!["--io-model", "ae", "--io-threads", count];
    all.extend(ALWAYS_THREADED);
    all.extend(args);
    Driven::start(&all)
}

#[test]
fn with_io_threads_every_backend_gives_everybody_their_replies_in_order() {
    let value = vec![b'x'; 300_000];
    for backend in Backend::NAMES {
        for count in ["2", "4"] {
            // Tests that run at the same time may have taken all descriptors below 1024.
            let args = ["--ae-backend", backend, "--select-oversize", "yes"];
            let mut server = threaded(count, &args);
            server.concurrently(6, crate::io_models::transactions);
            let mut clients: Vec<UnixStream> = (0..7).map(|_| server.connect()).collect();
            for (number, client) in clients.iter_mut().enumerate() {
                let key = format!("k{number}");
                let mut input = command(&[b"SET", key.as_bytes(), &value]);
                for _ in 0..500 {
                    input.extend_from_slice(format!("INCR n{number}\r\nPING\r\n").as_bytes());
                }
                input.extend_from_slice(format!("STRLEN {key}\r\n").as_bytes());
                let mut expected = String::from("+OK\r\n");
                (1..=500).for_each(|n| expected.push_str(&format!(":{n}\r\n+PONG\r\n")));
                expected.push_str(":300000\r\n");
                server.expect(client, &input, expected.as_bytes());
            }
            let mut stream = server.connect();
            let three = b"$3\r\n360\r\n".repeat(3);
            server.expect(&mut stream, b"GET a\r\nGET b\r\nGET alone\r\n", &three);
            assert!(server.info("stats", "io_threaded_reads_processed") > 0);
            assert!(server.info("stats", "io_threaded_writes_processed") > 0);
            assert_eq!(server.info("server", "io_threads_active"), 1);
        }
    }
}

#[test]
fn few_clients_are_served_without_the_threads() {
    let reads = ["--io-threads-do-reads", "yes"];
    let args = [&["--io-model", "ae", "--io-threads", "3"][..], &reads].concat();
    let mut server = Driven::start(&args);
    let mut clients: Vec<UnixStream> = (0..5).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.write_all(b"PING\r\n").expect("sent");
    }
    for client in &mut clients {
        server.expect(client, b"", b"+PONG\r\n");
    }
    assert_eq!(server.info("stats", "io_threaded_reads_processed"), 0);
    // A sixth makes two for each of the three.
    clients.push(server.connect());
    server.turn();
    for client in &mut clients {
        client.write_all(b"PING\r\n").expect("sent");
    }
    for client in &mut clients {
        server.expect(client, b"", b"+PONG\r\n");
    }
    assert_eq!(server.info("stats", "io_threaded_reads_processed"), 6);
    assert_eq!(server.info("stats", "io_threaded_writes_processed"), 6);
}

#[test]
fn with_io_threads_a_client_may_kill_those_whose_commands_were_read_with_its_own() {
    let mut server = threaded("3", &[]);
    let mut clients: Vec<UnixStream> = (0..6).map(|_| server.connect()).collect();
    for client in &mut clients {
        server.expect(client, b"PING\r\n", b"+PONG\r\n");
    }
    // All are read in the same turn; the first to be executed kills the others, or is killed.
    for client in &mut clients {
        client.write_all(b"CLIENT KILL TYPE normal\r\nINCR killers\r\n").expect("sent");
    }
    server.turn();
    server.turn();
    let mut stream = server.connect();
    server.expect(&mut stream, b"GET killers\r\n", b"$1\r\n1\r\n");
    assert_eq!(server.info("clients", "connected_clients"), 3);
}

#[test]
fn with_io_threads_strangers_and_broken_requests_are_treated_as_without() {
    let mut server = threaded("2", &["--requirepass", "secret"]);
    let mut stream = server.connect();
    server.expect(&mut stream, b"GET k\r\n", b"-NOAUTH Authentication required.\r\n");
    let mut many = vec![&b"DEL"[..]];
    many.resize(100, b"k");
    let mut input = b"AUTH secret\r\n".to_vec();
    input.extend(command(&many));
    server.expect(&mut stream, &input, b"+OK\r\n:0\r\n");
    stream.write_all(b"PING\r\n*1\r\nPING\r\nPING\r\n").expect("sent");
    let got = server.until_closed(&mut stream);
    assert_eq!(got, b"+PONG\r\n-ERR Protocol error: expected '$', got 'P'\r\n");
}

#[test]
fn io_threads_are_chosen_at_start_and_shown() {
    let mut server = threaded("2", &[]);
    let mut stream = server.connect();
    let two = b"*2\r\n$10\r\nio-threads\r\n$1\r\n2\r\n";
    server.expect(&mut stream, b"CONFIG GET io-threads\r\n", two);
    let got = server.exchange(&mut stream, b"CONFIG SET io-threads 1\r\n", 10);
    assert!(got.ends_with(b"can't set immutable config\r\n"), "{got:?}");
    let stats = server.exchange(&mut stream, b"AE STATS\r\nQUIT\r\n", usize::MAX);
    let stats = String::from_utf8_lossy(&stats).into_owned();
    assert!(stats.contains("$10\r\nio_threads\r\n:2\r\n"), "{stats}");
    assert!(stats.contains("with io-threads, parse is"), "{stats}");
    for model in ["blocking", "thread-per-connection", "busy-poll"] {
        let refused = refusal(&["--io-threads", "2", "--io-model", model]);
        assert!(refused.starts_with("directive io-threads: io-model "), "{refused}");
    }
}

#[test]
fn with_io_threads_the_parts_of_a_followed_request_add_up() {
    let mut server = threaded("2", &["--inject", "service=fixed:100us,commands=get"]);
    let mut clients: Vec<UnixStream> = (0..4).map(|_| server.connect()).collect();
    server.expect(&mut clients[0], b"AE TRACE ON SAMPLE 1\r\n", b"+OK\r\n");
    for client in &mut clients {
        client.write_all(b"GET k\r\nGET k\r\n").expect("sent");
    }
    // Found in the first turn; read, executed and answered before the second sleeps. The clock stands
    // still but for what is injected.
    for _ in 0..2 {
        server.instance.tick().expect("the loop turns");
    }
    for client in &mut clients {
        server.expect(client, b"", b"$-1\r\n$-1\r\n");
    }
    // The first command waited for none, the last for seven; no execution time includes another one.
    let got = server.exchange(&mut clients[0], b"AE TRACE OFF\r\nINFO ae\r\nQUIT\r\n", usize::MAX);
    let text = String::from_utf8_lossy(&got).into_owned();
    let line = text.lines().find(|line| line.starts_with("ae_timeline_get:"));
    let waiting = "ae_timeline_get:count=8,wait_in_batch=350.000,parse=0.000,execute=100.000";
    assert!(line.is_some_and(|line| line.starts_with(waiting)), "{line:?}");
}
