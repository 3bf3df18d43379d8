//! `loadgen scenario run stall …`: the stall explorer's flags, and the question they come to.
//!
//! Invariant: without the name `stall` none of these flags is taken, and with it there is an offender.

use aelab_engine::error::Failure;
use aelab_engine::workload::words::split_words;
pub use aelab_lab::scenario::stall_explorer::Question;
use aelab_scenarios::Scale;
use aelab_scenarios::explore::{Data, Exploration, Growing};
use aelab_scenarios::model::CollectionKind;
use aelab_units::{Rate, parse_count, parse_duration, parse_rate};
use clap::Args;
use std::time::Duration;

/// The name that asks for the explorer in place of a scenario.
pub const NAME: &str = "stall";

/// The explorer's flags, as typed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Stall explorer (scenario run stall)")]
pub struct ExploreArgs {
    /// Command to examine, such as "SMEMBERS bigset"; its key is loaded with each size in turn.
    #[arg(long, value_name = "COMMAND")]
    pub offender: Option<String>,
    /// Interval between two executions of the --offender command [default: 1s].
    ///
    /// The measurement at each size takes five intervals, and at least 3 s. The total time is printed before the first
    /// measurement.
    ///
    /// With --scale smoke, the interval in the measurement is at most 500ms. The result is still computed for TIME.
    #[arg(long, value_name = "TIME", requires = "offender", value_parser = parse_duration)]
    pub every: Option<Duration>,
    /// Sizes of the key to measure, in elements, such as 10k,100k [default: 10k,30k,100k,300k; with --scale smoke
    /// 10k,100k].
    ///
    /// For commands on the whole database, such as KEYS, they are numbers of keys.
    #[arg(long, value_name = "LIST", requires = "offender", value_delimiter = ',', value_parser = parse_count)]
    pub sizes: Vec<u64>,
    /// Measure the key, or for KEYS the database, that the running server of --target has already, at its size.
    ///
    /// Nothing is written, and commands that write are refused.
    #[arg(long, requires_all = ["offender", "target"], conflicts_with = "sizes")]
    pub existing_data: bool,
    /// Type of the key: list, set, hash or zset; only needed if aelab cannot derive it from the name of the command.
    #[arg(long, value_name = "TYPE", requires = "offender", value_parser = parse_kind)]
    pub data: Option<CollectionKind>,
    /// Command that the other clients send [default: GET __key__; with --existing-data PING].
    #[arg(long, value_name = "COMMAND", requires = "offender")]
    pub victim: Option<String>,
    /// Requests per second of the other clients [default: 2000].
    #[arg(long, value_name = "RATE", requires = "offender", value_parser = parse_rate)]
    pub victim_rate: Option<Rate>,
    /// Number of connections of the other clients [default: 50].
    #[arg(long, value_name = "N", requires = "offender")]
    pub victim_connections: Option<u32>,
    /// Limit for the p99 response time of the other clients [default: 2ms].
    #[arg(long, value_name = "TIME", requires = "offender", value_parser = parse_duration)]
    pub p99: Option<Duration>,
}

/// What the command goes through; its words are read as they are sent.
fn growing(offender: &str, kind: Option<CollectionKind>) -> Result<Growing, Failure> {
    let named = |why: String| Failure::usage(format!("--offender: {why}"));
    let words = split_words(offender).map_err(named)?;
    let words: Vec<_> = words.iter().map(|word| String::from_utf8_lossy(word)).collect();
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    Growing::of(&words, kind).map_err(named)
}

fn parse_kind(text: &str) -> Result<CollectionKind, String> {
    CollectionKind::ALL
        .into_iter()
        .find(|kind| kind.name() == text)
        .ok_or_else(|| "use list, set, hash or zset".to_owned())
}

impl ExploreArgs {
    /// The question, if the names ask for the explorer.
    ///
    /// # Errors
    /// Names and flags that do not go together, or a command that cannot be explored (exit 2).
    pub fn resolve(&self, names: &[String], scale: Scale) -> Result<Option<Question>, Failure> {
        let asked = names.iter().any(|name| name == NAME);
        let Some(offender) = &self.offender else {
            return match asked {
                true => {
                    Err(Failure::usage("stall needs a command: --offender \"SMEMBERS bigset\""))
                }
                false => Ok(None),
            };
        };
        if !asked || names.len() > 1 {
            return Err(Failure::usage(
                "--offender needs the stall explorer: scenario run stall --offender …",
            ));
        }
        let data = if self.existing_data { Data::Existing } else { Data::Loaded };
        let mut sizes = match (self.sizes.is_empty(), scale) {
            // The server knows.
            _ if self.existing_data => Vec::new(),
            (true, Scale::Smoke) => vec![10_000, 100_000],
            (true, Scale::Default | Scale::Full) => vec![10_000, 30_000, 100_000, 300_000],
            (false, _) => self.sizes.clone(),
        };
        sizes.sort_unstable();
        sizes.dedup();
        if data == Data::Loaded && (sizes.len() < 2 || sizes[0] == 0) {
            return Err(Failure::usage(
                "--sizes needs at least two sizes above zero, such as 10k,100k",
            ));
        }
        let every = self.every.unwrap_or(Duration::from_secs(1));
        if every.is_zero() {
            return Err(Failure::usage("--every must be longer than zero"));
        }
        let exploration = Exploration {
            offender: offender.clone(),
            growing: growing(offender, self.data)?,
            data,
            sizes,
            every,
            victim: self.victim.clone().unwrap_or_else(|| match data {
                Data::Loaded => "GET __key__".to_owned(),
                Data::Existing => "PING".to_owned(),
            }),
            connections: self.victim_connections.unwrap_or(50),
            rate: match self.victim_rate.or_else(|| Rate::per_second(2000.0)) {
                Some(rate) => rate,
                None => return Err(Failure::usage("--victim-rate must be greater than zero")),
            },
            scale,
        };
        Ok(Some(Question { exploration, p99: self.p99.unwrap_or(Duration::from_millis(2)) }))
    }
}
