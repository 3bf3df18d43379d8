//! The flags of another tool as a table, and its command line taken apart by it.
//!
//! Not the meaning of the flags together (see `memtier`, `redis_benchmark`, `valkey_benchmark`). Invariant: a flag is translated,
//! refused with an alternative, or named in a note.

use crate::compat::tool::Tool;
use aelab_units::nearest;

/// A command line in loadgen's words.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Translation {
    /// The arguments of `loadgen run`.
    pub words: Vec<String>,
    /// What is different from the other tool, for stderr.
    pub notes: Vec<String>,
}

impl Translation {
    pub(super) fn say(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }
}

/// A flag of another tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flag {
    /// Its spellings.
    pub(super) names: &'static [&'static str],
    /// Whether a value follows.
    pub(super) value: Value,
    pub(super) does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value {
    None,
    Follows,
}

/// What becomes of a flag.
#[derive(Debug, Clone, Copy)]
pub(super) enum Does {
    /// The same under this name.
    Same(&'static str),
    /// Kept for the translation of the whole; its meaning, for the help.
    Keep(&'static str),
    /// Happens here anyway; how, for a note.
    Anyway(&'static str),
    /// There is none; what to do instead.
    Refuse(&'static str),
}

pub(super) const fn flag(names: &'static [&'static str], value: Value, does: Does) -> Flag {
    Flag { names, value, does }
}

/// A command line taken apart: flags with their values, and what follows them.
#[derive(Debug, Default)]
pub(super) struct Taken {
    /// By the flag's first name, in the order given.
    pub(super) kept: Vec<(&'static str, String)>,
    pub(super) same: Vec<String>,
    pub(super) command: Vec<String>,
    /// What became of flags of which no word is left.
    pub(super) notes: Vec<String>,
}

impl Taken {
    /// The command in our words. `{tag}` is a hash tag in these tools' cluster mode alone; other braces, and `;`, are text to
    /// redis-benchmark.
    pub(super) fn command(&self, tool: Tool) -> Vec<String> {
        let is_cluster = self.same.iter().any(|word| word == "--cluster");
        let is_text = |rest: &str| match rest.starts_with("{tag}") {
            true => !is_cluster,
            false => {
                tool == Tool::RedisBenchmark
                    && rest[1..].starts_with(|c: char| c.is_ascii_lowercase())
            }
        };
        let one = |word: &String| {
            if word == ";" && tool == Tool::RedisBenchmark {
                return "\\;".to_owned();
            }
            let mut out = String::with_capacity(word.len());
            for (at, c) in word.char_indices() {
                if c == '{' && is_text(&word[at..]) {
                    out.push('\\');
                }
                out.push(c);
            }
            out
        };
        self.command.iter().map(one).collect()
    }

    /// The last value of a kept flag.
    pub(super) fn last(&self, name: &str) -> Option<&str> {
        self.kept.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.kept.iter().filter(move |(known, _)| *known == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn number(&self, name: &str, default: u64) -> Result<u64, String> {
        let Some(text) = self.last(name) else { return Ok(default) };
        text.parse().map_err(|_| format!("{name} {text} is not a whole number"))
    }
}

/// Takes words apart as getopt does: `--name value`, `--name=value`, `-n value`, `-nvalue`; the first word that is no flag
/// begins the command.
pub(super) fn take(words: &[String], flags: &[Flag]) -> Result<Taken, String> {
    let mut taken = Taken::default();
    // How the flags of a server's place were spelled.
    let (mut uri, mut place) = (None, None);
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        if !word.starts_with('-') || word == "-" {
            taken.command.push(word.clone());
            taken.command.extend(rest.cloned());
            break;
        }
        if word == "--" {
            taken.command.extend(rest.cloned());
            break;
        }
        let (name, inline) = split_flag(word);
        let known = flags.iter().find(|flag| flag.names.contains(&name));
        let known = known.ok_or_else(|| unknown(word, flags))?;
        if known.names[0] == "-u" {
            uri = Some(name);
        }
        let value = match (known.value, inline) {
            (Value::None, None) => String::new(),
            (Value::None, Some(_)) => return Err(format!("{name} takes no value")),
            (Value::Follows, Some(value)) => value.to_owned(),
            (Value::Follows, None) => rest.next().cloned().ok_or_else(|| lacks_value(name))?,
        };
        match known.does {
            Does::Same(ours) => {
                if matches!(ours, "-h" | "-p" | "-s") {
                    place = place.or(Some(name));
                }
                taken.same.push(ours.to_owned());
                if known.value == Value::Follows {
                    taken.same.push(value);
                }
            }
            Does::Keep(_) => taken.kept.push((known.names[0], value)),
            Does::Anyway(how) => taken.notes.push(format!("{name}: {how}")),
            Does::Refuse(remedy) => return Err(format!("{name} has no equivalent: {remedy}")),
        }
    }
    match (place, uri) {
        (Some(place), Some(uri)) => {
            Err(format!("{place} and {uri} both name the server; leave out one of them"))
        }
        _ => Ok(taken),
    }
}

pub(super) fn lacks_value(name: &str) -> String {
    match name {
        "-h" => "-h is the host, and needs a value; for help write --help".to_owned(),
        _ => format!("{name} needs a value"),
    }
}

/// `--name=value` and `-nvalue` in two.
pub(super) fn split_flag(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
    }
    match word.char_indices().nth(2) {
        Some((at, _)) => (&word[..at], Some(&word[at..])),
        None => (word, None),
    }
}

pub(super) fn unknown(word: &str, flags: &[Flag]) -> String {
    let (name, _) = split_flag(word);
    let all = flags.iter().flat_map(|flag| flag.names.iter().copied());
    match nearest(name, all).filter(|_| name.starts_with("--")) {
        Some(near) => format!("it has no flag {name}; did you mean {near}?"),
        None => format!(
            "it has no flag {name}; leave --compat out to use loadgen's own, see loadgen run --help"
        ),
    }
}
