//! `loadgen run`: its flags as typed, all together.
//!
//! Not what they come to (see `resolve`).

use crate::cli::limits::LimitArgs;
use crate::cli::load::LoadArgs;
use crate::cli::output::OutputArgs;
use crate::cli::target::TargetArgs;
use crate::compat::Tool;
use clap::Args;
use std::ffi::OsString;

/// Behind the short help: what most people begin with, and where the other flags are.
const EXAMPLES: &str = "Examples:
  loadgen run -p 6379 -t set,get                      two tests of redis-benchmark
  loadgen run -n 1000000 -c 100 -P 16 GET __key__     a closed loop: as fast as the server answers
  loadgen run --rate 20k --duration 30s -r 1M --prefill GET __key__
                                                      an open loop: 20000 requests per second
  loadgen run --ratio 1:9 -r 1M --key-dist zipf:0.99 -d 512 --rate 20k --duration 30s --out results
                                                      a mix, with a report in results/report.html
  loadgen run -u rediss://USER:PASS@HOST:6380 --json PING
  loadgen run --compat redis-benchmark -n 1000 -t lpush -q

loadgen run --help-all lists every flag (TLS files, pools, idle connections, replay, Prometheus, …).
Exit codes: see loadgen --help. Guides: docs/workloads.md, docs/reading-a-report.md.";

/// Flags of `loadgen run`, as typed.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct RunArgs {
    /// Which server.
    #[command(flatten)]
    pub target: TargetArgs,
    /// What load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// What comes out.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What the results are compared with.
    #[command(flatten)]
    pub limits: LimitArgs,
    // For --help: `front` takes it out of the words before they are parsed.
    /// Accept the flags of TOOL, and print the result in its format (docs/switching.md).
    #[arg(long, value_enum, value_name = "TOOL", help_heading = "Other tools")]
    pub compat: Option<Tool>,
    /// Command to send, after all flags and without quotes, with placeholders such as __key__, __data__ and __rand_int__.
    ///
    /// More placeholders: {key zipf:1.2 N} {rand N} {rand A-B} {ttl A-B} {data SIZE}. {same} repeats the previous key of the
    /// command. With {cursor}, one request repeats SCAN until the cursor is 0. docs/workloads.md describes all placeholders.
    /// Commands with ';' between them are sent and timed together, as one operation. To mix several commands, use --command.
    #[arg(trailing_var_arg = true, value_name = "COMMAND", help_heading = "Command")]
    pub command: Vec<OsString>,
}
