//! From the words of a command to its execution: Redis's `processCommand` and `call`.
//!
//! The order of the checks decides which error a client sees, so it is Redis's: existence, arity,
//! protection, authentication, transaction, subscription, queueing, execution.

use crate::args::{Args, Words, c_string};
use crate::blocking;
use crate::client::ClientKey;
use crate::client::{Client, Life, Queued, ReplyMode};
use crate::clock::Nanos;
use crate::config::{DebugAccess, IoModel};
use crate::evict;
use crate::lua::Access;
use crate::reply::Reply;
use crate::server::Server;
use crate::server::{By, Call, CommandSpec, Found, Shown, flags};

/// Arguments shown of an unknown command, in bytes.
const PREVIEW_BYTES: usize = 128;

/// The reply to commands that cannot run while a script runs too long.
pub(crate) const BUSY: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

const ONE_CLIENT_AT_A_TIME: &str = "ERR io-model blocking serves one client at a time: no other client \
can send what this command waits for";

const NO_DEBUG: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set \
to \"local\", you can run it from a local connection, otherwise you need to set this option in the \
configuration file, and then restart the server.";

/// Handles one command of a client: refuses, queues or executes it. `started` is the time now;
/// returns the time afterwards, so that a pipeline needs one clock read per command.
pub(crate) fn process(
    server: &mut Server,
    key: ClientKey,
    args: Args<'_>,
    out: &mut Reply,
    started: Nanos,
) -> Nanos {
    if server.clients.get(key).is_some_and(|client| client.held.is_some()) {
        blocking::hold(server, key, args);
        return started;
    }
    process_now(server, key, args, out, started)
}

/// The same for a client that does not wait.
pub(crate) fn process_now(
    server: &mut Server,
    key: ClientKey,
    args: Args<'_>,
    out: &mut Reply,
    started: Nanos,
) -> Nanos {
    let mark = out.len();
    let found = look_up(server, args);
    let mut ended = started;
    // Confirmations of subscriptions are push messages, which CLIENT REPLY does not suppress.
    let mut pushes = false;
    match check(server, key, &found, args, out) {
        Verdict::Execute(found) => {
            pushes = found.spec.has(flags::PUSHES_REPLIES);
            ended = call(server, key, found, args, out, started);
            if server.blocking.has_ready() {
                blocking::serve_ready(server);
                ended = server.clock.now();
            }
        }
        Verdict::Postpone => blocking::postpone(server, key, args),
        Verdict::Queue(found) => {
            queue(server, key, found, args);
            out.simple(b"QUEUED");
        }
        Verdict::Refused(found) => refuse(server, key, found, out, mark),
        Verdict::Evicted => {}
        Verdict::HttpRequest => {
            server.log.warning_per_minute(
                server.now_s(),
                "Possible SECURITY ATTACK detected. It looks like somebody is sending POST or \
                 Host: commands to Redis. Connection aborted.",
            );
            server.free_later(key);
        }
    }
    let Some(client) = server.clients.get_mut(key) else { return ended };
    match client.reply_mode {
        ReplyMode::On => {}
        ReplyMode::Off if pushes => {}
        ReplyMode::Off => out.truncate(mark),
        // The reply to suppress has not been written yet.
        ReplyMode::Skip | ReplyMode::SkipNext if client.is_blocked() => {}
        ReplyMode::SkipNext => client.reply_mode = ReplyMode::Skip,
        ReplyMode::Skip => {
            if !pushes {
                out.truncate(mark);
            }
            client.reply_mode = ReplyMode::On;
        }
    }
    ended
}

/// Executes the commands that clients sent while they waited, for all clients that wait no longer.
pub(crate) fn resume(server: &mut Server) {
    while let Some(key) = server.blocking.released.pop_front() {
        let Some(mut out) = server.lend_reply(key) else { continue };
        let mut started = server.clock.now();
        while let Some(words) = blocking::next_words(server, key) {
            started = process_now(server, key, words.args(), &mut out, started);
        }
        server.return_reply(key, out);
    }
}

enum Lookup {
    Found(Found),
    /// A container that has no such subcommand.
    UnknownSub(Found),
    Unknown,
}

enum Verdict {
    Execute(Found),
    Queue(Found),
    /// Executed when the pause ends.
    Postpone,
    /// The error is written.
    Refused(Option<Found>),
    /// The client is closed: it took too much memory.
    Evicted,
    /// An HTTP request: an attack through a browser or a proxy.
    HttpRequest,
}

fn look_up(server: &Server, args: Args<'_>) -> Lookup {
    let Some(found) = server.commands.find(args.at(0)) else { return Lookup::Unknown };
    if found.spec.subcommands.is_empty() || args.len() < 2 {
        return Lookup::Found(found);
    }
    match server.commands.find_sub(found, args.at(1)) {
        Some(sub) => Lookup::Found(sub),
        None => Lookup::UnknownSub(found),
    }
}

/// The position in the command table of the command that these words name.
pub(crate) fn identify(server: &Server, args: Args<'_>) -> Option<u16> {
    match look_up(server, args) {
        Lookup::Found(found) => Some(found.id),
        Lookup::UnknownSub(_) | Lookup::Unknown => None,
    }
}

fn check(
    server: &mut Server,
    key: ClientKey,
    found: &Lookup,
    args: Args<'_>,
    out: &mut Reply,
) -> Verdict {
    let found = match found {
        Lookup::Found(found) => *found,
        Lookup::UnknownSub(container) => {
            unknown_subcommand(container.spec, args, out);
            return Verdict::Refused(None);
        }
        Lookup::Unknown => {
            let name = args.at(0);
            if name.eq_ignore_ascii_case(b"host:") || name.eq_ignore_ascii_case(b"post") {
                return Verdict::HttpRequest;
            }
            unknown_command(args, out);
            return Verdict::Refused(None);
        }
    };
    let spec = found.spec;
    let refused = Verdict::Refused(Some(found));
    if !spec.accepts(args.len()) {
        out.wrong_arity(&spec.full_name());
        return refused;
    }
    let settings = server.config.settings();
    let Some(client) = server.clients.get(key) else { return refused };
    if spec.has(flags::PROTECTED) && !may_debug(settings.clients.debug, client) {
        out.error(NO_DEBUG);
        return refused;
    }
    if settings.io.io_model == IoModel::Blocking
        && spec.has(flags::BLOCKING | flags::WAITS_FOR_OTHERS)
    {
        out.error(ONE_CLIENT_AT_A_TIME);
        return refused;
    }
    if settings.clients.requirepass.is_some() && !client.authenticated && !spec.has(flags::NO_AUTH)
    {
        out.error("NOAUTH Authentication required.");
        return refused;
    }
    if client.multi.is_some() && spec.has(flags::NO_MULTI) {
        out.error("ERR Command not allowed inside a transaction");
        return refused;
    }
    if settings.limits_memory() {
        evict::clients(server);
        if !server.clients.get(key).is_some_and(|client| client.life == Life::Open) {
            return Verdict::Evicted;
        }
        if !evict::make_room(server, key, spec) {
            out.error(evict::OOM);
            return refused;
        }
    }
    let Some(client) = server.clients.get(key) else { return refused };
    if client.subscription_count() > 0 && !out.resp3() && !spec.has(flags::IN_SUBSCRIBED_MODE) {
        out.error(format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET \
             are allowed in this context",
            spec.full_name()
        ));
        return refused;
    }
    if server.scripting.is_busy() && !spec.has(flags::ALLOW_BUSY) {
        out.error(BUSY);
        return refused;
    }
    when(server, client, found)
}

/// When a permitted command is executed: now, after a pause, or with its transaction.
fn when(server: &Server, client: &Client, found: Found) -> Verdict {
    if server.pause.is_some_and(|pause| pause.holds(found.spec, client)) {
        return Verdict::Postpone;
    }
    if client.multi.is_some() && !found.spec.has(flags::NOT_QUEUED) {
        return Verdict::Queue(found);
    }
    Verdict::Execute(found)
}

fn may_debug(access: DebugAccess, client: &Client) -> bool {
    match access {
        DebugAccess::Enabled => true,
        DebugAccess::Local => client.is_local(),
        DebugAccess::Disabled => false,
    }
}

fn unknown_subcommand(container: &CommandSpec, args: Args<'_>, out: &mut Reply) {
    let mut text = b"ERR unknown subcommand '".to_vec();
    text.extend_from_slice(clipped(args.at(1)));
    text.extend_from_slice(b"'. Try ");
    text.extend_from_slice(container.name.to_ascii_uppercase().as_bytes());
    text.extend_from_slice(b" HELP.");
    out.error(text);
}

fn unknown_command(args: Args<'_>, out: &mut Reply) {
    let mut preview: Vec<u8> = Vec::new();
    for arg in args.from(1) {
        if preview.len() >= PREVIEW_BYTES {
            break;
        }
        let room = PREVIEW_BYTES - preview.len();
        let arg = c_string(arg);
        preview.push(b'\'');
        preview.extend_from_slice(&arg[..arg.len().min(room)]);
        preview.extend_from_slice(b"' ");
    }
    let mut text = b"ERR unknown command '".to_vec();
    text.extend_from_slice(clipped(args.at(0)));
    text.extend_from_slice(b"', with args beginning with: ");
    text.extend_from_slice(&preview);
    out.error(text);
}

fn clipped(text: &[u8]) -> &[u8] {
    let text = c_string(text);
    &text[..text.len().min(PREVIEW_BYTES)]
}

/// Counts a refusal, and makes an open transaction fail. `EXEC` itself replies with `EXECABORT`.
fn refuse(server: &mut Server, key: ClientKey, found: Option<Found>, out: &mut Reply, mark: usize) {
    let is_exec = found.is_some_and(|found| found.spec.has(flags::RUNS_QUEUE));
    if let Some(found) = found {
        server.observe.command_stats[found.id as usize].rejected += 1;
    }
    if is_exec {
        let text = out.take_error().map(<[u8]>::to_vec).unwrap_or_default();
        out.truncate(mark);
        let reason = text.strip_prefix(b"ERR ").unwrap_or(&text);
        let mut abort = b"EXECABORT Transaction discarded because of: ".to_vec();
        abort.extend_from_slice(reason);
        out.error(abort);
        server.discard_transaction(key);
    } else if let Some(multi) = server.clients.get_mut(key).and_then(|c| c.multi.as_mut()) {
        multi.refused = true;
    }
    server.count_error(out);
}

/// Copies a command for `EXEC`.
fn queue(server: &mut Server, key: ClientKey, found: Found, args: Args<'_>) {
    let Some(multi) = server.clients.get_mut(key).and_then(|c| c.multi.as_mut()) else { return };
    let words = Words::copy(args);
    multi.bytes += words.bytes();
    multi.queue.push(Queued { id: found.id, flags: found.spec.flags, words });
    server.account_client(key);
}

/// Executes a command and records it in the statistics. Returns the time afterwards.
pub(crate) fn call(
    server: &mut Server,
    key: ClientKey,
    found: Found,
    args: Args<'_>,
    out: &mut Reply,
    started: Nanos,
) -> Nanos {
    server.set_time(started);
    let Some(client) = server.clients.get_mut(key) else { return started };
    client.last_command = Some(found.id);
    client.counters.commands += 1;
    let db = client.db;
    let untouched = client.no_touch;
    if server.observe.injector.is_some() {
        inject(server, found, started);
    }
    if untouched {
        server.dbs[db].freeze_clocks(true);
    }
    let mut call = Call { server, client: key, db, args, out, spec: found.spec, id: found.id };
    (found.spec.run)(&mut call);
    if untouched {
        server.dbs[db].freeze_clocks(false);
    }
    let ended = server.clock.now();
    let took = ended - started;
    server.observe.meter.command(found.id, took, ended);
    account(server, key, found, args, out, took, By::Client);
    let limit = server.config.settings().clients.normal_output.hard_bytes;
    if limit != 0 && out.len() > limit {
        close_if_over_limit(server, key, out, limit);
    }
    ended
}

/// Executes a command of a running script, after the checks that apply to scripts. The cached time
/// stays that of the script.
pub(crate) fn call_from_script(
    server: &mut Server,
    key: ClientKey,
    args: Args<'_>,
    out: &mut Reply,
) -> Nanos {
    let Lookup::Found(found) = look_up(server, args) else {
        out.error("ERR Unknown Redis command called from script");
        return Nanos::ZERO;
    };
    let spec = found.spec;
    if !spec.accepts(args.len()) {
        out.error("ERR Wrong number of args calling Redis command from script");
        return Nanos::ZERO;
    }
    if spec.has(flags::NOSCRIPT) {
        out.error("ERR This Redis command is not allowed from script");
        return Nanos::ZERO;
    }
    let Some(running) = &mut server.scripting.running else { return Nanos::ZERO };
    if spec.has(flags::WRITE) && running.access == Access::ReadOnly {
        out.error("ERR Write commands are not allowed from read-only scripts.");
        return Nanos::ZERO;
    }
    // A script that has written must not fail halfway: exceeding the limit a little is better.
    if running.short_of_memory && !running.wrote && spec.has(flags::DENYOOM) {
        out.error(evict::OOM);
        return Nanos::ZERO;
    }
    running.wrote |= spec.has(flags::WRITE);
    let Some(client) = server.clients.get(key) else { return Nanos::ZERO };
    let db = client.db;
    let started = server.clock.now();
    let mut call = Call { server, client: key, db, args, out, spec, id: found.id };
    (spec.run)(&mut call);
    let took = server.clock.now() - started;
    account(server, key, found, args, out, took, By::Script);
    took
}

/// Records an execution in the statistics, the slow log and the latency monitor, and feeds MONITOR.
#[inline]
fn account(
    server: &mut Server,
    key: ClientKey,
    found: Found,
    args: Args<'_>,
    out: &mut Reply,
    took: Nanos,
    by: By,
) {
    server.observe.stats.commands_processed += 1;
    // A blocked call is counted when it gets its reply.
    let waits = server.blocking.count > 0
        && server.clients.get(key).is_some_and(|client| client.is_blocked());
    let tracked = server.config.settings().observe.latency_tracking;
    let stat = &mut server.observe.command_stats[found.id as usize];
    if !waits {
        stat.record(took, tracked);
    }
    if out.has_error() {
        stat.failed += 1;
        server.count_error(out);
    }
    let slow_us = server.config.settings().observe.slowlog_us;
    if slow_us >= 0 && took.as_us() >= slow_us as u64 && !found.spec.has(flags::SKIP_SLOWLOG) {
        log_slow(server, key, &Shown::new(found.spec, args), took, by);
    }
    if server.config.settings().observe.latency_threshold_ms != 0 {
        let event = if found.spec.has(flags::FAST) { "fast-command" } else { "command" };
        server.note_latency(event, took);
    }
    if !server.monitors.is_empty() && !found.spec.has(flags::ADMIN | flags::SKIP_MONITOR) {
        crate::monitor::feed(server, key, found.spec, args, out, by);
    }
}

#[cold]
fn inject(server: &mut Server, found: Found, started: Nanos) {
    let length = server.observe.injector.as_mut().map(|injector| injector.draw(found.id, started));
    server.clock.spin(length.unwrap_or_default());
}

#[cold]
fn log_slow(server: &mut Server, key: ClientKey, shown: &Shown<'_>, took: Nanos, by: By) {
    let unix_s = server.now_s();
    // As in Redis, a script's commands have no client address.
    let client = server.clients.get(key).filter(|_| by == By::Client);
    let peer = match by {
        By::Client => client.map(|client| server.peer_text(client)),
        By::Script => Some("?:0".to_owned()),
    };
    let peer = peer.unwrap_or_default();
    let name = client.map_or(&[][..], Client::name);
    server.observe.slowlog.add((shown.len(), |at| shown.at(at)), took, unix_s, peer, name);
}

/// A pipeline of large replies must stop at the hard limit, not after its last command.
#[cold]
fn close_if_over_limit(server: &mut Server, key: ClientKey, out: &Reply, limit: usize) {
    let Some(client) = server.clients.get(key) else { return };
    let used = out.len() - client.output.sent;
    if used > limit + crate::server::STATIC_BUFFER_BYTES && client.life != Life::Closing {
        server
            .log
            .warning("Client scheduled to be closed ASAP for overcoming of output buffer limits.");
        server.observe.stats.output_buffer_limit_disconnections += 1;
        server.free_later(key);
    }
}
