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
    /// Send the commands of a capture: the output of MONITOR or an append-only file.
    ///
    /// Redis 7 and later keep the append-only file as several files in the folder appendonlydir. Give the …incr.aof file in
    /// it. If the base file there contains no data, you can also give the folder. Each captured client has its own
    /// connection. -n limits the number of commands.
    /// The replay needs 36 bytes of memory per command.
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "connections", "duration", "warmup", "think_time", "data_size", "compressible", "keyspace", "key_dist", "tests",
        "ratio", "ratio_order", "templates", "command", "command_file", "ycsb", "prefill", "reconnect_interval", "cluster",
        "pool_max_total", "pool_min_idle", "pool_max_idle", "pool_max_wait", "pool_order", "pin_requests",
    ])]
    pub replay: Option<PathBuf>,
    /// Replay speed: 1x keeps the captured times, 2x is twice as fast, max ignores the captured times.
    ///
    /// With max, a client sends its next command as soon as it has the reply. The default is 1x for the output of MONITOR.
    /// For an append-only file it is max, because that file has no times; to limit its rate, give --rate instead of this flag.
    #[arg(hide_short_help = true, long, value_name = "SPEED", requires = "replay", conflicts_with_all = ["rate", "arrival"], value_parser = speed)]
    pub replay_speed: Option<Speed>,
    /// Maximum number of connections [default: 1000].
    ///
    /// If the capture has more clients, several clients share a connection. Each transaction is then sent as one block when
    /// its EXEC is due, without WATCH.
    #[arg(hide_short_help = true, long, value_name = "N", requires = "replay", value_parser = crate::cli::values::positive)]
    pub replay_connections: Option<usize>,
    /// Also send dangerous and blocking commands: FLUSHALL, SHUTDOWN, CONFIG SET, DEBUG, BLPOP …
    #[arg(hide_short_help = true, long, requires = "replay")]
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
