//! The command line as it was typed. What it means is resolved in `cli::target` and `cli::resolve`.
//!
//! Invariant: parsing looks at nothing but the words themselves (no server, no file), so `--help` and errors always work.
//! `-h` is the host, as in redis-cli; help is `--help` only.

pub mod explore;
pub mod front;
pub mod load;
mod mix;
pub mod output;
pub mod pool;
mod receivers;
pub mod relay;
pub mod replay;
pub mod resolve;
pub mod run;
pub mod target;
pub mod tests;
mod typed;
mod values;
pub mod ycsb;

use aelab_scenarios::Scale;
use clap::{Args, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Load generation and latency analysis for Redis-protocol servers.
#[derive(Debug, Parser)]
#[command(
    name = "loadgen",
    version,
    disable_help_flag = true,
    subcommand_required = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 success; 1 a claim was refuted (scenario run --strict); 2 bad input; 3 inconclusive; \
                  4 measurement invalid; 6 the target could not be reached or refused us. 1 for regressions and 5 for \
                  exceeded limits are kept for commands that are not there yet."
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print help.
    #[arg(long, global = true, action = clap::ArgAction::Help, help_heading = "Help")]
    help: Option<bool>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load a server and measure it.
    Run(Box<run::RunArgs>),
    /// Replay an experiment and judge the claims behind it.
    #[command(subcommand)]
    Scenario(ScenarioCommand),
    /// Work on the folders that runs leave behind.
    #[command(subcommand)]
    Report(ReportCommand),
    /// Stand between clients and a server and add a round-trip time, or share connections.
    Relay(relay::RelayArgs),
    /// Prove the engine against theory, on this machine: known service times and scripted stalls, one row per promise.
    Selftest(crate::commands::selftest::SelftestArgs),
    /// Start the bundled server (same flags as ae-server, which takes redis-server's).
    Serve {
        /// redis.conf and --directive value …
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "ARGS")]
        args: Vec<OsString>,
    },
}

/// `loadgen scenario …`
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// List the scenarios that come with the program.
    List,
    /// Print a scenario with everything filled in.
    Show {
        /// A name of the list, or a file.
        #[arg(value_name = "NAME|FILE.toml")]
        name: String,
        /// How large.
        #[arg(long, default_value = "default", value_parser = parse_scale, value_name = "SCALE")]
        scale: Scale,
    },
    /// Play scenarios and print a verdict per claim.
    Run(Box<ScenarioRunArgs>),
}

/// `loadgen scenario run …`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct ScenarioRunArgs {
    /// Names of the list, or files.
    #[arg(required_unless_present = "all", value_name = "NAME|FILE.toml")]
    pub names: Vec<String>,
    /// Play all of the list, and write a page that puts all verdicts together.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// With --all: play each on the bundled server and on another, redis-server or --server-bin.
    #[arg(long, requires = "all", conflicts_with_all = ["target", "names"])]
    pub both: bool,
    /// How large: smoke (seconds), default (at most about two minutes) or full (the articles' own sizes).
    #[arg(long, default_value = "default", value_parser = parse_scale, value_name = "SCALE")]
    pub scale: Scale,
    /// Seed of all random choices, in place of the scenario's.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Play against a running server; it is filled if it is empty, and never configured or stopped:
    /// redis://[USER:PASS@]HOST[:PORT][/DB], rediss:// for TLS (with the flags under TLS), or unix://PATH.
    #[arg(long, value_name = "URL", conflicts_with = "server_bin")]
    pub target: Option<String>,
    /// Start this server for every arm instead of the bundled one; redis-server works.
    #[arg(long, value_name = "PATH")]
    pub server_bin: Option<PathBuf>,
    /// Folder for the results [default: aelab-runs/NAME-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in that folder.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// End with 1 if a claim is refuted, 3 if one is inconclusive, 4 if a measurement is invalid; without it all of these
    /// end with 0, as the experiment was made.
    #[arg(long)]
    pub strict: bool,
    /// How to speak TLS with the target.
    #[command(flatten)]
    pub tls: target::TlsArgs,
    /// The stall explorer's question.
    #[command(flatten)]
    pub explore: explore::ExploreArgs,
}

/// `loadgen report …`
#[derive(Debug, Subcommand)]
pub enum ReportCommand {
    /// Make report.html, summary.md and the charts of a folder anew.
    Render {
        /// The folder of a run.
        dir: PathBuf,
    },
}

fn parse_scale(text: &str) -> Result<Scale, String> {
    Scale::ALL
        .into_iter()
        .find(|scale| scale.name() == text)
        .ok_or_else(|| "use smoke, default or full".to_owned())
}

/// A usage error of the parser on one line, without the usage block.
#[must_use]
pub fn one_line(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        if let Some(of) = ["scenario", "report"]
            .iter()
            .find(|of| error.to_string().contains(&format!("loadgen {of}")))
        {
            let commands = if *of == "report" { "render" } else { "list, show or run" };
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
        // Whoever mistypes a flag, or gives it a wrong value, does not mean to send it to the server.
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
