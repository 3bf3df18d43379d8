//! Section `idle`: what thousands of silent connections cost in memory, and what they cost the others.

use crate::Failure;
use crate::arms::{self, Arm};
use crate::client::{Connection, Load, load};
use crate::options::Options;
use crate::process::Process;
use crate::sys;
use crate::table::markdown;
use std::io::{Read, Write};

/// Busy connections among the idle ones.
const ACTIVE: Load = Load { command: "get", connections: 3, pipeline: 1, requests: 60_000 };

pub(crate) fn run(options: &Options) -> Result<String, Failure> {
    let mut rows = Vec::new();
    for arm in arms::wanted(options).into_iter().filter(|arm| !arm.few) {
        let cells = match measure(&arm, options) {
            Ok(figures) => figures.map(|figure| format!("{figure:.2}")).to_vec(),
            // If one arm fails (threads beyond the system's limit), that is a result; the others continue.
            Err(problem) => vec![problem.replace('|', "/"), String::new(), String::new()],
        };
        rows.push([vec![arm.name.to_owned()], cells].concat());
    }
    let columns =
        ["arm", "idle, KiB", "after a PING, KiB", "CPU µs per GET of 3 active"].map(str::to_owned);
    let title = format!(
        "Resident memory per connection with {} connections, and the CPU time of a request with these connections open",
        options.connections
    );
    Ok(markdown(&title, &columns, &rows))
}

/// Memory per connection before and after its PING in KiB, and CPU time per request in microseconds.
fn measure(arm: &Arm, options: &Options) -> Result<[f64; 3], Failure> {
    let count = options.connections;
    let maxclients = (count + 100).to_string();
    let server = Process::start(arm, options, &["--maxclients", &maxclients])?;
    let mut control = Connection::open(server.port)?;
    control.wait_for_clients(1)?;
    let per_connection =
        |before: f64| (sys::resident_bytes(server.pid()) - before) / 1024.0 / count as f64;
    let before = sys::resident_bytes(server.pid());
    let mut connections = Vec::with_capacity(count);
    for number in 0..count {
        let connection = Connection::open(server.port);
        connections.push(connection.map_err(|e| format!("connection {number}: {e}"))?);
        // Not faster than the server accepts: its queue has a limit.
        if number % 100 == 99 {
            control.wait_for_clients(number + 2)?;
        }
    }
    control.wait_for_clients(count + 1)?;
    let silent = per_connection(before);
    for connection in &mut connections {
        let stream = &mut connection.stream;
        stream.write_all(b"PING\r\n").map_err(|e| format!("PING: {e}"))?;
    }
    for connection in &mut connections {
        let mut pong = [0; 7];
        connection.stream.read_exact(&mut pong).map_err(|e| format!("PING: {e}"))?;
    }
    let spoken = per_connection(before);
    let requests = options.scaled(ACTIVE.requests);
    let active = load(options, (server.port, server.pid()), Load { requests, ..ACTIVE })?;
    Ok([silent, spoken, active.cpu_us])
}
