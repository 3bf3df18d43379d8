//! A scenario as the lab plays it: everything resolved, every default filled in.
//!
//! Not what the user typed (that is [`crate::raw`], private) and not how it is played: no socket,
//! no clock, no process here. Invariant: a value of these types can be played as it stands.
//! Read next: [`crate::criterion`] for claims, [`crate::resolve`] for the way here.

use crate::criterion::Claim;
use crate::units::Rate;
use std::fmt;
use std::time::Duration;

/// An experiment at one scale: a question, the claims it judges, and the arms it compares.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name: the file's, without `.toml`.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// More about it, for `scenario show`; may be empty.
    pub about: String,
    /// The scale this was resolved for.
    pub scale: Scale,
    /// Seed of every random choice.
    pub seed: u64,
    /// The claims, in the order of the file.
    pub claims: Vec<Claim>,
    /// The arms, in the order of the file; never empty.
    pub arms: Vec<Arm>,
}

impl Scenario {
    /// The arm of that name.
    #[must_use]
    pub fn arm(&self, name: &str) -> Option<&Arm> {
        self.arms.iter().find(|arm| arm.name == name)
    }
}

/// How large an experiment is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// A few seconds: does it work?
    Smoke,
    /// At most about two minutes.
    #[default]
    Default,
    /// The articles' own sizes.
    Full,
}

impl Scale {
    /// All scales, smallest first.
    pub const ALL: [Self; 3] = [Self::Smoke, Self::Default, Self::Full];

    /// The name used in files and on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Default => "default",
            Self::Full => "full",
        }
    }
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One of the things compared: a server, its data, and the load on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Arm {
    /// Its name in the file; also the name of its folder.
    pub name: String,
    /// What reports call it.
    pub label: String,
    /// Server directives (`--name value`) that this arm needs, in order of name.
    pub server: Vec<(String, String)>,
    /// What is in the server before the load starts.
    pub data: DataSet,
    /// The groups of connections, in the order of the file; never empty.
    pub groups: Vec<Group>,
    /// Warm-up, measurement, drain.
    pub phases: Phases,
}

impl Arm {
    /// The group of that name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.groups.iter().find(|group| group.name == name)
    }
}

/// What the server holds before the load starts: string keys `PREFIX` + twelve digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// Number of string keys; zero leaves the server empty.
    pub keys: u64,
    /// Size of each value.
    pub value_bytes: u64,
    /// What every key starts with.
    pub key_prefix: String,
}

/// The parts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phases {
    /// Load without recording.
    pub warmup: Duration,
    /// Load with recording.
    pub measure: Duration,
    /// The longest wait for what is still unanswered afterwards.
    pub drain: Duration,
    /// A span without any reply while requests wait counts as a stall from this length on.
    pub stall_threshold: Duration,
}

/// What a group is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Only suffers stalls; its response time is the headline.
    Victim,
    /// Its commands cause stalls.
    Offender,
    /// Load that is there but not judged.
    Background,
    /// A light, steady load that only observes.
    Probe,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Victim, Self::Offender, Self::Background, Self::Probe];

    /// The name used in files and records.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Victim => "victim",
            Self::Offender => "offender",
            Self::Background => "background",
            Self::Probe => "probe",
        }
    }
}

/// Connections that send the same kind of load.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name in the file.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// How many connections; at least one.
    pub connections: u32,
    /// Requests that one connection may have unanswered; at least one.
    pub pipeline: u32,
    /// When requests are due.
    pub arrival: Arrival,
    /// What is sent, with weights; never empty.
    pub commands: Vec<Command>,
    /// How `__key__` is chosen from the data set.
    pub keys: KeyChoice,
    /// A request unanswered for this long counts as timed out; zero waits for ever.
    pub timeout: Duration,
}

/// When requests are due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrival {
    /// Each connection sends again when it has its reply.
    Closed,
    /// Equal gaps, at this total rate of the group.
    Constant(Rate),
    /// Exponential gaps, at this total rate of the group.
    Poisson(Rate),
    /// One request (or one whole iteration) each period.
    Every(Duration),
}

/// A command template and how often it is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The words as one types them, with placeholders (`GET __key__`). `{cursor}` makes it an
    /// iteration that is followed until the server says it is complete.
    pub template: String,
    /// Its share among the group's commands.
    pub weight: u32,
}

/// How keys are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyChoice {
    /// Each key equally likely.
    Uniform,
    /// One after the other.
    Sequential,
}

impl KeyChoice {
    /// The name used in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Sequential => "sequential",
        }
    }
}
