//! DEBUG: stalls, data sets and corner cases, for experiments and tests.
//!
//! SLEEP POPULATE OBJECT SET-ACTIVE-EXPIRE CHANGE-REPL-ID PROTOCOL ERROR LOG HTSTATS STRUCTSIZE
//! and names that are accepted without effect (JMAP …). Nothing here can crash the server.

use crate::args::parse_integer;
use crate::clock::Nanos;
use crate::db::{AccessMode, Ttl, Value};
use crate::server::flags::{ADMIN, LOADING, NOSCRIPT, PROTECTED, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command};

/// No key takes less: its entry, and its share of the table.
const KEY_BYTES_MIN: usize = 64;

pub(crate) const TABLE: &[CommandSpec] =
    &[command("debug", -2, ADMIN | LOADING | NOSCRIPT | STALE | PROTECTED, NO_KEYS, debug).docs(
        Group::Server,
        "1.0.0",
        "Depends on subcommand.",
        "A container for debugging commands",
    )];

/// Chooses the subcommand; cost as that one's.
fn debug(call: &mut Call<'_>) {
    let words = call.args.len();
    let sub = call.args.at(1).to_ascii_lowercase();
    match (sub.as_slice(), words) {
        (b"sleep", 3) => sleep(call),
        (b"populate", 3..=5) => populate(call),
        (b"object", 3 | 4) => object(call),
        (b"set-active-expire", 3) => {
            call.server.expiry.is_on = call.args.at(2) != b"0";
            call.out.ok();
        }
        (b"change-repl-id", 2) => {
            call.server.identity.replication_id = crate::server::random_id();
            call.out.ok();
        }
        (b"protocol", 3) => protocol(call),
        (b"error", 3) => {
            let text = call.args.at(2).to_vec();
            call.out.error(text);
        }
        (b"log", 3) => {
            let text = String::from_utf8_lossy(call.args.at(2)).into_owned();
            call.server.log.warning(format!("DEBUG LOG: {text}"));
            call.out.ok();
        }
        (b"htstats", 3) => htstats(call),
        (b"structsize", 2) => structsize(call),
        // Debug subcommands of Redis that have no effect here.
        (b"jmap" | b"stringmatch-test", _) | (b"quicklist-packed-threshold", 3) => call.out.ok(),
        (b"pause-cron" | b"set-skip-checksum-validation" | b"aof-flush-sleep", 3) => call.out.ok(),
        (b"help", 2) => help(call),
        _ => crate::command::help::unknown_or_wrong_arity(call, "DEBUG"),
    }
}

/// Stops the whole loop for a number of seconds, decimals allowed. Costs exactly that.
fn sleep(call: &mut Call<'_>) {
    let seconds = std::str::from_utf8(call.args.at(2)).ok().and_then(|s| s.parse::<f64>().ok());
    // As in Redis, an invalid number means zero seconds.
    let length = Nanos((seconds.unwrap_or(0.0).max(0.0) * 1e9) as u64);
    call.server.clock.sleep(length);
    call.out.ok();
}

/// Creates `key:0` … with values `value:0` …, keys that exist are left alone; a size pads the
/// values with zero bytes. O(N) for N keys.
fn populate(call: &mut Call<'_>) {
    let count = parse_integer(call.args.at(2)).and_then(|count| usize::try_from(count).ok());
    let Some(count) = count else {
        return call.out.error("ERR value is out of range, must be positive");
    };
    let memory = crate::info::total_system_bytes() as usize;
    if memory > 0 && count > memory / KEY_BYTES_MIN {
        return call.out.error("ERR OOM in dictTryExpand");
    }
    let prefix = call.args.get(3).unwrap_or(b"key");
    let mut size = 0;
    if let Some(arg) = call.args.get(4) {
        size = match parse_integer(arg) {
            None => return call.out.not_integer(),
            Some(size) => usize::try_from(size).unwrap_or(0),
        };
    }
    let now_ms = call.now_ms();
    call.db().reserve(count);
    let mut digits = itoa::Buffer::new();
    let (mut key, mut value) = (prefix.to_vec(), Vec::new());
    key.push(b':');
    for number in 0..count {
        let digits = digits.format(number).as_bytes();
        key.truncate(prefix.len() + 1);
        key.extend_from_slice(digits);
        if call.db().exists(&key, now_ms) {
            continue;
        }
        value.clear();
        value.extend_from_slice(b"value:");
        value.extend_from_slice(digits);
        if size > 0 {
            value.resize(size, 0);
        }
        call.db().set(&key, Value::text(&value), Ttl::Clear, now_ms);
        call.server.signal_key(call.db, &key);
    }
    call.out.ok();
}

/// Details of one key's representation. O(1), strings O(length).
fn object(call: &mut Call<'_>) {
    let (now_ms, key) = (call.now_ms(), call.args.at(2));
    let access = call.db().access_mode();
    let Some(entry) = call.db().peek(key, now_ms) else { return call.out.no_such_key() };
    let value = entry.value();
    let length = value.heap_bytes(0);
    let idle = match access {
        AccessMode::Lru => AccessMode::idle_seconds(entry.clock(), now_ms),
        AccessMode::Lfu { .. } => 0,
    };
    let text = format!(
        "Value at:0x0 refcount:1 encoding:{} serializedlength:{length} lru:{} lru_seconds_idle:{idle}",
        value.encoding(),
        entry.clock(),
    );
    call.out.simple(text.as_bytes());
}

/// A sample of each reply type of the protocol. O(1).
#[expect(clippy::approx_constant, reason = "the double that redis-server replies with")]
fn protocol(call: &mut Call<'_>) {
    let kind = call.args.at(2).to_ascii_lowercase();
    let resp3 = call.out.resp3();
    let out = &mut call.out;
    match kind.as_slice() {
        b"string" => out.bulk(b"Hello World"),
        b"integer" => out.integer(12345),
        b"double" => out.double(3.141),
        b"null" => out.null(),
        b"array" => {
            out.array(3);
            (0..3).for_each(|i| out.integer(i));
        }
        b"set" => {
            out.set(3);
            (0..3).for_each(|i| out.integer(i));
        }
        b"map" => {
            out.map(3);
            for i in 0..3 {
                out.integer(i);
                out.boolean(i == 1);
            }
        }
        b"attrib" if resp3 => {
            out.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            out.bulk(b"Some real reply following the attribute");
        }
        b"attrib" => out.bulk(b"Some real reply following the attribute"),
        b"push" if resp3 => {
            out.push(2);
            out.bulk(b"server-cpu-usage");
            out.integer(42);
        }
        b"push" => out.error("ERR RESP2 is not supported by this command"),
        b"bignum" if resp3 => out.raw(b"(1234567999999999999999999999999999999\r\n"),
        b"bignum" => out.bulk(b"1234567999999999999999999999999999999"),
        b"true" => out.boolean(true),
        b"false" => out.boolean(false),
        b"verbatim" => out.verbatim(b"This is a verbatim\nstring"),
        _ => out.error(
            "ERR Wrong protocol type name. Please use one of the following: \
             string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ),
    }
}

/// Sizes of a database's tables. O(1).
fn htstats(call: &mut Call<'_>) {
    let index = parse_integer(call.args.at(2)).and_then(|index| usize::try_from(index).ok());
    let Some(db) = index.and_then(|index| call.server.dbs.get(index)) else {
        return call.out.error("ERR Out of range database");
    };
    let (keys, expires) = db.bucket_counts();
    let text = format!(
        "[Dictionary HT]\n table size: {keys}\n number of elements: {}\n rehashing: {}\n\
         [Expires HT]\n table size: {expires}\n number of elements: {}\n",
        db.len(),
        db.is_rehashing(),
        db.expires_len(),
    );
    call.out.verbatim(text.as_bytes());
}

/// Sizes of the structures that exist per client and per command. O(1).
fn structsize(call: &mut Call<'_>) {
    let text = format!(
        "bits:{} client:{} value:{}",
        usize::BITS,
        size_of::<crate::client::Client>(),
        size_of::<Value>(),
    );
    call.out.simple(text.as_bytes());
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "DEBUG",
        &[
            "CHANGE-REPL-ID",
            "    Change the replication IDs of the instance.",
            "ERROR <string>",
            "    Return a Redis protocol error with <string> as message.",
            "HTSTATS <dbid>",
            "    Return hash table statistics of the specified database.",
            "LOG <message>",
            "    Write <message> to the server log.",
            "OBJECT <key>",
            "    Show low level info about `key` and associated value.",
            "POPULATE <count> [<prefix>] [<size>]",
            "    Create <count> string keys named key:<num>. If <prefix> is specified then",
            "    it is used instead of the 'key' prefix.",
            "PROTOCOL <type>",
            "    Reply with a test value of the specified type.",
            "SET-ACTIVE-EXPIRE <0|1>",
            "    Setting it to 0 disables expiring keys in background.",
            "SLEEP <seconds>",
            "    Stop the server for <seconds>. Decimals allowed.",
            "STRUCTSIZE",
            "    Return the size of the server's structures.",
        ],
    );
}
