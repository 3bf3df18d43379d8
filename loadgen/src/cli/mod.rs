//! The command line as it was typed. What it means is resolved in `cli::target` and `cli::resolve`.
//!
//! Invariant: parsing looks at nothing but the words themselves (no server, no file), so `--help` and errors always work.
//! `-h` is the host, as in redis-cli; help is `--help` only.

mod commands;
pub mod labels;
pub mod limits;
pub mod load;
mod load_plan;
pub mod output;
pub mod parse;
pub mod pool;
pub mod prometheus;
mod receivers;
pub mod relay;
pub mod replay;
pub mod resolve;
mod resolve_replay;
pub mod resolved;
pub mod run;
pub mod scenario;
pub mod selftest;
mod spelling;
pub mod stall_explorer;
pub mod target;
mod values;
pub mod ycsb;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Load generation and latency analysis for Redis-protocol servers.
#[derive(Debug, Parser)]
#[command(
    name = "loadgen",
    version = aelab_lab::VERSION,
    disable_help_flag = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 success; 1 a claim is refuted (scenario run --strict); 2 bad input; 3 a claim is \
                  inconclusive (scenario run --strict), or a limit cannot be decided; 4 the measurement is \
                  invalid; 5 a limit is exceeded (--max-p99, --max-error-rate, --min-rate); 6 the server rejected \
                  the client, or could not be reached."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print the flags that most people need, with examples.
    #[arg(long, global = true, action = clap::ArgAction::HelpShort, help_heading = "Help")]
    help: Option<bool>,
    /// Print help with all options and details.
    #[arg(long, global = true, action = clap::ArgAction::HelpLong, help_heading = "Help")]
    help_all: Option<bool>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a server and measure it.
    Run(Box<run::RunArgs>),
    /// Run scenarios: experiments that confirm or refute claims about Redis.
    #[command(subcommand)]
    Scenario(scenario::ScenarioCommand),
    /// Write the report files of a run again, from its result folder.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Relay connections to a server: add a round-trip time, or share connections.
    Relay(relay::RelayArgs),
    /// Validate the load generator against queueing theory on this machine.
    Selftest(selftest::SelftestArgs),
    /// Print a script that completes commands and options in a shell.
    ///
    /// bash: loadgen completions bash > ~/.local/share/bash-completion/completions/loadgen
    ///
    /// zsh: loadgen completions zsh > DIR/_loadgen, with DIR in $fpath
    ///
    /// fish: loadgen completions fish > ~/.config/fish/completions/loadgen.fish
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Write a manual page for each command into a folder; read one with man DIR/loadgen-run.1.
    Man {
        /// The folder; it is created if it is missing.
        dir: PathBuf,
    },
    /// Start ae-server, the bundled server; its arguments are those of redis-server.
    Serve {
        /// redis.conf and --directive value …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
}

/// `loadgen report …`
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Write report.html, summary.md and the charts again, from the results in the folder.
    Render {
        /// Result folder of a run.
        dir: PathBuf,
    },
    /// Compare the results in the folder with limits; the exit code is 5 if one is exceeded.
    Check {
        /// Result folder of a run.
        dir: PathBuf,
        /// The limits; without any, those that were given to the run.
        #[command(flatten)]
        limits: limits::LimitArgs,
    },
    /// Derive the times in result.json again from latency.hlog; the exit code is 4 if one differs.
    Rederive {
        /// Result folder of a run.
        dir: PathBuf,
    },
    /// Add runs that were made side by side: histograms and counts exactly, interval by interval.
    Merge {
        /// Result folders of single runs of the same load.
        #[arg(required = true, num_args = 2.., value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// Folder for the sum.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Replace an earlier result in the folder.
        #[arg(long)]
        force: bool,
    },
    /// Compare two results: the ratio of each metric with an interval, and what differs in the setup.
    Compare {
        /// Result folder A, the baseline.
        a: PathBuf,
        /// Result folder B; ratios are B divided by A.
        b: PathBuf,
        /// Print the comparison as JSON.
        #[arg(long)]
        json: bool,
        /// Also write compare.json, report.html and charts to this folder.
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Print a result in the format of another tool.
    Export {
        /// Result folder of a run.
        dir: PathBuf,
        /// The format.
        #[arg(long, value_enum, value_name = "FORMAT")]
        format: ExportFormat,
        /// With hgrm: the series, as GROUP:COMMAND:METRIC [default: the headline].
        #[arg(long, value_name = "TAG")]
        tag: Option<String>,
    },
    /// Print the JSON Schema of result.json.
    Schema,
}

/// A format of `loadgen report export`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// Percentile print of HdrHistogram, as its Java tools write it.
    Hgrm,
    /// Each series over time: a row per interval.
    Csv,
    /// Each series as a distribution: a row per histogram bucket.
    CsvDistribution,
    /// As csv, a JSON object per line.
    Jsonl,
    /// OpenMetrics text: counters and histograms with buckets.
    Openmetrics,
    /// github-action-benchmark, customSmallerIsBetter: percentiles and errors.
    GithubActionBenchmark,
    /// github-action-benchmark, customBiggerIsBetter: rates.
    GithubActionBenchmarkRate,
    /// Bencher Metric Format.
    Bencher,
    /// CSV for Apache Otava: a heading and a row.
    Otava,
}

/// A usage error of the parser on one line, without the usage block.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        if let Some(of) = ["scenario", "report"]
            .iter()
            .find(|of| error.to_string().contains(&format!("loadgen {of}")))
        {
            let commands = if *of == "report" {
                "render, check, rederive, merge, compare, export or schema"
            } else {
                "list, show or run"
            };
            return format!("a command is missing after {of}: {commands}; see --help");
        }
        return "a command is missing: run, scenario, report, relay, selftest or serve; see --help"
            .to_owned();
    }
    let text = error.to_string();
    let parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        // A mistyped flag is not meant for the server.
        .filter(|line| !line.starts_with("tip: to pass '"))
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    // A list follows on lines of its own: "were not provided:".
    format!("{}; see --help", parts.join("; ").replace(":; ", ": "))
}

#[cfg(test)]
mod unit {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_usage_error_is_one_line() {
        let error = Cli::try_parse_from(["loadgen", "run", "--rate", "-5"]).expect_err("negative");
        let line = one_line(&error);
        assert!(line.contains("greater than zero") && !line.contains('\n'), "{line}");
        let error = Cli::try_parse_from(["loadgen", "scenario", "run"]).expect_err("no name");
        assert!(!one_line(&error).contains('\n'));
        let error = Cli::try_parse_from(["loadgen", "relay"]).expect_err("no address");
        let line = one_line(&error);
        assert!(line.contains("not provided: --") && !line.contains(":;"), "{line}");
        let error = Cli::try_parse_from(["loadgen", "run", "--duraton", "5s"]).expect_err("typo");
        let line = one_line(&error);
        assert!(line.contains("'--duration'") && !line.contains("as a value"), "{line}");
        let error = Cli::try_parse_from(["loadgen"]).expect_err("no command");
        assert!(one_line(&error).contains("a command is missing: run"));
        let error = Cli::try_parse_from(["loadgen", "scenario"]).expect_err("no command");
        assert!(one_line(&error).contains("list, show or run"), "{error}");
    }
}
