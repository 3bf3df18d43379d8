//! Tables into replies, on the stack of Lua. See [`crate::lua::stack`] for the rule: nothing in a frame has
//! to be dropped while Lua may raise an error.
//!
//! It uses raw access only, so no code of the script runs here.
#![expect(unsafe_code, reason = "the tables are read on the stack of Lua")]

use super::{NESTING_MAX, boolean, line, truncated};
use crate::lua::stack::sys::{push_text, text};
use crate::lua::watch::sys::{end, spend};
use crate::reply::{Protocol, Reply};
use mlua::ffi::{self, lua_State};
use mlua::{Lua, Result, Table};
use std::ffi::{CStr, c_int};

/// Bytes between two additions to the work of the script, and what a value counts as at least.
const BYTES_PER_LOOK: usize = 256 * 1024;
const VALUE_BYTES: usize = 64;

/// Appends a table. `bytes_max`: the most bytes that `out` may have then.
///
/// # Errors
/// See [`super::to_reply`].
pub(super) fn table_to_reply(
    lua: &Lua,
    out: &mut Reply,
    table: Table,
    script: Protocol,
    bytes_max: usize,
) -> Result<()> {
    let start = out.len();
    // SAFETY: the table is on the top of the stack; errors are caught by `exec_raw`.
    unsafe {
        lua.exec_raw::<()>(table, |state| {
            let mut writer = Writer { state, out, script, bytes_max, handled: 0 };
            if let Err(TooLong) = writer.table(0) {
                out.truncate(start);
                out.error(
                    "ERR The reply of the script is too long: it returned tables that share parts",
                );
            }
            ffi::lua_settop(state, 0);
        })
    }
}

struct TooLong;

type Done = std::result::Result<(), TooLong>;

struct Writer<'a> {
    state: *mut lua_State,
    out: &'a mut Reply,
    script: Protocol,
    bytes_max: usize,
    /// Bytes since the last addition to the work of the script.
    handled: usize,
}

// The value to append is on the top of the stack and stays there.
impl Writer<'_> {
    unsafe fn value(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller; there is room for two values. `end` jumps over frames that
        // have nothing to drop.
        unsafe {
            let bytes = text(self.state, -1).len();
            if self.out.len() + bytes > self.bytes_max {
                return Err(TooLong);
            }
            self.handled += bytes + VALUE_BYTES;
            if self.handled > BYTES_PER_LOOK {
                let work = std::mem::take(&mut self.handled);
                if !spend(self.state, work as f64) {
                    end(self.state);
                }
            }
            match ffi::lua_type(self.state, -1) {
                ffi::LUA_TSTRING => self.out.bulk(text(self.state, -1)),
                ffi::LUA_TNUMBER => {
                    self.out.integer(truncated(ffi::lua_tonumber(self.state, -1)));
                }
                ffi::LUA_TBOOLEAN => {
                    boolean(self.out, ffi::lua_toboolean(self.state, -1) != 0, self.script);
                }
                ffi::LUA_TTABLE => return self.table(depth),
                _ => self.out.null(),
            }
        }
        Ok(())
    }

    unsafe fn table(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller; room is made for what is pushed here and by `value`.
        unsafe {
            if depth > NESTING_MAX || ffi::lua_checkstack(self.state, 8) == 0 {
                self.out.error("ERR reached lua stack limit");
                return Ok(());
            }
            if self.field(c"err") == ffi::LUA_TSTRING {
                let known = self.below(c"ignore_error_stats_update");
                self.out.script_error(text(self.state, -1), known);
            } else if self.next_field(c"ok") == ffi::LUA_TSTRING {
                self.out.simple(&line(text(self.state, -1)));
            } else if self.next_field(c"double") == ffi::LUA_TNUMBER {
                self.out.double(ffi::lua_tonumber(self.state, -1));
            } else if self.next_field(c"map") == ffi::LUA_TTABLE {
                self.keyed(depth, true)?;
            } else if self.next_field(c"set") == ffi::LUA_TTABLE {
                self.keyed(depth, false)?;
            } else if self.next_field(c"big_number") == ffi::LUA_TSTRING {
                self.out.big_number(&line(text(self.state, -1)));
            } else if self.next_field(c"verbatim_string") != ffi::LUA_TTABLE || !self.verbatim() {
                self.pop(1);
                return self.array(depth);
            }
            self.pop(1);
        }
        Ok(())
    }

    unsafe fn pop(&mut self, count: c_int) {
        // SAFETY: as promised by the caller.
        unsafe { ffi::lua_settop(self.state, -count - 1) }
    }

    /// Pushes a field of the table on the top; returns its type.
    unsafe fn field(&mut self, name: &CStr) -> c_int {
        // SAFETY: as promised by the caller.
        unsafe {
            push_text(self.state, name.to_bytes());
            ffi::lua_rawget(self.state, -2);
            ffi::lua_type(self.state, -1)
        }
    }

    /// The same instead of the field on the top.
    unsafe fn next_field(&mut self, name: &CStr) -> c_int {
        // SAFETY: as promised by the caller.
        unsafe {
            self.pop(1);
            self.field(name)
        }
    }

    /// Whether a field of the table below the top is true.
    unsafe fn below(&mut self, name: &CStr) -> bool {
        // SAFETY: as promised by the caller.
        unsafe {
            push_text(self.state, name.to_bytes());
            ffi::lua_rawget(self.state, -3);
            let is_true = ffi::lua_type(self.state, -1) == ffi::LUA_TBOOLEAN
                && ffi::lua_toboolean(self.state, -1) != 0;
            self.pop(1);
            is_true
        }
    }

    /// The items from 1 on, up to the first that is missing.
    unsafe fn array(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller of `table`.
        unsafe {
            // Counted first: a length that is put in later moves all that follows it.
            let mut count: c_int = 0;
            while count < c_int::MAX {
                ffi::lua_rawgeti_(self.state, -1, count + 1);
                let is_last = ffi::lua_type(self.state, -1) == ffi::LUA_TNIL;
                self.pop(1);
                if is_last {
                    break;
                }
                count += 1;
            }
            self.out.array(count as usize);
            for index in 1..=count {
                ffi::lua_rawgeti_(self.state, -1, index);
                self.value(depth + 1)?;
                self.pop(1);
            }
        }
        Ok(())
    }

    /// The pairs of a map, or the keys of a set.
    unsafe fn keyed(&mut self, depth: usize, is_map: bool) -> Done {
        // SAFETY: as promised by the caller of `table`; `lua_next` gets back the key that it gave: `value`
        // does not change it.
        unsafe {
            let mut count = 0;
            ffi::lua_pushnil(self.state);
            while ffi::lua_next(self.state, -2) != 0 {
                count += 1;
                self.pop(1);
            }
            if is_map {
                self.out.map(count);
            } else {
                self.out.set(count);
            }
            ffi::lua_pushnil(self.state);
            while ffi::lua_next(self.state, -2) != 0 {
                ffi::lua_pushvalue(self.state, -2);
                self.value(depth + 1)?;
                self.pop(1);
                if is_map {
                    self.value(depth + 1)?;
                }
                self.pop(1);
            }
        }
        Ok(())
    }

    /// Appends the verbatim text on the top. False if it is none.
    unsafe fn verbatim(&mut self) -> bool {
        // SAFETY: as promised by the caller of `table`; both strings stay on the stack while they are read.
        unsafe {
            let both = self.field(c"string") == ffi::LUA_TSTRING && {
                ffi::lua_pushvalue(self.state, -2);
                let is_text = self.field(c"format") == ffi::LUA_TSTRING;
                if is_text {
                    self.out.verbatim_as(text(self.state, -1), text(self.state, -3));
                }
                self.pop(2);
                is_text
            };
            self.pop(1);
            both
        }
    }
}
