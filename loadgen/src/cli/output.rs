//! Output flags of `loadgen run`, as typed.
//!
//! Not the writing (see `commands::output`). Invariant: at most one form goes to stdout.

use crate::cli::labels::LabelArgs;
use crate::cli::prometheus::PrometheusArgs;
use crate::cli::values::percentile;
use crate::console::progress::Progress;
use clap::Args;
use std::path::PathBuf;

/// Output flags, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct OutputArgs {
    /// Write result.json, latency.hlog, report.html and charts to this folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in the folder of --out.
    #[arg(hide_short_help = true, long, requires = "out")]
    pub force: bool,
    /// What the user calls it.
    #[command(flatten)]
    pub labels: LabelArgs,
    /// Print the record as JSON, as in result.json, instead of the table; several tests print an array of records.
    #[arg(long, conflicts_with_all = ["csv", "quiet"])]
    pub json: bool,
    /// Print CSV in the format of redis-benchmark instead of the table.
    #[arg(long, conflicts_with = "quiet")]
    pub csv: bool,
    /// Print one line per command, in the format of redis-benchmark -q, instead of the table.
    #[arg(short = 'q', long)]
    pub quiet: bool,
    /// Write the result to this file instead of stdout.
    #[arg(hide_short_help = true, long, value_name = "FILE")]
    pub out_file: Option<PathBuf>,
    /// Also write the result to this file, as JSON in the format of memtier.
    #[arg(hide_short_help = true, long, value_name = "FILE")]
    pub json_out_file: Option<PathBuf>,
    /// How the text looks; set by --compat.
    #[arg(skip)]
    pub style: Style,
    /// Do not show progress during the run.
    #[arg(hide_short_help = true, long)]
    pub no_live: bool,
    /// Live counters for Prometheus.
    #[command(flatten)]
    pub prometheus: PrometheusArgs,
    /// Additional percentiles, such as 99.5,99.95.
    #[arg(hide_short_help = true, long, value_delimiter = ',', value_name = "LIST", value_parser = percentile)]
    pub percentiles: Vec<f64>,
}

/// Whose text is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Style {
    /// Our own table.
    #[default]
    Own,
    /// redis-benchmark's report.
    RedisBenchmark,
    /// memtier's table.
    Memtier,
}

impl OutputArgs {
    /// Whether a program may read what is printed, as it would another tool's output or JSON.
    #[must_use]
    pub fn is_for_programs(&self) -> bool {
        self.json || self.csv || self.quiet || self.style != Style::Own
    }

    /// Whether anything that comes out has room for the kernel's time stamps.
    #[must_use]
    pub fn shows_kernel_times(&self) -> bool {
        self.json || self.out.is_some() || !self.is_for_programs()
    }

    /// Progress shown during the run.
    #[must_use]
    pub fn progress(&self) -> Progress {
        if self.no_live || self.quiet { Progress::Hidden } else { Progress::Shown }
    }
}
