//! The record of a run: `result.json`, schema 1, as Rust types.
//!
//! This is plain data. It computes nothing and formats nothing; `summarise` fills it, `view` reads it.
//! Invariant: what is written reads back equal. Reading is tolerant (a field that is missing takes
//! its empty value, a field that is unknown is skipped), except for the schema number: a file of a
//! newer schema is refused, because guessing at its meaning could turn a verdict round.
//! Read next: `group.rs` for the numbers, `scenario.rs`, `gate.rs` and `plan.rs` for the outcomes.

mod audit;
mod catalog;
mod command_line;
mod gate;
mod group;
mod labels;
mod limit;
mod plan;
mod procedure;
mod scenario;
mod server_view;
mod time;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::text::secret;
use serde::{Deserialize, Serialize};

pub use audit::{Audit, Gaps, Machine, ThreadAudit, Warmup};
pub use catalog::{Catalog, CatalogRun};
pub use command_line::CommandLine;
pub use gate::{Gate, GateMetric, GateVerdict};
pub use group::{
    Arrival, Connections, Counts, Delivery, EndpointConnections, ErrorCount, Group, IntervalCounts,
    KernelTimes, Metrics, Percentile, Pool, Quantiles, Redirects, Role,
};
pub use labels::Labels;
pub use limit::{LimitOutcome, LimitUnit, StatedLimit};
pub use plan::{FleetPlan, KneePlan, KneePoint, Objective, Plan, PoolPlan, PoolTrial, SloPlan};
pub use plan::{SloTrial, Usl};
pub use procedure::{Curve, NamedFigure, Point, Procedure, Table};
pub use scenario::{Arm, Claim, ClaimPart, ClaimVerdict, Scenario};
pub use server_view::{LatencyEvent, ServerView, SlowCommand, TracedRequest};
pub use time::{utc_millis, utc_text};

/// The schema number this version writes, and the highest it reads.
pub const SCHEMA: u32 = 1;

/// The name of the record inside a run's folder.
pub const RECORD_FILE: &str = "result.json";

/// Everything known about one run (or about a scenario, a gate, a plan), without the histograms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunRecord {
    /// Version of this layout; see [`SCHEMA`].
    pub schema: u32,
    /// The program that wrote the record.
    pub tool: Tool,
    /// What the user calls the run; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What the user notes about it; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// The user's tags, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// The command line, word by word, with its passwords masked.
    pub command: CommandLine,
    /// The seed of every random choice of the run.
    pub seed: u64,
    /// Start of the measurement, UTC, as `2026-01-01T00:00:00Z` (see [`utc_text`]).
    pub started_at: String,
    /// Length of the measurement phase in seconds, warm-up and drain not counted.
    pub duration_s: f64,
    /// True if the run was cut short; the numbers then cover the part that was measured.
    pub interrupted: bool,
    /// The machine and its settings.
    pub environment: Environment,
    /// The server under test, as far as it let itself be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server: Option<Server>,
    /// The groups of connections, in the order of the plan. Empty in a folder that only has arms.
    pub groups: Vec<Group>,
    /// What the load generator says about itself and its machine; absent in a folder that only has arms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit: Option<Audit>,
    /// Caveats of the measurement, the most severe first.
    pub caveats: Vec<CaveatRecord>,
    /// Limits that the user stated, and an exceeded default.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<StatedLimit>,
    /// Spans in which no reply arrived although requests were due, in order of time.
    pub stalls: Vec<Stall>,
    /// What the server and the system said beside the replies; set in the folder of an arm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_view: Option<ServerView>,
    /// Set in the folder of an arm that had a procedure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub procedure: Option<Procedure>,
    /// Set in the folder of a scenario.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Scenario>,
    /// Set in the folder of many scenarios.
    #[serde(rename = "catalogue", skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Catalog>,
    /// The runs that it is the sum of, if it was merged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<MergedRun>,
    /// Set in the folder of a gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<Gate>,
    /// Set in the folder of a plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

impl Default for RunRecord {
    fn default() -> Self {
        Self {
            schema: SCHEMA,
            tool: Tool::default(),
            title: String::new(),
            note: String::new(),
            tags: BTreeMap::new(),
            command: CommandLine::default(),
            seed: 0,
            started_at: String::new(),
            duration_s: 0.0,
            interrupted: false,
            environment: Environment::default(),
            server: None,
            groups: Vec::new(),
            audit: None,
            caveats: Vec::new(),
            limits: Vec::new(),
            stalls: Vec::new(),
            server_view: None,
            procedure: None,
            scenario: None,
            catalog: None,
            merged_from: Vec::new(),
            gate: None,
            plan: None,
        }
    }
}

/// The program that made a record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tool {
    /// Name of the program, `loadgen`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The commit it was built from, if known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// A run that is part of a sum.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct MergedRun {
    /// Its folder, as it was named.
    pub dir: String,
    /// Start of its measurement, UTC.
    pub started_at: String,
    /// Length of its measurement in seconds.
    pub duration_s: f64,
    /// The seed of its random choices.
    pub seed: u64,
}

/// The machine a run was made on. What could not be found out stays `None`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// Model name of the CPU.
    pub cpu_model: Option<String>,
    /// Cores that this process may use.
    pub cores: Option<u64>,
    /// Kernel name and release.
    pub kernel: Option<String>,
    /// Frequency governor of the first core.
    pub governor: Option<String>,
    /// Soft limit of open files of the load generator.
    pub nofile: Option<u64>,
    /// `net.core.somaxconn`.
    pub somaxconn: Option<u64>,
    /// The clock in use and its cost or resolution.
    pub clock: Option<String>,
    /// Anything else that is worth keeping, by name.
    #[serde(flatten)]
    pub other: BTreeMap<String, serde_json::Value>,
}

/// The server under test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Server {
    /// `redis`, `valkey`, `ae-server`, ….
    pub name: String,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its process id, if it runs on this machine or told us.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u64>,
    /// Keys in all its databases when the run began, if it said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys: Option<u64>,
    /// Its settings by name; passwords are masked where the record is written.
    #[serde(serialize_with = "masked")]
    pub config: BTreeMap<String, String>,
    /// The error by which it refused CONFIG GET; `config` then has what INFO says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_refusal: Option<String>,
}

/// A server's settings without their passwords.
fn masked<S: serde::Serializer>(
    config: &BTreeMap<String, String>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(config.iter().map(|(name, value)| (name, secret::setting(name, value))))
}

/// A caveat of a measurement, as stored. Built from [`crate::caveat::Caveat`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaveatRecord {
    /// Stable name, e.g. `client-limited`.
    pub id: String,
    /// Whether the numbers may still be used.
    pub severity: Severity,
    /// The figure behind the caveat, in the unit that the text names.
    #[serde(default)]
    pub value: Option<f64>,
    /// The limit it crossed, in the same unit.
    #[serde(default)]
    pub limit: Option<f64>,
    /// What is wrong: one or more sentences, without the last full stop.
    #[serde(default)]
    pub text: String,
    /// What to do about it, in the same form; may be empty.
    #[serde(default)]
    pub remedy: String,
    /// The arm in which it arose, where a record speaks of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arm: Option<String>,
}

impl CaveatRecord {
    /// Text and remedy as sentences.
    #[must_use]
    pub fn message(&self) -> String {
        match self.remedy.as_str() {
            "" => format!("{}.", self.text),
            remedy => format!("{}. {remedy}.", self.text),
        }
    }
}

/// How much a caveat weighs. The order is by gravity: `Invalid` sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The numbers do not describe the server; do not decide on them.
    Invalid,
    /// The numbers hold, with this reservation.
    Warning,
}

/// A span in which no reply arrived on any connection while requests were due.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stall {
    /// Seconds from the start of the measurement.
    pub start_s: f64,
    /// Length in seconds.
    pub duration_s: f64,
    /// Requests that had to wait for its end.
    pub delayed: u64,
    /// The sum of their waiting times, in client-seconds.
    pub lost_client_seconds: f64,
    /// The command that was being executed, if one of ours explains it.
    pub cause: Option<String>,
    /// What supports the cause: a slow-log entry, the offender's own response time, ….
    pub evidence: Vec<String>,
}

impl Stall {
    /// Shorter ones of no known cause are what a machine does all the time: they are kept, and neither counted nor told, in seconds.
    pub const NOTABLE_S: f64 = 0.02;

    /// Whether reports count it: it is long enough, or its cause is known.
    #[must_use]
    pub fn is_notable(&self) -> bool {
        self.cause.is_some() || self.duration_s >= Self::NOTABLE_S
    }
}

/// Why a record could not be read. The text names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file could not be opened or read.
    #[error("{path}: cannot read the record: {source}; give the folder of a run")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is no record.
    #[error("{path}: not a record of a run: {source}; give a folder that loadgen wrote")]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why parsing ended.
        source: serde_json::Error,
    },
    /// The file was written by a later version.
    #[error(
        "{path}: written in schema {found}, this version reads up to {SCHEMA}; use a newer loadgen"
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its schema number.
        found: u64,
    },
    /// The file does not say which schema it follows.
    #[error("{path}: no schema number; this is not a result.json of loadgen")]
    NoSchema {
        /// The file.
        path: PathBuf,
    },
}

impl RunRecord {
    /// Parses the text of a `result.json`; `path` is used in errors only.
    ///
    /// # Errors
    /// Not JSON, not a record, or of a newer schema.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, RecordError> {
        let json = |source| RecordError::Json { path: path.to_owned(), source };
        let value: serde_json::Value = serde_json::from_str(text).map_err(json)?;
        let found = value
            .get("schema")
            .and_then(serde_json::Value::as_u64)
            .ok_or_else(|| RecordError::NoSchema { path: path.to_owned() })?;
        if found > u64::from(SCHEMA) {
            return Err(RecordError::NewerSchema { path: path.to_owned(), found });
        }
        // From the text again, not from the value: the error then carries line and column.
        serde_json::from_str(text).map_err(json)
    }

    /// Reads `result.json` at `path`.
    ///
    /// # Errors
    /// As [`RunRecord::from_json`], and if the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let text = crate::files::read_regular(path)
            .and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other))
            .map_err(|source| RecordError::Io { path: path.to_owned(), source })?;
        Self::from_json(&text, path)
    }

    /// The text of `result.json`: indented, one line feed at the end, same bytes for equal records.
    ///
    /// # Errors
    /// Only if a value of `environment.other` has no JSON form.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// The groups whose requests are the headline: the victims, or all groups but the offenders in
    /// a run that has none.
    #[must_use]
    pub fn headline_groups(&self) -> Vec<&Group> {
        let victims: Vec<_> = self.groups.iter().filter(|g| g.role == Role::Victim).collect();
        if victims.is_empty() {
            return self.groups.iter().filter(|g| g.role != Role::Offender).collect();
        }
        victims
    }

    /// True if some caveat says that the numbers must not be used.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.caveats.iter().any(|c| c.severity == Severity::Invalid)
    }
}
