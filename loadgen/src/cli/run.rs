//! `loadgen run`: its flags as typed, all together.
//!
//! Not what they come to (see `resolve`).

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
    // For --help: `front` takes it out of the words before they are parsed.
    /// Read the command line, and print the result, as this tool does (docs/switching.md).
    #[arg(long, value_enum, value_name = "TOOL", help_heading = "Other tools")]
    pub compat: Option<Tool>,
    /// Command to send, with placeholders such as __key__, __data__ and __rand_int__.
    ///
    /// More placeholders: {key zipf:1.2 N} {rand N} {rand A-B} {ttl A-B} {data SIZE} {same}. {cursor} follows a SCAN to
    /// its end. ; separates the commands of one operation. docs/workloads.md describes all of them.
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}
