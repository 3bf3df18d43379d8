//! Errors on their way from Rust into a script and out of it again.
//!
//! Rust functions raise [`Raised`]; Lua carries it as userdata, and `sandbox.lua` has [`plain`] turn
//! it into what Redis's scripts see before any of their code can look at it.

use mlua::{Error, Lua, Result, Table, Value};
use std::fmt;

/// What a function of ours raises.
#[derive(Debug)]
pub(crate) enum Raised {
    /// A string, as Lua's own libraries raise them.
    Text(Vec<u8>),
    /// A table with the error, code first, as `redis.call` raises it.
    Reply { text: Vec<u8>, counted: bool },
}

/// The error of a script that was ended.
pub(super) const KILLED: &str = "ERR Script killed by user with SCRIPT KILL...";

impl fmt::Display for Raised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Raised::Text(text) | Raised::Reply { text, .. } => write!(f, "{}", text.escape_ascii()),
        }
    }
}

impl std::error::Error for Raised {}

impl Raised {
    /// An error of ours, with the code that all such errors have.
    pub(crate) fn reply(text: &str) -> Error {
        Error::external(Raised::Reply { text: format!("ERR {text}").into_bytes(), counted: false })
    }
}

/// An error of a library function: a text that begins with the place in the script it was called at.
pub(crate) fn library_error(lua: &Lua, text: &str) -> Error {
    let place = lua.inspect_stack(1, |debug| {
        let source = debug.source();
        let name = source.short_src.filter(|_| source.what != "C")?;
        Some(format!("{name}:{}: ", debug.current_line()?))
    });
    let place = place.flatten().unwrap_or_default();
    Error::external(Raised::Text(format!("{place}{text}").into_bytes()))
}

/// As Lua's own libraries refuse an argument.
pub(crate) fn bad_argument(lua: &Lua, index: usize, function: &str, why: &str) -> Error {
    library_error(lua, &format!("bad argument #{index} to '{function}' ({why})"))
}

/// The number, if it is one; texts that spell one are none.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Number(number) => Some(*number),
        _ => None,
    }
}

/// The type's name as Lua says it.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Integer(_) | Value::Number(_) => "number",
        Value::LightUserData(_) => "userdata",
        other => other.type_name(),
    }
}

/// What was raised in the first place, without what callbacks on the way added.
fn root(error: &Error) -> &Error {
    match error {
        Error::CallbackError { cause, .. } | Error::WithContext { cause, .. } => root(cause),
        error => error,
    }
}

/// An error value as scripts may see it: what Rust raised becomes a string or a table.
pub(crate) fn plain(lua: &Lua, value: Value) -> Result<Value> {
    let Value::Error(error) = value else { return Ok(value) };
    let root = root(&error);
    let raised = match root {
        Error::ExternalError(error) => error.downcast_ref(),
        _ => None,
    };
    let text = match (raised, root) {
        (Some(Raised::Text(text)), _) => lua.create_string(text)?,
        (Some(Raised::Reply { text, counted }), _) => {
            return Ok(Value::Table(reply_table(lua, text, *counted)?));
        }
        // As Lua says both of its own functions.
        (None, Error::MemoryError(_)) => lua.create_string("not enough memory")?,
        (None, Error::StackError) => lua.create_string("too many results to unpack")?,
        (None, other) => lua.create_string(other.to_string())?,
    };
    Ok(Value::String(text))
}

/// The table that stands for an error reply. `counted` says that `errorstat_*` has it already.
pub(crate) fn reply_table(lua: &Lua, text: &[u8], counted: bool) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, 2)?;
    table.raw_set("err", lua.create_string(text)?)?;
    if counted {
        table.raw_set("ignore_error_stats_update", true)?;
    }
    Ok(table)
}

/// Source and line of the innermost function of the script, where there is one.
pub(crate) fn place(lua: &Lua, (): ()) -> Result<(Option<String>, Option<usize>)> {
    for level in 1.. {
        let found = lua.inspect_stack(level, |debug| {
            let source = debug.source();
            let name = source.source.filter(|name| source.what != "C" && name != "=sandbox");
            Some((name?.into_owned(), debug.current_line()))
        });
        match found {
            None => break,
            Some(None) => {}
            Some(Some((source, line))) => return Ok((Some(source), line)),
        }
    }
    Ok((None, None))
}
