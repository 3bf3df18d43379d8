//! A resolved scenario: every default filled in, ready to run.
//!
//! Not the typed file (that is [`crate::raw`], private), and not how the lab runs it: no socket, no
//! clock, no process here. Invariant: the lab can run a value of these types as it is.
//! Read next: [`crate::arm`] and [`crate::group`] for the parts, [`crate::criterion`] for claims,
//! [`crate::resolve`] for how a file becomes a scenario.

use crate::criterion::Claim;
use std::fmt;
use std::time::Duration;

pub use crate::arm::{
    Arm, Collection, CollectionKind, DataSet, Engine, Link, Need, Pacing, Phases,
};
pub use crate::group::{
    Arrival, Command, ConnectSchedule, Group, Pool, PoolOrder, Role, Socket, Via,
};

/// An experiment at one scale: a question, the claims to judge, and the arms to compare.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// The name: the file name without `.toml`.
    pub name: String,
    /// The question in words.
    pub question: String,
    /// A longer description, for `scenario show`; may be empty.
    pub about: String,
    /// The scale this was resolved for.
    pub scale: Scale,
    /// Seed of all random choices.
    pub seed: u64,
    /// Repetitions of each arm. With more than one, the arms alternate (A B, B A, A B …).
    pub repeat: u32,
    /// The longest pauses by other programs that the claims tolerate; `None`: not looked for.
    pub pause_max: Option<Duration>,
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

/// The size of an experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// A few seconds: checks that everything works.
    Smoke,
    /// About two minutes at most.
    #[default]
    Default,
    /// The sizes that the articles give.
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
