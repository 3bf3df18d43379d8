//! `loadgen relay`: relay connections to a server until ^C.

use crate::cli::relay::RelayArgs;
use crate::console;
use aelab_engine::error::{Exit, Failure};
use aelab_lab::relay::{Relay, Stats};
use std::fmt::Write as _;
use std::sync::atomic::AtomicBool;

/// Does it.
///
/// # Errors
/// A value that makes no sense or an address that cannot be had (exit 2), a kernel that refuses what is needed (exit 6).
pub fn run(args: &RelayArgs, cancel: &AtomicBool) -> Result<Exit, Failure> {
    let options = args.resolve()?;
    let relay = Relay::bind(&options)?;
    console::note(&format!("relaying {} -> {}", relay.endpoint(), options.upstream));
    let stats = relay.run(cancel)?;
    console::note(&summary(&stats, options.share.is_some()));
    Ok(Exit::Success)
}

/// What the relay has seen, on one line.
#[expect(clippy::cast_precision_loss, reason = "nanoseconds shown in tenths of a microsecond")]
fn summary(stats: &Stats, shares: bool) -> String {
    let mut out = format!(
        "relayed {} {}, at most {} open at a time; {} bytes to the server, {} bytes to clients",
        stats.connections,
        if stats.connections == 1 { "connection" } else { "connections" },
        stats.open_max,
        stats.bytes_up,
        stats.bytes_down
    );
    if !stats.scheduling_delay.is_empty() {
        let late = |quantile| stats.scheduling_delay.value_at_quantile(quantile) as f64 / 1e3;
        let _ = write!(out, "; sent late by p50 {:.1} us, p99 {:.1} us", late(0.5), late(0.99));
    }
    for (count, what) in [
        (stats.upstream_refused, "times the upstream could not be reached"),
        (stats.resets, "connections reset"),
        (stats.unstamped_reads, "reads without a time of arrival"),
    ] {
        if count > 0 {
            let _ = write!(out, "; {count} {what}");
        }
    }
    if shares {
        let share = &stats.share;
        let _ = write!(
            out,
            "; {} connections upstream, {} commands passed on, {} answered, {} refused, {} replies without a client, {} clients dropped",
            share.upstream_connections,
            share.commands_forwarded,
            share.commands_answered,
            share.commands_refused,
            share.replies_orphaned,
            share.clients_dropped
        );
    }
    if let Some(error) = &stats.last_error {
        let _ = write!(out, "; last error: {error}");
    }
    out
}
