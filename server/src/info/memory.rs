//! The memory section of `INFO`.
//!
//! The system's allocator does not report what it has allocated, so `used_memory` is this server's own
//! account of keys, values, tables and clients, which `maxmemory` is compared with. Overhead of the
//! allocator and the program itself are in `used_memory_rss` only.

use super::{constants, line};
use crate::server::Server;
use crate::sys;

/// There are no functions.
const FUNCTIONS: &[(&str, &str)] = &[
    ("number_of_functions", "0"),
    ("number_of_libraries", "0"),
    ("used_memory_vm_functions", "0"),
];

/// The Lua state of EVAL, and the scripts it knows.
fn scripts(text: &mut String, server: &Server) {
    let scripting = &server.scripting;
    let (state, texts) = (scripting.lua_bytes as u64, scripting.memory_bytes() as u64);
    line(text, "used_memory_lua", state);
    line(text, "used_memory_vm_eval", state);
    line(text, "used_memory_lua_human", human(state));
    line(text, "used_memory_scripts_eval", texts);
    line(text, "number_of_cached_scripts", scripting.scripts.len());
    constants(text, FUNCTIONS);
    with_human(text, "used_memory_vm_total", state);
    line(text, "used_memory_functions", 0);
    with_human(text, "used_memory_scripts", texts);
}

/// `1.50K`, `2.00M` and so on, as Redis writes sizes for people.
fn human(bytes: u64) -> String {
    let units = [("B", 1_u64), ("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1 << 40)];
    let fits = units.iter().rev().find(|(_, size)| bytes >= *size).unwrap_or(&units[0]);
    match fits {
        ("B", _) => format!("{bytes}B"),
        (unit, size) => format!("{:.2}{unit}", bytes as f64 / *size as f64),
    }
}

fn with_human(text: &mut String, name: &str, bytes: u64) {
    line(text, name, bytes);
    line(text, &format!("{name}_human"), human(bytes));
}

/// The machine's memory; 0 if it is not known.
pub(crate) fn total_system_bytes() -> u64 {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

pub(super) fn memory(text: &mut String, server: &Server) {
    let used = server.used_memory() as u64;
    let resident = sys::resident_bytes();
    let peak = server.observe.stats.peak_memory_bytes.max(used);
    let clients = server.client_memory();
    let tables: usize = server.dbs.iter().map(crate::db::Db::table_memory_bytes).sum();
    let overhead = (clients + tables + server.script_memory()) as u64;
    let dataset = used.saturating_sub(overhead);
    let percent =
        |part: u64, whole: u64| format!("{:.2}%", part as f64 * 100.0 / whole.max(1) as f64);
    with_human(text, "used_memory", used);
    with_human(text, "used_memory_rss", resident);
    with_human(text, "used_memory_peak", peak);
    line(text, "used_memory_peak_perc", percent(used, peak));
    line(text, "used_memory_overhead", overhead);
    line(text, "used_memory_startup", 0);
    line(text, "used_memory_dataset", dataset);
    line(text, "used_memory_dataset_perc", percent(dataset, used));
    line(text, "allocator_allocated", used);
    line(text, "allocator_active", used);
    line(text, "allocator_resident", resident);
    with_human(text, "total_system_memory", total_system_bytes());
    scripts(text, server);
    with_human(text, "maxmemory", server.config.settings().memory.maxmemory as u64);
    line(text, "maxmemory_policy", server.config.text("maxmemory-policy"));
    constants(
        text,
        &[
            ("allocator_frag_ratio", "1.00"),
            ("allocator_frag_bytes", "0"),
            ("allocator_rss_ratio", "1.00"),
            ("allocator_rss_bytes", "0"),
            ("rss_overhead_ratio", "1.00"),
            ("rss_overhead_bytes", "0"),
        ],
    );
    let ratio = resident as f64 / used.max(1) as f64;
    line(text, "mem_fragmentation_ratio", format!("{ratio:.2}"));
    line(text, "mem_fragmentation_bytes", resident as i64 - used as i64);
    constants(
        text,
        &[
            ("mem_not_counted_for_evict", "0"),
            ("mem_replication_backlog", "0"),
            ("mem_total_replication_buffers", "0"),
            ("mem_clients_slaves", "0"),
        ],
    );
    line(text, "mem_clients_normal", clients);
    constants(
        text,
        &[
            ("mem_cluster_links", "0"),
            ("mem_aof_buffer", "0"),
            ("mem_allocator", "libc"),
            ("active_defrag_running", "0"),
        ],
    );
    line(text, "lazyfree_pending_objects", server.memory.lazy.pending());
    line(text, "lazyfreed_objects", server.memory.lazy.freed());
}
