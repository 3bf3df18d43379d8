//! The Lua state, and one run of one script in it.
//!
//! The functions that reach the server exist only during one run (`Lua::scope`), so nothing that a
//! script keeps can reach the server afterwards.

use super::calls::Calls;
use super::json::Json;
use super::raised::{KILLED, place, plain, reply_table};
use super::start::{self, sys::Parts};
use super::watch::{self, Watch};
use super::{Access, Sha, api, bit, checks, convert};
use crate::args::Args;
use crate::client::ClientKey;
use crate::clock::Nanos;
use crate::reply::{Protocol, Reply};
use mlua::chunk::ChunkMode;
use mlua::{Function, Lua, LuaOptions, MultiValue, Result, StdLib, Table, Value};
use std::cell::Cell;

/// After a script, garbage beyond this much, and beyond what was in use after the last collection, is
/// collected: what a script held is free after it.
const GARBAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

const OUT_OF_MEMORY: &str = "ERR not enough memory: the script went beyond lua-memory-limit";

/// See the module's text.
pub(crate) struct Engine {
    lua: Lua,
    /// These three must live as long as the state.
    watch: Box<Watch>,
    calls: Calls,
    json: Json,
    /// Bytes in use after the last full collection.
    in_use: Cell<usize>,
    /// The memory limit in bytes; 0: none.
    limit: Cell<usize>,
    /// The globals themselves; scripts see them through a table that refuses writes.
    globals: Table,
    /// Compiled scripts by their SHA-1.
    compiled: Table,
    /// Runs a function and returns whether it succeeded, with its result or the error.
    run: Function,
}

/// One run: what EVAL was asked for.
pub(crate) struct Job<'a> {
    pub(crate) client: ClientKey,
    pub(crate) sha: Sha,
    pub(crate) access: Access,
    pub(crate) keys: Vec<&'a [u8]>,
    pub(crate) args: Vec<&'a [u8]>,
    pub(crate) short_of_memory: bool,
}

/// The error that a script ended with; `None` if it succeeded and its reply is written. An error if Lua
/// itself failed. After any error, the output may have a part of a reply.
pub(crate) type Outcome = Result<Option<Value>>;

/// The way from a running script to the server.
pub(crate) trait Host {
    /// Executes a command, and returns how long that took. Errors are replies.
    fn execute(&self, words: Args<'_>, out: &mut Reply) -> Nanos;
    /// Time has passed: whether the script may continue.
    fn may_go_on(&self) -> bool;
    /// Answers a [`super::Question`], whose number comes first.
    fn answer(&self, args: &MultiValue) -> Result<bool>;
    /// The script has succeeded: what comes before its reply.
    fn before_reply(&self, out: &mut Reply);
    /// The protocol that the script gets replies in.
    fn protocol(&self) -> Protocol;
}

impl Engine {
    /// A fresh state with its sandbox.
    pub(crate) fn new() -> Result<Self> {
        let libraries = StdLib::TABLE | StdLib::STRING | StdLib::MATH | StdLib::OS;
        // The sandbox handles our errors itself.
        let lua = Lua::new_with(libraries, LuaOptions::new().catch_rust_panics(true))?;
        let globals = lua.globals();
        let redis = api::library(&lua)?;
        let calls = Calls::install(&lua, &redis)?;
        globals.raw_set("redis", redis)?;
        let (json, cjson) = Json::library(&lua)?;
        globals.raw_set("cjson", cjson)?;
        globals.raw_set("bit", bit::library(&lua)?)?;
        let os = lua.create_table()?;
        os.raw_set("clock", globals.get::<Table>("os")?.get::<Function>("clock")?)?;
        globals.raw_set("os", os)?;
        api::deterministic_random(&lua, &globals.get("math")?)?;
        let watch = Watch::install(&lua)?;
        let read_only = lua.create_table()?;
        checks::install(&lua, &globals, &read_only)?;
        let (pcall, xpcall) = watch::protected_calls(&lua)?;
        globals.raw_set("pcall", pcall)?;
        globals.raw_set("xpcall", xpcall)?;
        let sandbox = lua.load(include_str!("sandbox.lua")).set_name("=sandbox");
        let plain = lua.create_function(plain)?;
        let place = lua.create_function(place)?;
        let look = watch::look_function(&lua)?;
        let make_pcall = watch::pcall_maker(&lua)?;
        let (environment, run): (Table, Function) =
            sandbox.call((plain, place, look, watch::killed(), read_only, make_pcall))?;
        lua.set_globals(environment)?;
        let compiled = lua.create_table()?;
        let in_use = Cell::new(lua.used_memory());
        Ok(Engine { lua, watch, calls, json, in_use, limit: Cell::new(0), globals, compiled, run })
    }

    /// Compiles a script under its name.
    ///
    /// # Errors
    /// The compiler's message.
    pub(crate) fn compile(&self, sha: &Sha, text: &[u8]) -> std::result::Result<(), String> {
        let chunk = self.lua.load(text).set_name("@user_script").set_mode(ChunkMode::Text);
        let name = self.lua.create_string(sha).map_err(|e| e.to_string())?;
        let function = chunk.into_function().map_err(|error| match error {
            mlua::Error::SyntaxError { message, .. } => message,
            other => other.to_string(),
        })?;
        self.compiled.raw_set(name, function).map_err(|error| error.to_string())
    }

    /// Bytes that the state holds.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.lua.used_memory()
    }

    /// Sets the most that the state may hold, in bytes; 0: no limit. An allocation beyond it is an
    /// error of the script.
    ///
    /// # Errors
    /// If the state has an allocator that knows no limit.
    pub(crate) fn limit_memory(&self, bytes: usize) -> Result<()> {
        if self.limit.replace(bytes) == bytes {
            return Ok(());
        }
        self.lua.set_memory_limit(bytes).map(|_| ())
    }

    /// Called after a script: frees what it held, if that is much, or if the next script might exceed
    /// the memory limit.
    pub(crate) fn tidy(&self, limit_bytes: usize) {
        self.json.release();
        let held = self.memory_bytes();
        let close = limit_bytes > 0 && held > limit_bytes / 2;
        if close || held > 2 * self.in_use.get() + GARBAGE_BYTES_MAX {
            // It fails only if a finalizer does, and there are none.
            let _ = self.lua.gc_collect();
            self.in_use.set(self.memory_bytes());
        }
    }

    /// Runs a script that is compiled, with `host` for what it asks of the server.
    ///
    /// # Errors
    /// If Lua fails outside of the script.
    pub(crate) fn execute(&self, host: &dyn Host, job: &Job<'_>, out: &mut Reply) -> Outcome {
        api::reseed(&self.lua, 0);
        let parts = Parts { globals: &self.globals, compiled: &self.compiled, run: &self.run };
        let run = || {
            let (succeeded, value) = self.calls.during(host, || {
                start::sys::run(&self.lua, &parts, &job.sha, [&job.keys, &job.args])
            })?;
            if !succeeded {
                return Ok(Some(value));
            }
            host.before_reply(out);
            convert::to_reply(&self.lua, out, value, host.protocol()).map(|()| None)
        };
        match self.watch.during(&self.lua, &|| host.may_go_on(), run) {
            Ok(Ok(error)) => Ok(error),
            Ok(Err(place)) => {
                start::sys::forget(&self.lua, &self.globals)?;
                killed_at(&self.lua, place).map(Some)
            }
            Err(error) => {
                start::sys::forget(&self.lua, &self.globals)?;
                Err(error)
            }
        }
    }
}

/// The error of a script that was ended.
fn killed_at(lua: &Lua, place: watch::Place) -> Result<Value> {
    let table = reply_table(lua, KILLED.as_bytes(), false)?;
    if let Some((source, line)) = place {
        table.raw_set("source", source)?;
        table.raw_set("line", line)?;
    }
    Ok(Value::Table(table))
}

/// Replies with how a script failed.
pub(crate) fn fail(out: &mut Reply, sha: &Sha, error: Result<Value>) {
    let start = out.len();
    if let Err(error) = error.and_then(|error| failure(out, sha, &error)) {
        out.truncate(start);
        match error {
            mlua::Error::MemoryError(_) => out.error(OUT_OF_MEMORY),
            error => out.error(format!("ERR Error running script: {error}")),
        }
    }
}

/// The error with the script and the place in it.
fn failure(out: &mut Reply, sha: &Sha, error: &Value) -> Result<()> {
    let Value::Table(error) = error else {
        // Lua reports an out-of-memory error without a position.
        out.error(OUT_OF_MEMORY);
        return Ok(());
    };
    let mut text = match error.raw_get::<Value>("err")? {
        Value::String(text) => text.as_bytes().to_vec(),
        _ => b"ERR unknown error".to_vec(),
    };
    let source: Option<mlua::LuaString> = error.raw_get("source")?;
    let line: Option<i64> = error.raw_get("line")?;
    if let (Some(source), Some(line)) = (source, line) {
        text.extend_from_slice(b" script: ");
        text.extend_from_slice(sha);
        text.extend_from_slice(b", on ");
        text.extend_from_slice(&source.as_bytes());
        text.extend_from_slice(format!(":{line}.").as_bytes());
    }
    let counted = error.raw_get::<Value>("counted")? == Value::Boolean(true);
    out.script_error(&text, counted);
    Ok(())
}
