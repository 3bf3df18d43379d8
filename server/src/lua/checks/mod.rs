//! Checks before functions of Lua's own libraries: what a script could misuse becomes an error, and
//! what could take long can be ended.
//!
//! ```text
//! sys        the check itself, in front of Lua's function
//! limits     what is too much
//! pattern    a matcher that can be interrupted, for patterns that backtrack
//! loops.lua  gsub and gmatch on top of it
//! ```

mod limits;
mod pattern;
mod sys;
#[cfg(test)]
mod tests;

use mlua::{Function, Lua, Result, Table};
use sys::Check;

/// Puts checks before the functions of Lua's libraries that a script could misuse. `read_only` has the
/// tables that must not be changed as its keys.
///
/// # Errors
/// If there is no memory.
pub(super) fn install(lua: &Lua, globals: &Table, read_only: &Table) -> Result<()> {
    let (string, table): (Table, Table) = (globals.get("string")?, globals.get("table")?);
    for (library, name, check) in [
        (&string, "find", Check::Find),
        (&string, "match", Check::Match),
        (&string, "rep", Check::Rep),
        (&string, "reverse", Check::Bytes),
        (&string, "upper", Check::Bytes),
        (&string, "lower", Check::Bytes),
        (&table, "insert", Check::Insert),
        (&table, "remove", Check::Remove),
        (&table, "sort", Check::Sort),
        (&table, "concat", Check::Concat),
        (globals, "unpack", Check::Unpack),
    ] {
        sys::check(lua, library, name, check, read_only, None)?;
    }
    let (sub, concat): (Function, Function) = (string.get("sub")?, table.get("concat")?);
    // The name keeps the functions out of the places that errors name.
    let loops = lua.load(include_str!("loops.lua")).set_name("=sandbox");
    let (gsub, gmatch): (Function, Function) =
        loops.call((sys::pattern_search(lua)?, sub, concat))?;
    for (name, check, in_lua) in [
        ("gsub", Check::Gsub, &gsub),
        ("gmatch", Check::Gmatch, &gmatch),
        ("gfind", Check::Gmatch, &gmatch),
    ] {
        sys::check(lua, &string, name, check, read_only, Some(in_lua))?;
    }
    Ok(())
}
