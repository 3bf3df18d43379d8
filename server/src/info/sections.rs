//! The sections of `INFO` that need little arithmetic.

use super::{constants, line};
use crate::client::Kind;
use crate::clock::Nanos;
use crate::db::Db;
use crate::server::{STATIC_BUFFER_BYTES, Server};
use crate::sys;

const US_PER_S: i64 = 1_000_000;

pub(super) fn server(text: &mut String, server: &Server) {
    let uptime_s = (server.clock.now() - server.identity.started).as_ms() / 1000;
    constants(
        text,
        &[
            ("redis_version", crate::version::REDIS_VERSION),
            ("redis_git_sha1", "00000000"),
            ("redis_git_dirty", "0"),
            ("redis_build_id", concat!("aelab-", env!("CARGO_PKG_VERSION"))),
            ("server_name", "ae-server"),
            ("redis_mode", "standalone"),
        ],
    );
    line(text, "os", sys::os_name());
    line(text, "arch_bits", usize::BITS);
    line(text, "monotonic_clock", "POSIX clock_gettime");
    line(text, "multiplexing_api", server.identity.api_name);
    line(text, "io_model", server.config.settings().io.io_model.name());
    constants(text, &[("atomicvar_api", "c11-builtin"), ("gcc_version", "0.0.0")]);
    if let Some(injector) = &server.observe.injector {
        // In the first section, so that it is not overlooked.
        line(text, "injected_latency", injector.plan());
    }
    line(text, "process_id", std::process::id());
    line(text, "process_supervised", server.config.text("supervised"));
    line(text, "run_id", &server.identity.run_id);
    line(text, "tcp_port", server.tcp_port());
    let unix_us = server.clock.unix_us();
    line(text, "server_time_usec", unix_us);
    line(text, "uptime_in_seconds", uptime_s);
    line(text, "uptime_in_days", uptime_s / 86_400);
    line(text, "hz", server.observe.cron.hz);
    line(text, "configured_hz", server.config.settings().cron.hz);
    line(text, "lru_clock", (unix_us / US_PER_S) & 0x00ff_ffff);
    let executable = std::env::current_exe().unwrap_or_default();
    line(text, "executable", executable.display());
    line(text, "config_file", server.config.file.as_deref().unwrap_or_default());
    line(text, "io_threads_active", u8::from(server.net.io_threads_active));
}

pub(super) fn clients(text: &mut String, server: &Server) {
    let clients = || server.clients.values();
    let input = clients().filter_map(|c| c.unfinished.as_deref()).map(|u| u.buf.capacity()).max();
    let output = clients().map(|c| c.output.waiting()).max();
    line(text, "connected_clients", server.clients.len());
    line(text, "cluster_connections", 0);
    line(text, "maxclients", server.config.settings().clients.maxclients);
    line(text, "client_recent_max_input_buffer", input.unwrap_or(0));
    let beyond_static = output.unwrap_or(0).saturating_sub(STATIC_BUFFER_BYTES);
    line(text, "client_recent_max_output_buffer", beyond_static);
    line(text, "blocked_clients", server.blocking.count);
    constants(text, &[("tracking_clients", "0")]);
    line(text, "clients_in_timeout_table", server.blocking.deadline_count());
}

pub(super) fn persistence(text: &mut String, server: &Server) {
    let uptime_s = (server.clock.now() - server.identity.started).as_ms() / 1000;
    constants(
        text,
        &[
            ("loading", "0"),
            ("async_loading", "0"),
            ("current_cow_peak", "0"),
            ("current_cow_size", "0"),
            ("current_cow_size_age", "0"),
            ("current_fork_perc", "0.00"),
            ("current_save_keys_processed", "0"),
            ("current_save_keys_total", "0"),
        ],
    );
    line(text, "rdb_changes_since_last_save", server.changes.dirty);
    line(text, "rdb_bgsave_in_progress", 0);
    line(text, "rdb_last_save_time", server.now_s() - uptime_s as i64);
    constants(
        text,
        &[
            ("rdb_last_bgsave_status", "ok"),
            ("rdb_last_bgsave_time_sec", "-1"),
            ("rdb_current_bgsave_time_sec", "-1"),
            ("rdb_saves", "0"),
            ("rdb_last_cow_size", "0"),
            ("rdb_last_load_keys_expired", "0"),
            ("rdb_last_load_keys_loaded", "0"),
            ("aof_enabled", "0"),
            ("aof_rewrite_in_progress", "0"),
            ("aof_rewrite_scheduled", "0"),
            ("aof_last_rewrite_time_sec", "-1"),
            ("aof_current_rewrite_time_sec", "-1"),
            ("aof_last_bgrewrite_status", "ok"),
            ("aof_rewrites", "0"),
            ("aof_rewrites_consecutive_failures", "0"),
            ("aof_last_write_status", "ok"),
            ("aof_last_cow_size", "0"),
            ("module_fork_in_progress", "0"),
            ("module_fork_last_cow_size", "0"),
        ],
    );
}

/// A rate in KiB per second, as `INFO` has it.
fn kib(rate: f64) -> String {
    format!("{:.2}", rate / 1024.0)
}

pub(super) fn stats(text: &mut String, server: &Server) {
    let (stats, rates) = (&server.observe.stats, &server.observe.rates);
    let sum = |of: fn(&Db) -> u64| server.dbs.iter().map(of).sum::<u64>();
    line(text, "total_connections_received", stats.connections_received);
    line(text, "total_commands_processed", stats.commands_processed);
    line(text, "instantaneous_ops_per_sec", rates.commands.mean() as u64);
    line(text, "total_net_input_bytes", stats.net_input_bytes);
    line(text, "total_net_output_bytes", stats.net_output_bytes);
    line(text, "total_net_repl_input_bytes", 0);
    line(text, "total_net_repl_output_bytes", 0);
    line(text, "instantaneous_input_kbps", kib(rates.input.mean()));
    line(text, "instantaneous_output_kbps", kib(rates.output.mean()));
    line(text, "instantaneous_input_repl_kbps", "0.00");
    line(text, "instantaneous_output_repl_kbps", "0.00");
    line(text, "rejected_connections", stats.rejected_connections);
    constants(text, &[("sync_full", "0"), ("sync_partial_ok", "0"), ("sync_partial_err", "0")]);
    line(text, "expired_keys", sum(|db| db.stats().expired));
    line(text, "expired_stale_perc", format!("{:.2}", server.expiry.cycle.stale_percent()));
    line(text, "expired_time_cap_reached_count", server.expiry.cycle.time_cap_reached_count());
    line(text, "expire_cycle_cpu_milliseconds", stats.expire_cycle_us / 1000);
    line(text, "evicted_keys", stats.evicted_keys);
    line(text, "evicted_clients", stats.evicted_clients);
    let (total, current) = server.memory.evictor.exceeded(server.clock.now());
    line(text, "total_eviction_exceeded_time", total.as_ms());
    line(text, "current_eviction_exceeded_time", current.as_ms());
    line(text, "keyspace_hits", sum(|db| db.stats().hits));
    line(text, "keyspace_misses", sum(|db| db.stats().misses));
    line(text, "pubsub_channels", server.pubsub.all(Kind::Channel).len());
    line(text, "pubsub_patterns", server.pubsub.all(Kind::Pattern).len());
    line(text, "pubsubshard_channels", server.pubsub.all(Kind::Shard).len());
    constants(
        text,
        &[
            ("latest_fork_usec", "0"),
            ("total_forks", "0"),
            ("migrate_cached_sockets", "0"),
            ("slave_expires_tracked_keys", "0"),
            ("active_defrag_hits", "0"),
            ("active_defrag_misses", "0"),
            ("active_defrag_key_hits", "0"),
            ("active_defrag_key_misses", "0"),
            ("total_active_defrag_time", "0"),
            ("current_active_defrag_time", "0"),
            ("tracking_total_keys", "0"),
            ("tracking_total_items", "0"),
            ("tracking_total_prefixes", "0"),
            ("unexpected_error_replies", "0"),
        ],
    );
    line(text, "total_error_replies", stats.error_replies);
    line(text, "dump_payload_sanitizations", 0);
    line(text, "total_reads_processed", stats.reads);
    line(text, "total_writes_processed", stats.writes);
    line(text, "io_threaded_reads_processed", stats.io_threaded_reads);
    line(text, "io_threaded_writes_processed", stats.io_threaded_writes);
    line(text, "reply_buffer_shrinks", 0);
    line(text, "reply_buffer_expands", 0);
    line(text, "client_query_buffer_limit_disconnections", stats.query_buffer_limit_disconnections);
    let output_limit = stats.output_buffer_limit_disconnections;
    line(text, "client_output_buffer_limit_disconnections", output_limit);
    line(text, "acl_access_denied_auth", stats.acl_denied_auth);
    super::eventloop::stats(text, server);
}

pub(super) fn replication(text: &mut String, server: &Server) {
    constants(
        text,
        &[("role", "master"), ("connected_slaves", "0"), ("master_failover_state", "no-failover")],
    );
    line(text, "master_replid", &server.identity.replication_id);
    line(text, "master_replid2", "0".repeat(40));
    line(text, "master_repl_offset", 0);
    line(text, "second_repl_offset", -1);
    line(text, "repl_backlog_active", 0);
    line(text, "repl_backlog_size", server.config.text("repl-backlog-size"));
    line(text, "repl_backlog_first_byte_offset", 0);
    line(text, "repl_backlog_histlen", 0);
}

pub(super) fn cpu(text: &mut String, _: &Server) {
    let (system, user) = sys::cpu_seconds();
    line(text, "used_cpu_sys", format!("{system:.6}"));
    line(text, "used_cpu_user", format!("{user:.6}"));
    line(text, "used_cpu_sys_children", "0.000000");
    line(text, "used_cpu_user_children", "0.000000");
    let (system, user) = sys::main_thread_cpu_seconds();
    line(text, "used_cpu_sys_main_thread", format!("{system:.6}"));
    line(text, "used_cpu_user_main_thread", format!("{user:.6}"));
}

fn us(time: Nanos) -> f64 {
    time.0 as f64 / 1000.0
}

pub(super) fn commandstats(text: &mut String, server: &Server) {
    for (spec, stat) in server.commands.rows().iter().zip(&server.observe.command_stats) {
        if stat.calls == 0 && stat.rejected == 0 && stat.failed == 0 {
            continue;
        }
        let per_call = if stat.calls == 0 { 0.0 } else { us(stat.time) / stat.calls as f64 };
        let value = format!(
            "calls={},usec={},usec_per_call={per_call:.2},rejected_calls={},failed_calls={}",
            stat.calls,
            stat.time.as_us(),
            stat.rejected,
            stat.failed
        );
        line(text, &format!("cmdstat_{}", spec.full_name()), value);
    }
}

pub(super) fn errorstats(text: &mut String, server: &Server) {
    for (code, count) in &server.observe.stats.errors {
        line(text, &format!("errorstat_{code}"), format!("count={count}"));
    }
}

pub(super) fn latencystats(text: &mut String, server: &Server) {
    if !server.config.settings().observe.latency_tracking {
        return;
    }
    let percentiles = &server.config.settings().observe.latency_percentiles;
    for (spec, stat) in server.commands.rows().iter().zip(&server.observe.command_stats) {
        let Some(histogram) = stat.histogram() else { continue };
        let values: Vec<String> = percentiles
            .iter()
            .map(|(word, percentile)| {
                let ns = histogram.value_at_quantile(percentile / 100.0);
                format!("p{word}={:.3}", ns as f64 / 1000.0)
            })
            .collect();
        line(text, &format!("latency_percentiles_usec_{}", spec.full_name()), values.join(","));
    }
}

pub(super) fn keyspace(text: &mut String, server: &Server) {
    for (index, db) in server.dbs.iter().enumerate() {
        if !db.is_empty() {
            let value = format!(
                "keys={},expires={},avg_ttl={}",
                db.len(),
                db.expires_len(),
                db.avg_ttl_ms()
            );
            line(text, &format!("db{index}"), value);
        }
    }
}
