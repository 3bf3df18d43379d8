//! The server as a whole: DBSIZE FLUSHDB FLUSHALL SWAPDB TIME LASTSAVE SAVE BGSAVE BGREWRITEAOF ROLE
//! SHUTDOWN INFO LOLWUT.

use crate::args::parse_integer;
use crate::client::Life;
use crate::db::Free;
use crate::info;
use crate::server::Shutdown;
use crate::server::flags::{
    ADMIN, ALLOW_BUSY, FAST, LOADING, NO_ASYNC_LOADING, NO_MULTI, NOSCRIPT, READONLY, STALE, WRITE,
};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

const ALL_SHARDS: &[&str] = &["request_policy:all_shards", "response_policy:all_succeeded"];

const SAVING: u32 = ADMIN | NO_ASYNC_LOADING | NOSCRIPT;

pub(crate) const TABLE: &[CommandSpec] = &[
    command("dbsize", 1, READONLY | FAST, NO_KEYS, dbsize)
        .docs(Group::Server, "1.0.0", "O(1)", "Return the number of keys in the selected database")
        .tips(&["request_policy:all_shards", "response_policy:agg_sum"]),
    command("flushdb", -1, WRITE, NO_KEYS, flushdb)
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) where N is the number of keys in the selected database",
            "Remove all keys from the current database",
        )
        .tips(ALL_SHARDS),
    command("flushall", -1, WRITE, NO_KEYS, flushall)
        .docs(
            Group::Server,
            "1.0.0",
            "O(N) where N is the total number of keys in all databases",
            "Remove all keys from all databases",
        )
        .tips(ALL_SHARDS),
    command("swapdb", 3, WRITE | FAST, NO_KEYS, swapdb).docs(
        Group::Server,
        "4.0.0",
        "O(N) where N is the count of clients watching or blocking on keys from both databases.",
        "Swaps two Redis databases",
    ),
    command("time", 1, FAST | LOADING | STALE, NO_KEYS, time)
        .docs(Group::Server, "2.6.0", "O(1)", "Return the current server time")
        .tips(&["nondeterministic_output"]),
    command("lastsave", 1, FAST | LOADING | STALE, NO_KEYS, lastsave)
        .docs(
            Group::Server,
            "1.0.0",
            "O(1)",
            "Get the UNIX time stamp of the last successful save to disk",
        )
        .tips(&["nondeterministic_output"]),
    command("save", 1, SAVING | NO_MULTI, NO_KEYS, save).docs(
        Group::Server,
        "1.0.0",
        "O(1)",
        "Refused: the server keeps no data on disk",
    ),
    command("bgsave", -1, SAVING, NO_KEYS, save).docs(
        Group::Server,
        "1.0.0",
        "O(1)",
        "Refused: the server keeps no data on disk",
    ),
    command("bgrewriteaof", 1, SAVING, NO_KEYS, save).docs(
        Group::Server,
        "1.0.0",
        "O(1)",
        "Refused: the server keeps no data on disk",
    ),
    command("lolwut", -1, READONLY | FAST, NO_KEYS, lolwut).docs(
        Group::Server,
        "5.0.0",
        "O(1)",
        "Display the Redis version",
    ),
    command("role", 1, FAST | LOADING | NOSCRIPT | STALE, NO_KEYS, role).docs(
        Group::Server,
        "2.8.12",
        "O(1)",
        "Return the role of the instance in the context of replication",
    ),
    command(
        "shutdown",
        -1,
        ADMIN | ALLOW_BUSY | LOADING | NO_MULTI | NOSCRIPT | STALE,
        NO_KEYS,
        shutdown,
    )
    .docs(
        Group::Server,
        "1.0.0",
        "O(N) when saving, where N is the total number of keys in all databases when saving data, \
         otherwise O(1)",
        "Synchronously save the dataset to disk and then shut down the server",
    ),
    command("info", -1, LOADING | STALE, NO_KEYS, info_command)
        .docs(Group::Server, "1.0.0", "O(1)", "Get information and statistics about the server")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
];

/// How many keys the selected database holds. O(1).
fn dbsize(call: &mut Call<'_>) {
    let len = call.db().len();
    call.out.count(len);
}

/// Reads `[ASYNC|SYNC]`; replies with the error if it is something else.
fn flush_mode(call: &mut Call<'_>) -> Option<Free> {
    match call.args.len() {
        1 => Some(call.server.config.settings().data.user_flush_free),
        2 if call.args.is(1, "sync") => Some(Free::Now),
        2 if call.args.is(1, "async") => Some(Free::Lazily),
        _ => {
            call.out.syntax_error();
            None
        }
    }
}

fn flush(call: &mut Call<'_>, db: usize, free: Free) {
    call.server.before_flush(db);
    call.server.dbs[db].clear(free);
}

/// Empties the selected database. O(N) for N keys; with ASYNC a thread frees them.
fn flushdb(call: &mut Call<'_>) {
    if let Some(free) = flush_mode(call) {
        flush(call, call.db, free);
        call.out.ok();
    }
}

/// Empties every database. O(N) for N keys; with ASYNC a thread frees them.
fn flushall(call: &mut Call<'_>) {
    if let Some(free) = flush_mode(call) {
        (0..call.server.dbs.len()).for_each(|db| flush(call, db, free));
        call.server.all_flushed();
        call.out.ok();
    }
}

/// Exchanges two databases for every client at once. O(N) for N watching clients.
fn swapdb(call: &mut Call<'_>) {
    let index = |arg: &[u8]| parse_integer(arg).filter(|&index| i32::try_from(index).is_ok());
    let Some(first) = index(call.args.at(1)) else {
        return call.out.error("ERR invalid first DB index");
    };
    let Some(second) = index(call.args.at(2)) else {
        return call.out.error("ERR invalid second DB index");
    };
    let count = call.server.dbs.len();
    let (Ok(a), Ok(b)) = (usize::try_from(first), usize::try_from(second)) else {
        return call.out.error("ERR DB index is out of range");
    };
    if a >= count || b >= count {
        return call.out.error("ERR DB index is out of range");
    }
    if a != b {
        let (low, high) = call.server.dbs.split_at_mut(a.max(b));
        low[a.min(b)].swap(&mut high[0]);
        call.server.databases_swapped(a, b);
    }
    call.out.ok();
}

/// Seconds and microseconds of the server's clock. O(1).
fn time(call: &mut Call<'_>) {
    let us = call.server.clock.unix_us();
    call.out.array(2);
    call.out.bulk_integer(us / 1_000_000);
    call.out.bulk_integer(us % 1_000_000);
}

/// Time of the last save. There is none, so this is the start of the server, as in Redis. O(1).
fn lastsave(call: &mut Call<'_>) {
    let uptime = call.server.clock.now() - call.server.identity.started;
    call.out.integer(call.server.now_s() - (uptime.as_ms() / 1000) as i64);
}

/// SAVE, BGSAVE, BGREWRITEAOF: refused, as the data is in memory only. O(1).
fn save(call: &mut Call<'_>) {
    if call.args.is(0, "bgsave") && call.args.len() > 1 && !call.args.is(1, "schedule") {
        return call.out.syntax_error();
    }
    call.out.error("ERR ae-server keeps its data in memory only; there is nothing to save to");
}

/// LOLWUT [VERSION n] …: the version, as Redis 7 shows it. O(1).
fn lolwut(call: &mut Call<'_>) {
    if call.args.len() >= 3 && call.args.is(1, "version") && call.integer_arg(2).is_none() {
        return;
    }
    call.out.verbatim(format!("Redis ver. {}\n", crate::version::REDIS_VERSION).as_bytes());
}

/// A master without replicas. O(1).
fn role(call: &mut Call<'_>) {
    call.out.array(3);
    call.out.bulk(b"master");
    call.out.integer(0);
    call.out.array(0);
}

/// Ends the server. Nothing is saved, whatever the arguments. O(1).
fn shutdown(call: &mut Call<'_>) {
    let (mut abort, mut save, mut nosave, mut others) = (0, 0, 0, 0);
    for word in call.args.from(1) {
        match word.to_ascii_lowercase().as_slice() {
            b"abort" => abort += 1,
            b"save" => save += 1,
            b"nosave" => nosave += 1,
            b"now" | b"force" => others += 1,
            _ => return call.out.syntax_error(),
        }
    }
    if (save > 0 && nosave > 0) || (abort > 0 && save + nosave + others > 0) {
        return call.out.syntax_error();
    }
    if abort > 0 {
        return call.out.error("ERR No shutdown in progress.");
    }
    if save > 0 {
        return call.out.error("ERR ae-server keeps its data in memory only; use NOSAVE");
    }
    if call.server.scripting.is_busy() && nosave == 0 {
        return call.out.error(crate::dispatch::BUSY);
    }
    call.server.log.warning("User requested shutdown...");
    call.server.shutdown = Shutdown::Requested;
    // The caller's connection ends without a reply.
    if let Some(client) = call.server.clients.get_mut(call.client) {
        client.life = Life::CloseAfterReply;
    }
}

/// The server's state as text, all default sections or the ones asked for. O(1), commandstats
/// O(commands).
fn info_command(call: &mut Call<'_>) {
    let sections: Vec<&[u8]> = call.args.from(1).collect();
    let text = info::text(call.server, &sections);
    call.out.verbatim(text.as_bytes());
}
