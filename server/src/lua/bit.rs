//! The `bit` library of scripts: LuaBitOp's functions on 32-bit numbers.
//!
//! Numbers are taken modulo 2^32 and come back signed, as <https://bitop.luajit.org/semantics.html>
//! lays down.

use super::raised::{bad_argument, type_name};
use mlua::{Function, Lua, MultiValue, Result, Table, Value};

/// The library's table.
pub(super) fn library(lua: &Lua) -> Result<Table> {
    let table = lua.create_table()?;
    unary(lua, &table, "tobit", |a| a)?;
    unary(lua, &table, "bnot", |a| !a)?;
    unary(lua, &table, "bswap", i32::swap_bytes)?;
    fold(lua, &table, "band", |a, b| a & b)?;
    fold(lua, &table, "bor", |a, b| a | b)?;
    fold(lua, &table, "bxor", |a, b| a ^ b)?;
    shift(lua, &table, "lshift", |a, by| a << by)?;
    shift(lua, &table, "rshift", |a, by| (a as u32 >> by) as i32)?;
    shift(lua, &table, "arshift", |a, by| a >> by)?;
    shift(lua, &table, "rol", i32::rotate_left)?;
    shift(lua, &table, "ror", i32::rotate_right)?;
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}

/// The argument at `index` (from 1) as LuaBitOp reads it: rounded, then its lowest 32 bits.
fn bits(lua: &Lua, args: &MultiValue, index: usize, function: &str) -> Result<i32> {
    let value = args.get(index - 1);
    let number = match value {
        Some(value) => lua.coerce_number(value.clone())?,
        None => None,
    };
    match number {
        // Beyond 2^51 the result is undefined there; NaN and infinities are 0 here.
        Some(number) => Ok((number.round_ties_even() as i64) as i32),
        None => {
            let got = value.map_or("no value", type_name);
            Err(bad_argument(lua, index, function, &format!("number expected, got {got}")))
        }
    }
}

fn unary(lua: &Lua, table: &Table, name: &'static str, run: fn(i32) -> i32) -> Result<()> {
    let function: Function =
        lua.create_function(move |lua, args: MultiValue| Ok(run(bits(lua, &args, 1, name)?)))?;
    table.raw_set(name, function)
}

fn fold(lua: &Lua, table: &Table, name: &'static str, run: fn(i32, i32) -> i32) -> Result<()> {
    let function = lua.create_function(move |lua, args: MultiValue| {
        let first = bits(lua, &args, 1, name)?;
        (2..=args.len()).try_fold(first, |sum, index| Ok(run(sum, bits(lua, &args, index, name)?)))
    })?;
    table.raw_set(name, function)
}

fn shift(lua: &Lua, table: &Table, name: &'static str, run: fn(i32, u32) -> i32) -> Result<()> {
    let function = lua.create_function(move |lua, args: MultiValue| {
        let (a, by) = (bits(lua, &args, 1, name)?, bits(lua, &args, 2, name)?);
        Ok(run(a, by as u32 & 31))
    })?;
    table.raw_set(name, function)
}

/// So many digits; a negative number of them means capitals.
fn tohex(lua: &Lua, args: MultiValue) -> Result<Value> {
    let number = bits(lua, &args, 1, "tohex")?;
    let digits = if args.len() < 2 { 8 } else { bits(lua, &args, 2, "tohex")? };
    let shown = digits.unsigned_abs().min(8) as usize;
    let text = format!("{number:08x}");
    let text = &text[8 - shown..];
    let text = if digits < 0 { text.to_ascii_uppercase() } else { text.to_owned() };
    Ok(Value::String(lua.create_string(text)?))
}
