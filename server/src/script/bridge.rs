//! The bridge from a running script to the server: `redis.call`, and questions of the library.

use super::busy;
use crate::args::Args;
use crate::client::ClientKey;
use crate::dispatch;
use crate::lua::raised::{Raised, number, reply_table};
use crate::lua::{Host, Progress, Question, convert};
use crate::reply::{Protocol, Reply};
use crate::server::Server;
use aelab_resp::ArgRange;
use aelab_resp::encode::format_double;
use aelab_resp::value::decode;
use mlua::{Lua, MultiValue, Result, Value};
use std::cell::{Cell, RefCell};

/// One script's access to the server.
pub(super) struct Bridge<'a, 's> {
    /// Borrowed for the length of one command, never across Lua code.
    pub(super) server: &'a RefCell<&'s mut Server>,
    pub(super) client: ClientKey,
    /// What the script gets replies in.
    pub(super) protocol: &'a Cell<Protocol>,
}

impl Host for Bridge<'_, '_> {
    fn call(&self, lua: &Lua, args: MultiValue) -> Result<Value> {
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

    fn pcall(&self, lua: &Lua, args: MultiValue) -> Result<Value> {
        self.execute(lua, &args)
    }

    fn may_go_on(&self) -> bool {
        busy::look(&mut self.server.borrow_mut()) != Progress::Killed
    }

    fn answer(&self, _: &Lua, args: MultiValue) -> Result<bool> {
        let what = args.front().and_then(Value::as_i64).unwrap_or_default();
        let server = &mut **self.server.borrow_mut();
        if what == Question::Protocol as i64 {
            let resp3 = args.get(1).and_then(number) == Some(3.0);
            self.protocol.set(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
        } else if what == Question::Known as i64 {
            let name = args.get(1).and_then(Value::as_string);
            return Ok(name.is_some_and(|name| server.commands.find(&name.as_bytes()).is_some()));
        } else if let (Some(level), Some(text)) =
            (args.get(1).and_then(number), args.get(2).and_then(Value::as_string))
        {
            server.log.at_level(level as u8, text.to_string_lossy());
        }
        Ok(true)
    }

    fn protocol(&self) -> Protocol {
        self.protocol.get()
    }
}

impl Bridge<'_, '_> {
    fn execute(&self, lua: &Lua, args: &MultiValue) -> Result<Value> {
        let failed = |text: &str| {
            let text = format!("ERR {text}");
            Ok(Value::Table(reply_table(lua, text.as_bytes(), false)?))
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
            // Positions have 32 bits. A request over the network has the same limit.
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
