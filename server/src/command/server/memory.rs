//! MEMORY USAGE STATS DOCTOR PURGE MALLOC-STATS HELP.

use crate::server::Server;
use crate::server::flags::{LOADING, READONLY, STALE};
use crate::server::{Call, CommandSpec, Group, NO_KEYS, command, container, keys};
use crate::sys;

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[container("memory", -2, SUBCOMMANDS).docs(
    Group::Server,
    "4.0.0",
    "Depends on subcommand.",
    "A container for memory diagnostics commands",
)];

/// Default number of members of a collection that MEMORY USAGE samples (`OBJ_COMPUTE_SIZE_DEF_SAMPLES`).
const SAMPLES_DEFAULT: usize = 5;
/// With less data than this there is no diagnosis.
const DOCTOR_MIN_BYTES: u64 = 5 * 1024 * 1024;
/// If clients take more than this on average, the diagnosis mentions it.
const DOCTOR_CLIENT_BYTES: usize = 200 * 1024;
/// Resident memory beyond this share of the data is called fragmentation.
const DOCTOR_RATIO: f64 = 1.4;

const fn sub(name: &'static str, run: fn(&mut Call<'_>), summary: &'static str) -> CommandSpec {
    command(name, 2, 0, NO_KEYS, run).of("memory").docs(Group::Server, "4.0.0", "O(1)", summary)
}

const ALL_SHARDS: &[&str] =
    &["nondeterministic_output", "request_policy:all_shards", "response_policy:special"];

const SUBCOMMANDS: &[CommandSpec] = &[
    sub("doctor", doctor, "Outputs memory problems report").tips(ALL_SHARDS),
    sub("malloc-stats", malloc_stats, "Show allocator internal stats").tips(ALL_SHARDS),
    sub("purge", purge, "Ask the allocator to release memory")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"]),
    sub("stats", stats, "Show memory usage details").tips(ALL_SHARDS),
    command("usage", -3, READONLY, keys(2, 2, 1), memory_usage).of("memory").docs(
        Group::Server,
        "4.0.0",
        "O(N) for N samples",
        "Estimate the memory usage of a key",
    ),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("memory").docs(
        Group::Server,
        "4.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// MEMORY USAGE key [SAMPLES n]: estimated bytes, or null. O(n), 5 samples by default, all with 0.
fn memory_usage(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let (mut samples, mut at) = (SAMPLES_DEFAULT, 3);
    while at < args.len() {
        if !args.is(at, "samples") || at + 1 >= args.len() {
            return call.out.syntax_error();
        }
        let Some(count) = call.integer_arg(at + 1) else { return };
        let Ok(count) = usize::try_from(count) else { return call.out.syntax_error() };
        samples = count;
        at += 2;
    }
    let (db, out) = call.db_and_out();
    match db.memory_usage(args.at(2), samples, now_ms) {
        Some(bytes) => out.count(bytes),
        None => out.null(),
    }
}

/// What a number of MEMORY STATS is.
enum Number {
    Bytes(usize),
    Ratio(f64),
    Database { main: usize, expires: usize },
}

/// MEMORY STATS: where the memory is, in Redis's fields. O(databases).
fn stats(call: &mut Call<'_>) {
    let server = &*call.server;
    let (used, resident) = (server.used_memory(), sys::resident_bytes() as usize);
    let peak = (server.observe.stats.peak_memory_bytes as usize).max(used);
    let tables: usize = server.dbs.iter().map(crate::db::Db::table_memory_bytes).sum();
    let overhead = tables + server.client_memory() + server.script_memory();
    let keys: usize = server.dbs.iter().map(crate::db::Db::len).sum();
    let ratio = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    let fragmentation = ratio(resident, used);
    let mut fields: Vec<(String, Number)> = [
        ("peak.allocated", Number::Bytes(peak)),
        ("total.allocated", Number::Bytes(used)),
        ("startup.allocated", Number::Bytes(0)),
        ("replication.backlog", Number::Bytes(0)),
        ("clients.slaves", Number::Bytes(0)),
        ("clients.normal", Number::Bytes(server.client_memory())),
        ("cluster.links", Number::Bytes(0)),
        ("aof.buffer", Number::Bytes(0)),
        ("lua.caches", Number::Bytes(0)),
        ("functions.caches", Number::Bytes(0)),
    ]
    .map(|(name, number)| (name.to_owned(), number))
    .into();
    for (at, db) in server.dbs.iter().enumerate().filter(|(_, db)| !db.is_empty()) {
        let (main, expires) = db.table_bytes();
        fields.push((format!("db.{at}"), Number::Database { main, expires }));
    }
    let rest = [
        ("overhead.total", Number::Bytes(overhead)),
        ("keys.count", Number::Bytes(keys)),
        ("keys.bytes-per-key", Number::Bytes(used.checked_div(keys).unwrap_or(0))),
        ("dataset.bytes", Number::Bytes(used - overhead)),
        ("dataset.percentage", Number::Ratio(ratio(used - overhead, used) * 100.0)),
        ("peak.percentage", Number::Ratio(ratio(used, peak) * 100.0)),
        ("allocator.allocated", Number::Bytes(used)),
        ("allocator.active", Number::Bytes(used)),
        ("allocator.resident", Number::Bytes(resident)),
        ("allocator-fragmentation.ratio", Number::Ratio(1.0)),
        ("allocator-fragmentation.bytes", Number::Bytes(0)),
        ("allocator-rss.ratio", Number::Ratio(fragmentation)),
        ("allocator-rss.bytes", Number::Bytes(resident.saturating_sub(used))),
        ("rss-overhead.ratio", Number::Ratio(1.0)),
        ("rss-overhead.bytes", Number::Bytes(0)),
        ("fragmentation", Number::Ratio(fragmentation)),
        ("fragmentation.bytes", Number::Bytes(resident.saturating_sub(used))),
    ];
    fields.extend(rest.map(|(name, number)| (name.to_owned(), number)));
    call.out.map(fields.len());
    for (name, number) in fields {
        call.out.bulk(name.as_bytes());
        write_number(call, &number);
    }
}

fn write_number(call: &mut Call<'_>, number: &Number) {
    match *number {
        Number::Bytes(bytes) => call.out.count(bytes),
        Number::Ratio(ratio) => call.out.double(ratio),
        Number::Database { main, expires } => {
            let parts = [("main", main), ("expires", expires), ("slot-to-keys", 0)];
            call.out.map(parts.len());
            for (part, bytes) in parts {
                call.out.bulk(format!("overhead.hashtable.{part}").as_bytes());
                call.out.count(bytes);
            }
        }
    }
}

/// MEMORY DOCTOR: a diagnosis in words. O(1).
fn doctor(call: &mut Call<'_>) {
    let text = diagnosis(call.server);
    call.out.verbatim(text.as_bytes());
}

fn diagnosis(server: &Server) -> String {
    let (used, resident) = (server.used_memory() as u64, sys::resident_bytes());
    if used < DOCTOR_MIN_BYTES {
        return "There is too little data for a diagnosis. Ask again under real load.\n".into();
    }
    let mut text = String::new();
    let peak = server.observe.stats.peak_memory_bytes.max(used);
    if peak > used / 2 * 3 {
        text.push_str(
            " * Peak memory: the peak was more than 150 % of the current use. The resident memory may \
             stay high; it is reused before the server allocates more.\n",
        );
    }
    if resident as f64 > used as f64 * DOCTOR_RATIO {
        text.push_str(
            " * High fragmentation: the process holds more than 140 % of what the data needs. Each \
             small value has the allocator's overhead. MEMORY PURGE or a restart returns the \
             memory of deleted values.\n",
        );
    }
    let clients = server.clients.len().max(1);
    if server.client_memory() / clients > DOCTOR_CLIENT_BYTES {
        text.push_str(
            " * Big client buffers: more than 200 KiB per client on average. See omem and qbuf in \
             CLIENT LIST, and set client-output-buffer-limit or maxmemory-clients.\n",
        );
    }
    match text.as_str() {
        "" => "No memory problem found.\n".into(),
        found => format!("Memory problems of this server:\n\n{found}"),
    }
}

/// MEMORY PURGE: returns free memory to the system. O(N) for N pages returned.
fn purge(call: &mut Call<'_>) {
    sys::trim_memory();
    call.out.ok();
}

/// MEMORY MALLOC-STATS: the system's allocator has no statistics. O(1).
fn malloc_stats(call: &mut Call<'_>) {
    call.out.verbatim(b"Stats not supported for the current allocator");
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "MEMORY",
        &[
            "DOCTOR",
            "    Return memory problems reports.",
            "MALLOC-STATS",
            "    Return internal statistics report from the memory allocator.",
            "PURGE",
            "    Attempt to purge dirty pages for reclamation by the allocator.",
            "STATS",
            "    Return information about the memory usage of the server.",
            "USAGE <key> [SAMPLES <count>]",
            "    Return memory in bytes used by <key> and its value. Nested values are",
            "    sampled up to <count> times (default: 5, 0 means sample all).",
        ],
    );
}
