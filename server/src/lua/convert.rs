//! Lua values into replies, by Redis's table of conversion. The other way: [`super::calls`].
//!
//! <https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion>

use super::raised::number;
use crate::reply::{Protocol, Reply};
use mlua::{Result, Table, Value};

/// Tables in tables, at most: Redis's limit is the room on Lua's stack.
const NESTING_MAX: usize = 1_000;

/// Appends what a script returned. `script` is the protocol that the script chose for itself.
pub(crate) fn to_reply(
    out: &mut Reply,
    value: &Value,
    script: Protocol,
    depth: usize,
) -> Result<()> {
    if depth > NESTING_MAX {
        out.error("ERR reached lua stack limit");
        return Ok(());
    }
    match value {
        Value::String(text) => out.bulk(&text.as_bytes()),
        Value::Integer(number) => out.integer(*number),
        Value::Number(value) => out.integer(truncated(*value)),
        Value::Boolean(value) if script == Protocol::Resp3 => out.boolean(*value),
        Value::Boolean(true) => out.integer(1),
        Value::Table(table) => return table_to_reply(out, table, script, depth),
        _ => out.null(),
    }
    Ok(())
}

/// C's conversion on the machines Redis runs on: what does not fit is the smallest integer.
fn truncated(number: f64) -> i64 {
    const TOO_LARGE: f64 = 9_223_372_036_854_775_808.0;
    if (-TOO_LARGE..TOO_LARGE).contains(&number) { number as i64 } else { i64::MIN }
}

fn table_to_reply(out: &mut Reply, table: &Table, script: Protocol, depth: usize) -> Result<()> {
    if let Value::String(text) = table.raw_get("err")? {
        let known = table.raw_get::<Value>("ignore_error_stats_update")? == Value::Boolean(true);
        out.script_error(&text.as_bytes(), known);
        return Ok(());
    }
    if let Value::String(text) = table.raw_get("ok")? {
        let mut line = text.as_bytes().to_vec();
        line.iter_mut().filter(|b| matches!(b, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
        out.simple(&line);
        return Ok(());
    }
    if let Some(value) = number(&table.raw_get("double")?) {
        out.double(value);
        return Ok(());
    }
    if let Value::Table(map) = table.raw_get("map")? {
        let place = out.deferred();
        let mut count = 0;
        // Not `for_each`, which would nest calls of Lua's and overflow its C stack.
        for pair in map.pairs::<Value, Value>() {
            let (key, value) = pair?;
            count += 1;
            to_reply(out, &key, script, depth + 1)?;
            to_reply(out, &value, script, depth + 1)?;
        }
        out.end_map(place, count);
        return Ok(());
    }
    if let Value::Table(set) = table.raw_get("set")? {
        let place = out.deferred();
        let mut count = 0;
        for pair in set.pairs::<Value, Value>() {
            count += 1;
            to_reply(out, &pair?.0, script, depth + 1)?;
        }
        out.end_set(place, count);
        return Ok(());
    }
    if let Value::String(digits) = table.raw_get("big_number")? {
        let mut line = digits.as_bytes().to_vec();
        line.iter_mut().filter(|b| matches!(b, b'\r' | b'\n')).for_each(|byte| *byte = b' ');
        out.big_number(&line);
        return Ok(());
    }
    if let Value::Table(verbatim) = table.raw_get("verbatim_string")? {
        let (text, format) = (verbatim.raw_get("string")?, verbatim.raw_get("format")?);
        if let (Value::String(text), Value::String(format)) = (text, format) {
            out.verbatim_as(&format.as_bytes(), &text.as_bytes());
            return Ok(());
        }
    }
    array_to_reply(out, table, script, depth)
}

/// The items from 1 on, up to the first that is missing.
fn array_to_reply(out: &mut Reply, table: &Table, script: Protocol, depth: usize) -> Result<()> {
    let place = out.deferred();
    let mut count = 0;
    loop {
        let item: Value = table.raw_get(count + 1)?;
        if item.is_nil() {
            break;
        }
        to_reply(out, &item, script, depth + 1)?;
        count += 1;
    }
    out.end_array(place, count);
    Ok(())
}
