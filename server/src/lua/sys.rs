//! Limits on Lua's own pattern matching, which calls itself once per repeated item of a pattern: a
//! long enough pattern would overflow the stack and end the process.
//!
//! A pattern within the limit is passed to Lua's own function in the same call, so that positions and
//! names in its errors stay the same.
#![expect(unsafe_code, reason = "a C function of Lua's is called from within another's frame")]

use mlua::ffi;
use mlua::{Function, Lua, Result, Table};
use std::ffi::c_int;

/// Items of a pattern that cost a nested call, at most. Each takes some 200 bytes of stack, of which a
/// client's thread has 4 MiB; Lua 5.2 and later allow 200.
const REPEATED_ITEMS_MAX: usize = 2_000;

/// Makes the functions of Lua's string library refuse patterns that are too complex.
///
/// # Errors
/// If there is no memory.
pub(super) fn limit_patterns(lua: &Lua, string: &Table) -> Result<()> {
    for name in ["find", "match", "gmatch", "gfind", "gsub"] {
        let original: Option<Function> = string.raw_get(name)?;
        let Some(original) = original else { continue };
        let has_plain = name == "find";
        // SAFETY: the two values that are on the stack become those of the closure, and the closure
        // is all that is left there.
        let limited: Function = unsafe {
            lua.exec_raw((original, has_plain), |state| ffi::lua_pushcclosure(state, limited, 2))?
        };
        string.raw_set(name, limited)?;
    }
    Ok(())
}

/// Lua's function of the first upvalue, unless the pattern is too complex for it.
///
/// The second upvalue says whether a fourth argument asks for a search without a pattern.
unsafe extern "C-unwind" fn limited(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state; upvalues and arguments are read by index, and there
    // is no value here that an error's jump would have to drop.
    unsafe {
        let has_plain = ffi::lua_toboolean(state, ffi::lua_upvalueindex(2)) != 0;
        let is_plain = has_plain && ffi::lua_toboolean(state, 4) != 0;
        if !is_plain && ffi::lua_type(state, 2) == ffi::LUA_TSTRING {
            let mut len = 0;
            let text = ffi::lua_tolstring(state, 2, &raw mut len);
            let pattern = std::slice::from_raw_parts(text.cast::<u8>(), len);
            if is_too_complex(pattern) {
                return ffi::luaL_error(state, c"pattern too complex".as_ptr());
            }
        }
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(original) => original(state),
            None => 0,
        }
    }
}

fn is_too_complex(pattern: &[u8]) -> bool {
    let nests = |byte: &&u8| matches!(**byte, b'*' | b'+' | b'-' | b'?' | b'(' | b')');
    pattern.len() > REPEATED_ITEMS_MAX && pattern.iter().filter(nests).count() > REPEATED_ITEMS_MAX
}
