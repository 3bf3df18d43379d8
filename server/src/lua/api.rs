//! The `redis` table of scripts, without `call` and `pcall`: made once for all runs.

use super::calls;
use super::raised::{Raised, bad_argument, library_error, number};
use super::random::Random;
use crate::version::REDIS_VERSION;
use mlua::{Lua, MultiValue, Result, Table, Value};
use std::cell::Cell;

/// What a library function asks of the server, by number.
#[derive(Clone, Copy)]
pub(crate) enum Question {
    /// `redis.log`: level and text.
    Log = 1,
    /// `redis.setresp`: 2 or 3.
    Protocol = 2,
    /// `redis.acl_check_cmd`: is there such a command?
    Known = 3,
}

/// Values of `REPL_…`: they are checked and have no effect, as nothing replicates.
const REPLICATION: [(&str, i64); 5] =
    [("REPL_NONE", 0), ("REPL_AOF", 1), ("REPL_REPLICA", 2), ("REPL_SLAVE", 2), ("REPL_ALL", 3)];

/// The table, without `call` and `pcall`.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    let levels = [("LOG_DEBUG", 0), ("LOG_VERBOSE", 1), ("LOG_NOTICE", 2), ("LOG_WARNING", 3)];
    for (name, value) in levels.into_iter().chain(REPLICATION) {
        table.raw_set(name, value)?;
    }
    table.raw_set("REDIS_VERSION", REDIS_VERSION)?;
    table.raw_set("REDIS_VERSION_NUM", version_number(REDIS_VERSION))?;
    table
        .raw_set("error_reply", lua.create_function(|lua, args| single_field(lua, args, "err"))?)?;
    table
        .raw_set("status_reply", lua.create_function(|lua, args| single_field(lua, args, "ok"))?)?;
    table.raw_set("sha1hex", lua.create_function(sha1hex)?)?;
    table.raw_set("log", lua.create_function(log)?)?;
    table.raw_set("setresp", lua.create_function(setresp)?)?;
    table.raw_set("set_repl", lua.create_function(set_repl)?)?;
    table.raw_set("acl_check_cmd", lua.create_function(acl_check_cmd)?)?;
    table.raw_set("replicate_commands", lua.create_function(|_, ()| Ok(true))?)?;
    table.raw_set("breakpoint", lua.create_function(|_, ()| Ok(false))?)?;
    table.raw_set("debug", lua.create_function(|_, _: MultiValue| Ok(()))?)?;
    Ok(table)
}

/// `0x00MMmmpp`, as Redis has it.
fn version_number(text: &str) -> u32 {
    text.split('.').fold(0, |sum, part| sum << 8 | part.parse::<u32>().unwrap_or(0))
}

/// Replaces the random functions by ones that give each script the same numbers.
pub(super) fn deterministic_random(lua: &Lua, math: &Table) -> Result<()> {
    lua.set_app_data(Cell::new(Random::seeded(0)));
    math.raw_set("random", lua.create_function(random)?)?;
    let seed = |lua: &Lua, seed: f64| {
        reseed(lua, seed as i64 as i32);
        Ok(())
    };
    math.raw_set("randomseed", lua.create_function(seed)?)
}

/// Restarts the random numbers.
pub(super) fn reseed(lua: &Lua, seed: i32) {
    if let Some(cell) = lua.app_data_ref::<Cell<Random>>() {
        cell.set(Random::seeded(seed));
    }
}

fn random(lua: &Lua, args: MultiValue) -> Result<f64> {
    let mut draw = 0.0;
    if let Some(cell) = lua.app_data_ref::<Cell<Random>>() {
        let mut generator = cell.get();
        draw = generator.next();
        cell.set(generator);
    }
    let bounds: Vec<f64> = args.iter().map(|arg| lua.unpack(arg.clone())).collect::<Result<_>>()?;
    let (low, high, last) = match bounds[..] {
        [] => return Ok(draw),
        [high] => (1.0, high.trunc(), 1),
        [low, high] => (low.trunc(), high.trunc(), 2),
        _ => return Err(library_error(lua, "wrong number of arguments")),
    };
    if low > high {
        return Err(bad_argument(lua, last, "random", "interval is empty"));
    }
    Ok((draw * (high - low + 1.0)).floor() + low)
}

/// `redis.error_reply` and `redis.status_reply`. A wrong argument is returned, not raised.
fn single_field(lua: &Lua, args: MultiValue, field: &str) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 1)?;
    let (Some(Value::String(text)), 1) = (args.front(), args.len()) else {
        table.raw_set("err", "ERR wrong number or type of arguments")?;
        return Ok(table);
    };
    if field == "ok" {
        table.raw_set(field, text)?;
        return Ok(table);
    }
    // A single word has no error code and gets the general one.
    let bytes = text.as_bytes();
    let text = bytes.strip_prefix(b"-").unwrap_or(&bytes);
    let text = if text.contains(&b' ') { text.to_vec() } else { [b"ERR ", text].concat() };
    table.raw_set(field, lua.create_string(text)?)?;
    Ok(table)
}

fn sha1hex(lua: &Lua, args: MultiValue) -> Result<Value> {
    let (Some(value), 1) = (args.front(), args.len()) else {
        return Err(Raised::reply("wrong number of arguments"));
    };
    let text = lua.coerce_string(value.clone())?;
    let digits =
        text.map_or_else(|| super::sha1_hex(b""), |text| super::sha1_hex(&text.as_bytes()));
    Ok(Value::String(lua.create_string(digits)?))
}

fn ask(lua: &Lua, what: Question, args: impl mlua::IntoLuaMulti) -> Result<bool> {
    let mut all = args.into_lua_multi(lua)?;
    all.push_front(Value::Integer(what as i64));
    calls::ask(lua, &all)
}

fn log(lua: &Lua, args: MultiValue) -> Result<()> {
    if args.len() < 2 {
        return Err(Raised::reply("redis.log() requires two arguments or more."));
    }
    let Some(level) = number(&args[0]) else {
        return Err(Raised::reply("First argument must be a number (log level)."));
    };
    if !(0.0..=3.0).contains(&level.trunc()) {
        return Err(Raised::reply("Invalid debug level."));
    }
    let mut words = Vec::new();
    for arg in args.iter().skip(1) {
        if let Some(text) = lua.coerce_string(arg.clone())? {
            words.push(text.as_bytes().to_vec());
        }
    }
    ask(lua, Question::Log, (level.trunc(), lua.create_string(words.join(&b' '))?)).map(|_| ())
}

fn setresp(lua: &Lua, args: MultiValue) -> Result<()> {
    if args.len() != 1 {
        return Err(Raised::reply("redis.setresp() requires one argument."));
    }
    match number(&args[0]).map(f64::trunc) {
        Some(version @ (2.0 | 3.0)) => ask(lua, Question::Protocol, version).map(|_| ()),
        _ => Err(Raised::reply("RESP version must be 2 or 3.")),
    }
}

fn set_repl(_: &Lua, args: MultiValue) -> Result<()> {
    if args.len() != 1 {
        return Err(Raised::reply("redis.set_repl() requires two arguments."));
    }
    let flags = number(&args[0]).unwrap_or(0.0).trunc();
    if REPLICATION.iter().any(|(_, known)| *known as f64 == flags) {
        return Ok(());
    }
    let text = "Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.";
    Err(Raised::reply(text))
}

fn acl_check_cmd(lua: &Lua, args: MultiValue) -> Result<bool> {
    if args.is_empty() {
        return Err(Raised::reply("Please specify at least one argument for this redis lib call"));
    }
    if !ask(lua, Question::Known, args)? {
        return Err(Raised::reply("Invalid command passed to redis.acl_check_cmd()"));
    }
    // The only user has all permissions.
    Ok(true)
}
