//! Which arguments of a command are secret. Everything that shows the arguments of a command to others
//! (`SLOWLOG`, `MONITOR`) reads them through [`Shown`], which decides by the command table's flags.
//!
//! When in doubt an argument is secret: a command with a syntax error may contain a password at a place
//! that no valid command has.

use super::{CommandSpec, flags};
use crate::args::Args;
use crate::config;
use std::ops::Range;

/// Shown instead of a secret argument, as in Redis.
const REDACTED: &[u8] = b"(redacted)";

/// The arguments of a command as others may see them.
#[derive(Clone)]
pub(crate) struct Shown<'a> {
    args: Args<'a>,
    secret: Secret,
}

#[derive(Clone)]
enum Secret {
    None,
    Range(Range<usize>),
    /// Each value of a secret setting; names and values alternate from here on.
    SettingsFrom(usize),
}

impl<'a> Shown<'a> {
    /// The arguments of a call of `spec`.
    pub(crate) fn new(spec: &CommandSpec, args: Args<'a>) -> Self {
        let secret = if spec.has(flags::SECRET_ARGS) {
            Secret::Range(1..args.len())
        } else if spec.has(flags::SECRET_AFTER_AUTH) {
            Secret::Range(credentials(args))
        } else if spec.has(flags::SECRET_SETTINGS) {
            Secret::SettingsFrom(2)
        } else {
            Secret::None
        };
        Shown { args, secret }
    }

    /// How many, the command's name included.
    pub(crate) fn len(&self) -> usize {
        self.args.len()
    }

    /// The argument at `index`, or what is shown in place of a secret.
    pub(crate) fn at(&self, index: usize) -> &'a [u8] {
        let secret = match &self.secret {
            Secret::None => false,
            Secret::Range(range) => range.contains(&index),
            Secret::SettingsFrom(first) => {
                index > *first
                    && (index - first) % 2 == 1
                    && config::is_secret(&String::from_utf8_lossy(self.args.at(index - 1)))
            }
        };
        if secret { REDACTED } else { self.args.at(index) }
    }
}

/// The user and the password of `HELLO`: read as the command reads them. From an option on that the
/// command does not know, everything is secret.
fn credentials(args: Args<'_>) -> Range<usize> {
    let mut at = 2;
    while at < args.len() {
        if args.is(at, "setname") && at + 1 < args.len() {
            at += 2;
        } else if args.is(at, "auth") && at + 2 < args.len() {
            // SETNAME may follow. Anything else is a second pair or a mistake.
            let named = args.len() <= at + 5 && args.is(at + 3, "setname");
            return at + 1..if named { at + 3 } else { args.len() };
        } else {
            return at + usize::from(args.is(at, "auth"))..args.len();
        }
    }
    0..0
}
