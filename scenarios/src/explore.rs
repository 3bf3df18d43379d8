//! The stall explorer: a scenario with one arm per size of the data that a command reads.
//!
//! It writes a scenario file and parses it, so the rules of files apply. The answer is a straight line
//! through the measured stalls ([`aelab_results::stats`]). Pure.

use crate::error::{ScenarioError, unknown};
use crate::model::{CollectionKind, Scale, Scenario};
use aelab_units::{Rate, format_duration};
use std::fmt::Write as _;
use std::time::Duration;

/// The question of a user about one command.
#[derive(Debug, Clone, PartialEq)]
pub struct Exploration {
    /// The command, as typed.
    pub offender: String,
    /// The data whose size varies.
    pub growing: Growing,
    /// Where the data comes from.
    pub data: Data,
    /// The sizes; a line needs at least two different ones.
    pub sizes: Vec<u64>,
    /// The period between two commands.
    pub every: Duration,
    /// The command of the other clients.
    pub victim: String,
    /// Connections of the other clients.
    pub connections: u32,
    /// Requests per second of the other clients.
    pub rate: Rate,
    /// The size of the experiment.
    pub scale: Scale,
}

/// Where the data of an exploration comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data {
    /// The lab loads each size in turn.
    Loaded,
    /// It is in the server already, with one size; nothing is written.
    Existing,
}

/// The data that a command reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Growing {
    /// All keys of the database.
    Keys,
    /// One key.
    Collection {
        /// Its type.
        kind: CollectionKind,
        /// Its name.
        name: String,
    },
}

/// Commands whose first argument is a key of this type.
const COMMANDS: [(CollectionKind, &[&str]); 4] = [
    (CollectionKind::List, &["LRANGE", "SORT", "SORT_RO", "LINDEX", "LPOS", "LLEN"]),
    (
        CollectionKind::Set,
        &["SMEMBERS", "SSCAN", "SINTER", "SUNION", "SDIFF", "SRANDMEMBER", "SCARD"],
    ),
    (CollectionKind::Hash, &["HGETALL", "HKEYS", "HVALS", "HSCAN", "HRANDFIELD", "HLEN"]),
    (
        CollectionKind::Zset,
        &[
            "ZRANGE",
            "ZREVRANGE",
            "ZRANGEBYSCORE",
            "ZREVRANGEBYSCORE",
            "ZRANGEBYLEX",
            "ZSCAN",
            "ZCOUNT",
        ],
    ),
];
/// Commands that read all keys.
const WHOLE_DATABASE: [&str; 2] = ["KEYS", "SCAN"];
/// Commands with a number of keys: the position of that number among their words.
const COUNTED: [(&str, usize); 12] = [
    ("EVAL", 2),
    ("EVAL_RO", 2),
    ("EVALSHA", 2),
    ("EVALSHA_RO", 2),
    ("FCALL", 2),
    ("FCALL_RO", 2),
    ("ZUNION", 1),
    ("ZINTER", 1),
    ("ZDIFF", 1),
    ("ZINTERCARD", 1),
    ("SINTERCARD", 1),
    ("LMPOP", 1),
];
/// Prefixes of placeholders: a key that changes with each request is not one growing collection.
const PLACEHOLDERS: [&str; 8] =
    ["__key__", "__data__", "__rand_int__", "{key", "{rand", "{tag", "{same", "{stamp"];
/// String keys for the victims, beside a collection.
const VICTIM_KEYS: u64 = 1000;
/// Executions of the command at each size.
const RUNS: u32 = 5;
/// Shortest measurement: half a second has too few requests for a p99.
const MEASURE_MIN: Duration = Duration::from_secs(3);
/// Longest period of the command at `smoke`; its execution time does not depend on the period.
const SMOKE_EVERY: Duration = Duration::from_millis(500);
/// Executions of the command at `smoke`: enough to check that everything works.
const SMOKE_RUNS: u32 = 3;

impl Growing {
    /// The data that a command reads, from its name; `kind` sets the type of commands with other names.
    ///
    /// # Errors
    /// The name is unknown and `kind` is not set, or the key is missing.
    pub fn of(words: &[&str], kind: Option<CollectionKind>) -> Result<Self, String> {
        let Some(name) = words.first().map(|name| name.to_ascii_uppercase()) else {
            return Err("the command is empty; write one such as `SMEMBERS big`".to_owned());
        };
        if kind.is_none() && WHOLE_DATABASE.contains(&name.as_str()) {
            return Ok(Self::Keys);
        }
        let by_name = COMMANDS.iter().find(|(_, names)| names.contains(&name.as_str()));
        let Some(kind) = kind.or_else(|| by_name.map(|(kind, _)| *kind)) else {
            let known: Vec<&str> = COMMANDS
                .iter()
                .flat_map(|(_, names)| *names)
                .chain(&WHOLE_DATABASE)
                .copied()
                .collect();
            let what = unknown("command", &name, &known);
            return Err(format!(
                "{what}; for another command, set the type of its key with --data list, set, hash or zset"
            ));
        };
        let counted = COUNTED.iter().find(|(known, _)| *known == name);
        let place = match counted.map(|(_, at)| (at, words.get(*at))) {
            Some((_, Some(&"0"))) => None,
            Some((at, _)) => Some(at + 1),
            None => Some(1),
        };
        let key = place.and_then(|place| words.get(place));
        let key = key.filter(|key| !key.is_empty()).ok_or_else(|| {
            let command = words.join(" ");
            format!("`{command}` has no key; add one, such as `{name} big`")
        })?;
        if let Some(placeholder) = PLACEHOLDERS.iter().find(|begin| key.contains(**begin)) {
            return Err(format!("`{placeholder}` is a different key each time; write one key"));
        }
        Ok(Self::Collection { kind, name: (*key).to_owned() })
    }
}

impl Exploration {
    /// The name of the arm for a size.
    #[must_use]
    pub fn arm(size: u64) -> String {
        format!("size-{size}")
    }

    /// The period of the command during the measurement.
    #[must_use]
    pub fn period(&self) -> Duration {
        match self.scale {
            Scale::Smoke => self.every.min(SMOKE_EVERY),
            Scale::Default | Scale::Full => self.every,
        }
    }

    /// The length of the measurement at each size.
    fn measure(&self) -> Duration {
        match self.scale {
            Scale::Smoke => self.period() * SMOKE_RUNS,
            Scale::Default | Scale::Full => (self.every * RUNS).max(MEASURE_MIN),
        }
    }

    /// The scenario that answers the question.
    ///
    /// # Errors
    /// A text of the question is invalid; the place is in the generated file.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::parse("stall", "stall", &self.text(), self.scale)
    }

    fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let time = |duration| quoted(&format_duration(duration));
        let question = format!("How long does {} delay all other clients, by size?", self.offender);
        let mut out = format!(
            "question = {}\n[phases]\nwarmup = {}\nmeasure = {}\ndrain = \"30s\"\nstall_threshold = \"1ms\"\n",
            quoted(&question),
            time(self.period().min(Duration::from_secs(1))),
            time(self.measure()),
        );
        let _ = write!(
            out,
            "[groups.victims]\nrole = \"victim\"\nconnections = {}\nrate = {}\ncommands = [{}]\n",
            self.connections,
            quoted(&self.rate.to_string()),
            quoted(&self.victim)
        );
        let _ = write!(
            out,
            "[groups.offender]\nrole = \"offender\"\nevery = {}\ncommands = [{}]\n",
            time(self.period()),
            quoted(&self.offender)
        );
        for size in &self.sizes {
            let _ = writeln!(out, "[arms.{}]\nlabel = \"{size} elements\"", Self::arm(*size));
            if self.data == Data::Existing {
                continue;
            }
            match &self.growing {
                Growing::Keys => {
                    let _ = writeln!(out, "data.keys = {size}");
                }
                Growing::Collection { kind, name } => {
                    let _ = writeln!(out, "data.keys = {VICTIM_KEYS}");
                    if self.offender.to_ascii_uppercase().starts_with("SORT") {
                        // SORT needs numeric elements.
                        let _ = writeln!(out, "data.element_prefix = \"\"");
                    }
                    let _ = writeln!(out, "data.{}.{} = {size}", kind.name(), quoted(name));
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &str) -> Vec<&str> {
        command.split_whitespace().collect()
    }

    fn exploration(offender: &str) -> Exploration {
        Exploration {
            offender: offender.to_owned(),
            growing: Growing::of(&words(offender), None).expect("known"),
            data: Data::Loaded,
            sizes: vec![1000, 10_000],
            every: Duration::from_secs(5),
            victim: "GET __key__".to_owned(),
            connections: 50,
            rate: Rate::per_second(2000.0).expect("a rate"),
            scale: Scale::Default,
        }
    }

    #[test]
    fn smoke_takes_seconds_even_if_the_command_is_rare() {
        let smoke = Exploration { scale: Scale::Smoke, ..exploration("KEYS *") };
        let scenario = smoke.scenario().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(scenario.scale, Scale::Smoke);
        let phases = &scenario.arms[0].phases;
        assert!(phases.warmup + phases.measure <= Duration::from_secs(2), "{phases:?}");
        assert_eq!(smoke.period(), Duration::from_millis(500));
    }

    #[test]
    fn each_size_is_an_arm() {
        let scenario =
            exploration("SMEMBERS big\\set").scenario().unwrap_or_else(|e| panic!("{e}"));
        let sizes: Vec<u64> =
            scenario.arms.iter().map(|arm| arm.data.collections[0].elements).collect();
        assert_eq!(sizes, [1000, 10_000]);
        assert_eq!(scenario.arms[0].data.collections[0].name, "big\\set");
        assert_eq!(scenario.arms[0].phases.measure, Duration::from_secs(25));
        let keys = exploration("KEYS *").scenario().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(keys.arms[1].data.keys, 10_000);
    }

    #[test]
    fn data_that_is_there_is_not_loaded() {
        let there = Exploration { data: Data::Existing, sizes: vec![7], ..exploration("KEYS *") };
        let scenario = there.scenario().unwrap_or_else(|e| panic!("{e}"));
        assert!(scenario.arms.len() == 1 && scenario.arms[0].data.is_empty());
    }

    #[test]
    fn the_data_follows_from_the_command() {
        let of = |command| Growing::of(&words(command), None);
        assert_eq!(of("keys *"), Ok(Growing::Keys));
        assert!(matches!(
            of("HGETALL h"),
            Ok(Growing::Collection { kind: CollectionKind::Hash, .. })
        ));
        assert!(of("SMEMBRS s").expect_err("misspelt").contains("did you mean `SMEMBERS`"));
        assert!(of("LRANGE").expect_err("no key").contains("has no key"));
        let key = |command| match Growing::of(&words(command), Some(CollectionKind::List)) {
            Ok(Growing::Collection { name, .. }) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(key("FCALL f 1 big"), "big");
        assert_eq!(key("EVAL script 1 big more"), "big");
        assert_eq!(key("MYLIST.SUM big"), "big");
        assert!(key("EVAL script 0").contains("has no key"));
        assert!(key("").contains("the command is empty"));
        assert!(of("SMEMBERS {key uniform 10}").expect_err("no key").contains("`{key`"));
    }
}
