//! Section `keys`: the longest command there is. `KEYS *` on millions of keys, to its first byte (which
//! is how long other clients wait) and to its last.

use crate::Failure;
use crate::arms::{OURS, REDIS};
use crate::client::Connection;
use crate::options::Options;
use crate::process::Process;
use crate::table::{markdown, median};
use aelab_server::clock::Clock;
use std::io::{Read, Write};

/// The reply to the command after `KEYS *` marks the end.
const END: &[u8] = b"+PONG\r\n";

pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let clock = Clock::system();
    let mut servers = Vec::new();
    for (arm, further) in [(REDIS, &["--enable-debug-command", "local"][..]), (OURS, &[])] {
        let server = Process::start(&arm, options, further)?;
        let mut connection = Connection::open(server.port)?;
        connection.ask(&format!("DEBUG POPULATE {}", options.keys))?;
        server.halt();
        servers.push((arm, server, connection));
    }
    // Seconds to the first and to the last byte, by round and arm.
    let mut rounds = Vec::new();
    for round in 0..options.rounds {
        let mut outcomes = [(0.0, 0.0); 2];
        for index in if round % 2 == 0 { [0, 1] } else { [1, 0] } {
            let (_, server, connection) = &mut servers[index];
            server.resume();
            let outcome = ask(connection, &clock);
            server.halt();
            outcomes[index] = outcome?;
        }
        rounds.push(outcomes);
    }
    let row = |arm: usize| {
        let cell = |of: fn(&(f64, f64)) -> f64| {
            let ratio = rounds.iter().map(|round| of(&round[arm]) / of(&round[0]));
            let seconds = median(rounds.iter().map(|round| of(&round[arm])));
            format!("{seconds:.3} ({:.2}×)", median(ratio))
        };
        vec![servers[arm].0.name.to_owned(), cell(|times| times.0), cell(|times| times.1)]
    };
    let columns = ["arm", "first byte, s", "last byte, s"].map(str::to_owned);
    let title = format!("KEYS * on {} keys, and the ratio to redis-server", options.keys);
    Ok(markdown(&title, &columns, &[row(0), row(1)]))
}

/// Seconds to the first and to the last byte of the reply.
fn ask(connection: &mut Connection, clock: &Clock) -> Result<(f64, f64), Failure> {
    let problem = |e| format!("KEYS *: the connection broke: {e}");
    let mut chunk = vec![0; 1024 * 1024];
    // The last bytes seen, across two reads.
    let mut tail: Vec<u8> = Vec::new();
    let began = clock.now();
    let seconds = || (clock.now() - began).0 as f64 / 1e9;
    connection.stream.write_all(b"KEYS *\r\nPING\r\n").map_err(problem)?;
    let mut first = None;
    while tail != END {
        let count = connection.stream.read(&mut chunk).map_err(problem)?;
        if count == 0 {
            return Err("KEYS *: the server closed the connection".into());
        }
        first.get_or_insert_with(seconds);
        tail.extend_from_slice(&chunk[count.saturating_sub(END.len())..count]);
        tail.drain(..tail.len().saturating_sub(END.len()));
    }
    Ok((first.unwrap_or_default(), seconds()))
}
