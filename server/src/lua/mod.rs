//! Lua 5.1 as Redis 7.0 offers it to scripts, and what is known of scripts. Knows no server: what a
//! script asks of it goes through [`Host`].
//!
//! ```text
//! engine        the Lua state and one run of one script in it
//! sandbox.lua   what scripts may see of Lua
//! api           the part of the `redis` table that needs no command
//! calls         redis.call and redis.pcall; convert: what a script returns
//! json, bit     the libraries cjson and bit
//! raised        errors on their way through Lua
//! watch         the hook that ends a script
//! checks        before functions of Lua's own libraries
//! start         arguments, and the call of the script
//! stack         what C functions in Rust need
//! ```
//!
//! Not there: `cmsgpack`, `struct`, the debugger.

mod api;
mod bit;
mod calls;
mod checks;
mod convert;
mod engine;
mod json;
pub(crate) mod raised;
mod random;
mod stack;
mod start;
mod watch;

pub(crate) use api::Question;
pub(crate) use engine::{Engine, Host, Job, Outcome, fail};

use crate::client::ClientKey;
use crate::clock::Nanos;
use std::collections::HashMap;

/// The name of a script: the SHA-1 of its text in hexadecimal digits.
pub(crate) type Sha = [u8; 40];

/// The name of the script `text`: SHA-1 is a name here, not a protection.
pub(crate) fn sha1_hex(text: &[u8]) -> Sha {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let bytes = sha1_smol::Sha1::from(text).digest().bytes();
    std::array::from_fn(|at| {
        let byte = bytes[at / 2];
        DIGITS[usize::from(if at % 2 == 0 { byte >> 4 } else { byte & 15 })]
    })
}

/// What a script may do to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}

/// What a script declares in its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// No such line: each command is checked separately.
    Nothing,
    Flags {
        access: Access,
        /// May run while memory is above `maxmemory`.
        allow_oom: bool,
    },
}

/// A script that is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script {
    pub(crate) declared: Declared,
}

/// How long a script has been running.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    InTime,
    /// Longer than `busy-reply-threshold`: other clients get a BUSY reply.
    Busy,
    /// SCRIPT KILL or a signal ends it.
    Killed,
}

/// The script that is running now.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) client: ClientKey,
    pub(crate) started: Nanos,
    /// When other clients were last served.
    pub(crate) served: Nanos,
    pub(crate) progress: Progress,
    pub(crate) access: Access,
    /// It has executed a write command, so SCRIPT KILL refuses to end it.
    pub(crate) wrote: bool,
    /// Memory was above `maxmemory` when it began.
    pub(crate) short_of_memory: bool,
    /// Messages that it published to its own client, whose output buffer is in use.
    pub(crate) own_messages: Vec<u8>,
}

/// State of scripting that outlives a script.
#[derive(Default)]
pub(crate) struct Scripting {
    /// Made by the first script; absent while one runs.
    pub(crate) engine: Option<Box<Engine>>,
    pub(crate) scripts: HashMap<Sha, Script>,
    /// Bytes of their texts.
    pub(crate) text_bytes: usize,
    pub(crate) running: Option<Running>,
    /// Bytes of the Lua state when a script last ended.
    pub(crate) lua_bytes: usize,
}

impl Scripting {
    /// Whether clients get a BUSY reply because a script runs too long.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.progress != Progress::InTime)
    }

    /// Bytes of the scripts' texts and of what is kept about them.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.text_bytes + self.scripts.capacity() * size_of::<(Sha, Script)>()
    }

    /// Removes all scripts and the Lua state (`SCRIPT FLUSH`).
    pub(crate) fn flush(&mut self) {
        *self = Scripting::default();
    }
}
