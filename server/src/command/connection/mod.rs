//! Connection commands: PING ECHO QUIT RESET HELLO AUTH SELECT.
//!
//! All cost O(1). `CLIENT` has a file of its own.

use crate::args::parse_integer;
use crate::client::{Life, ReplyMode};
use crate::command::arguments::NOT_32_BITS;
use crate::reply::Protocol;
use crate::server::flags::{
    ALLOW_BUSY, DISCARDS_QUEUE, FAST, IN_SUBSCRIBED_MODE, INJECTED_BY_DEFAULT, LOADING, NO_AUTH,
    NOSCRIPT, NOT_QUEUED, SECRET_AFTER_AUTH, SECRET_ARGS, STALE,
};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

const HANDSHAKE: u32 = ALLOW_BUSY | FAST | LOADING | NO_AUTH | NOSCRIPT | STALE;
/// Allowed in a transaction and while subscribed, both of which it ends.
const ENDS: u32 = NOT_QUEUED | DISCARDS_QUEUE | IN_SUBSCRIBED_MODE;

pub(crate) const TABLE: &[CommandSpec] = &[
    command("ping", -1, FAST | IN_SUBSCRIBED_MODE | INJECTED_BY_DEFAULT, NO_KEYS, ping)
        .docs(Group::Connection, "1.0.0", "O(1)", "Ping the server")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    command("echo", 2, FAST | LOADING | STALE | INJECTED_BY_DEFAULT, NO_KEYS, echo).docs(
        Group::Connection,
        "1.0.0",
        "O(1)",
        "Echo the given string",
    ),
    command("quit", -1, HANDSHAKE | ENDS, NO_KEYS, quit).docs(
        Group::Connection,
        "1.0.0",
        "O(1)",
        "Close the connection",
    ),
    command("reset", 1, HANDSHAKE | ENDS, NO_KEYS, reset).docs(
        Group::Connection,
        "6.2.0",
        "O(1)",
        "Reset the connection",
    ),
    command("hello", -1, HANDSHAKE | SECRET_AFTER_AUTH, NO_KEYS, hello).docs(
        Group::Connection,
        "6.0.0",
        "O(1)",
        "Handshake with Redis",
    ),
    command("auth", -2, HANDSHAKE | SECRET_ARGS, NO_KEYS, auth).docs(
        Group::Connection,
        "1.0.0",
        "O(N) where N is the number of passwords defined for the user",
        "Authenticate to the server",
    ),
    command("select", 2, FAST | LOADING | STALE, NO_KEYS, select).docs(
        Group::Connection,
        "1.0.0",
        "O(1)",
        "Change the selected database for the current connection",
    ),
];

/// Replies with PONG or the argument; to RESP2 subscribers with a two-item array. O(1).
fn ping(call: &mut Call<'_>) {
    if call.args.len() > 2 {
        return call.wrong_arity();
    }
    let message = call.args.get(1);
    let subscribed = |client: &crate::client::Client| client.subscription_count() > 0;
    if !call.out.resp3() && call.server.clients.get(call.client).is_some_and(subscribed) {
        call.out.array(2);
        call.out.bulk(b"pong");
        return call.out.bulk(message.unwrap_or_default());
    }
    match message {
        Some(message) => call.out.bulk(message),
        None => call.out.simple(b"PONG"),
    }
}

/// Replies with its argument. O(1).
fn echo(call: &mut Call<'_>) {
    call.out.bulk(call.args.at(1));
}

/// Replies OK and closes the connection. O(1).
fn quit(call: &mut Call<'_>) {
    call.out.ok();
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.life = Life::CloseAfterReply;
    }
}

/// Resets the connection to the state of a new one. O(1).
fn reset(call: &mut Call<'_>) {
    call.server.discard_transaction(call.client);
    super::pubsub::unsubscribe_silently(call.server, call.client);
    call.server.monitors.retain(|&monitor| monitor != call.client);
    let needs_password = call.server.config.settings().clients.requirepass.is_some();
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.db = 0;
        client.protocol = Protocol::Resp2;
        client.reply_mode = ReplyMode::On;
        client.no_evict = false;
        client.no_touch = false;
        client.authenticated = !needs_password;
        if client.extras().is_some() {
            client.extras_mut().name = Box::default();
        }
    }
    call.out.set_protocol(Protocol::Resp2);
    call.out.simple(b"RESET");
}

/// Switches the protocol, optionally authenticates and names the connection, and describes the
/// server. O(1).
fn hello(call: &mut Call<'_>) {
    let mut protocol = None;
    let mut next = 1;
    if let Some(version) = call.args.get(1) {
        protocol = match parse_integer(version) {
            Some(2) => Some(Protocol::Resp2),
            Some(3) => Some(Protocol::Resp3),
            Some(_) => return call.out.error("NOPROTO unsupported protocol version"),
            None => {
                return call.out.error("ERR Protocol version is not an integer or out of range");
            }
        };
        next = 2;
    }
    let (mut credentials, mut name) = (None, None);
    while next < call.args.len() {
        let more = call.args.len() - 1 - next;
        if call.args.is(next, "auth") && more >= 2 {
            credentials = Some((call.args.at(next + 1), call.args.at(next + 2)));
            next += 3;
        } else if call.args.is(next, "setname") && more >= 1 {
            name = Some(call.args.at(next + 1));
            next += 2;
        } else {
            let mut text = b"ERR Syntax error in HELLO option '".to_vec();
            text.extend_from_slice(call.args.at(next));
            text.push(b'\'');
            return call.out.error(text);
        }
    }
    if let Some((user, password)) = credentials
        && !authenticate(call, user, password)
    {
        return;
    }
    if needs_auth(call) {
        return call.out.error(
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the \
             HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and \
             select the RESP protocol version at the same time",
        );
    }
    if let Some(name) = name
        && !super::client::set_name(call, name)
    {
        return;
    }
    let Some(client) = call.server.clients.get_mut(call.client) else { return };
    client.protocol = protocol.unwrap_or(client.protocol);
    let (id, protocol) = (client.id, client.protocol);
    call.out.set_protocol(protocol);
    describe(call, id);
}

fn describe(call: &mut Call<'_>, id: u64) {
    let resp3 = call.out.resp3();
    let out = &mut call.out;
    out.map(7);
    out.bulk(b"server");
    out.bulk(b"redis");
    out.bulk(b"version");
    out.bulk(crate::version::REDIS_VERSION.as_bytes());
    out.bulk(b"proto");
    out.integer(if resp3 { 3 } else { 2 });
    out.bulk(b"id");
    out.integer(id as i64);
    out.bulk(b"mode");
    out.bulk(b"standalone");
    out.bulk(b"role");
    out.bulk(b"master");
    out.bulk(b"modules");
    out.array(0);
}

/// Whether the client must still authenticate.
fn needs_auth(call: &Call<'_>) -> bool {
    call.server.config.settings().clients.requirepass.is_some()
        && !call.server.clients.get(call.client).is_some_and(|client| client.authenticated)
}

/// Checks user and password; on failure replies with the error.
fn authenticate(call: &mut Call<'_>, user: &[u8], password: &[u8]) -> bool {
    let required = call.server.config.settings().clients.requirepass.as_deref();
    let known = user == b"default";
    // Without a password set, the default user accepts any.
    let right = required.is_none_or(|required| same_bytes(required, password));
    if known && right {
        if let Some(client) = call.server.clients.get_mut(call.client) {
            client.authenticated = true;
        }
        return true;
    }
    call.server.observe.stats.acl_denied_auth += 1;
    call.out.error("WRONGPASS invalid username-password pair or user is disabled.");
    false
}

/// Compares in constant time, so that the time does not reveal where the first difference is.
fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// Authenticates the connection. O(1).
fn auth(call: &mut Call<'_>) {
    let (user, password) = match call.args.len() {
        2 => (&b"default"[..], call.args.at(1)),
        3 => (call.args.at(1), call.args.at(2)),
        _ => return call.out.syntax_error(),
    };
    if call.args.len() == 2 && call.server.config.settings().clients.requirepass.is_none() {
        return call.out.error(
            "ERR AUTH <password> called without any password configured for the default user. Are \
             you sure your configuration is correct?",
        );
    }
    if authenticate(call, user, password) {
        call.out.ok();
    }
}

/// Selects a database by its number. O(1).
fn select(call: &mut Call<'_>) {
    let Some(index) = call.integer_arg(1) else { return };
    if i32::try_from(index).is_err() {
        return call.out.error(NOT_32_BITS);
    }
    match usize::try_from(index) {
        Ok(index) if index < call.server.dbs.len() => {
            if let Some(client) = call.server.clients.get_mut(call.client) {
                client.db = index;
            }
            call.out.ok();
        }
        _ => call.out.error("ERR DB index is out of range"),
    }
}
