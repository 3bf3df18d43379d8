//! The `redis` table of scripts, and the way from it to the server.
//!
//! What needs the server during a run goes through [`Bridge`]; the rest of the table is made once.

use super::raised::{Raised, bad_argument, library_error, number};
use super::random::Random;
use super::{Pace, busy, convert, engine, sha1};
use crate::command::{Args, Protocol, Reply};
use crate::dispatch;
use crate::net::ClientKey;
use crate::server::Server;
use aelab_resp::ArgRange;
use aelab_resp::encode::format_double;
use aelab_resp::value::decode;
use mlua::{Function, Lua, MultiValue, Result, Table, Value};
use std::cell::{Cell, RefCell};

/// What the registry's function is asked for, by number.
#[derive(Clone, Copy)]
pub(super) enum Host {
    /// Time has passed: may the script go on?
    Look = 0,
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
    table.raw_set("REDIS_VERSION", crate::cli::REDIS_VERSION)?;
    table.raw_set("REDIS_VERSION_NUM", version_number(crate::cli::REDIS_VERSION))?;
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

/// Starts the random numbers anew.
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
    // A single word has no code of its own and gets the general one.
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
    let digits = text.map_or_else(|| sha1::hex(b""), |text| sha1::hex(&text.as_bytes()));
    Ok(Value::String(lua.create_string(digits)?))
}

fn ask(lua: &Lua, what: Host, args: impl mlua::IntoLuaMulti) -> Result<bool> {
    let host: Function = lua.named_registry_value(engine::HOST)?;
    let mut all = args.into_lua_multi(lua)?;
    all.push_front(Value::Integer(what as i64));
    host.call(all)
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
    ask(lua, Host::Log, (level.trunc(), lua.create_string(words.join(&b' '))?)).map(|_| ())
}

fn setresp(lua: &Lua, args: MultiValue) -> Result<()> {
    if args.len() != 1 {
        return Err(Raised::reply("redis.setresp() requires one argument."));
    }
    match number(&args[0]).map(f64::trunc) {
        Some(version @ (2.0 | 3.0)) => ask(lua, Host::Protocol, version).map(|_| ()),
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
    if !ask(lua, Host::Known, args)? {
        return Err(Raised::reply("Invalid command passed to redis.acl_check_cmd()"));
    }
    // There is one user, and it may do everything.
    Ok(true)
}

/// The way from a running script to the server.
pub(super) struct Bridge<'a, 's> {
    /// Borrowed for the length of one command, never across Lua code.
    pub(super) server: &'a RefCell<&'s mut Server>,
    pub(super) client: ClientKey,
    /// What the script gets replies in.
    pub(super) protocol: &'a Cell<Protocol>,
}

impl Bridge<'_, '_> {
    /// `redis.call`: an error reply is raised.
    pub(super) fn call(&self, lua: &Lua, args: MultiValue) -> Result<Value> {
        match self.execute(lua, &args)? {
            Value::Table(table) => match table.raw_get::<Value>("err")? {
                Value::String(text) => {
                    let counted = !table.raw_get::<Value>("ignore_error_stats_update")?.is_nil();
                    let text = text.as_bytes().to_vec();
                    Err(mlua::Error::external(Raised::Reply { text, counted }))
                }
                _ => Ok(Value::Table(table)),
            },
            value => Ok(value),
        }
    }

    /// `redis.pcall`: an error reply is returned, as are errors of the call itself.
    pub(super) fn pcall(&self, lua: &Lua, args: MultiValue) -> Result<Value> {
        self.execute(lua, &args)
    }

    fn execute(&self, lua: &Lua, args: &MultiValue) -> Result<Value> {
        let failed = |text: &str| {
            let text = format!("ERR {text}");
            Ok(Value::Table(super::raised::reply_table(lua, text.as_bytes(), false)?))
        };
        if args.is_empty() {
            return failed("Please specify at least one argument for this redis lib call");
        }
        let (mut bytes, mut ranges) = (Vec::new(), Vec::with_capacity(args.len()));
        for arg in args {
            let start = ranges.last().map_or(0, |range: &ArgRange| range.end);
            if !append_argument(&mut bytes, arg) {
                return failed("Lua redis lib command arguments must be strings or integers");
            }
            // Places are counted in 32 bits; a request over the network cannot be as long either.
            let Ok(end) = u32::try_from(bytes.len()) else {
                return failed("Lua redis lib command arguments are too long together");
            };
            ranges.push(ArgRange { start, end });
        }
        let protocol = self.protocol.get();
        let mut out = Reply::new(Vec::new(), protocol);
        let words = Args::new(&bytes, &ranges);
        dispatch::call_from_script(&mut self.server.borrow_mut(), self.client, words, &mut out);
        let reply = out.into_bytes();
        let Ok(Some((value, _))) = decode(&reply) else {
            return failed("A command of this script gave no reply");
        };
        match protocol {
            Protocol::Resp2 => convert::from_reply2(lua, value),
            Protocol::Resp3 => convert::from_reply(lua, value),
        }
    }

    /// The registry's function; see [`Host`].
    pub(super) fn host(&self, _: &Lua, args: MultiValue) -> Result<bool> {
        let what = args.front().and_then(Value::as_i64).unwrap_or_default();
        let server = &mut **self.server.borrow_mut();
        if what == Host::Look as i64 {
            return Ok(busy::look(server) != Pace::Killed);
        }
        if what == Host::Protocol as i64 {
            let resp3 = args.get(1).and_then(number) == Some(3.0);
            self.protocol.set(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
        } else if what == Host::Known as i64 {
            let name = args.get(1).and_then(Value::as_string);
            return Ok(name.is_some_and(|name| server.commands.find(&name.as_bytes()).is_some()));
        } else if let (Some(level), Some(text)) =
            (args.get(1).and_then(number), args.get(2).and_then(Value::as_string))
        {
            server.log.at_level(level as u8, text.to_string_lossy());
        }
        Ok(true)
    }
}

/// A word of a command: strings as they are, numbers as C's `%.17g`.
fn append_argument(bytes: &mut Vec<u8>, value: &Value) -> bool {
    match value {
        Value::String(text) => bytes.extend_from_slice(&text.as_bytes()),
        Value::Integer(number) => {
            bytes.extend_from_slice(format_double(*number as f64).as_bytes());
        }
        Value::Number(number) => {
            if number.is_nan() && number.is_sign_negative() {
                bytes.push(b'-');
            }
            bytes.extend_from_slice(format_double(*number).as_bytes());
        }
        _ => return false,
    }
    true
}
