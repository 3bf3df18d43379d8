//! Starting a script on the stack of Lua: one protected call, where mlua's interface needs one for each
//! table, string and field. See [`crate::lua::stack`] for the rule that it follows.
#![expect(unsafe_code, reason = "the stack of Lua is filled directly")]

use crate::lua::stack::sys::push_text;
use crate::lua::watch::sys::arm;
use mlua::ffi::{self, lua_State};
use mlua::{Function, Lua, Result, Table, Value};
use std::ffi::{CStr, c_int};

/// What a start needs of the engine.
pub(in crate::lua) struct Parts<'a> {
    /// The table that gets `KEYS` and `ARGV`.
    pub(in crate::lua) globals: &'a Table,
    /// Functions by the SHA-1 of their texts.
    pub(in crate::lua) compiled: &'a Table,
    /// Calls a function and returns whether it succeeded, with its result or the error.
    pub(in crate::lua) run: &'a Function,
}

/// Runs a script: whether it succeeded, with its first result or the error. `KEYS` and `ARGV` are gone
/// afterwards.
///
/// # Errors
/// If Lua fails outside of the script; then `KEYS` and `ARGV` may still be there.
pub(in crate::lua) fn run(
    lua: &Lua,
    parts: &Parts<'_>,
    sha: &[u8],
    [keys, args]: [&[&[u8]]; 2],
) -> Result<(bool, Value)> {
    let Parts { globals, compiled, run } = *parts;
    // SAFETY: errors are caught by `exec_raw`. A C function has twenty free slots.
    unsafe {
        lua.exec_raw((globals, compiled, run), |state| {
            arm(state);
            set_list(state, c"KEYS", keys);
            set_list(state, c"ARGV", args);
            // The third value, the function that runs another.
            push_text(state, sha);
            ffi::lua_rawget(state, 2);
            ffi::lua_call(state, 1, 2);
            clear(state);
            // Only the results are left.
            ffi::lua_remove(state, 1);
            ffi::lua_remove(state, 1);
        })
    }
}

/// Removes `KEYS` and `ARGV`: the next script must not find them, nor must they stay in memory.
///
/// # Errors
/// If there is no memory.
pub(in crate::lua) fn forget(lua: &Lua, globals: &Table) -> Result<()> {
    // SAFETY: as in `run`.
    unsafe {
        lua.exec_raw(globals, |state| {
            clear(state);
            ffi::lua_settop(state, 0);
        })
    }
}

/// # Safety
/// The table of the globals must be the first value of `state`, and there must be four free slots.
unsafe fn set_list(state: *mut lua_State, name: &CStr, items: &[&[u8]]) {
    // SAFETY: as promised by the caller.
    unsafe {
        push_text(state, name.to_bytes());
        ffi::lua_createtable(state, c_int::try_from(items.len()).unwrap_or(0), 0);
        for (index, item) in (1..).zip(items) {
            push_text(state, item);
            ffi::lua_rawseti_(state, -2, index);
        }
        ffi::lua_rawset(state, 1);
    }
}

/// # Safety
/// As for [`set_list`].
unsafe fn clear(state: *mut lua_State) {
    for name in [c"KEYS", c"ARGV"] {
        // SAFETY: as promised by the caller.
        unsafe {
            push_text(state, name.to_bytes());
            ffi::lua_pushnil(state);
            ffi::lua_rawset(state, 1);
        }
    }
}
