//! Flags that replay a capture, as typed. See `resolve_replay` for the run that they describe.

use clap::Args;
use std::path::PathBuf;

/// Fastest and slowest replay: beyond it, times that are not zero become zero, or a second becomes a day.
const SPEED_MIN: f64 = 1e-5;
const SPEED_MAX: f64 = 1e6;

/// Replay flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Replay")]
pub struct ReplayArgs {
    /// Send what was captured: the output of MONITOR, an append-only file (on Redis 7 its …incr.aof), or an appendonlydir whose
    /// base is no snapshot with data. Each captured client has its own connection; -n takes only the first commands. Takes 36 bytes of memory per command, whatever its size.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "connections", "duration", "warmup", "think_time", "data_size", "compressible", "keyspace", "key_dist", "tests",
        "ratio", "templates", "command", "command_file", "ycsb", "prefill", "reconnect_interval", "cluster",
        "pool_max_total", "pool_min_idle", "pool_max_idle", "pool_max_wait", "pool_order", "pin_requests",
    ])]
    pub replay: Option<PathBuf>,
    /// 1x keeps the captured times, 2x is twice as fast, 0.5x half, max sends each client's next command as soon as the last
    /// was answered [default: 1x; for an append-only file, which has no times, max or --rate].
    #[arg(long, value_name = "SPEED", requires = "replay", conflicts_with_all = ["rate", "arrival"], value_parser = speed)]
    pub replay_speed: Option<Speed>,
    /// At most so many connections; clients beyond share: their transactions are sent in one piece, their WATCH is left out
    /// [default: 1000].
    #[arg(long, value_name = "N", requires = "replay", value_parser = crate::cli::values::positive)]
    pub replay_connections: Option<usize>,
    /// Send dangerous and blocking commands too: FLUSHALL, SHUTDOWN, CONFIG SET, DEBUG, BLPOP …
    #[arg(long, requires = "replay")]
    pub replay_all: bool,
}

/// How fast a capture is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times the captured speed.
    Times(f64),
    /// Without waiting.
    Max,
}

fn speed(text: &str) -> Result<Speed, String> {
    if text == "max" {
        return Ok(Speed::Max);
    }
    let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
    number
        .filter(|number| (SPEED_MIN..=SPEED_MAX).contains(number))
        .map(Speed::Times)
        .ok_or_else(|| "write 1x, 2x, 0.5x or max".to_owned())
}
