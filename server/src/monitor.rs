//! MONITOR's feed: every command as it was executed, to the clients that asked to see them.
//!
//! One line per command in Redis 7.0's format. Administrative commands are not shown; passwords are
//! redacted. The output limit closes a client that reads too slowly, like any other client.

use crate::args::Args;
use crate::client::ClientKey;
use crate::reply::Reply;
use crate::server::By;
use crate::server::Server;
use crate::server::{CommandSpec, Shown};
use std::fmt::Write as _;

/// Sends a line about this command to all monitors. `out` is the reply of the executing client, which
/// may be a monitor itself.
#[cold]
pub(crate) fn feed(
    server: &mut Server,
    client: ClientKey,
    spec: &CommandSpec,
    args: Args<'_>,
    out: &mut Reply,
    by: By,
) {
    let line = line(server, client, spec, args, by);
    let monitors = server.monitors.clone();
    for key in monitors {
        if key == client && by == By::Script {
            // `out` holds the script's reply, which the line must not be part of.
            continue;
        } else if key == client {
            out.simple(line.as_bytes());
        } else {
            server.deliver(key, |reply| reply.simple(line.as_bytes()));
        }
    }
}

fn line(server: &Server, client: ClientKey, spec: &CommandSpec, args: Args<'_>, by: By) -> String {
    let unix_us = server.clock.unix_us();
    let (db, peer) = server.clients.get(client).map_or((0, String::new()), |client| {
        let peer = match client.peer {
            _ if by == By::Script => "lua".into(),
            Some(addr) => addr.to_string(),
            None => format!("unix:{}", server.config.text("unixsocket")),
        };
        (client.db, peer)
    });
    let mut text = format!("{}.{:06} [{db} {peer}]", unix_us / 1_000_000, unix_us % 1_000_000);
    let shown = Shown::new(spec, args);
    for index in 0..shown.len() {
        text.push(' ');
        quote(&mut text, shown.at(index));
    }
    text
}

/// `sdscatrepr`: printable bytes as they are, the rest escaped.
fn quote(text: &mut String, bytes: &[u8]) {
    text.push('"');
    for &byte in bytes {
        match byte {
            b'\\' | b'"' => text.extend(['\\', char::from(byte)]),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x07 => text.push_str("\\a"),
            0x08 => text.push_str("\\b"),
            b' '..=b'~' => text.push(char::from(byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_can_be_shown() {
        let mut text = String::new();
        quote(&mut text, b"a \"b\\\n\r\t\x07\x08\x00\xff~");
        assert_eq!(text, r#""a \"b\\\n\r\t\a\b\x00\xff~""#);
    }
}
