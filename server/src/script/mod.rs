//! Scripts: Lua 5.1 inside the server, as EVAL offers it in Redis 7.0.
//!
//! ```text
//! command::script   EVAL EVALSHA SCRIPT: arguments, cache, flags of the first line
//! engine            the Lua state and one run of one script in it
//! sandbox.lua       what scripts may see of Lua
//! api               the `redis` table: call, pcall, log …; convert: values both ways
//! busy              what a script that runs too long lets other clients do
//! sys               a limit on Lua's recursive pattern matching
//! ```
//!
//! A script runs inside the execution of its command, so nothing happens between its commands, and
//! the time that expiry goes by stands still for it. Not there: `cmsgpack`, `struct`, the debugger.
//! Invariant: the engine is taken out of the server while a script runs, so none runs inside another.

mod api;
mod bit;
pub(crate) mod busy;
mod convert;
mod engine;
mod json;
mod json_decode;
mod raised;
mod random;
pub(crate) mod sha1;
mod sys;

pub(crate) use engine::{Engine, Job, run};

use crate::clock::Nanos;
use crate::net::ClientKey;
use std::collections::HashMap;

/// The name of a script: the SHA-1 of its text in hexadecimal digits.
pub(crate) type Sha = [u8; 40];

/// What a script may do to the data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    ReadWrite,
    ReadOnly,
}

/// What a script says of itself in its first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Declared {
    /// No first line: anything goes, and each command is checked by itself.
    Nothing,
    Flags {
        access: Access,
        /// May run while there is too little memory.
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
pub(crate) enum Pace {
    InTime,
    /// Longer than `busy-reply-threshold`: other clients are told so.
    Busy,
    /// Told to end.
    Killed,
}

/// The script that is running now.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) client: ClientKey,
    pub(crate) started: Nanos,
    /// When others were last given a turn.
    pub(crate) served: Nanos,
    pub(crate) pace: Pace,
    pub(crate) access: Access,
    /// A command that writes has been executed: it cannot be killed any more.
    pub(crate) wrote: bool,
    /// There was too little memory when it began.
    pub(crate) short_of_memory: bool,
    /// What it published to the channels of its own client, whose output buffer is in use.
    pub(crate) own_messages: Vec<u8>,
}

/// Everything about scripts that outlives one.
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
    /// Whether clients are to be told that a script runs too long.
    #[inline]
    pub(crate) fn is_busy(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.pace != Pace::InTime)
    }

    /// Bytes of the scripts' texts and of what is kept about them.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.text_bytes + self.scripts.capacity() * size_of::<(Sha, Script)>()
    }

    /// Forgets all scripts and the Lua state (`SCRIPT FLUSH`).
    pub(crate) fn flush(&mut self) {
        *self = Scripting::default();
    }
}
