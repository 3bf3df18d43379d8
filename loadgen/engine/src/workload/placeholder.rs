//! What placeholders there are, and what each becomes in a template.
//!
//! Not the writing (see `template`) and not the words of a command line (see `crate::workload::command_text`, which tells typing errors).
//! Invariant: every placeholder found here either becomes pieces or is an error that quotes it; nothing is sent as it stands.

use crate::plan::{KeyDistribution, KeySpace, ValueSize};
use crate::workload::piece::{DataLen, Piece};
use crate::workload::sampler::Source;
use aelab_units::parse_count;
use std::ops::Range;

/// Digits `__rand_int__` is padded to, as redis-benchmark does.
const RAND_INT_DIGITS: usize = 12;

/// See the module.
pub(crate) struct Compiler<'a> {
    keys: &'a KeySpace,
    values: &'a ValueSize,
    /// Sources of the slots so far.
    pub(crate) slots: Vec<Source>,
    /// Slots of keys, and of numbers by themselves: each goes through its sequences on its own.
    key_slots: Vec<usize>,
    number_slots: Vec<usize>,
    /// Slot of the last key.
    last_key: Option<usize>,
    /// Slots of `__rand_1st__` and the like.
    tied: [Option<usize>; TIED.len()],
    /// The slot of the hash tag.
    tag: Option<usize>,
}

impl<'a> Compiler<'a> {
    /// For arguments that may name these keys and values.
    pub(crate) const fn new(keys: &'a KeySpace, values: &'a ValueSize) -> Self {
        Self {
            keys,
            values,
            slots: Vec::new(),
            key_slots: Vec::new(),
            number_slots: Vec::new(),
            last_key: None,
            tied: [None; TIED.len()],
            tag: None,
        }
    }

    /// The sources of all slots.
    pub(crate) fn into_slots(mut self) -> Vec<Source> {
        Source::share_sequences(&mut self.slots, &self.key_slots);
        Source::share_sequences(&mut self.slots, &self.number_slots);
        self.slots
    }

    fn slot(&mut self, source: Source) -> usize {
        self.slots.push(source);
        self.slots.len() - 1
    }

    /// The pieces of an argument.
    ///
    /// # Errors
    /// A placeholder misses its bound or has a wrong one; the message quotes it.
    pub(crate) fn pieces(&mut self, arg: &[u8]) -> Result<Vec<Piece>, String> {
        let mut pieces = Vec::new();
        // A semicolon by itself separates commands; this is how one is meant.
        let mut rest = if arg == b"\\;" { b";" } else { arg };
        while let Some((range, holder)) = next_placeholder(rest) {
            if range.start > 0 {
                pieces.push(Piece::Text(plain(&rest[..range.start])));
            }
            self.placeholder(&holder, &mut pieces)?;
            rest = &rest[range.end..];
        }
        if !rest.is_empty() || pieces.is_empty() {
            pieces.push(Piece::Text(plain(rest)));
        }
        Ok(pieces)
    }

    fn placeholder(&mut self, holder: &str, pieces: &mut Vec<Piece>) -> Result<(), String> {
        let words: Vec<&str> = holder.split_whitespace().collect();
        match words.as_slice() {
            ["__key__"] => {
                self.key(Source::keys(self.keys.distribution, self.keys.count), pieces);
            }
            ["__rand_int__"] => {
                let slot = self.slot(Source::uniform(self.keys.count));
                pieces.push(Piece::Number { slot, digits: RAND_INT_DIGITS });
            }
            ["__data__"] => self.data(self.values, pieces),
            ["key", count] => self.key(Source::uniform(positive(count, holder)?), pieces),
            ["key", kind, count] => self.key(chosen(kind, count, holder)?, pieces),
            ["number", kind, count] => {
                let slot = self.slot(chosen(kind, count, holder)?);
                self.number_slots.push(slot);
                pieces.push(Piece::Number { slot, digits: 0 });
            }
            ["same"] => {
                let slot = self.key_before(holder)?;
                self.prefix(pieces);
                pieces.push(Piece::Again { slot, digits: self.keys.digits });
            }
            ["same", "number"] => {
                pieces.push(Piece::Again { slot: self.key_before(holder)?, digits: 0 });
            }
            ["data", size] => {
                let size =
                    ValueSize::parse(size).map_err(|why| format!("'{{{holder}}}': {why}"))?;
                self.data(&size, pieces);
            }
            ["rand" | "ttl", range] if range.contains('-') => {
                let (min, max) = range.split_once('-').unwrap_or_default();
                let (min, max) = (whole(min, holder)?, whole(max, holder)?);
                if min > max {
                    return Err(format!("'{{{holder}}}': {min} is above {max}"));
                }
                let slot = self.slot(Source::Between { min, max });
                pieces.push(Piece::Number { slot, digits: 0 });
            }
            ["ttl", seconds] => {
                pieces.push(Piece::Text(positive(seconds, holder)?.to_string().into_bytes()));
            }
            ["rand", bound] => {
                let slot = self.slot(Source::uniform(positive(bound, holder)?));
                pieces.push(Piece::Number { slot, digits: 0 });
            }
            ["tag"] => self.tag(pieces),
            ["stamp"] => pieces.push(Piece::Mark),
            [tied] if let Some(place) = TIED.iter().position(|known| known == tied) => {
                let piece = match self.tied[place] {
                    Some(slot) => Piece::Again { slot, digits: RAND_INT_DIGITS },
                    None => {
                        let slot = self.slot(Source::uniform(self.keys.count));
                        self.tied[place] = Some(slot);
                        Piece::Number { slot, digits: RAND_INT_DIGITS }
                    }
                };
                pieces.push(piece);
            }
            [kind, ..] => {
                return Err(format!("'{{{holder}}}': write {}", form_of(kind)));
            }
            [] => return Err("'{}' is no placeholder".to_owned()),
        }
        Ok(())
    }

    /// The slot of the key that is to be repeated.
    fn key_before(&self, holder: &str) -> Result<usize, String> {
        self.last_key.ok_or_else(|| {
            format!("{{{holder}}} repeats a key, and there is no key before it in the command")
        })
    }

    fn data(&mut self, values: &ValueSize, pieces: &mut Vec<Piece>) {
        let len = match Source::lengths(values) {
            Some(lengths) => DataLen::Slot(self.slot(lengths)),
            None => DataLen::Fixed(values.longest()),
        };
        let offset_slot = self.slot(Source::BlockOffset);
        pieces.push(Piece::Data { offset_slot, len });
    }

    fn tag(&mut self, pieces: &mut Vec<Piece>) {
        let known = self.tag;
        let slot = known.unwrap_or_else(|| self.slot(Source::uniform(TAGS)));
        self.tag = Some(slot);
        let digits = TAG_DIGITS;
        pieces.push(Piece::Text(b"{".to_vec()));
        pieces.push(match known {
            Some(_) => Piece::Again { slot, digits },
            None => Piece::Number { slot, digits },
        });
        pieces.push(Piece::Text(b"}".to_vec()));
    }

    fn prefix(&self, pieces: &mut Vec<Piece>) {
        if !self.keys.prefix.is_empty() {
            pieces.push(Piece::Text(self.keys.prefix.clone().into_bytes()));
        }
    }

    fn key(&mut self, source: Source, pieces: &mut Vec<Piece>) {
        self.prefix(pieces);
        let slot = self.slot(source.raised(self.keys.first));
        self.key_slots.push(slot);
        self.last_key = Some(slot);
        pieces.push(Piece::Number { slot, digits: self.keys.digits });
    }
}

/// Keys of a space of their own, chosen in this way.
fn chosen(kind: &str, count: &str, holder: &str) -> Result<Source, String> {
    let count = positive(count, holder)?;
    let distribution =
        KeyDistribution::parse(kind).map_err(|why| format!("'{{{holder}}}': {why}"))?;
    Ok(Source::keys(distribution, count))
}

/// How a placeholder in braces is written.
fn form_of(holder: &str) -> &'static str {
    match holder.split(' ').next().unwrap_or_default() {
        "key" => "{key N} or {key DISTRIBUTION N}, such as {key zipf:0.99 1M}",
        "number" => "{number DISTRIBUTION N}, such as {number zipf:0.99 1M}",
        "same" => "{same} or {same number}",
        "data" => "{data SIZE}, such as {data 16-1024}",
        "ttl" => "{ttl SECONDS} or {ttl FROM-TO}",
        _ => "{rand N} or {rand FROM-TO}",
    }
}

fn positive(text: &str, holder: &str) -> Result<u64, String> {
    match whole(text, holder)? {
        0 => Err(format!("'{{{holder}}}': '{text}' is no positive number")),
        number => Ok(number),
    }
}

/// A number that may be 0, as the bounds of a range may.
fn whole(text: &str, holder: &str) -> Result<u64, String> {
    parse_count(text).map_err(|_| {
        format!("'{{{holder}}}': '{text}' is no positive number; write {}", form_of(holder))
    })
}

/// Words that start a placeholder in braces and are followed by what it is to be; other braces are plain text (hash tags,
/// JSON).
pub(crate) const BRACED: [&str; 6] = ["key", "rand", "ttl", "data", "number", "same"];
/// A hash tag: the same wherever it stands in a command, so that its keys share a slot of a cluster.
pub(crate) const TAG: &str = "{tag}";
/// Hash tags: as many as a cluster has slots, so that they spread over its nodes.
const TAGS: u64 = 16_384;
const TAG_DIGITS: usize = 5;
/// The key before it, once more.
const SAME: &str = "{same}";
/// Placeholders that stand for themselves.
pub(crate) const BARE: [&str; 3] = ["__key__", "__data__", "__rand_int__"];
/// The same random number wherever they stand in a command.
pub(crate) const TIED: [&str; 9] = [
    "__rand_1st__",
    "__rand_2nd__",
    "__rand_3rd__",
    "__rand_4th__",
    "__rand_5th__",
    "__rand_6th__",
    "__rand_7th__",
    "__rand_8th__",
    "__rand_9th__",
];

/// What becomes a mark of who sent it and when (see `message stamp`).
const STAMP: &str = "{stamp}";

/// Text without the backslashes that say a brace begins no placeholder: before a brace and a small letter.
fn plain(text: &[u8]) -> Vec<u8> {
    let is_escape = |at: usize| matches!(text.get(at..at + 3), Some([b'\\', b'{', letter]) if letter.is_ascii_lowercase());
    let kept = text.iter().enumerate().filter(|(at, _)| !is_escape(*at));
    kept.map(|(_, byte)| *byte).collect()
}

/// The first placeholder: where it stands, and its text without braces.
fn next_placeholder(text: &[u8]) -> Option<(Range<usize>, String)> {
    (0..text.len()).find_map(|at| {
        let rest = &text[at..];
        if at > 0 && text[at - 1] == b'\\' && rest[0] == b'{' {
            return None;
        }
        let known = BARE.iter().chain(&TIED).find(|bare| rest.starts_with(bare.as_bytes()));
        if let Some(bare) = known {
            return Some((at..at + bare.len(), (*bare).to_owned()));
        }
        if rest.starts_with(TAG.as_bytes()) {
            return Some((at..at + TAG.len(), "tag".to_owned()));
        }
        if rest.starts_with(STAMP.as_bytes()) {
            return Some((at..at + STAMP.len(), "stamp".to_owned()));
        }
        if rest.starts_with(SAME.as_bytes()) {
            return Some((at..at + SAME.len(), "same".to_owned()));
        }
        let inner = rest.strip_prefix(b"{")?;
        let is_known = |word: &&&str| {
            inner.strip_prefix(word.as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
        };
        BRACED.iter().find(is_known)?;
        let len = inner.iter().position(|&byte| byte == b'}')?;
        Some((at..at + len + 2, String::from_utf8_lossy(&inner[..len]).into_owned()))
    })
}
