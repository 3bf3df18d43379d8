//! `cjson.encode`, with lua-cjson 2.1's defaults and error texts. Decoding: [`super::json_decode`].
//!
//! A table is an array if its keys are positive whole numbers, unless most of it would be gaps.

use super::raised::{bad_argument, library_error, number, type_name};
use super::watch::Effort;
use aelab_resp::encode::format_significant;
use mlua::{Lua, MultiValue, Result, Table, Value};

/// Tables in tables, at most.
pub(super) const NESTING_MAX: usize = 1_000;
/// Significant digits of numbers.
const DIGITS: usize = 14;
/// An array with more places than this …
const SPARSE_SAFE: i64 = 10;
/// … may have no more than so many places per item.
const SPARSE_RATIO: i64 = 2;
/// Longest text, in bytes: Redis's longest string. Tables that share parts grow when they are written out.
const TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;

/// The library's table.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    table.raw_set("encode", lua.create_function(encode)?)?;
    table.raw_set("decode", lua.create_function(super::json_decode::decode)?)?;
    table.raw_set("null", Value::NULL)?;
    table.raw_set("_NAME", "cjson")?;
    table.raw_set("_VERSION", "2.1.0")?;
    Ok(table)
}

fn encode(lua: &Lua, args: MultiValue) -> Result<mlua::LuaString> {
    let Some(value) = args.front().filter(|_| args.len() == 1) else {
        return Err(bad_argument(lua, 1, "encode", "expected 1 argument"));
    };
    let mut text = Vec::new();
    append(&Effort::new(lua), lua, &mut text, value, 0)?;
    lua.create_string(text)
}

fn append(
    effort: &Effort<'_>,
    lua: &Lua,
    text: &mut Vec<u8>,
    value: &Value,
    depth: usize,
) -> Result<()> {
    effort.value(value.as_string().map_or(0, |string| string.as_bytes().len()))?;
    if text.len() > TEXT_BYTES_MAX {
        return Err(library_error(lua, "Cannot serialise, the text is too long"));
    }
    match value {
        Value::String(string) => quote(text, &string.as_bytes()),
        Value::Integer(number) => append_number(lua, text, *number as f64)?,
        Value::Number(number) => append_number(lua, text, *number)?,
        Value::Boolean(true) => text.extend_from_slice(b"true"),
        Value::Boolean(false) => text.extend_from_slice(b"false"),
        Value::Nil => text.extend_from_slice(b"null"),
        Value::LightUserData(pointer) if pointer.0.is_null() => text.extend_from_slice(b"null"),
        Value::Table(table) => {
            if depth >= NESTING_MAX {
                let deep = depth + 1;
                return Err(library_error(
                    lua,
                    &format!("Cannot serialise, excessive nesting ({deep})"),
                ));
            }
            match array_len(effort, lua, table)? {
                0 => append_object(effort, lua, text, table, depth + 1)?,
                len => append_array(effort, lua, text, table, len, depth + 1)?,
            }
        }
        other => return Err(refused(lua, other, "type not supported")),
    }
    Ok(())
}

fn refused(lua: &Lua, value: &Value, why: &str) -> mlua::Error {
    library_error(lua, &format!("Cannot serialise {}: {why}", type_name(value)))
}

fn append_number(lua: &Lua, text: &mut Vec<u8>, number: f64) -> Result<()> {
    if !number.is_finite() {
        return Err(refused(lua, &Value::Number(number), "must not be NaN or Inf"));
    }
    text.extend_from_slice(format_significant(number, DIGITS).as_bytes());
    Ok(())
}

/// The highest index if the table is an array; 0 if it is an object.
fn array_len(effort: &Effort<'_>, lua: &Lua, table: &Table) -> Result<i64> {
    let (mut highest, mut count) = (0, 0);
    for pair in table.pairs::<Value, Value>() {
        effort.value(0)?;
        match pair?.0 {
            Value::Integer(index) if index > 0 => {
                highest = highest.max(index);
                count += 1;
            }
            _ => return Ok(0),
        }
    }
    if highest > SPARSE_SAFE && highest > count * SPARSE_RATIO {
        return Err(refused(lua, &Value::Table(table.clone()), "excessively sparse array"));
    }
    Ok(highest)
}

fn append_array(
    effort: &Effort<'_>,
    lua: &Lua,
    text: &mut Vec<u8>,
    table: &Table,
    len: i64,
    depth: usize,
) -> Result<()> {
    text.push(b'[');
    for index in 1..=len {
        if index > 1 {
            text.push(b',');
        }
        append(effort, lua, text, &table.raw_get::<Value>(index)?, depth)?;
    }
    text.push(b']');
    Ok(())
}

fn append_object(
    effort: &Effort<'_>,
    lua: &Lua,
    text: &mut Vec<u8>,
    table: &Table,
    depth: usize,
) -> Result<()> {
    text.push(b'{');
    for (nth, pair) in table.pairs::<Value, Value>().enumerate() {
        let (key, value) = pair?;
        if nth > 0 {
            text.push(b',');
        }
        match &key {
            Value::String(name) => quote(text, &name.as_bytes()),
            Value::Integer(_) | Value::Number(_) => {
                text.push(b'"');
                append_number(lua, text, number(&key).unwrap_or_default())?;
                text.push(b'"');
            }
            other => return Err(refused(lua, other, "table key must be a number or string")),
        }
        text.push(b':');
        append(effort, lua, text, &value, depth)?;
    }
    text.push(b'}');
    Ok(())
}

fn quote(text: &mut Vec<u8>, bytes: &[u8]) {
    text.push(b'"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' | b'/' => text.extend([b'\\', byte]),
            0x08 => text.extend(b"\\b"),
            b'\t' => text.extend(b"\\t"),
            b'\n' => text.extend(b"\\n"),
            0x0c => text.extend(b"\\f"),
            b'\r' => text.extend(b"\\r"),
            0..0x20 | 0x7f => text.extend(format!("\\u{byte:04x}").as_bytes()),
            _ => text.push(byte),
        }
    }
    text.push(b'"');
}
