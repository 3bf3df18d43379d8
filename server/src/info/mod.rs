//! `INFO`: the server's state in Redis's words, section by section.
//!
//! Field names and order are Redis 7.0's; the event-loop metrics are 7.2's; `eventloop` is a
//! section of this server's own. A field that has no meaning here is shown with the value it
//! would have in a Redis that does not use the feature.

mod ae;
mod eventloop;
mod memory;
mod sections;

pub(crate) use memory::total_system_bytes;

use crate::server::Server;

/// Appends one section's lines.
type Write = fn(&mut String, &Server);

struct Section {
    name: &'static str,
    title: &'static str,
    /// Part of `INFO` without arguments.
    by_default: bool,
    /// Part of `INFO all`.
    in_all: bool,
    write: Write,
}

const fn section(name: &'static str, title: &'static str, write: Write) -> Section {
    Section { name, title, by_default: true, in_all: true, write }
}

const fn hidden(name: &'static str, title: &'static str, write: Write) -> Section {
    Section { name, title, by_default: false, in_all: true, write }
}

const SECTIONS: &[Section] = &[
    section("server", "Server", sections::server),
    section("clients", "Clients", sections::clients),
    section("memory", "Memory", memory::memory),
    section("persistence", "Persistence", sections::persistence),
    section("stats", "Stats", sections::stats),
    section("replication", "Replication", sections::replication),
    section("cpu", "CPU", sections::cpu),
    section("modules", "Modules", |_, _| {}),
    hidden("commandstats", "Commandstats", sections::commandstats),
    section("errorstats", "Errorstats", sections::errorstats),
    hidden("latencystats", "Latencystats", sections::latencystats),
    section("cluster", "Cluster", |text, _| text.push_str("cluster_enabled:0\r\n")),
    section("keyspace", "Keyspace", sections::keyspace),
    hidden("ae", "Ae", ae::ae),
    Section { in_all: false, ..hidden("debug", "Debug", eventloop::debug) },
    Section { in_all: false, ..hidden("eventloop", "Eventloop", eventloop::eventloop) },
];

/// The sections called `names` (in any case; `default`, `all` and `everything` are groups), or the
/// default ones if there are none.
pub(crate) fn text(server: &Server, names: &[&[u8]]) -> String {
    let asked = |word: &str| names.iter().any(|name| name.eq_ignore_ascii_case(word.as_bytes()));
    let by_default = names.is_empty() || asked("default");
    let all = asked("all") || asked("everything");
    let mut text = String::with_capacity(8 * 1024);
    for section in SECTIONS {
        let wanted =
            (by_default && section.by_default) || (all && section.in_all) || asked(section.name);
        if wanted {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            text.push_str("# ");
            text.push_str(section.title);
            text.push_str("\r\n");
            (section.write)(&mut text, server);
        }
    }
    text
}

/// One line.
fn line(text: &mut String, name: &str, value: impl std::fmt::Display) {
    use std::fmt::Write as _;
    // Writing to a string cannot fail.
    let _ = write!(text, "{name}:{value}\r\n");
}

/// Many lines whose values never change here.
fn constants(text: &mut String, lines: &[(&str, &str)]) {
    for (name, value) in lines {
        line(text, name, value);
    }
}
