//! Running a script against the server. Lua itself is in `crate::lua`; the commands EVAL, EVALSHA and
//! SCRIPT are in `command::script`.
//!
//! A script runs inside the execution of its command, so nothing happens between its commands, and
//! the time that expiry uses stands still for it.
//! Invariant: the engine is taken out of the server while a script runs, so none runs inside another.

mod bridge;
mod busy;

use crate::clock::Nanos;
use crate::lua::{self, Engine, Job, Outcome, Progress, Running};
use crate::reply::{Protocol, Reply};
use crate::server::Server;
use bridge::Bridge;
use std::cell::{Cell, RefCell};

/// Runs a compiled script and replies with what it returns or how it failed.
pub(crate) fn run(server: &mut Server, job: &Job<'_>, out: &mut Reply, now: Nanos) {
    let Some(engine) = server.scripting.engine.take() else { return };
    server.scripting.running = Some(Running {
        client: job.client,
        started: now,
        served: now,
        progress: Progress::InTime,
        access: job.access,
        wrote: false,
        short_of_memory: job.short_of_memory,
        own_messages: Vec::new(),
    });
    let before = server.clients.get(job.client).map(|client| (client.db, client.last_command));
    let memory_max = server.config.settings().script.script_memory_max_bytes;
    let start = out.len();
    let result = engine.limit_memory(memory_max).and_then(|()| execute(&engine, server, job, out));
    // SELECT in a script does not change the client's database.
    if let (Some(client), Some((db, command))) = (server.clients.get_mut(job.client), before) {
        (client.db, client.last_command) = (db, command);
    }
    let running = server.scripting.running.take();
    if let Some(error) = result.transpose() {
        out.truncate(start);
        out.raw(running.as_ref().map_or(&[], |running| &running.own_messages));
        lua::fail(out, &job.sha, error);
    }
    engine.tidy(memory_max);
    server.scripting.lua_bytes = engine.memory_bytes();
    server.scripting.engine = Some(engine);
}

fn execute(engine: &Engine, server: &mut Server, job: &Job<'_>, out: &mut Reply) -> Outcome {
    let protocol = Cell::new(Protocol::Resp2);
    let server = RefCell::new(server);
    engine.execute(&Bridge { server: &server, client: job.client, protocol: &protocol }, job, out)
}
