//! CLIENT: the list of connections, their names, and settings of the own connection.
//!
//! CLIENT ID GETNAME SETNAME SETINFO LIST INFO KILL REPLY PAUSE UNPAUSE
//! UNBLOCK NO-EVICT NO-TOUCH HELP. SETINFO is Redis 7.2's;
//! today's client libraries send it on every connection.

mod kill;
mod pause;

use crate::args::parse_integer;
use crate::client::ClientKey;
use crate::client::Kind;
use crate::client::{Client, Life, ReplyMode, Sending};
use crate::command::client::kill::kill;
use crate::command::client::pause::{pause, unblock, unpause};
use crate::server::STATIC_BUFFER_BYTES;
use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, STALE, WAITS_FOR_OTHERS};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container};
use std::fmt::Write;

const PLAIN: u32 = LOADING | NOSCRIPT | STALE;

pub(crate) const TABLE: &[CommandSpec] = &[container("client", -2, SUBCOMMANDS).docs(
    Group::Connection,
    "2.4.0",
    "Depends on subcommand.",
    "A container for client connection commands",
)];

const O_N: &str = "O(N) where N is the number of client connections";

const SUBCOMMANDS: &[CommandSpec] = &[
    command("id", 2, PLAIN, NO_KEYS, id).of("client").docs(
        Group::Connection,
        "5.0.0",
        "O(1)",
        "Returns the client ID for the current connection",
    ),
    command("getname", 2, PLAIN, NO_KEYS, getname).of("client").docs(
        Group::Connection,
        "2.6.9",
        "O(1)",
        "Get the current connection name",
    ),
    command("setname", 3, PLAIN, NO_KEYS, setname).of("client").docs(
        Group::Connection,
        "2.6.9",
        "O(1)",
        "Set the current connection name",
    ),
    command("setinfo", 4, PLAIN, NO_KEYS, setinfo).of("client").docs(
        Group::Connection,
        "7.2.0",
        "O(1)",
        "Set client or connection specific info",
    ),
    command("list", -2, ADMIN | PLAIN, NO_KEYS, list)
        .of("client")
        .docs(Group::Connection, "2.4.0", O_N, "Get the list of client connections")
        .tips(&["nondeterministic_output"]),
    command("info", 2, PLAIN, NO_KEYS, info)
        .of("client")
        .docs(
            Group::Connection,
            "6.2.0",
            "O(1)",
            "Returns information about the current client connection.",
        )
        .tips(&["nondeterministic_output"]),
    command("kill", -3, ADMIN | PLAIN, NO_KEYS, kill).of("client").docs(
        Group::Connection,
        "2.4.0",
        O_N,
        "Kill the connection of a client",
    ),
    command("pause", -3, ADMIN | PLAIN | WAITS_FOR_OTHERS, NO_KEYS, pause).of("client").docs(
        Group::Connection,
        "2.9.50",
        "O(1)",
        "Stop processing commands from clients for some time",
    ),
    command("unpause", 2, ADMIN | PLAIN, NO_KEYS, unpause).of("client").docs(
        Group::Connection,
        "6.2.0",
        "O(N) Where N is the number of paused clients",
        "Resume processing of clients that were paused",
    ),
    command("unblock", -3, ADMIN | PLAIN, NO_KEYS, unblock).of("client").docs(
        Group::Connection,
        "5.0.0",
        "O(log N) where N is the number of client connections",
        "Unblock a client blocked in a blocking command from a different connection",
    ),
    command("reply", 3, PLAIN, NO_KEYS, reply).of("client").docs(
        Group::Connection,
        "3.2.0",
        "O(1)",
        "Instruct the server whether to reply to commands",
    ),
    command("no-evict", 3, ADMIN | PLAIN, NO_KEYS, no_evict).of("client").docs(
        Group::Connection,
        "7.0.0",
        "O(1)",
        "Set client eviction mode for the current connection",
    ),
    command("no-touch", 3, PLAIN, NO_KEYS, no_touch).of("client").docs(
        Group::Connection,
        "7.2.0",
        "O(1)",
        "Controls whether commands sent by the client will alter the LRU/LFU of the keys they access.",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("client").docs(
        Group::Connection,
        "5.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// The connection's number. O(1).
fn id(call: &mut Call<'_>) {
    let id = call.server.clients.get(call.client).map_or(0, |client| client.id);
    call.out.integer(id as i64);
}

/// The connection's name, or null. O(1).
fn getname(call: &mut Call<'_>) {
    match call.server.clients.get(call.client).map_or(&[][..], Client::name) {
        [] => call.out.null(),
        name => call.out.bulk(name),
    }
}

/// Whether every byte can be printed and none separates fields of `CLIENT LIST`.
fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// Names the connection, or replies with the error. Also used by `HELLO`.
pub(crate) fn set_name(call: &mut Call<'_>, name: &[u8]) -> bool {
    if !is_printable(name) {
        call.out.error("ERR Client names cannot contain spaces, newlines or special characters.");
        return false;
    }
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.extras_mut().name = name.into();
    }
    true
}

/// Names the connection. O(1).
fn setname(call: &mut Call<'_>) {
    if set_name(call, call.args.at(2)) {
        call.out.ok();
    }
}

/// Stores the client library's name or version. O(1).
fn setinfo(call: &mut Call<'_>) {
    let value = call.args.at(3);
    let (is_name, is_version) = (call.args.is(2, "lib-name"), call.args.is(2, "lib-ver"));
    if !is_name && !is_version {
        let mut text = b"ERR Unrecognized option '".to_vec();
        text.extend_from_slice(call.args.at(2));
        text.push(b'\'');
        return call.out.error(text);
    }
    let attribute = if is_name { "lib-name" } else { "lib-ver" };
    if !is_printable(value) {
        return call.out.error(format!(
            "ERR {attribute} cannot contain spaces, newlines or special characters."
        ));
    }
    let Some(client) = call.server.clients.get_mut(call.client) else { return };
    let extras = client.extras_mut();
    if is_name {
        extras.lib_name = value.into();
    } else {
        extras.lib_ver = value.into();
    }
    call.out.ok();
}

/// What can be asked of `CLIENT LIST TYPE` and `CLIENT KILL TYPE`.
pub(crate) fn type_name(client: &Client) -> &'static str {
    if client.subscription_count() > 0 { "pubsub" } else { "normal" }
}

/// Reads a client type; replies with the error if it is none.
pub(crate) fn type_arg(call: &mut Call<'_>, index: usize) -> Option<&'static str> {
    let known = ["normal", "pubsub", "master", "replica", "slave"];
    let found = known.into_iter().find(|name| call.args.is(index, name));
    if found.is_none() {
        let mut text = b"ERR Unknown client type '".to_vec();
        text.extend_from_slice(call.args.at(index));
        text.push(b'\'');
        call.out.error(text);
    }
    found
}

/// One line per client; all, of a TYPE, or of the given IDs. O(N) for N clients.
fn list(call: &mut Call<'_>) {
    let mut keys: Vec<ClientKey> = call.server.clients.keys().collect();
    match call.args.len() {
        2 => {}
        4 if call.args.is(2, "type") => {
            let Some(wanted) = type_arg(call, 3) else { return };
            keys.retain(|&key| type_name(&call.server.clients[key]) == wanted);
        }
        4.. if call.args.is(2, "id") => {
            let mut ids = Vec::new();
            for arg in call.args.from(3) {
                match parse_integer(arg) {
                    Some(id) => ids.push(id as u64),
                    None => return call.out.error("ERR Invalid client ID"),
                }
            }
            keys.retain(|&key| ids.contains(&call.server.clients[key].id));
        }
        _ => return call.out.syntax_error(),
    }
    keys.sort_by_key(|&key| call.server.clients[key].id);
    let mut text = String::new();
    for key in keys {
        describe(&mut text, call, key);
        text.push('\n');
    }
    call.out.verbatim(text.as_bytes());
}

/// The line of this connection. O(1).
fn info(call: &mut Call<'_>) {
    let mut text = String::new();
    describe(&mut text, call, call.client);
    text.push('\n');
    call.out.verbatim(text.as_bytes());
}

fn describe(text: &mut String, call: &Call<'_>, key: ClientKey) {
    let server = &*call.server;
    let Some(client) = server.clients.get(key) else { return };
    // The caller's own output buffer is lent to this reply.
    let output = &client.output;
    let pending = if key == call.client { 0 } else { output.waiting() };
    let list_bytes = pending.saturating_sub(STATIC_BUFFER_BYTES);
    let unfinished = client.unfinished.as_deref();
    let (qbuf, qbuf_free) =
        unfinished.map_or((0, 0), |u| (u.buf.len(), u.buf.capacity() - u.buf.len()));
    let (queued, multi_bytes) =
        client.multi.as_deref().map_or((-1, 0), |multi| (multi.queue.len() as i64, multi.bytes));
    let command = client
        .last_command
        .map_or_else(|| "NULL".into(), |id| server.commands.rows()[id as usize].full_name());
    let extras = client.extras();
    let string =
        |bytes: Option<&[u8]>| String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned();
    // Writing to a string cannot fail.
    let _ = write!(
        text,
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} \
         multi={queued} qbuf={qbuf} qbuf-free={qbuf_free} argv-mem={} multi-mem={multi_bytes} \
         rbs={} rbp={} obl={} oll={} omem={list_bytes} tot-mem={} events={} cmd={command} \
         user=default redir=-1 resp={}",
        client.id,
        server.peer_text(client),
        server.local_text(client),
        std::os::fd::AsRawFd::as_raw_fd(&client.fd),
        string(Some(client.name())),
        server.now_s() - client.created_s,
        server.now_s() - client.active_s,
        flags_text(client, server.monitors.contains(&key)),
        client.db,
        client.subscribed_to(Kind::Channel),
        client.subscribed_to(Kind::Pattern),
        client.subscribed_to(Kind::Shard),
        if key == call.client { call.args.total_bytes() } else { 0 },
        output.buf.capacity(),
        output.buf.len().min(STATIC_BUFFER_BYTES),
        pending.min(STATIC_BUFFER_BYTES),
        list_bytes.div_ceil(STATIC_BUFFER_BYTES),
        client.memory_bytes(),
        if output.state == Sending::Blocked { "rw" } else { "r" },
        if client.protocol == crate::reply::Protocol::Resp3 { 3 } else { 2 },
    );
    let _ = write!(
        text,
        " lib-name={} lib-ver={} tot-net-in={} tot-net-out={} tot-cmds={}",
        string(extras.map(|extras| &*extras.lib_name)),
        string(extras.map(|extras| &*extras.lib_ver)),
        client.counters.net_in,
        client.counters.net_out,
        client.counters.commands,
    );
}

fn flags_text(client: &Client, monitor: bool) -> String {
    let mut flags = String::new();
    if monitor {
        flags.push('O');
    }
    if client.subscription_count() > 0 {
        flags.push('P');
    }
    if client.multi.is_some() {
        flags.push('x');
    }
    if client.is_blocked() {
        flags.push('b');
    }
    if client.extras().is_some_and(|extras| extras.watch_failed) {
        flags.push('d');
    }
    match client.life {
        Life::Open => {}
        Life::CloseAfterReply => flags.push('c'),
        Life::Closing => flags.push('A'),
    }
    if client.peer.is_none() {
        flags.push('U');
    }
    if client.no_evict {
        flags.push('e');
    }
    if flags.is_empty() {
        flags.push('N');
    }
    flags
}

/// Switches replies on, off, or off for the next command. O(1).
fn reply(call: &mut Call<'_>) {
    let mode = match () {
        () if call.args.is(2, "on") => ReplyMode::On,
        () if call.args.is(2, "off") => ReplyMode::Off,
        () if call.args.is(2, "skip") => ReplyMode::SkipNext,
        () => return call.out.syntax_error(),
    };
    let Some(client) = call.server.clients.get_mut(call.client) else { return };
    // SKIP while OFF changes nothing: all replies are suppressed anyway.
    if !(mode == ReplyMode::SkipNext && client.reply_mode == ReplyMode::Off) {
        client.reply_mode = mode;
    }
    if mode == ReplyMode::On {
        call.out.ok();
    }
}

/// Protects the connection from client eviction, or not. O(1).
fn no_evict(call: &mut Call<'_>) {
    let on = call.args.is(2, "on");
    if !on && !call.args.is(2, "off") {
        return call.out.syntax_error();
    }
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.no_evict = on;
    }
    call.out.ok();
}

/// Sets whether the connection's commands count as uses of their keys. O(1).
fn no_touch(call: &mut Call<'_>) {
    let on = call.args.is(2, "on");
    if !on && !call.args.is(2, "off") {
        return call.out.syntax_error();
    }
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.no_touch = on;
    }
    call.out.ok();
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "CLIENT",
        &[
            "GETNAME",
            "    Return the name of the current connection.",
            "ID",
            "    Return the ID of the current connection.",
            "INFO",
            "    Return information about the current client connection.",
            "KILL <ip:port>",
            "    Kill connection made from <ip:port>.",
            "KILL <option> <value> [<option> <value> [...]]",
            "    Kill connections. Options are:",
            "    * ADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made from the specified address",
            "    * LADDR (<ip:port>|<unixsocket>:0)",
            "      Kill connections made to specified local address",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "      Kill connections by type.",
            "    * USER <username>",
            "      Kill connections authenticated by <username>.",
            "    * SKIPME (YES|NO)",
            "      Skip killing current connection (default: yes).",
            "LIST [options ...]",
            "    Return information about client connections. Options:",
            "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
            "      Return clients of specified type.",
            "UNPAUSE",
            "    Stop the current client pause, resuming traffic.",
            "PAUSE <timeout> [WRITE|ALL]",
            "    Suspend all, or just write, clients for <timeout> milliseconds.",
            "REPLY (ON|OFF|SKIP)",
            "    Control the replies sent to the current connection.",
            "SETINFO (LIB-NAME|LIB-VER) <value>",
            "    Set the client library's name or version.",
            "SETNAME <name>",
            "    Assign the name <name> to the current connection.",
            "UNBLOCK <clientid> [TIMEOUT|ERROR]",
            "    Unblock the specified blocked client.",
            "NO-TOUCH (ON|OFF)",
            "    Will not touch LRU/LFU stats when this mode is on.",
            "NO-EVICT (ON|OFF)",
            "    Protect current client connection from eviction.",
        ],
    );
}
