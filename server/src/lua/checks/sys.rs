//! Checks before functions of Lua's own libraries.
//!
//! A checked function is called within the frame of the check, so that positions and names in its
//! errors stay the same.
#![expect(unsafe_code, reason = "C functions of Lua's are called from within another's frame")]

use super::limits::{is_position, is_too_complex};
use super::pattern::{Capture, Matcher, Stop, has_no_specials, is_expensive};
use crate::lua::watch::sys::{end, look, spend};
use mlua::ffi::{self, lua_Debug, lua_State};
use mlua::{Function, Lua, Result, Table};
use std::ffi::{CStr, c_int};

/// `table.insert` may begin this far before the first element; it moves what is in between.
const POSITIONS_BEFORE_MAX: f64 = 1_000_000.0;
/// Most values that a function returns (`LUAI_MAXCSTACK` is 8,000), with room for its arguments.
const RESULTS_MAX: f64 = 7_900.0;
/// Longest result of `string.rep`, in bytes: Redis's longest string.
const REPEATED_BYTES_MAX: f64 = 512.0 * 1024.0 * 1024.0;

/// Tables with more elements than this are sorted with a comparison that can be interrupted.
const SORTED_BY_LUA_MAX: f64 = 10_000.0;
/// What a comparison counts as, in bytes copied.
const WORK_PER_COMPARISON: f64 = 64.0;

/// What is checked before a library function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Check {
    /// A pattern; the work is that of the subject.
    Match,
    /// The same, with a fourth argument that asks for a search without a pattern.
    Find,
    /// The same again and again.
    Gmatch,
    Gsub,
    Insert,
    Remove,
    Sort,
    Concat,
    Unpack,
    Rep,
    /// The work is that of the first argument's bytes.
    Bytes,
}

const CHECKS: [Check; 11] = [
    Check::Match,
    Check::Find,
    Check::Gmatch,
    Check::Gsub,
    Check::Insert,
    Check::Remove,
    Check::Sort,
    Check::Concat,
    Check::Unpack,
    Check::Rep,
    Check::Bytes,
];

/// Puts a check before the function `name` of `library`, if there is one. `read_only` has the tables
/// that must not be changed as its keys; `in_lua` is called in place of Lua's own function where that
/// could take long.
///
/// # Errors
/// If there is no memory.
pub(super) fn check(
    lua: &Lua,
    library: &Table,
    name: &str,
    what: Check,
    read_only: &Table,
    in_lua: Option<&Function>,
) -> Result<()> {
    let original: Option<Function> = library.raw_get(name)?;
    let Some(original) = original else { return Ok(()) };
    // SAFETY: the four values that are on the stack become those of the closure, and the closure
    // is all that is left there.
    let checked: Function = unsafe {
        lua.exec_raw((original, what as i32, read_only, in_lua), |state| {
            ffi::lua_pushcclosure(state, checked, 4);
        })?
    };
    library.raw_set(name, checked)
}

/// Work up to this, in bytes or elements, is not counted: the instructions between two questions are too
/// few for it to add up.
const SMALL_WORK: f64 = 256.0;

/// Outcome of a check.
enum Verdict {
    /// Lua's own function runs, after the question if this much work exceeds the credit.
    Call(f64),
    /// An error with the position of the call.
    Error(&'static CStr),
    /// The same without.
    ReadOnly,
    Empty,
    /// Lua's own function could take long: another does its work.
    Long,
}

/// Lua's function of the first upvalue, if the check of the second permits it.
unsafe extern "C-unwind" fn checked(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and free slots; upvalues and arguments are read by
    // index, and there is no value here that an error's jump would have to drop.
    unsafe {
        let what = ffi::lua_tointeger(state, ffi::lua_upvalueindex(2)) as usize;
        let what = CHECKS[what % CHECKS.len()];
        match verdict(state, what) {
            Verdict::Error(text) => return ffi::luaL_error(state, text.as_ptr()),
            Verdict::ReadOnly => {
                ffi::lua_pushstring(state, c"Attempt to modify a readonly table".as_ptr());
                ffi::lua_error(state);
            }
            Verdict::Empty => {
                ffi::lua_pushstring(state, c"".as_ptr());
                return 1;
            }
            Verdict::Long => match what {
                Check::Find => return search(state, Search::Find { may_be_plain: true }),
                Check::Match => return search(state, Search::Match),
                Check::Sort => {
                    ffi::lua_settop(state, 2);
                    ffi::lua_pushcclosure(state, comes_before, 1);
                }
                _ => {
                    ffi::lua_pushvalue(state, ffi::lua_upvalueindex(4));
                    ffi::lua_insert(state, 1);
                    ffi::lua_call(state, ffi::lua_gettop(state) - 1, ffi::LUA_MULTRET);
                    return ffi::lua_gettop(state);
                }
            },
            Verdict::Call(work) => {
                if work > SMALL_WORK && !spend(state, work) {
                    return end(state);
                }
            }
        }
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(original) => original(state),
            None => 0,
        }
    }
}

// From here on, `state` must be that of a call of `checked`.

unsafe fn verdict(state: *mut lua_State, what: Check) -> Verdict {
    // SAFETY: arguments are read by index, also where there are none.
    unsafe {
        let is_table = ffi::lua_type(state, 1) == ffi::LUA_TTABLE;
        match what {
            Check::Match | Check::Find | Check::Gmatch | Check::Gsub => pattern(state, what),
            Check::Bytes => Verdict::Call(length(state, 1)),
            Check::Rep => repetition(state),
            // The function itself says what is wrong.
            _ if !is_table => Verdict::Call(0.0),
            Check::Unpack => {
                let (first, last) = (number(state, 2, 1.0), number(state, 3, length(state, 1)));
                let fits = is_position(first) && is_position(last);
                if fits && last - first < RESULTS_MAX {
                    return Verdict::Call(0.0);
                }
                Verdict::Error(c"too many results to unpack")
            }
            Check::Concat => {
                let is_int = |n: f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&n);
                if is_int(number(state, 3, 1.0)) && is_int(number(state, 4, 0.0)) {
                    return Verdict::Call(length(state, 1));
                }
                Verdict::Error(c"bad argument #3 to 'concat' (position out of bounds)")
            }
            Check::Insert | Check::Remove | Check::Sort => change(state, what),
        }
    }
}

unsafe fn change(state: *mut lua_State, what: Check) -> Verdict {
    // SAFETY: as promised by the caller; the third upvalue is a table.
    unsafe {
        ffi::lua_pushvalue(state, 1);
        ffi::lua_rawget(state, ffi::lua_upvalueindex(3));
        let read_only = ffi::lua_type(state, -1) != ffi::LUA_TNIL;
        ffi::lua_settop(state, -2);
        if read_only {
            return Verdict::ReadOnly;
        }
        let count = length(state, 1);
        let has_position = match what {
            Check::Insert => ffi::lua_gettop(state) == 3,
            _ => what == Check::Remove && ffi::lua_gettop(state) >= 2,
        };
        if !has_position {
            // Other second arguments are refused by Lua's own function.
            let sorts = what == Check::Sort
                && (ffi::lua_isnoneornil(state, 2) != 0
                    || ffi::lua_type(state, 2) == ffi::LUA_TFUNCTION);
            if sorts && count > SORTED_BY_LUA_MAX {
                return Verdict::Long;
            }
            return Verdict::Call(if what == Check::Sort { count * 16.0 } else { 0.0 });
        }
        let position = number(state, 2, count);
        match what {
            _ if is_position(position) && position > -POSITIONS_BEFORE_MAX => {
                Verdict::Call((count - position).clamp(0.0, count + POSITIONS_BEFORE_MAX))
            }
            // Nothing is there.
            Check::Remove if is_position(position) => Verdict::Call(0.0),
            Check::Remove => {
                Verdict::Error(c"bad argument #2 to 'remove' (position out of bounds)")
            }
            _ => Verdict::Error(c"bad argument #2 to 'insert' (position out of bounds)"),
        }
    }
}

unsafe fn repetition(state: *mut lua_State) -> Verdict {
    // SAFETY: as promised by the caller.
    unsafe {
        if ffi::lua_isstring(state, 1) == 0 || ffi::lua_isnumber(state, 2) == 0 {
            return Verdict::Call(0.0);
        }
        let (bytes, times) = (length(state, 1), number(state, 2, 0.0));
        let all = bytes * times;
        if bytes == 0.0 || times < 1.0 || times.is_nan() {
            Verdict::Empty
        } else if all > REPEATED_BYTES_MAX {
            Verdict::Error(c"resulting string too large")
        } else {
            Verdict::Call(all)
        }
    }
}

unsafe fn pattern(state: *mut lua_State, what: Check) -> Verdict {
    // SAFETY: as promised by the caller; the string stays on the stack while it is read.
    unsafe {
        let is_text =
            |index| matches!(ffi::lua_type(state, index), ffi::LUA_TSTRING | ffi::LUA_TNUMBER);
        let subject_len = length(state, 1);
        if !is_text(1) || !is_text(2) {
            return Verdict::Call(subject_len);
        }
        let pattern = bytes(state, 2);
        let is_plain =
            what == Check::Find && (ffi::lua_toboolean(state, 4) != 0 || has_no_specials(pattern));
        if !is_plain && is_too_complex(pattern) {
            return Verdict::Error(c"pattern too complex");
        }
        // Lua's own function says what is wrong with the other arguments.
        let are_right = match what {
            Check::Gmatch => true,
            Check::Gsub => gsub_arguments_are_right(state),
            _ => ffi::lua_isnoneornil(state, 3) != 0 || ffi::lua_isnumber(state, 3) != 0,
        };
        if are_right && is_expensive(subject_len as usize, pattern, is_plain) {
            return Verdict::Long;
        }
        Verdict::Call(subject_len)
    }
}

/// The replacement and the limit.
unsafe fn gsub_arguments_are_right(state: *mut lua_State) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        let is_limit = ffi::lua_isnoneornil(state, 4) != 0 || ffi::lua_isnumber(state, 4) != 0;
        let by = ffi::lua_type(state, 3);
        is_limit
            && matches!(
                by,
                ffi::LUA_TSTRING | ffi::LUA_TNUMBER | ffi::LUA_TFUNCTION | ffi::LUA_TTABLE
            )
    }
}

/// The bytes of the text or number at `index`; none of any other value.
///
/// # Safety
/// The value must stay on the stack while the bytes are read.
unsafe fn bytes<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: Lua returns a pointer to that many bytes, which live as long as the value.
    unsafe {
        let mut len = 0;
        let text = ffi::lua_tolstring(state, index, &raw mut len);
        if text.is_null() { &[] } else { std::slice::from_raw_parts(text.cast::<u8>(), len) }
    }
}

/// `string.find` for patterns only: no pattern is taken for a text.
///
/// # Errors
/// If there is no memory.
pub(super) fn pattern_search(lua: &Lua) -> Result<Function> {
    unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
        // SAFETY: `loops.lua` calls this with texts and a number.
        unsafe { search(state, Search::Find { may_be_plain: false }) }
    }
    // SAFETY: the function has no upvalues.
    unsafe { lua.create_c_function(find) }
}

/// What a search returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Search {
    /// The place and the captures. The pattern may be a text.
    Find { may_be_plain: bool },
    /// The captures, or the whole match if there are none.
    Match,
}

/// `string.find` or `string.match`, with a search that can be interrupted.
unsafe fn search(state: *mut lua_State, what: Search) -> c_int {
    // SAFETY: the arguments are texts or numbers, as `pattern` has checked. They stay on the stack. No
    // value here has to be dropped when an error jumps out.
    unsafe {
        let (subject, pattern) = (bytes(state, 1), bytes(state, 2));
        let from = first_position(number(state, 3, 1.0), subject.len());
        let may_go_on = || look(state);
        let mut matcher = Matcher::new(subject, pattern, &may_go_on);
        let is_plain = what == Search::Find { may_be_plain: true }
            && (ffi::lua_toboolean(state, 4) != 0 || has_no_specials(pattern));
        let found = if is_plain { matcher.search_text(from) } else { matcher.search(from) };
        let captures = match found {
            Ok(None) => {
                ffi::lua_pushnil(state);
                return 1;
            }
            Ok(Some(place)) => matcher.captures().map(|captures| (place, captures)),
            Err(stop) => Err(stop),
        };
        let ((start, end_at), captures) = match captures {
            Ok(found) => found,
            Err(Stop::Ended) => return end(state),
            Err(Stop::Malformed(text)) => return fail(state, text),
        };
        ffi::luaL_checkstack(state, captures.len() as c_int + 2, c"too many captures".as_ptr());
        let before = ffi::lua_gettop(state);
        if matches!(what, Search::Find { .. }) {
            ffi::lua_pushinteger(state, start as ffi::lua_Integer + 1);
            ffi::lua_pushinteger(state, end_at as ffi::lua_Integer);
        } else if captures.is_empty() {
            push_text(state, &subject[start..end_at]);
        }
        for capture in captures {
            match *capture {
                Capture::Text { start, end } => push_text(state, &subject[start..end]),
                Capture::Open { start: at } | Capture::Position(at) => {
                    ffi::lua_pushinteger(state, at as ffi::lua_Integer + 1);
                }
            }
        }
        ffi::lua_gettop(state) - before
    }
}

unsafe fn push_text(state: *mut lua_State, text: &[u8]) {
    // SAFETY: Lua copies the bytes; the caller has made room.
    unsafe { ffi::lua_pushlstring(state, text.as_ptr().cast(), text.len()) };
}

/// The offset at which a search begins that was asked to begin at this position, counted from 1, or
/// from the end if it is negative.
fn first_position(position: f64, len: usize) -> usize {
    let from_start =
        if position < 0.0 { position.trunc() + len as f64 } else { position.trunc() - 1.0 };
    // NaN becomes 0.
    from_start.clamp(0.0, len as f64) as usize
}

/// Raises an error as Lua's own functions do: with the place of the call, if a script made it. Calls
/// between the script and here that belong to the sandbox are skipped.
unsafe fn fail(state: *mut lua_State, text: &CStr) -> c_int {
    // SAFETY: `lua_Debug` is plain data that `lua_getstack` and `lua_getinfo` fill. No value here has
    // to be dropped when the error jumps out.
    unsafe {
        let mut level = 1;
        let mut frame: lua_Debug = std::mem::zeroed();
        let mut is_inside = false;
        while ffi::lua_getstack(state, level, &raw mut frame) != 0
            && ffi::lua_getinfo(state, c"Sl".as_ptr(), &raw mut frame) != 0
        {
            let is_sandbox = CStr::from_ptr(frame.source) == c"=sandbox";
            is_inside |= is_sandbox;
            if is_sandbox || (is_inside && frame.currentline < 0) {
                level += 1;
                continue;
            }
            break;
        }
        ffi::luaL_where(state, level);
        ffi::lua_pushstring(state, text.as_ptr());
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}

/// The comparison of a long `table.sort`: the function of the upvalue, or `<`. It counts as work, so
/// that the script can be ended.
unsafe extern "C-unwind" fn comes_before(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and free slots. No value has to be dropped.
    unsafe {
        if !spend(state, WORK_PER_COMPARISON) {
            return end(state);
        }
        if ffi::lua_isnil(state, ffi::lua_upvalueindex(1)) != 0 {
            let is_less = ffi::lua_lessthan(state, 1, 2);
            ffi::lua_pushboolean(state, is_less);
        } else {
            ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
            ffi::lua_insert(state, 1);
            ffi::lua_call(state, 2, 1);
        }
        1
    }
}

/// Bytes of a string or elements of a table; 0 for anything else.
unsafe fn length(state: *mut lua_State, index: c_int) -> f64 {
    // SAFETY: as promised by the caller.
    unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TSTRING | ffi::LUA_TTABLE => ffi::lua_objlen(state, index) as f64,
            // A number's digits, at most.
            ffi::LUA_TNUMBER => 32.0,
            _ => 0.0,
        }
    }
}

/// The number at `index`, or `absent`.
unsafe fn number(state: *mut lua_State, index: c_int, absent: f64) -> f64 {
    // SAFETY: as promised by the caller.
    unsafe {
        if ffi::lua_isnumber(state, index) != 0 { ffi::lua_tonumber(state, index) } else { absent }
    }
}

/// `string.find` and `string.match` that always search here, for comparison with Lua's own.
#[cfg(test)]
pub(super) fn long_searches(lua: &Lua) -> Result<(Function, Function)> {
    unsafe extern "C-unwind" fn find(state: *mut lua_State) -> c_int {
        // SAFETY: the tests call this with texts and numbers.
        unsafe { search(state, Search::Find { may_be_plain: true }) }
    }
    unsafe extern "C-unwind" fn matching(state: *mut lua_State) -> c_int {
        // SAFETY: as above.
        unsafe { search(state, Search::Match) }
    }
    // SAFETY: the functions have no upvalues.
    unsafe { Ok((lua.create_c_function(find)?, lua.create_c_function(matching)?)) }
}
