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

/// Flags of `loadgen run`, as typed.
#[derive(Debug, Clone, Args)]
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
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
