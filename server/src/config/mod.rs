//! The configuration: what was given on the command line, in files and by `CONFIG SET`.
//!
//! Values are kept as the text that `CONFIG GET` shows, one per row of [`table`]. They are parsed in
//! one place, into [`Settings`], once at start and once after each `CONFIG SET`; the rest of the server
//! reads only those. `Server::settings_changed` then informs everything that keeps a copy of a setting.
//! Start with `load` for how files and arguments become values.

mod io_model;
mod load;
mod policy;
mod settings;
mod table;
mod value;

pub(crate) use io_model::IoModel;
pub use load::ConfigError;
pub(crate) use policy::Policy;
use settings::Texts;
pub(crate) use settings::{ClientClass, DebugAccess, Settings};

use crate::ae::Backend;
use table::{Directive, Effect, TABLE};

/// All values, checked.
#[derive(Clone, Debug)]
pub struct Config {
    values: Vec<String>,
    settings: Settings,
    /// The file that was read first, for `INFO`.
    pub(crate) file: Option<String>,
    /// The restricted directives that were given, while the configuration is read.
    restricted: Vec<Given>,
    /// Whether there is such a command: the command table is not known here.
    is_command: fn(&str) -> bool,
}

/// A directive as it was given: its row, the place, and the words, its name first.
#[derive(Clone, Debug)]
struct Given {
    at: usize,
    place: String,
    words: String,
}

/// Why a value was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SetError {
    /// There is no such directive.
    Unknown,
    /// It can only be given at start.
    Immutable,
    /// The value is wrong; Redis's words or our reason.
    Value(String),
}

/// The row called `name` (or whose alias it is), in any case.
fn find(name: &str) -> Option<usize> {
    let is = |row: &Directive| {
        row.name.eq_ignore_ascii_case(name)
            || row.alias.is_some_and(|alias| alias.eq_ignore_ascii_case(name))
    };
    TABLE.iter().position(is)
}

/// Whether the value of this directive must not be shown.
pub(crate) fn is_secret(name: &str) -> bool {
    find(name).is_some_and(|at| TABLE[at].secret)
}

/// A directive as messages show it.
fn shown(name: &str, words: &[&str]) -> String {
    match words {
        [] => name.to_owned(),
        _ if is_secret(name) => format!("{name} (redacted)"),
        _ => format!("{name} {}", words.join(" ")),
    }
}

fn lookup<'a>(values: &'a [String], name: &str) -> &'a str {
    find(name).map_or("", |at| values[at].as_str())
}

impl Config {
    /// The defaults. `is_command` says whether there is a command of a name.
    fn new(is_command: fn(&str) -> bool) -> Config {
        let values: Vec<String> = TABLE.iter().map(|row| row.default.to_owned()).collect();
        let settings = Settings::resolve(&Texts(&values));
        Config { values, settings, file: None, restricted: Vec::new(), is_command }
    }

    /// The typed values.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The text of one value; empty if there is no such directive.
    pub(crate) fn text(&self, name: &str) -> &str {
        lookup(&self.values, name)
    }

    /// Gives `words` to directive `name`, at start. [`Config::refused`] checks restrictions when everything
    /// is read, because the last value counts.
    fn set_at_start(&mut self, place: &str, name: &str, words: &[&str]) -> Result<(), SetError> {
        let at = find(name).ok_or(SetError::Unknown)?;
        self.put(at, words)?;
        if matches!(TABLE[at].effect, Effect::Only(_) | Effect::InertBut(..)) {
            let (place, words) = (place.to_owned(), shown(name, words));
            self.restricted.push(Given { at, place, words });
        }
        Ok(())
    }

    /// The first final value that this server does not support, as it was given, and the reason.
    fn refused(&self) -> Option<(&Given, String)> {
        let is_last = |index: usize, given: &Given| {
            self.restricted[index + 1..].iter().all(|later| later.at != given.at)
        };
        let last =
            self.restricted.iter().enumerate().filter(|(index, given)| is_last(*index, given));
        last.map(|(_, given)| given).find_map(|given| {
            let reason = value::refusal(&TABLE[given.at], &self.values[given.at])?;
            Some((given, reason))
        })
    }

    /// Sets several directives at once, or none. An error names the directive.
    pub(crate) fn set_all(&mut self, pairs: &[(&str, &str)]) -> Result<(), (String, SetError)> {
        let before = self.values.clone();
        for (name, word) in pairs {
            let outcome = match find(name) {
                None => Err(SetError::Unknown),
                Some(at) if TABLE[at].effect == Effect::Fixed => Err(SetError::Immutable),
                // CONFIG SET takes one word, also for directives of several.
                Some(at) => match TABLE[at].kind {
                    table::Kind::Words => {
                        self.put(at, &word.split_whitespace().collect::<Vec<_>>())
                    }
                    _ => self.put(at, &[word]),
                }
                .and_then(|()| {
                    match value::refusal(&TABLE[at], &self.values[at]) {
                        Some(reason) => Err(SetError::Value(reason)),
                        None => Ok(()),
                    }
                }),
            };
            if let Err(error) = outcome {
                self.values = before;
                return Err(((*name).to_owned(), error));
            }
        }
        if let Some((name, reason)) = self.contradiction() {
            self.values = before;
            return Err((name.to_owned(), SetError::Value(reason)));
        }
        self.resolve();
        Ok(())
    }

    /// The directive that has no meaning together with `io-model`, if there is one, and why.
    pub(crate) fn contradiction(&self) -> Option<(&'static str, String)> {
        let model = IoModel::named(self.text("io-model"));
        let because = |name, reason: &str| {
            Some((name, format!("io-model {} {reason}", self.text("io-model"))))
        };
        if model == IoModel::BusyPoll && self.text("ae-backend") != Backend::NAMES[0] {
            return because("ae-backend", "uses no backend: remove it");
        }
        if model != IoModel::Ae && self.text("io-threads") != "1" {
            return because("io-threads", "has no loop whose work threads could share: remove it");
        }
        if model.loop_serves() {
            return None;
        }
        ["ae-batch", "reply-immediately"]
            .into_iter()
            .find(|name| self.text(name) == "yes")
            .and_then(|name| because(name, "does not serve clients in batches: remove it"))
    }

    fn put(&mut self, at: usize, words: &[&str]) -> Result<(), SetError> {
        let text = value::canonical(&TABLE[at], words, &self.values[at], self.is_command)
            .map_err(SetError::Value)?;
        self.values[at] = text;
        Ok(())
    }

    fn resolve(&mut self) {
        self.settings = Settings::resolve(&Texts(&self.values));
    }

    /// Lowers `maxclients` to the number of descriptors that this process may open.
    pub(crate) fn lower_maxclients(&mut self, maxclients: usize) {
        if let Some(at) = find("maxclients") {
            self.values[at] = maxclients.to_string();
        }
        self.resolve();
    }

    /// Name and value of every directive, aliases included, in the table's order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&'static str, &str)> {
        TABLE.iter().zip(&self.values).flat_map(|(row, value)| {
            std::iter::once(row.name).chain(row.alias).map(move |name| (name, value.as_str()))
        })
    }
}

/// The known directive nearest to `name`, if one is near enough to be a typing error.
fn nearest(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let names = TABLE.iter().flat_map(|row| std::iter::once(row.name).chain(row.alias));
    let best = names.map(|known| (strsim::levenshtein(&lower, known), known)).min()?;
    // Two exchanged letters are a distance of two. A name of two letters is near every name.
    (best.0 <= (name.len() / 3).max(2) && best.0 < name.len()).then_some(best.1)
}
