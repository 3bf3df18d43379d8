//! Procedures: experiments that groups of connections cannot express. Code of the lab runs them.
//!
//! A file names a procedure (`[procedure] kind = "split-command"`) and sets its parameters. The
//! table lists all kinds with their parameters and figures, so that files are checked and the
//! reference in README.md is written from one place. The lab has the code of each kind. Invariant:
//! a [`Procedure`] has a value of the right type for every parameter of its row. A new procedure
//! needs a kind, a row, and a file in the lab.

use crate::dimension::Dimension;
use crate::error::unknown;
use aelab_units::{
    Rate, format_count, format_duration, format_size, parse_count, parse_duration, parse_rate,
    parse_size,
};
use std::time::Duration;

mod table;

pub use table::{ProcedureKind, Row};

/// A procedure with a value for every parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Procedure {
    /// The kind.
    pub kind: ProcedureKind,
    params: Vec<(&'static str, Value)>,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A duration.
    Duration(Duration),
    /// Several durations.
    Durations(Vec<Duration>),
    /// Bytes.
    Size(u64),
    /// Several sizes.
    Sizes(Vec<u64>),
    /// Events per second.
    Rate(Rate),
    /// A count.
    Count(u64),
    /// Several counts.
    Counts(Vec<u64>),
    /// A word or a command.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
}

/// The type of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A duration.
    Duration,
    /// A list of durations.
    Durations,
    /// Bytes.
    Size,
    /// A list of sizes.
    Sizes,
    /// Events per second.
    Rate,
    /// A count.
    Count,
    /// A list of counts.
    Counts,
    /// A word or a command.
    Text,
    /// A list of texts.
    Texts,
}

/// A parameter of a procedure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Param {
    /// Its key in the file.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// Its value if the file does not set it; commas separate list items.
    pub default: &'static str,
    /// What it means.
    pub about: &'static str,
}

/// A figure that a procedure measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureSpec {
    /// Its name; a `*` matches any part that parameters decide (`cost_*_s`). The end of the name is
    /// the unit: `_s` seconds, `_bytes` bytes, `_per_s` a rate; other figures are plain numbers.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// Why the parameters of a procedure cannot be used; `index` counts the given ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// The procedure has no parameter of that name.
    #[error("{message}")]
    UnknownKey {
        /// The given parameter.
        index: usize,
        /// The name, and the nearest known one.
        message: String,
    },
    /// The value has another type, or no valid form.
    #[error("{message}")]
    BadValue {
        /// The given parameter.
        index: usize,
        /// What is wrong, and what to write.
        message: String,
    },
    /// The table has a default that cannot be read; a test excludes it.
    #[error("{message}")]
    BadDefault {
        /// What is wrong.
        message: String,
    },
}

impl ProcedureKind {
    /// The kind of that name.
    ///
    /// # Errors
    /// No kind has that name; the message suggests the nearest one.
    pub fn find(name: &str) -> Result<Self, String> {
        let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.row().name).collect();
        let found = Self::ALL.iter().find(|kind| kind.row().name == name);
        found.copied().ok_or_else(|| unknown("procedure", name, &known))
    }

    /// The dimension of a figure; `None` if the procedure has no such figure.
    #[must_use]
    pub fn dimension_of(self, figure: &str) -> Option<Dimension> {
        let fits = |spec: &&FigureSpec| match spec.name.split_once('*') {
            Some((begin, end)) => {
                let rest = figure.strip_prefix(begin).and_then(|rest| rest.strip_suffix(end));
                rest.is_some_and(|middle| !middle.is_empty())
            }
            None => spec.name == figure,
        };
        self.row().figures.iter().find(fits).map(|_| dimension_of_name(figure))
    }
}

/// The dimension of a figure, from the end of its name.
#[must_use]
pub fn dimension_of_name(figure: &str) -> Dimension {
    if figure.ends_with("_per_s") {
        Dimension::Rate
    } else if figure.ends_with("_s") {
        Dimension::Time
    } else if figure.ends_with("_bytes") {
        Dimension::Size
    } else {
        Dimension::Number
    }
}

impl Procedure {
    /// All parameters with their values as in a file, in the order of the table.
    #[must_use]
    pub fn written(&self) -> Vec<(&'static str, toml::Value)> {
        self.params.iter().map(|(name, value)| (*name, value.to_toml())).collect()
    }

    /// A procedure with default values, except for the `given` parameters (text items).
    ///
    /// # Errors
    /// A given parameter is unknown or its value cannot be read.
    pub fn new(
        kind: ProcedureKind,
        given: &[(String, Vec<String>)],
    ) -> Result<Self, ParameterError> {
        let row = kind.row();
        let known: Vec<&str> = row.params.iter().map(|param| param.name).collect();
        for (index, (name, _)) in given.iter().enumerate() {
            if !known.contains(&name.as_str()) {
                let known: Vec<&str> = known.iter().copied().chain(["kind"]).collect();
                return Err(ParameterError::UnknownKey {
                    index,
                    message: unknown("key", name, &known),
                });
            }
        }
        let mut params = Vec::new();
        for param in row.params {
            let found = given.iter().enumerate().find(|(_, (name, _))| name == param.name);
            let value = match found {
                Some((index, (_, items))) => {
                    let bad = |message| ParameterError::BadValue { index, message };
                    Value::read(param.kind, items).map_err(bad)?
                }
                None => {
                    let items: Vec<String> = match param.kind {
                        Kind::Text => vec![param.default.to_owned()],
                        _ => param.default.split(',').map(|item| item.trim().to_owned()).collect(),
                    };
                    Value::read(param.kind, &items).map_err(|why| {
                        let message = format!("default of `{}`: {why}", param.name);
                        ParameterError::BadDefault { message }
                    })?
                }
            };
            params.push((param.name, value));
        }
        Ok(Self { kind, params })
    }

    fn value(&self, name: &str) -> Result<&Value, String> {
        let found = self.params.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| value).ok_or_else(|| self.mistake(name))
    }

    fn mistake(&self, name: &str) -> String {
        format!("procedure {} has no parameter {name} of that type", self.kind.row().name)
    }

    /// A duration.
    ///
    /// # Errors
    /// The row has no parameter of that name and type: an error in the code of the lab.
    pub fn duration(&self, name: &str) -> Result<Duration, String> {
        match self.value(name)? {
            Value::Duration(value) => Ok(*value),
            _ => Err(self.mistake(name)),
        }
    }

    /// Durations.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn durations(&self, name: &str) -> Result<&[Duration], String> {
        match self.value(name)? {
            Value::Durations(values) => Ok(values),
            _ => Err(self.mistake(name)),
        }
    }

    /// A count, or a size in bytes.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn count(&self, name: &str) -> Result<u64, String> {
        match self.value(name)? {
            Value::Count(value) | Value::Size(value) => Ok(*value),
            _ => Err(self.mistake(name)),
        }
    }

    /// Counts, or sizes in bytes.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn counts(&self, name: &str) -> Result<&[u64], String> {
        match self.value(name)? {
            Value::Counts(values) | Value::Sizes(values) => Ok(values),
            _ => Err(self.mistake(name)),
        }
    }

    /// Events per second.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn rate(&self, name: &str) -> Result<f64, String> {
        match self.value(name)? {
            Value::Rate(value) => Ok(value.as_per_second()),
            _ => Err(self.mistake(name)),
        }
    }

    /// A text.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn text(&self, name: &str) -> Result<&str, String> {
        match self.value(name)? {
            Value::Text(value) => Ok(value),
            _ => Err(self.mistake(name)),
        }
    }

    /// Texts.
    ///
    /// # Errors
    /// As [`Self::duration`].
    pub fn texts(&self, name: &str) -> Result<&[String], String> {
        match self.value(name)? {
            Value::Texts(values) => Ok(values),
            _ => Err(self.mistake(name)),
        }
    }
}

impl Value {
    fn read(kind: Kind, items: &[String]) -> Result<Self, String> {
        let all = |parse: fn(&str) -> Result<u64, String>| -> Result<Vec<u64>, String> {
            items.iter().map(|item| parse(item)).collect()
        };
        let durations = || -> Result<Vec<Duration>, String> {
            items.iter().map(|item| parse_duration(item).map_err(|e| e.to_string())).collect()
        };
        let count = |item: &str| parse_count(item).map_err(|e| e.to_string());
        let size = |item: &str| parse_size(item).map_err(|e| e.to_string());
        let one = || "expected one value, not a list; remove the brackets".to_owned();
        let single = |list: Vec<u64>| match list[..] {
            [value] => Ok(value),
            _ => Err(one()),
        };
        if items.is_empty() {
            return Err("the list is empty; add at least one value".to_owned());
        }
        Ok(match kind {
            Kind::Durations => Self::Durations(durations()?),
            Kind::Duration => match durations()?[..] {
                [value] => Self::Duration(value),
                _ => return Err(one()),
            },
            Kind::Sizes => Self::Sizes(all(size)?),
            Kind::Size => Self::Size(single(all(size)?)?),
            Kind::Counts => Self::Counts(all(count)?),
            Kind::Count => Self::Count(single(all(count)?)?),
            Kind::Rate => match items {
                [text] => Self::Rate(parse_rate(text).map_err(|error| error.to_string())?),
                _ => return Err(one()),
            },
            Kind::Texts => Self::Texts(items.to_vec()),
            Kind::Text => match items {
                [text] => Self::Text(text.clone()),
                _ => return Err(one()),
            },
        })
    }

    fn to_toml(&self) -> toml::Value {
        let text = |text: String| toml::Value::String(text);
        let list = |items: Vec<String>| {
            toml::Value::Array(items.into_iter().map(toml::Value::String).collect())
        };
        match self {
            Self::Duration(value) => text(format_duration(*value)),
            Self::Durations(values) => list(values.iter().map(|v| format_duration(*v)).collect()),
            Self::Size(value) => text(format_size(*value)),
            Self::Sizes(values) => list(values.iter().map(|v| format_size(*v)).collect()),
            Self::Count(value) => text(format_count(*value)),
            Self::Counts(values) => list(values.iter().map(|v| format_count(*v)).collect()),
            Self::Rate(value) => text(value.to_string()),
            Self::Text(value) => text(value.clone()),
            Self::Texts(values) => list(values.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_readable_defaults() {
        for kind in ProcedureKind::ALL {
            let procedure = Procedure::new(*kind, &[]).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(procedure.params.len(), kind.row().params.len());
            assert_eq!(ProcedureKind::find(kind.row().name), Ok(*kind));
        }
    }

    #[test]
    fn parameters_are_typed_and_checked() {
        let kind = ProcedureKind::SplitCommand;
        let given = [("value_size".to_owned(), vec!["1KiB".to_owned()])];
        let procedure = Procedure::new(kind, &given).expect("reads");
        assert_eq!(procedure.count("value_size"), Ok(1024));
        assert!(procedure.duration("value_size").is_err());
        let error =
            Procedure::new(kind, &[("value_siez".to_owned(), vec![])]).expect_err("misspelt");
        assert!(matches!(error, ParameterError::UnknownKey { index: 0, .. }), "{error:?}");
        assert!(error.to_string().contains("did you mean `value_size`"), "{error}");
        let error = Procedure::new(kind, &[("value_size".to_owned(), vec!["1 mile".to_owned()])])
            .expect_err("no size");
        assert!(matches!(error, ParameterError::BadValue { index: 0, .. }), "{error:?}");
        assert_eq!(kind.dimension_of("offsets"), Some(Dimension::Number));
        assert_eq!(dimension_of_name("p99_s"), Dimension::Time);
        assert_eq!(dimension_of_name("kernel_bytes"), Dimension::Size);
        assert_eq!(dimension_of_name("ok_per_s"), Dimension::Rate);
    }
}
