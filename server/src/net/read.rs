//! From readable socket to executed commands: one read per client per tick, then every complete
//! command of that client.
//!
//! All clients share one buffer of [`READ_QUANTUM_BYTES`]; a client has a buffer of its own only while a
//! command is unfinished. This keeps idle connections small and the CPU caches warm.

use super::write;
use crate::ae::{EventLoop, Mask};
use crate::args::Args;
use crate::client::{ClientKey, Life, READ_QUANTUM_BYTES, Socket, Unfinished, fill, key_of};
use crate::clock::Nanos;
use crate::dispatch;
use crate::metrics::Phase;
use crate::prefetch::{End, Prefetch};
use crate::reply::Reply;
use crate::server::Server;
use crate::sys::{self, Transfer};
use crate::timeline::{Instants, Record};
use aelab_resp::{ArgRange, ProtocolError, RequestParser, Trust};
use std::ops::Range;
use std::os::fd::RawFd;

/// The read handler of clients.
pub(crate) fn readable(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    fd: RawFd,
    data: u64,
    _: Mask,
) {
    let key = key_of(data);
    if server.clients.get(key).is_some_and(|client| client.life == Life::CloseAfterReply) {
        return discard(el, server, fd, key);
    }
    if let Some(io) = &mut server.net.io_threads
        && io.postpone_read(key)
    {
        return;
    }
    read_now(el, server, fd, key);
}

/// One read from a client that closes after its reply. The bytes are not executed. At the end of the
/// stream the client is freed, even if its reply is not sent: as in Redis.
fn discard(el: &mut EventLoop<Server>, server: &mut Server, fd: RawFd, key: ClientKey) {
    let mut buf = std::mem::take(&mut server.net.scratch.buf);
    if buf.is_empty() {
        buf.resize(READ_QUANTUM_BYTES, 0);
    }
    if receive(server, key, |fd| sys::read(fd, &mut buf)) == Some(READ_QUANTUM_BYTES) {
        el.not_drained(fd, Mask::READABLE);
    }
    server.net.scratch.buf = buf;
}

/// One read from a client, and the execution of what it completes.
pub(super) fn read_now(el: &mut EventLoop<Server>, server: &mut Server, fd: RawFd, key: ClientKey) {
    let Some(client) = server.clients.get_mut(key) else { return };
    if client.life != Life::Open {
        return;
    }
    match client.unfinished.take() {
        unfinished if server.config.settings().io.ae_batch => {
            read_into_batch(el, server, fd, key, unfinished.unwrap_or_default());
        }
        None => read_shared(el, server, fd, key),
        Some(unfinished) => read_on(el, server, fd, key, unfinished),
    }
}

fn read_shared(el: &mut EventLoop<Server>, server: &mut Server, fd: RawFd, key: ClientKey) {
    let mut scratch = std::mem::take(&mut server.net.scratch);
    if scratch.buf.is_empty() {
        scratch.buf.resize(READ_QUANTUM_BYTES, 0);
    }
    if let Some(count) = receive(server, key, |fd| sys::read(fd, &mut scratch.buf)) {
        if count == READ_QUANTUM_BYTES {
            el.not_drained(fd, Mask::READABLE);
        }
        let now = el.clock().now();
        execute_fresh(server, key, &mut scratch.buf[..count], &mut scratch.args, now);
    }
    server.net.scratch = scratch;
}

/// Executes the commands that `bytes` complete. Another thread or I/O model has read them from `key` by
/// `now`.
pub(crate) fn bytes_received(server: &mut Server, key: ClientKey, bytes: &mut [u8], now: Nanos) {
    let count = bytes.len();
    if receive(server, key, |_| Transfer::Bytes(count)).is_none() {
        return;
    }
    let unfinished = match server.clients.get_mut(key) {
        Some(client) if client.life == Life::Open => client.unfinished.take(),
        _ => return,
    };
    match unfinished {
        None => {
            let mut args = std::mem::take(&mut server.net.scratch.args);
            execute_fresh(server, key, bytes, &mut args, now);
            server.net.scratch.args = args;
        }
        Some(mut unfinished) => {
            unfinished.buf.extend_from_slice(bytes);
            execute_unfinished(server, key, unfinished, now);
        }
    }
}

/// Executes bytes of a client that had no unfinished command.
fn execute_fresh(
    server: &mut Server,
    key: ClientKey,
    bytes: &mut [u8],
    args: &mut Vec<ArgRange>,
    now: Nanos,
) {
    let mut parser = RequestParser::default();
    if let Some(rest) = execute_all(server, key, bytes, &mut parser, args, now) {
        let unfinished = Unfinished { buf: bytes[rest..].to_vec(), parser, args: args.clone() };
        keep(server, key, Box::new(unfinished));
    }
}

/// Continues a command that has arrived in part.
fn read_on(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    fd: RawFd,
    key: ClientKey,
    mut unfinished: Box<Unfinished>,
) {
    match append(server, key, &mut unfinished) {
        None => return keep(server, key, unfinished),
        Some(Room::Filled) => el.not_drained(fd, Mask::READABLE),
        Some(Room::Left) => {}
    }
    execute_unfinished(server, key, unfinished, el.clock().now());
}

/// One read and its execution while the loop is blocked: [`super::while_blocked`].
pub(crate) fn while_blocked(server: &mut Server, key: ClientKey, now: Nanos) {
    let Some(client) = server.clients.get_mut(key) else { return };
    if client.life != Life::Open {
        return;
    }
    let mut unfinished = client.unfinished.take().unwrap_or_default();
    match append(server, key, &mut unfinished) {
        None => keep(server, key, unfinished),
        Some(_) => execute_unfinished(server, key, unfinished, now),
    }
}

/// Reads only; [`execute_batch`] executes.
fn read_into_batch(
    el: &mut EventLoop<Server>,
    server: &mut Server,
    fd: RawFd,
    key: ClientKey,
    mut unfinished: Box<Unfinished>,
) {
    match append(server, key, &mut unfinished) {
        None => return keep(server, key, unfinished),
        Some(Room::Filled) => el.not_drained(fd, Mask::READABLE),
        Some(Room::Left) => {}
    }
    server.net.batch.push_back((key, unfinished));
}

/// Executes what the batch mode has read in this tick, in the order of reading. A script that runs too
/// long executes the rest: each of these clients gets a BUSY reply.
pub(crate) fn execute_batch(server: &mut Server, now: Nanos) {
    let mut now = now;
    while let Some((key, unfinished)) = server.net.batch.pop_front() {
        if server.clients.get(key).is_some_and(|client| client.life == Life::Open) {
            execute_unfinished(server, key, unfinished, now);
            now = server.clock.now();
        }
    }
}

/// Whether a read filled its buffer: then the socket may have more.
enum Room {
    Filled,
    Left,
}

/// One read, appended to what has already arrived. `None` if there was nothing to read.
fn append(server: &mut Server, key: ClientKey, unfinished: &mut Unfinished) -> Option<Room> {
    let mut filled = false;
    receive(server, key, |fd| {
        let got;
        (got, filled) = fill(fd, unfinished);
        got
    })?;
    Some(if filled { Room::Filled } else { Room::Left })
}

pub(super) fn execute_unfinished(
    server: &mut Server,
    key: ClientKey,
    mut unfinished: Box<Unfinished>,
    now: Nanos,
) {
    let Unfinished { buf, parser, args } = &mut *unfinished;
    if let Some(rest) = execute_all(server, key, buf, parser, args, now) {
        if rest > 0 {
            *buf = buf[rest..].to_vec();
        }
        keep(server, key, unfinished);
    } else {
        server.account_client(key);
    }
}

/// One read, recorded in the statistics. `None` if there was nothing to read; a closed connection is put
/// on the free queue.
pub(super) fn receive(
    server: &mut Server,
    key: ClientKey,
    read: impl FnOnce(&Socket) -> Transfer,
) -> Option<usize> {
    let now_s = server.now_s();
    let client = server.clients.get_mut(key)?;
    match read(&client.fd) {
        Transfer::WouldBlock => None,
        Transfer::Bytes(0) | Transfer::Failed => {
            server.free_later(key);
            None
        }
        Transfer::Bytes(count) => {
            client.active_s = now_s;
            client.counters.net_in += count as u64;
            server.observe.stats.net_input_bytes += count as u64;
            server.observe.stats.reads += 1;
            Some(count)
        }
    }
}

/// Keeps an unfinished command for its client, unless it exceeds the limit or the client is closing.
pub(super) fn keep(server: &mut Server, key: ClientKey, unfinished: Box<Unfinished>) {
    let limit = server.config.settings().clients.query_buffer_max_bytes;
    let Some(client) = server.clients.get_mut(key) else { return };
    if client.life != Life::Open || (unfinished.buf.is_empty() && unfinished.parser.is_idle()) {
        return;
    }
    let queued = client.multi.as_ref().map_or(0, |multi| multi.bytes);
    // As in Redis, arguments that are whole no longer count: they are not in the query buffer.
    let buffered = unfinished.buf.len().saturating_sub(unfinished.parser.complete_bytes());
    if buffered + queued > limit {
        server.log.warning("Closing client that reached max query buffer length");
        server.observe.stats.query_buffer_limit_disconnections += 1;
        return server.free_later(key);
    }
    client.unfinished = Some(unfinished);
    server.account_client(key);
}

/// Executes every complete command in `bytes`. Returns where an unfinished one begins; `None` if there is
/// none, or if the client is gone.
fn execute_all(
    server: &mut Server,
    key: ClientKey,
    bytes: &mut [u8],
    parser: &mut RequestParser,
    args: &mut Vec<ArgRange>,
    now: Nanos,
) -> Option<usize> {
    server.observe.meter.charge(Phase::Read, now);
    let mut started = now;
    let mut out = server.lend_reply(key)?;
    let mut limits = server.request_limits(key);
    let mut prefetch = std::mem::take(&mut server.net.prefetch);
    let mut at = 0;
    let rest = loop {
        let end = prefetch.parse_group(bytes, &mut at, parser, &limits, args);
        let group = 0..prefetch.len();
        warm(server, key, (&mut prefetch, group.clone()), bytes);
        let mut share = Nanos::ZERO;
        if server.observe.timeline.is_on() {
            let parsed = server.clock.now();
            share = Nanos((parsed - started).0 / group.len().max(1) as u64);
            started = parsed;
        }
        let times = (&mut started, share);
        if run_group(server, key, bytes, (&prefetch, group), &mut out, times).is_none() {
            break None;
        }
        match end {
            End::Full => {}
            End::Incomplete => break (at < bytes.len() || !parser.is_idle()).then_some(at),
            End::Broken(error) => {
                protocol_error(server, key, error, &mut out);
                break None;
            }
        }
        if limits.trust == Trust::Unauthenticated {
            limits = server.request_limits(key);
        }
    };
    server.net.prefetch = prefetch;
    server.return_reply(key, out);
    rest
}

/// Executes what another thread has read and parsed: all commands of `prefetch`, then the error in its
/// `end`, if any. Parsing took `parse_time`. False if the client is gone.
pub(super) fn execute_parsed(
    server: &mut Server,
    key: ClientKey,
    bytes: &[u8],
    prefetch: &mut Prefetch,
    (end, now, parse_time): (End, Nanos, Nanos),
) -> bool {
    server.observe.meter.charge(Phase::Read, now);
    let Some(mut out) = server.lend_reply(key) else { return false };
    let share = Nanos(parse_time.0 / prefetch.len().max(1) as u64);
    let mut started = now;
    let mut alive = true;
    for group in prefetch.groups() {
        warm(server, key, (prefetch, group.clone()), bytes);
        let times = (&mut started, share);
        if run_group(server, key, bytes, (prefetch, group), &mut out, times).is_none() {
            alive = false;
            break;
        }
    }
    if let End::Broken(error) = end
        && alive
    {
        protocol_error(server, key, error, &mut out);
        alive = false;
    }
    server.return_reply(key, out);
    alive
}

/// Reads ahead for the keys of a group. A single command would gain nothing.
#[inline]
fn warm(
    server: &Server,
    key: ClientKey,
    (prefetch, group): (&mut Prefetch, Range<usize>),
    bytes: &[u8],
) {
    if let Some(client) = server.clients.get(key).filter(|_| group.len() > 1) {
        prefetch.warm(&server.dbs[client.db], group, bytes);
    }
}

/// Executes a group of parsed commands, from `started` on. Parsing each took `share` before that. `None`
/// if the client is no longer open.
fn run_group(
    server: &mut Server,
    key: ClientKey,
    bytes: &[u8],
    (prefetch, group): (&Prefetch, Range<usize>),
    out: &mut Reply,
    (started, share): (&mut Nanos, Nanos),
) -> Option<()> {
    for words in prefetch.commands(group, bytes) {
        *started = if server.observe.timeline.choose() {
            process_followed(server, key, words, out, (*started, share))
        } else {
            dispatch::process(server, key, words, out, *started)
        };
        if server.config.settings().io.reply_immediately {
            server.return_reply(key, std::mem::take(out));
            write::at_once(server, key);
            *out = server.lend_reply(key)?;
        }
        if server.clients.get(key).is_none_or(|client| client.life != Life::Open) {
            return None;
        }
    }
    Some(())
}

/// As [`dispatch::process`], with the instants of this request recorded. Its parse time is its share of
/// the group's parse time.
#[cold]
fn process_followed(
    server: &mut Server,
    key: ClientKey,
    words: Args<'_>,
    out: &mut Reply,
    (parsed, share): (Nanos, Nanos),
) -> Nanos {
    let taken = parsed - share;
    let (mark, position) = (out.len(), server.observe.meter.commands_in_tick());
    let executed = dispatch::process(server, key, words, out, parsed);
    let Some(client) = server.clients.get(key) else { return executed };
    // Only known commands with a reply can be followed.
    let Some(command) = dispatch::identify(server, words).filter(|_| out.len() > mark) else {
        return executed;
    };
    let record = Record {
        command,
        client: client.id,
        position,
        reply_bytes: out.len() - mark,
        at: Instants { taken, parsed, executed, ..Instants::default() },
    };
    let end = client.counters.net_out + (out.len() - client.output.sent) as u64;
    server.observe.timeline.executed(key, record, end);
    executed
}

fn protocol_error(server: &mut Server, key: ClientKey, error: ProtocolError, out: &mut Reply) {
    let mut text = b"ERR Protocol error: ".to_vec();
    error.write_text(&mut text);
    out.error(text);
    server.count_error(out);
    if let Some(client) = server.clients.get_mut(key) {
        client.life = Life::CloseAfterReply;
    }
}
