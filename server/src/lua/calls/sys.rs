//! `redis.call` and `redis.pcall` as C functions. See [`crate::lua::stack`] for the rule that they follow:
//! nothing in a frame has to be dropped while Lua may raise an error.
#![expect(unsafe_code, reason = "the functions work on the stack of Lua")]

use super::reader::{Piece, Reader};
use super::{Buffers, KEPT_BYTES_MAX};
use crate::args::Args;
use crate::clock::Nanos;
use crate::lua::Host;
use crate::lua::stack::sys::{Data, data, push_text, set_field, text};
use crate::lua::watch::sys::{end, end_with_panic, spend};
use crate::reply::{Protocol, Reply};
use mlua::ffi::{self, lua_State};
use mlua::{Lua, MultiValue, Result, Table};
use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Commands that took longer, or have longer replies than [`LONG_REPLY_BYTES`], count towards the next
/// question whether the script may continue. The others are counted as instructions.
const LONG_COMMAND: Nanos = Nanos::from_us(20);
const LONG_REPLY_BYTES: usize = 4 * 1024;
/// Replies in replies, at most. Those of this server nest less deeply.
const NESTING_MAX: usize = 100;

/// What the functions work with.
pub(in crate::lua) struct Calls(Data<State>);

struct State {
    /// Set while a script runs.
    host: Option<*const dyn Host>,
    buffers: Buffers,
}

impl Calls {
    /// Puts the functions into the table `redis`. The value must live as long as the Lua state.
    ///
    /// # Errors
    /// If there is no memory.
    pub(in crate::lua) fn install(lua: &Lua, redis: &Table) -> Result<Self> {
        let state = Data::new(State { host: None, buffers: Buffers::default() });
        redis.raw_set("call", state.function(lua, call)?)?;
        redis.raw_set("pcall", state.function(lua, pcall)?)?;
        lua.set_app_data(Address(state.pointer()));
        Ok(Calls(state))
    }

    /// Runs a script whose calls go to `host`.
    pub(in crate::lua) fn during<R>(&self, host: &dyn Host, run: impl FnOnce() -> R) -> R {
        let host: *const (dyn Host + '_) = host;
        // SAFETY: only the lifetime changes; the pointer is removed before this function returns.
        let host = unsafe { std::mem::transmute::<*const (dyn Host + '_), *const dyn Host>(host) };
        self.0.change(|state| state.host = Some(host));
        let _end = End(self);
        run()
    }
}

/// Removes the pointer when a script has ended, also by a panic.
struct End<'a>(&'a Calls);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.0.change(|state| {
            state.host = None;
            state.buffers.release();
        });
    }
}

/// Where [`State`] is, for functions that mlua calls.
struct Address(*mut State);

// SAFETY: the state is used by one thread at a time: the one that has the Lua state.
unsafe impl Send for Address {}

/// Asks the server a [`crate::lua::Question`], whose number comes first.
///
/// # Errors
/// As [`Host::answer`]; if no script runs.
pub(in crate::lua) fn ask(lua: &Lua, args: &MultiValue) -> Result<bool> {
    let address = lua.app_data_ref::<Address>().map(|address| address.0);
    // SAFETY: the address is that of data that lives as long as the Lua state, and no call of the
    // functions below is running: this is another function of the script's.
    let host = address.and_then(|address| unsafe { (*address).host });
    let Some(host) = host else { return Err(mlua::Error::runtime("no script is running")) };
    // SAFETY: `during` keeps what the pointer refers to alive until it removes the pointer.
    unsafe { (*host).answer(args) }
}

unsafe extern "C-unwind" fn call(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and twenty free slots.
    unsafe { if execute(state) { ffi::lua_error(state) } else { 1 } }
}

unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        execute(state);
    }
    1
}

// From here on, `state` must be that of a call of one of the two, and have free slots as said there.

/// Executes the command whose words are the arguments, and pushes its reply. Returns whether that is an
/// error.
unsafe fn execute(state: *mut lua_State) -> bool {
    // SAFETY: the functions were made with this data, and it is not referred to elsewhere while they run:
    // the server runs no script while it executes a command of one.
    let State { host, buffers } = unsafe { data::<State>(state) };
    // SAFETY: as promised by the caller; `during` keeps what `host` refers to alive.
    unsafe {
        let count = ffi::lua_gettop(state);
        if count == 0 {
            return failed(
                state,
                c"ERR Please specify at least one argument for this redis lib call",
            );
        }
        buffers.clear();
        for index in 1..=count {
            match ffi::lua_type(state, index) {
                ffi::LUA_TSTRING => buffers.bytes.extend_from_slice(text(state, index)),
                ffi::LUA_TNUMBER => buffers.append_number(ffi::lua_tonumber(state, index)),
                _ => {
                    return failed(
                        state,
                        c"ERR Lua redis lib command arguments must be strings or integers",
                    );
                }
            }
            if !buffers.end_word() {
                return failed(state, c"ERR Lua redis lib command arguments are too long together");
            }
        }
        let Some(host) = host else { return failed(state, c"ERR no script is running") };
        let protocol = (**host).protocol();
        let took = match catch_unwind(AssertUnwindSafe(|| ask_host(&**host, buffers, protocol))) {
            Ok(took) => took,
            Err(panic) => {
                end_with_panic(state, panic);
                Nanos::ZERO
            }
        };
        // The words are not needed any more.
        ffi::lua_settop(state, 0);
        let mut reader = Reader::new(&buffers.reply);
        if !push(state, &mut reader, protocol, 0) {
            ffi::lua_settop(state, 0);
            return failed(state, c"ERR A command of this script gave no reply");
        }
        let is_error = buffers.reply.first() == Some(&b'-');
        if took > LONG_COMMAND || buffers.reply.len() > LONG_REPLY_BYTES {
            let work = buffers.reply.len().max(took.0 as usize);
            if buffers.reply.capacity() > 16 * KEPT_BYTES_MAX {
                buffers.release();
            }
            if !spend(state, work as f64) {
                end(state);
            }
        }
        is_error
    }
}

/// Executes the command. Returns how long it took.
fn ask_host(host: &dyn Host, buffers: &mut Buffers, protocol: Protocol) -> Nanos {
    let mut out = Reply::new(std::mem::take(&mut buffers.reply), protocol);
    let took = host.execute(Args::new(&buffers.bytes, &buffers.ranges), &mut out);
    buffers.reply = out.into_bytes();
    took
}

/// Pushes the table that stands for an error of the call itself. Returns true.
unsafe fn failed(state: *mut lua_State, message: &CStr) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, message.to_bytes());
        set_field(state, c"err");
    }
    true
}

/// Pushes the next value. False if there is none; then the stack has parts of it.
unsafe fn push(
    state: *mut lua_State,
    reader: &mut Reader<'_>,
    protocol: Protocol,
    depth: usize,
) -> bool {
    let Some(piece) = reader.next() else { return false };
    // SAFETY: as promised by the caller; each level makes room for the slots that it uses.
    unsafe {
        if depth > NESTING_MAX || ffi::lua_checkstack(state, 6) == 0 {
            return false;
        }
        match piece {
            Piece::Text(text) => push_text(state, text),
            Piece::Integer(number) => ffi::lua_pushnumber(state, number as f64),
            // In RESP2 a null is false, nested ones too.
            Piece::Null if protocol == Protocol::Resp2 => ffi::lua_pushboolean(state, 0),
            Piece::Null => ffi::lua_pushnil(state),
            Piece::Boolean(value) => ffi::lua_pushboolean(state, c_int::from(value)),
            Piece::Status(text) => push_single(state, c"ok", text),
            Piece::Error(text) => {
                ffi::lua_createtable(state, 0, 2);
                push_text(state, text);
                set_field(state, c"err");
                // `errorstat_*` has it already.
                ffi::lua_pushboolean(state, 1);
                set_field(state, c"ignore_error_stats_update");
            }
            Piece::Double(number) => {
                ffi::lua_createtable(state, 0, 1);
                ffi::lua_pushnumber(state, number);
                set_field(state, c"double");
            }
            Piece::BigNumber(digits) => push_single(state, c"big_number", digits),
            Piece::Verbatim(format, text) => {
                ffi::lua_createtable(state, 0, 1);
                ffi::lua_createtable(state, 0, 2);
                push_text(state, text);
                set_field(state, c"string");
                push_text(state, format);
                set_field(state, c"format");
                set_field(state, c"verbatim_string");
            }
            Piece::Array(count) => {
                let Ok(count) = c_int::try_from(count) else { return false };
                ffi::lua_createtable(state, count, 0);
                for index in 1..=count {
                    if !push(state, reader, protocol, depth + 1) {
                        return false;
                    }
                    ffi::lua_rawseti_(state, -2, index);
                }
            }
            Piece::Map(count) => {
                return push_keyed(state, reader, protocol, depth, (count, c"map"));
            }
            Piece::Set(count) => {
                return push_keyed(state, reader, protocol, depth, (count, c"set"));
            }
        }
        true
    }
}

unsafe fn push_single(state: *mut lua_State, name: &CStr, text: &[u8]) {
    // SAFETY: as promised by the caller.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        push_text(state, text);
        set_field(state, name);
    }
}

/// A map or a set: a table with its keys, in a table of one field.
unsafe fn push_keyed(
    state: *mut lua_State,
    reader: &mut Reader<'_>,
    protocol: Protocol,
    depth: usize,
    (count, name): (usize, &CStr),
) -> bool {
    let Ok(count) = c_int::try_from(count) else { return false };
    // SAFETY: as promised by the caller of `push`, which has made room.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_createtable(state, 0, count);
        for _ in 0..count {
            if !push(state, reader, protocol, depth + 1) {
                return false;
            }
            if name == c"set" {
                ffi::lua_pushboolean(state, 1);
            } else if !push(state, reader, protocol, depth + 1) {
                return false;
            }
            ffi::lua_rawset(state, -3);
        }
        set_field(state, name);
    }
    true
}
