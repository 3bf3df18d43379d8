//! From the command line and configuration files to a [`Config`], with errors that name the line.
//!
//! `ae-server [FILE|-] [--directive value …]`, as redis-server is started: the file is read first,
//! then standard input if `-` is given, then the arguments, and the last value wins.

use super::{Config, SetError, nearest};
use crate::db::glob::{Case, matches};
use std::fmt;
use std::io::Read;

/// Deepest nesting of `include`; more must be a cycle.
const INCLUDE_DEPTH_MAX: usize = 16;

/// Where and why a configuration was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    place: String,
    problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

impl std::error::Error for ConfigError {}

fn error(place: &str, problem: impl Into<String>) -> ConfigError {
    ConfigError { place: place.to_owned(), problem: problem.into() }
}

impl Config {
    /// The configuration that `args` (without the program's name) ask for. `is_command` says whether
    /// there is a command of a name.
    ///
    /// # Errors
    /// Names the file and line or the argument, and says what is expected.
    pub(crate) fn read(
        args: &[String],
        is_command: fn(&str) -> bool,
    ) -> Result<Config, ConfigError> {
        let mut config = Config::new(is_command);
        let mut rest = args;
        if let Some((first, after)) = args.split_first()
            && !first.starts_with('-')
        {
            config.file = Some(first.clone());
            config.read_file(first, 0)?;
            rest = after;
        }
        if let Some((first, after)) = rest.split_first()
            && first == "-"
        {
            config.read_stdin()?;
            rest = after;
        }
        config.read_args(rest)?;
        if let Some((given, reason)) = config.refused() {
            let row = &super::TABLE[given.at];
            let default = if row.default.is_empty() { "\"\"" } else { row.default };
            let remedy = match given.place.starts_with("argument ") {
                true => String::new(),
                false => format!(": change that line, or add --{} {default}", row.name),
            };
            return Err(error(&given.place, format!("'{}': {reason}{remedy}", given.words)));
        }
        config.restricted.clear();
        config.resolve();
        match config.contradiction() {
            Some((name, reason)) => Err(error(&format!("directive {name}"), reason)),
            None => Ok(config),
        }
    }

    fn read_args(&mut self, args: &[String]) -> Result<(), ConfigError> {
        let mut rest = args;
        while let Some((first, after)) = rest.split_first() {
            let Some(name) = first.strip_prefix("--").filter(|name| !name.is_empty()) else {
                return Err(error(
                    &format!("argument '{first}'"),
                    "expected --directive value; a configuration file comes first",
                ));
            };
            let count = after.iter().take_while(|arg| !arg.starts_with("--")).count();
            let mut words: Vec<&str> = after[..count].iter().map(String::as_str).collect();
            // A yes-or-no directive without a value means yes (`--ae-batch`).
            if words.is_empty() && is_yes_or_no(name) {
                words.push("yes");
            }
            // As in Redis, one argument may hold the words of several ("--bind 'a b'").
            let split: Vec<&str> = match words.as_slice() {
                [one] if one.contains(' ') && is_list(name) => one.split_whitespace().collect(),
                _ => words,
            };
            self.apply(&format!("argument --{}", before_value(name)), name, &split, 0)?;
            rest = &after[count..];
        }
        Ok(())
    }

    fn read_stdin(&mut self) -> Result<(), ConfigError> {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(|e| error("standard input", format!("cannot be read: {e}")))?;
        self.read_text("standard input", &text, 0)
    }

    fn read_file(&mut self, path: &str, depth: usize) -> Result<(), ConfigError> {
        if depth > INCLUDE_DEPTH_MAX {
            return Err(error(path, "include directives nest too deep; check for a cycle"));
        }
        let text = std::fs::read_to_string(path)
            .map_err(|e| error(path, format!("the configuration file cannot be read: {e}")))?;
        self.read_text(path, &text, depth)
    }

    fn read_text(&mut self, origin: &str, text: &str, depth: usize) -> Result<(), ConfigError> {
        // Some editors put a byte order mark before the text.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{origin} line {}", index + 1);
            let words =
                split_words(line).ok_or_else(|| error(&place, "unbalanced quotes in this line"))?;
            if let Some((name, values)) = words.split_first() {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                self.apply(&place, name, &values, depth)?;
            }
        }
        Ok(())
    }

    fn apply(
        &mut self,
        place: &str,
        name: &str,
        words: &[&str],
        depth: usize,
    ) -> Result<(), ConfigError> {
        if name.eq_ignore_ascii_case("include") {
            return words.iter().try_for_each(|path| {
                let paths = included(path).map_err(|reason| error(place, reason))?;
                paths.iter().try_for_each(|path| self.read_file(path, depth + 1))
            });
        }
        self.set_at_start(place, name, words).map_err(|problem| match problem {
            SetError::Unknown => error(place, unknown(name)),
            SetError::Immutable => error(place, "cannot be set"),
            SetError::Value(reason) => {
                error(place, format!("'{}': {reason}", super::shown(name, words)))
            }
        })
    }
}

/// The files that an `include` means, in the order of their names. As in Redis, a pattern that matches
/// none is no error.
fn included(path: &str) -> Result<Vec<String>, String> {
    let is_pattern = |text: &str| text.contains(['*', '?', '[']);
    if !is_pattern(path) {
        return Ok(vec![path.to_owned()]);
    }
    let (folder, pattern) = match path.rsplit_once('/') {
        Some((folder, pattern)) => (format!("{folder}/"), pattern),
        None => (String::new(), path),
    };
    if is_pattern(&folder) {
        return Err(format!("include '{path}': only the name of the file may be a pattern"));
    }
    let listed = if folder.is_empty() { "." } else { &folder };
    let Ok(entries) = std::fs::read_dir(listed) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| matches(pattern.as_bytes(), name.as_bytes(), Case::Sensitive))
        // As a shell does.
        .filter(|name| !name.starts_with('.') || pattern.starts_with('.'))
        .collect();
    names.sort();
    Ok(names.into_iter().map(|name| format!("{folder}{name}")).collect())
}

/// The part before `=`: `--requirepass=…` is not a directive, and its value is not shown.
fn before_value(name: &str) -> &str {
    name.split('=').next().unwrap_or(name)
}

/// The error for an unknown directive.
fn unknown(name: &str) -> String {
    let name = before_value(name);
    let absent = super::table::ABSENT.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    match (absent, nearest(name)) {
        (Some((known, why)), _) => format!("no directive '{known}': {why}"),
        (None, Some(known)) => format!("unknown directive '{name}'; did you mean '{known}'?"),
        (None, None) => {
            format!("unknown directive '{name}': not in Redis 7.0 and not in ae-server --help")
        }
    }
}

fn is_yes_or_no(name: &str) -> bool {
    super::find(name).is_some_and(|at| super::TABLE[at].kind == super::table::Kind::Bool)
}

fn is_list(name: &str) -> bool {
    use super::table::Kind;
    super::find(name)
        .is_some_and(|at| matches!(super::TABLE[at].kind, Kind::Words | Kind::OutputLimits))
}

/// Splits a line of a configuration file: words, or strings in double quotes with the escapes
/// `\n \r \t \b \a \xHH` and any other character, or in single quotes with `\'`.
fn split_words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        let Some(&first) = chars.peek() else { return Some(words) };
        let mut word = String::new();
        match first {
            '"' | '\'' => {
                chars.next();
                loop {
                    match chars.next()? {
                        c if c == first => break,
                        '\\' if first == '"' => word.push(escaped(&mut chars)?),
                        '\\' if chars.peek() == Some(&'\'') => word.extend(chars.next()),
                        c => word.push(c),
                    }
                }
                // Text right after a closing quote is a mistake, not a word.
                if chars.peek().is_some_and(|c| !c.is_whitespace()) {
                    return None;
                }
            }
            _ => {
                while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
                    word.push(c);
                }
            }
        }
        words.push(word);
    }
}

fn escaped(chars: &mut impl Iterator<Item = char>) -> Option<char> {
    Some(match chars.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'a' => '\u{7}',
        'x' => {
            let (high, low) = (chars.next()?.to_digit(16)?, chars.next()?.to_digit(16)?);
            char::from(u8::try_from(high * 16 + low).ok()?)
        }
        other => other,
    })
}
