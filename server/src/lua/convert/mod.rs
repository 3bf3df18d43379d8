//! Lua values into replies, by Redis's table of conversion. The other way: [`super::calls`].
//!
//! <https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion>

mod sys;

use crate::reply::{Protocol, Reply};
use mlua::{Lua, Result, Value};

/// Tables in tables, at most: Redis's limit is the room on Lua's stack.
const NESTING_MAX: usize = 1_000;
/// Most bytes of a reply, beside twice the memory of Lua: only tables that share parts (tables or long
/// strings) exceed that. They can stand for more values than any machine has room for.
const REPLY_BYTES_MAX: usize = 512 * 1024 * 1024;

/// Appends what a script returned. `script` is the protocol that the script chose for itself.
///
/// # Errors
/// If there is no memory, or the script must end; then `out` has a part of the reply.
pub(super) fn to_reply(lua: &Lua, out: &mut Reply, value: Value, script: Protocol) -> Result<()> {
    match value {
        Value::String(text) => out.bulk(&text.as_bytes()),
        Value::Integer(number) => out.integer(number),
        Value::Number(value) => out.integer(truncated(value)),
        Value::Boolean(value) => boolean(out, value, script),
        Value::Table(table) => {
            let bytes_max = out.len() + REPLY_BYTES_MAX + 2 * lua.used_memory();
            return sys::table_to_reply(lua, out, table, script, bytes_max);
        }
        _ => out.null(),
    }
    Ok(())
}

fn boolean(out: &mut Reply, value: bool, script: Protocol) {
    match (value, script) {
        (_, Protocol::Resp3) => out.boolean(value),
        (true, Protocol::Resp2) => out.integer(1),
        (false, Protocol::Resp2) => out.null(),
    }
}

/// C's conversion on the machines Redis runs on: what does not fit is the smallest integer.
fn truncated(number: f64) -> i64 {
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
    if (-TOO_LARGE..TOO_LARGE).contains(&number) { number as i64 } else { i64::MIN }
}

/// A text of one line.
fn line(text: &[u8]) -> Vec<u8> {
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect()
}
