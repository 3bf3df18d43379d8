//! EVAL EVALSHA EVAL_RO EVALSHA_RO, and SCRIPT: EXISTS FLUSH KILL LOAD HELP.
//!
//! Argument checks and the cache of scripts; [`crate::script`] runs them.

use crate::evict;
use crate::lua::{Access, Declared, Engine, Job, Progress, Script, Sha, sha1_hex};
use crate::script;
use crate::server::flags::{
    ALLOW_BUSY, LOADING, MOVABLE_KEYS, NO_MANDATORY_KEYS, NOSCRIPT, READONLY, SKIP_MONITOR, STALE,
};
use crate::server::{By, Call, CommandSpec, Group, NO_KEYS, command, container};

const EVAL: u32 = NOSCRIPT | STALE | SKIP_MONITOR | NO_MANDATORY_KEYS | MOVABLE_KEYS;
const COST: &str = "Depends on the script that is executed.";

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("eval", -3, EVAL, NO_KEYS, eval).docs(
        Group::Scripting,
        "2.6.0",
        COST,
        "Execute a Lua script server side",
    ),
    command("evalsha", -3, EVAL, NO_KEYS, evalsha).docs(
        Group::Scripting,
        "2.6.0",
        COST,
        "Execute a Lua script server side",
    ),
    command("eval_ro", -3, EVAL | READONLY, NO_KEYS, eval).docs(
        Group::Scripting,
        "7.0.0",
        COST,
        "Execute a read-only Lua script server side",
    ),
    command("evalsha_ro", -3, EVAL | READONLY, NO_KEYS, evalsha).docs(
        Group::Scripting,
        "7.0.0",
        COST,
        "Execute a read-only Lua script server side",
    ),
    container("script", -2, SUBCOMMANDS).docs(
        Group::Scripting,
        "2.6.0",
        "Depends on subcommand.",
        "A container for Lua scripts management commands",
    ),
];

const SUBCOMMANDS: &[CommandSpec] = &[
    command("exists", -3, NOSCRIPT, NO_KEYS, exists)
        .of("script")
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the number of scripts to check (so checking a single script is an \
             O(1) operation).",
            "Check existence of scripts in the script cache.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"]),
    command("flush", -2, NOSCRIPT, NO_KEYS, flush)
        .of("script")
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the number of scripts in cache",
            "Remove all the scripts from the script cache.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    command("kill", 2, NOSCRIPT | ALLOW_BUSY, NO_KEYS, kill)
        .of("script")
        .docs(Group::Scripting, "2.6.0", "O(1)", "Kill the script currently in execution.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"]),
    command("load", 3, NOSCRIPT | STALE, NO_KEYS, load)
        .of("script")
        .docs(
            Group::Scripting,
            "2.6.0",
            "O(N) with N being the length in bytes of the script body.",
            "Load the specified Lua script into the script cache.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"]),
    command("help", 2, LOADING | STALE, NO_KEYS, help).of("script").docs(
        Group::Scripting,
        "5.0.0",
        "O(1)",
        "Show helpful text about the different subcommands",
    ),
];

/// EVAL script numkeys [key …] [arg …]: runs a script, compiling it if it is new. Costs what it does.
fn eval(call: &mut Call<'_>) {
    show_to_monitors(call);
    let Some(key_count) = key_count(call) else { return };
    let text = call.args.at(1);
    let sha = sha1_hex(text);
    if let Err(error) = register(call, sha, text) {
        return call.out.error(error);
    }
    start(call, sha, key_count);
}

/// EVALSHA sha1 numkeys [key …] [arg …]: runs a script that is known by its SHA-1.
fn evalsha(call: &mut Call<'_>) {
    show_to_monitors(call);
    let sha = Sha::try_from(call.args.at(1).to_ascii_lowercase().as_slice()).ok();
    let Some(sha) = sha else {
        return call.out.error("NOSCRIPT No matching script. Please use EVAL.");
    };
    let Some(key_count) = key_count(call) else { return };
    if !call.server.scripting.scripts.contains_key(&sha) {
        return call.out.error("NOSCRIPT No matching script. Please use EVAL.");
    }
    start(call, sha, key_count);
}

/// Called before the script runs, so that monitors see EVAL before the commands of the script.
fn show_to_monitors(call: &mut Call<'_>) {
    if !call.server.monitors.is_empty() {
        let (client, spec, args) = (call.client, call.spec, call.args);
        crate::monitor::feed(call.server, client, spec, args, call.out, By::Client);
    }
}

/// How many of the arguments are keys; replies with the error if that cannot be.
fn key_count(call: &mut Call<'_>) -> Option<usize> {
    let count = call.integer_arg(2)?;
    let problem = match usize::try_from(count) {
        Ok(count) if count <= call.args.len() - 3 => return Some(count),
        Ok(_) => "ERR Number of keys can't be greater than number of args",
        Err(_) => "ERR Number of keys can't be negative",
    };
    call.out.error(problem);
    None
}

/// Compiles a script unless it is known. The error is the reply.
fn register(call: &mut Call<'_>, sha: Sha, text: &[u8]) -> Result<(), Vec<u8>> {
    let scripting = &mut call.server.scripting;
    if scripting.scripts.contains_key(&sha) {
        return Ok(());
    }
    let (declared, line_len) = first_line(text)?;
    if scripting.engine.is_none() {
        let engine = Engine::new().map_err(|e| format!("ERR Lua does not start: {e}"))?;
        scripting.engine = Some(Box::new(engine));
    }
    let Some(engine) = &scripting.engine else { return Err(b"ERR Lua does not start".to_vec()) };
    engine
        .compile(&sha, &text[line_len..])
        .map_err(|error| format!("ERR Error compiling script (new function): {error}"))?;
    scripting.scripts.insert(sha, Script { declared });
    scripting.text_bytes += text.len();
    scripting.lua_bytes = engine.memory_bytes();
    Ok(())
}

/// What the line `#!lua flags=…` says, and its length without the line end.
fn first_line(text: &[u8]) -> Result<(Declared, usize), Vec<u8>> {
    if !text.starts_with(b"#!") {
        return Ok((Declared::Nothing, 0));
    }
    let Some(len) = text.iter().position(|&byte| byte == b'\n') else {
        return Err(b"ERR Invalid script shebang".to_vec());
    };
    let mut words = text[..len].split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    let with = |text: &str, word: &[u8]| Err([text.as_bytes(), word].concat());
    match words.next() {
        Some(b"#!lua") => {}
        other => return with("ERR Unexpected engine in script shebang: ", other.unwrap_or(b"")),
    }
    let (mut access, mut allow_oom) = (Access::ReadWrite, false);
    for word in words {
        let Some(flags) = word.strip_prefix(b"flags=") else {
            return with("ERR Unknown lua shebang option: ", word);
        };
        for flag in flags.split(|&byte| byte == b',').filter(|flag| !flag.is_empty()) {
            match flag {
                b"no-writes" => access = Access::ReadOnly,
                b"allow-oom" => allow_oom = true,
                b"allow-stale" | b"no-cluster" | b"allow-cross-slot-keys" => {}
                other => return with("ERR Unexpected flag in script shebang: ", other),
            }
        }
    }
    Ok((Declared::Flags { access, allow_oom }, len))
}

/// Runs a known script, if its declared flags allow it.
fn start(call: &mut Call<'_>, sha: Sha, key_count: usize) {
    let Some(script) = call.server.scripting.scripts.get(&sha).copied() else { return };
    let asked_read_only = call.spec.has(READONLY);
    let short_of_memory = evict::is_over_limit(call.server);
    let access = match script.declared {
        Declared::Nothing if asked_read_only => Access::ReadOnly,
        Declared::Nothing => Access::ReadWrite,
        Declared::Flags { access: Access::ReadWrite, .. } if asked_read_only => {
            return call
                .out
                .error("ERR Can not execute a script with write flag using *_ro command.");
        }
        Declared::Flags { access, allow_oom } => {
            if short_of_memory && !allow_oom && access == Access::ReadWrite {
                return call.out.error(evict::OOM);
            }
            access
        }
    };
    let allowed = matches!(script.declared, Declared::Flags { allow_oom: true, .. });
    let job = Job {
        client: call.client,
        sha,
        access,
        keys: call.args.from(3).take(key_count).collect(),
        args: call.args.from(3 + key_count).collect(),
        short_of_memory: short_of_memory && !allowed,
    };
    let now = call.server.clock.now();
    script::run(call.server, &job, call.out, now);
}

/// SCRIPT LOAD script: its SHA-1, by which EVALSHA finds it from now on. O(N) for N bytes.
fn load(call: &mut Call<'_>) {
    let text = call.args.at(2);
    let sha = sha1_hex(text);
    match register(call, sha, text) {
        Ok(()) => call.out.bulk(&sha),
        Err(error) => call.out.error(error),
    }
}

/// SCRIPT EXISTS sha1 …: for each, whether it is known. O(N) for N names.
fn exists(call: &mut Call<'_>) {
    call.out.array(call.args.len() - 2);
    for name in call.args.from(2) {
        let sha = Sha::try_from(name.to_ascii_lowercase().as_slice());
        let known = sha.is_ok_and(|sha| call.server.scripting.scripts.contains_key(&sha));
        call.out.integer(i64::from(known));
    }
}

/// SCRIPT FLUSH [ASYNC|SYNC]: removes all scripts and the Lua state. O(N) for N scripts.
fn flush(call: &mut Call<'_>) {
    let known = call.args.is(2, "sync") || call.args.is(2, "async");
    if call.args.len() > 3 || (call.args.len() == 3 && !known) {
        return call.out.error("ERR SCRIPT FLUSH only support SYNC|ASYNC option");
    }
    call.server.scripting.flush();
    call.out.ok();
}

/// SCRIPT KILL: ends the running script, unless it has written. O(1).
fn kill(call: &mut Call<'_>) {
    match &mut call.server.scripting.running {
        None => call.out.error("NOTBUSY No scripts in execution right now."),
        Some(running) if running.wrote => call.out.error(
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You \
             can either wait the script termination or kill the server in a hard way using the \
             SHUTDOWN NOSAVE command.",
        ),
        Some(running) => {
            running.progress = Progress::Killed;
            call.out.ok();
        }
    }
}

/// Lists the subcommands. O(1).
fn help(call: &mut Call<'_>) {
    crate::command::help::help(
        call.out,
        "SCRIPT",
        &[
            "EXISTS <sha1> [<sha1> ...]",
            "    Return information about the existence of the scripts in the script cache.",
            "FLUSH [ASYNC|SYNC]",
            "    Flush the Lua scripts cache. Very dangerous on replicas.",
            "    When called without the optional mode argument, the behavior is determined by the",
            "    lazyfree-lazy-user-flush configuration directive. Valid modes are:",
            "    * ASYNC: Asynchronously flush the scripts cache.",
            "    * SYNC: Synchronously flush the scripts cache.",
            "KILL",
            "    Kill the currently executing Lua script.",
            "LOAD <script>",
            "    Load a script into the scripts cache without executing it.",
        ],
    );
}
