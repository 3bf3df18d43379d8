//! The stall explorer's question as a scenario: one arm per size of what a command goes through.
//!
//! Builds a scenario file as a user would write it, and reads it: so it obeys every rule of files.
//! The answer, from what the arms measured, is a straight line: [`crate::fit`]. Pure.

use crate::error::{ScenarioError, unknown};
use crate::model::{CollectionKind, Scale, Scenario};
use aelab_units::{Rate, format_duration};
use std::fmt::Write as _;
use std::time::Duration;

/// What a user wants to know about a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Exploration {
    /// The command, as typed.
    pub offender: String,
    /// What grows.
    pub growing: Growing,
    /// Its sizes; at least two that differ, for a line.
    pub sizes: Vec<u64>,
    /// How often the command is sent.
    pub every: Duration,
    /// What the others send.
    pub victim: String,
    /// Their connections.
    pub connections: u32,
    /// Their requests per second.
    pub rate: Rate,
    /// How much time may be spent on it.
    pub scale: Scale,
}

/// What a command goes through.
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
/// Commands that go through all keys.
const WHOLE_DATABASE: [&str; 2] = ["KEYS", "SCAN"];
/// Commands that say how many keys follow: the place of that number among their words.
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
/// What placeholders begin with: a key that is chosen anew each time is no collection that grows.
const PLACEHOLDERS: [&str; 8] =
    ["__key__", "__data__", "__rand_int__", "{key", "{rand", "{tag", "{same", "{stamp"];
/// String keys that victims read beside a collection.
const VICTIM_KEYS: u64 = 1000;
/// Times that the command runs at each size.
const RUNS: u32 = 5;
/// Shortest measurement: half a second of requests tells nothing about one in a hundred.
const MEASURE_MIN: Duration = Duration::from_secs(3);
/// At `smoke` the command is sent at least this often, whatever was asked: how long it takes does not depend on that …
const SMOKE_EVERY: Duration = Duration::from_millis(500);
/// … and so many times: enough to see whether everything works.
const SMOKE_RUNS: u32 = 3;

impl Growing {
    /// What the command with these words goes through, by its name; `kind` says it where the name does not.
    ///
    /// # Errors
    /// The name is not known and no kind was given, or the key is missing.
    pub fn of(words: &[&str], kind: Option<CollectionKind>) -> Result<Self, String> {
        let Some(name) = words.first().map(|name| name.to_ascii_uppercase()) else {
            return Err("it has no command; write one out, such as `SMEMBERS big`".to_owned());
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
                "{what}; or say what it goes through with --data list, set, hash or zset"
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
            format!("`{command}` names no key; write it out, such as `{name} big`")
        })?;
        if let Some(placeholder) = PLACEHOLDERS.iter().find(|begin| key.contains(**begin)) {
            return Err(format!("`{placeholder}` is another key each time; write one key out"));
        }
        Ok(Self::Collection { kind, name: (*key).to_owned() })
    }
}

impl Exploration {
    /// The arm of a size.
    #[must_use]
    pub fn arm(size: u64) -> String {
        format!("size-{size}")
    }

    /// How often the command is sent while measuring.
    #[must_use]
    pub fn period(&self) -> Duration {
        match self.scale {
            Scale::Smoke => self.every.min(SMOKE_EVERY),
            Scale::Default | Scale::Full => self.every,
        }
    }

    /// How long is measured at each size.
    fn measure(&self) -> Duration {
        match self.scale {
            Scale::Smoke => self.period() * SMOKE_RUNS,
            Scale::Default | Scale::Full => (self.every * RUNS).max(MEASURE_MIN),
        }
    }

    /// The scenario that answers it.
    ///
    /// # Errors
    /// A text of it cannot be used; the place is one of the file that was built.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        Scenario::parse("stall", "stall", &self.text(), self.scale)
    }

    fn text(&self) -> String {
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let time = |duration| quoted(&format_duration(duration));
        let question = format!("What does {} do to everyone else, by size?", self.offender);
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
            match &self.growing {
                Growing::Keys => {
                    let _ = writeln!(out, "data.keys = {size}");
                }
                Growing::Collection { kind, name } => {
                    let _ = writeln!(out, "data.keys = {VICTIM_KEYS}");
                    if self.offender.to_ascii_uppercase().starts_with("SORT") {
                        // SORT wants numbers.
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
            sizes: vec![1000, 10_000],
            every: Duration::from_secs(5),
            victim: "GET __key__".to_owned(),
            connections: 50,
            rate: Rate::per_second(2000.0).expect("a rate"),
            scale: Scale::Default,
        }
    }

    #[test]
    fn smoke_takes_seconds_however_rarely_the_command_comes() {
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
    fn what_grows_is_told_from_the_command() {
        let of = |command| Growing::of(&words(command), None);
        assert_eq!(of("keys *"), Ok(Growing::Keys));
        assert!(matches!(
            of("HGETALL h"),
            Ok(Growing::Collection { kind: CollectionKind::Hash, .. })
        ));
        assert!(of("SMEMBRS s").expect_err("slip").contains("did you mean `SMEMBERS`"));
        assert!(of("LRANGE").expect_err("no key").contains("names no key"));
        let key = |command| match Growing::of(&words(command), Some(CollectionKind::List)) {
            Ok(Growing::Collection { name, .. }) => name,
            other => format!("{other:?}"),
        };
        assert_eq!(key("FCALL f 1 big"), "big");
        assert_eq!(key("EVAL script 1 big more"), "big");
        assert_eq!(key("MYLIST.SUM big"), "big");
        assert!(key("EVAL script 0").contains("names no key"));
        assert!(key("").contains("it has no command"));
        assert!(of("SMEMBERS {key uniform 10}").expect_err("no key").contains("`{key`"));
    }
}
