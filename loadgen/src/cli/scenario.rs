//! `loadgen scenario`: its flags as typed, and the server that they name.

use crate::cli::labels::LabelArgs;
use crate::cli::prometheus::PrometheusArgs;
use crate::cli::stall_explorer::ExploreArgs;
use crate::cli::target::{TlsArgs, parse_url};
use aelab_engine::error::Failure;
use aelab_lab::{Place, ServerKind};
use aelab_scenarios::Scale;
use aelab_units::parse_duration;
use clap::{Args, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

/// `loadgen scenario …`
#[derive(Debug, Subcommand)]
pub enum ScenarioCommand {
    /// List the built-in scenarios.
    List {
        /// Print them as a JSON array, with their questions and claims.
        #[arg(long)]
        json: bool,
    },
    /// Print a scenario with all defaults filled in.
    Show {
        /// Name of a scenario, or a file.
        #[arg(value_name = "NAME|FILE.toml")]
        name: String,
        /// Size: smoke, default or full.
        #[arg(long, default_value = "default", value_parser = parse_scale, value_name = "SCALE")]
        scale: Scale,
    },
    /// Run scenarios and print for each claim whether it is confirmed, refuted or inconclusive.
    Run(Box<ScenarioRunArgs>),
}

/// `loadgen scenario run …`
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own on the command line")]
pub struct ScenarioRunArgs {
    /// Names of scenarios, or files.
    #[arg(required_unless_present = "all", value_name = "NAME|FILE.toml")]
    pub names: Vec<String>,
    /// Run all scenarios, and write one page with all verdicts.
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
    /// With --all: run each scenario twice, on the bundled server and on redis-server (or the program of --server-bin).
    #[arg(long, requires = "all", conflicts_with_all = ["target", "names"])]
    pub both: bool,
    /// Size: smoke (seconds), default (up to about two minutes) or full (the sizes in the articles that the claims come
    /// from).
    #[arg(long, default_value = "default", value_parser = parse_scale, value_name = "SCALE")]
    pub scale: Scale,
    /// Seed of all random choices, instead of the seed in the scenario.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Use a running server: redis://[USER:PASS@]HOST[:PORT][/DB], rediss:// or unix://PATH.
    ///
    /// Data is loaded only if the database is empty. The built-in scenarios do not change the configuration of the server and
    /// do not stop it. For rediss://, use the TLS flags below.
    #[arg(long, value_name = "URL", conflicts_with = "server_bin")]
    pub target: Option<String>,
    /// Start this server program, such as redis-server, for each arm instead of the bundled server.
    ///
    /// An arm is one side of the comparison in a scenario: a server, its data and a load.
    #[arg(long, value_name = "PATH")]
    pub server_bin: Option<PathBuf>,
    /// Folder for the results [default: aelab-runs/NAME-TIME].
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Replace an earlier run in the folder of --out.
    #[arg(long, requires = "out")]
    pub force: bool,
    /// What the user calls it.
    #[command(flatten)]
    pub labels: LabelArgs,
    /// Print the record as JSON, as in result.json, instead of the verdicts; several scenarios print an array of records.
    ///
    /// The folders are then printed on stderr.
    #[arg(long)]
    pub json: bool,
    /// Exit with 1 if a claim is refuted, 3 if one is inconclusive, 4 if a measurement is invalid.
    ///
    /// Without this flag, a verdict does not change the exit code. The exit code is still 4 if a result cannot be used, for
    /// example because the server died.
    #[arg(long)]
    pub strict: bool,
    /// With --target: wait up to this time for a server that is starting, loading its data or busy [default: 0].
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0", hide_default_value = true)]
    pub wait_ready: Duration,
    /// Live counters for Prometheus.
    #[command(flatten)]
    pub prometheus: PrometheusArgs,
    /// How to speak TLS with the target.
    #[command(flatten)]
    pub tls: TlsArgs,
    /// The stall explorer's question.
    #[command(flatten)]
    pub explore: ExploreArgs,
}

impl ScenarioRunArgs {
    /// The server that the scenarios run against.
    ///
    /// # Errors
    /// A URL that cannot be used, TLS flags without a TLS target (exit 2), or an unknown host (exit 6).
    pub fn place(&self) -> Result<Place, Failure> {
        if self.target.is_none() {
            if !self.wait_ready.is_zero() {
                return Err(Failure::usage(
                    "--wait-ready needs a running server (--target URL); servers that are started are waited for anyway",
                ));
            }
            self.tls.none("name the server that speaks it: --target rediss://HOST:PORT")?;
        }
        Ok(match (&self.target, &self.server_bin) {
            (Some(url), _) => Place::Running(parse_url(url, &self.tls)?),
            (None, Some(path)) => Place::Fresh(ServerKind::Binary(path.clone())),
            (None, None) => Place::Fresh(ServerKind::Bundled),
        })
    }
}

fn parse_scale(text: &str) -> Result<Scale, String> {
    Scale::ALL
        .into_iter()
        .find(|scale| scale.name() == text)
        .ok_or_else(|| "use smoke, default or full".to_owned())
}
