//! Which keys a load touches and what values it carries, as the plan says it, and their text forms.
//!
//! Not the drawing (see `workload::sampler`). Invariant: what [`KeyDistribution::check`] and [`ValueSize::check`] accept can be drawn from
//! for ever.

use crate::plan::arrival::fields;
use aelab_units::parse_size;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Exponent of Zipf's law unless asked otherwise: YCSB's.
const DEFAULT_ZIPF_EXPONENT: f64 = 0.99;
/// Standard deviation of a bell curve unless asked otherwise, as a share of the key space: three of them reach the ends.
const DEFAULT_DEVIATION: f64 = 1.0 / 6.0;
/// Highest exponent: beyond it all but the first rank are never seen, and powers leave the range of numbers.
const EXPONENT_MAX: f64 = 64.0;
/// Longest value a workload may write: what Redis takes.
const VALUE_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The keys of a group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeySpace {
    /// Put before the number.
    pub prefix: String,
    /// Digits of the number, zero-padded; 0 writes it as it is.
    pub digits: usize,
    /// Number of distinct keys; at least one.
    pub count: u64,
    /// The lowest number.
    pub first: u64,
    /// How a key is chosen.
    pub distribution: KeyDistribution,
}

impl KeySpace {
    /// Twelve digits after `key:`, as redis-benchmark writes them.
    pub fn uniform(count: u64) -> Self {
        Self {
            prefix: "key:".to_owned(),
            digits: 12,
            count: count.max(1),
            first: 0,
            distribution: KeyDistribution::Uniform,
        }
    }
}

/// How a key is chosen from the key space.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum KeyDistribution {
    /// Each with the same chance.
    Uniform,
    /// One after the other, over and over.
    Sequential,
    /// One after the other, each connection by itself.
    Walk(Walk),
    /// Key k with a chance proportional to (k + 1)^-exponent: the lowest numbers are the hottest.
    Zipf {
        /// 0 is uniform; 0.99 is YCSB's.
        exponent: f64,
    },
    /// The same counted down from the last key: the highest numbers, written last by a sequential fill, are the hottest.
    Latest {
        /// As for Zipf.
        exponent: f64,
    },
    /// A bell curve around the middle of the key space, cut off at its ends.
    Gaussian {
        /// Standard deviation as a share of the key space, above 0 and at most 1.
        deviation: f64,
    },
    /// Keys beyond the key space, each once: inserts.
    New,
    /// Some keys get most requests; within both parts each key has the same chance.
    Hotspot {
        /// Share of the keys that are hot, from the first key on.
        keys: f64,
        /// Share of the requests they get.
        requests: f64,
    },
}

/// Which keys a connection goes through that counts by itself, as memtier's do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Walk {
    /// All of them.
    Each,
    /// A part that no other connection has.
    Part,
}

impl KeyDistribution {
    /// Reads `uniform`, `sequential[:each|:part]`, `new`, `zipf[:EXPONENT]`, `latest[:EXPONENT]`, `gaussian[:DEVIATION]`,
    /// `hotspot:keys=0.1,requests=0.9`.
    ///
    /// # Errors
    /// One line: what is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) =
            text.split_once(':').map_or((text, None), |(kind, rest)| (kind, Some(rest)));
        let fail = |why: String| format!("key distribution '{text}': {why}");
        let number = |default| rest.map_or(Ok(default), number).map_err(fail);
        let distribution = match kind {
            "sequential" if rest == Some("each") => Self::Walk(Walk::Each),
            "sequential" if rest == Some("part") => Self::Walk(Walk::Part),
            "sequential" if rest.is_some() => {
                return Err(fail(
                    "write sequential, sequential:each (each connection goes through all keys) or sequential:part \
                     (through a part of its own)"
                        .to_owned(),
                ));
            }
            "uniform" | "sequence" | "new" if rest.is_some() => {
                return Err(fail("nothing follows this word".to_owned()));
            }
            "uniform" => Self::Uniform,
            "new" => Self::New,
            "sequential" | "sequence" => Self::Sequential,
            "zipf" | "zipfian" => Self::Zipf { exponent: number(DEFAULT_ZIPF_EXPONENT)? },
            "latest" => Self::Latest { exponent: number(DEFAULT_ZIPF_EXPONENT)? },
            "gaussian" | "gauss" => Self::Gaussian { deviation: number(DEFAULT_DEVIATION)? },
            "hotspot" => {
                let [keys, requests] = fields(rest.unwrap_or(""), ["keys", "requests"])
                    .ok_or_else(|| fail("write hotspot:keys=0.1,requests=0.9".to_owned()))?;
                Self::Hotspot {
                    keys: self::number(keys).map_err(fail)?,
                    requests: self::number(requests).map_err(fail)?,
                }
            }
            _ => {
                return Err(fail(
                    "is none of uniform, sequential, new, zipf:0.99, latest:0.99, gaussian:0.17, \
                     hotspot:keys=0.1,requests=0.9"
                        .to_owned(),
                ));
            }
        };
        distribution.check().map_err(fail)?;
        Ok(distribution)
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// The first one that does not.
    pub(crate) fn check(self) -> Result<(), String> {
        match self {
            Self::Uniform | Self::Sequential | Self::Walk(_) | Self::New => Ok(()),
            Self::Zipf { exponent } | Self::Latest { exponent } => check_exponent(exponent),
            Self::Gaussian { deviation } if deviation > 0.0 && deviation <= 1.0 => Ok(()),
            Self::Gaussian { deviation } => {
                Err(format!("a deviation of {deviation} is not above 0 and at most 1"))
            }
            Self::Hotspot { keys, requests }
                if keys > 0.0 && keys <= 1.0 && (0.0..=1.0).contains(&requests) =>
            {
                Ok(())
            }
            Self::Hotspot { .. } => {
                Err("the shares of keys and requests must be above 0 and at most 1".to_owned())
            }
        }
    }
}

fn number(text: &str) -> Result<f64, String> {
    text.parse().map_err(|_| format!("'{text}' is no number"))
}

fn check_exponent(exponent: f64) -> Result<(), String> {
    if (0.0..=EXPONENT_MAX).contains(&exponent) {
        return Ok(());
    }
    Err(format!("an exponent of {exponent} is not between 0 and {EXPONENT_MAX}"))
}

/// How long a value is, in bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ValueSize {
    /// Always the same.
    Fixed(usize),
    /// Each length from `min` to `max` with the same chance.
    Range {
        /// Shortest.
        min: usize,
        /// Longest, included.
        max: usize,
    },
    /// One of these sizes, by weight.
    Weighted(Arc<[(usize, u32)]>),
    /// From `min` to `max` by Zipf's law, the shortest being the most frequent.
    Zipf {
        /// Shortest.
        min: usize,
        /// Longest, included.
        max: usize,
        /// 0 gives each the same chance.
        exponent: f64,
    },
}

impl ValueSize {
    /// Reads `64`, `16KiB`, `16-1024`, `32:9,4KiB:1` (sizes with weights), `zipf:16-4096[:EXPONENT]`.
    ///
    /// # Errors
    /// One line: what is wrong with the text, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fail = |why: String| format!("value size '{text}': {why}");
        let size = if let Some(rest) = text.strip_prefix("zipf:") {
            let (range, exponent) = match rest.split_once(':') {
                Some((range, exponent)) => (range, number(exponent).map_err(fail)?),
                None => (rest, DEFAULT_ZIPF_EXPONENT),
            };
            let (min, max) = range
                .split_once('-')
                .ok_or_else(|| fail("write zipf:MIN-MAX, such as zipf:16-4096".to_owned()))?;
            Self::Zipf { min: bytes(min).map_err(fail)?, max: bytes(max).map_err(fail)?, exponent }
        } else if text.contains(':') {
            let pair = |pair: &str| {
                let (size, weight) = pair.split_once(':').ok_or("write SIZE:WEIGHT,…")?;
                let weight = weight.parse().map_err(|_| format!("'{weight}' is no weight"))?;
                Ok((bytes(size)?, weight))
            };
            let sizes = text.split(',').map(pair).collect::<Result<Vec<_>, String>>();
            Self::Weighted(sizes.map_err(fail)?.into())
        } else if let Some((min, max)) = text.split_once('-').filter(|(min, _)| !min.is_empty()) {
            Self::Range { min: bytes(min).map_err(fail)?, max: bytes(max).map_err(fail)? }
        } else {
            Self::Fixed(bytes(text).map_err(fail)?)
        };
        size.check().map_err(fail)?;
        Ok(size)
    }

    /// The longest it gives.
    pub fn longest(&self) -> usize {
        match self {
            Self::Fixed(len) => *len,
            Self::Range { max, .. } | Self::Zipf { max, .. } => *max,
            Self::Weighted(sizes) => sizes.iter().map(|(size, _)| *size).max().unwrap_or(0),
        }
    }

    /// What is typical, for filling a data set with values of one length: the mean, for Zipf's law the shortest.
    pub fn typical(&self) -> usize {
        match self {
            Self::Fixed(len) | Self::Zipf { min: len, .. } => *len,
            Self::Range { min, max } => min.midpoint(*max),
            Self::Weighted(sizes) => {
                let total: u128 = sizes.iter().map(|(_, weight)| u128::from(*weight)).sum();
                let sum: u128 =
                    sizes.iter().map(|(size, weight)| *size as u128 * u128::from(*weight)).sum();
                (sum / total.max(1)) as usize
            }
        }
    }

    /// Whether its numbers make sense.
    ///
    /// # Errors
    /// The first one that does not.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::Range { min, max } | Self::Zipf { min, max, .. } if min > max => {
                return Err(format!("value sizes from {min} to {max} are upside down"));
            }
            Self::Weighted(sizes) if sizes.iter().all(|(_, weight)| *weight == 0) => {
                return Err("all value sizes have weight 0".to_owned());
            }
            Self::Zipf { exponent, .. } => check_exponent(*exponent)?,
            _ => {}
        }
        if self.longest() > VALUE_BYTES_MAX {
            let len = self.longest();
            return Err(format!(
                "a value of {len} bytes is more than the {VALUE_BYTES_MAX} a server takes"
            ));
        }
        Ok(())
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    let size = parse_size(text).map_err(|error| error.to_string())?;
    usize::try_from(size).map_err(|_| format!("{text} is too large"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_distributions_are_read() {
        for (text, want) in [
            ("uniform", KeyDistribution::Uniform),
            ("sequential", KeyDistribution::Sequential),
            ("sequential:each", KeyDistribution::Walk(Walk::Each)),
            ("sequential:part", KeyDistribution::Walk(Walk::Part)),
            ("new", KeyDistribution::New),
            ("zipf", KeyDistribution::Zipf { exponent: 0.99 }),
            ("zipf:1.2", KeyDistribution::Zipf { exponent: 1.2 }),
            ("latest:0", KeyDistribution::Latest { exponent: 0.0 }),
            ("gaussian:0.1", KeyDistribution::Gaussian { deviation: 0.1 }),
            (
                "hotspot:keys=0.2,requests=0.8",
                KeyDistribution::Hotspot { keys: 0.2, requests: 0.8 },
            ),
        ] {
            assert_eq!(KeyDistribution::parse(text), Ok(want), "{text}");
        }
        for (text, part) in [
            ("", "none of"),
            ("zipff", "none of"),
            ("uniform:1", "nothing follows"),
            ("sequential:all", "sequential:each"),
            ("zipf:", "no number"),
            ("zipf:NaN", "exponent"),
            ("zipf:inf", "exponent"),
            ("zipf:-1", "exponent"),
            ("gaussian:0", "deviation"),
            ("gaussian:nan", "deviation"),
            ("hotspot", "write hotspot"),
            ("hotspot:keys=0,requests=1", "above 0"),
            ("hotspot:keys=1,requests=nan", "above 0"),
        ] {
            let error = KeyDistribution::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn value_sizes_are_read() {
        for (text, want, typical) in [
            ("64", ValueSize::Fixed(64), 64),
            ("16-1024", ValueSize::Range { min: 16, max: 1_024 }, 520),
            ("32:9,4KiB:1", ValueSize::Weighted([(32, 9), (4_096, 1)].into()), 438),
            ("zipf:16-4096:1.5", ValueSize::Zipf { min: 16, max: 4_096, exponent: 1.5 }, 16),
        ] {
            assert_eq!(ValueSize::parse(text).as_ref(), Ok(&want), "{text}");
            assert_eq!(want.typical(), typical);
        }
        for (text, part) in [
            ("", "size"),
            ("-5", "size"),
            ("9-1", "upside down"),
            ("32:0", "weight 0"),
            ("32:x", "no weight"),
            ("32:1,64", "SIZE:WEIGHT"),
            ("zipf:16", "MIN-MAX"),
            ("zipf:1-2:x", "no number"),
            ("zipf:1-2:99", "exponent"),
            ("1TiB", "size"),
            ("600MiB", "more than"),
        ] {
            let error = ValueSize::parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
