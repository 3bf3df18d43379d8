//! `cjson.encode` and `cjson.decode` as C functions. See [`crate::lua::stack`] for the rule that they
//! follow: nothing in a frame has to be dropped while Lua may raise an error.
//!
//! They use raw access only, so no code of the script runs inside them.
#![expect(unsafe_code, reason = "the functions work on the stack of Lua")]

use super::lexer::{Lexer, Token};
use super::{
    BYTES_PER_LOOK, Buffers, DIGITS, KEPT_BYTES_MAX, NESTING_MAX, SPARSE_RATIO, SPARSE_SAFE,
    TEXT_BYTES_MAX, VALUE_BYTES, quote,
};
use crate::lua::stack::sys::{Data, data, push_text, raise, text};
use crate::lua::watch::sys::{end, look};
use aelab_resp::encode::append_significant;
use mlua::ffi::{self, lua_State};
use mlua::{Lua, Result, Table, Value};
use std::ffi::{CStr, c_int};
use std::io::Write as _;

/// Keys of an array are below this: they are exact.
const INDEX_MAX: f64 = 9_007_199_254_740_992.0;

/// The library.
pub(in crate::lua) struct Json(Data<Buffers>);

impl Json {
    /// The library and its table. The first must live as long as the Lua state.
    ///
    /// # Errors
    /// If there is no memory.
    pub(in crate::lua) fn library(lua: &Lua) -> Result<(Self, Table)> {
        let buffers = Data::new(Buffers::default());
        let table = lua.create_table()?;
        table.raw_set("encode", buffers.function(lua, encode)?)?;
        table.raw_set("decode", buffers.function(lua, decode)?)?;
        table.raw_set("null", Value::NULL)?;
        table.raw_set("_NAME", "cjson")?;
        table.raw_set("_VERSION", "2.1.0")?;
        Ok((Json(buffers), table))
    }

    /// Gives memory back after a script.
    pub(in crate::lua) fn release(&self) {
        self.0.change(|buffers| {
            for buffer in [&mut buffers.text, &mut buffers.message] {
                buffer.clear();
                buffer.shrink_to(KEPT_BYTES_MAX);
            }
        });
    }
}

/// Why there is no result.
#[derive(Clone, Copy)]
enum Failure {
    /// The script must end.
    Ended,
    /// No room on Lua's stack.
    StackOverflow,
    /// A value that JSON does not have: the name of its type, and why.
    Refused(&'static str, &'static str),
    TooLong,
    /// So many tables in tables, and where in the text if that is known.
    TooDeep(usize, Option<usize>),
    Unexpected {
        wanted: &'static str,
        found: Token,
        at: usize,
    },
}

type Done = std::result::Result<(), Failure>;

/// Raises the error.
///
/// # Safety
/// As for [`raise`].
unsafe fn fail(state: *mut lua_State, failure: Failure, message: &mut Vec<u8>) -> c_int {
    message.clear();
    // Writing to memory does not fail.
    let _ = match failure {
        // SAFETY: as promised by the caller.
        Failure::Ended => return unsafe { end(state) },
        Failure::StackOverflow => write!(message, "stack overflow"),
        Failure::Refused(kind, why) => write!(message, "Cannot serialise {kind}: {why}"),
        Failure::TooLong => write!(message, "Cannot serialise, the text is too long"),
        Failure::TooDeep(depth, None) => {
            write!(message, "Cannot serialise, excessive nesting ({depth})")
        }
        Failure::TooDeep(depth, Some(at)) => {
            write!(message, "Found too many nested data structures ({depth}) at character {at}")
        }
        Failure::Unexpected { wanted, found, at } => {
            let found = found.name();
            write!(message, "Expected {wanted} but found {found} at character {at}")
        }
    };
    // SAFETY: as promised by the caller; the message belongs to the library's buffers.
    unsafe { raise(state, message) }
}

/// Counts a value of so many bytes. Fails if the script must end.
///
/// # Safety
/// `state` must be valid and have two free slots.
unsafe fn count(state: *mut lua_State, left: &mut usize, bytes: usize) -> Done {
    match left.checked_sub(bytes + VALUE_BYTES) {
        Some(rest) => *left = rest,
        None => {
            *left = BYTES_PER_LOOK;
            // SAFETY: as promised by the caller.
            if !unsafe { look(state) } {
                return Err(Failure::Ended);
            }
        }
    }
    Ok(())
}

unsafe extern "C-unwind" fn encode(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and twenty free slots; the function was made with this
    // data, which nothing else refers to while it runs.
    unsafe {
        let buffers = data::<Buffers>(state);
        if ffi::lua_gettop(state) != 1 {
            return ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
        }
        buffers.text.clear();
        let mut encoder = Encoder { state, out: &mut buffers.text, left: BYTES_PER_LOOK };
        match encoder.value(0) {
            Ok(()) => push_text(state, &buffers.text),
            Err(failure) => return fail(state, failure, &mut buffers.message),
        }
        if buffers.text.capacity() > 16 * KEPT_BYTES_MAX {
            buffers.text = Vec::new();
        }
    }
    1
}

struct Encoder<'a> {
    state: *mut lua_State,
    out: &'a mut Vec<u8>,
    /// Bytes until the next question.
    left: usize,
}

// The state must be that of a call of `encode`.
impl Encoder<'_> {
    /// Appends the value on the top of the stack, which stays there.
    unsafe fn value(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller.
        unsafe {
            match ffi::lua_type(self.state, -1) {
                ffi::LUA_TSTRING => {
                    let text = text(self.state, -1);
                    count(self.state, &mut self.left, text.len())?;
                    if self.out.len() > TEXT_BYTES_MAX {
                        return Err(Failure::TooLong);
                    }
                    quote::append(self.out, text);
                }
                ffi::LUA_TNUMBER => self.number(ffi::lua_tonumber(self.state, -1))?,
                ffi::LUA_TBOOLEAN => {
                    let value = ffi::lua_toboolean(self.state, -1) != 0;
                    self.out.extend_from_slice(if value { b"true" } else { b"false" });
                }
                ffi::LUA_TNIL => self.out.extend_from_slice(b"null"),
                ffi::LUA_TLIGHTUSERDATA if ffi::lua_touserdata(self.state, -1).is_null() => {
                    self.out.extend_from_slice(b"null");
                }
                ffi::LUA_TTABLE => self.table(depth)?,
                kind => {
                    let name = CStr::from_ptr(ffi::lua_typename(self.state, kind));
                    let name = name.to_str().unwrap_or("value");
                    return Err(Failure::Refused(name, "type not supported"));
                }
            }
        }
        Ok(())
    }

    fn number(&mut self, number: f64) -> Done {
        if !number.is_finite() {
            return Err(Failure::Refused("number", "must not be NaN or Inf"));
        }
        append_significant(self.out, number, DIGITS);
        Ok(())
    }

    unsafe fn table(&mut self, depth: usize) -> Done {
        if depth >= NESTING_MAX {
            return Err(Failure::TooDeep(depth + 1, None));
        }
        // SAFETY: as promised by the caller; two slots are needed here, and three by `count`.
        unsafe {
            if ffi::lua_checkstack(self.state, 5) == 0 {
                return Err(Failure::StackOverflow);
            }
            count(self.state, &mut self.left, 0)?;
            if self.out.len() > TEXT_BYTES_MAX {
                return Err(Failure::TooLong);
            }
            match self.array_len()? {
                0 => self.object(depth + 1),
                len => self.array(len, depth + 1),
            }
        }
    }

    /// The highest index if the table on the top is an array; 0 if it is an object.
    unsafe fn array_len(&mut self) -> std::result::Result<u64, Failure> {
        let (mut highest, mut items) = (0.0_f64, 0.0);
        // SAFETY: as promised by the caller; `lua_next` gets back the key that it gave.
        unsafe {
            ffi::lua_pushnil(self.state);
            while ffi::lua_next(self.state, -2) != 0 {
                let index = match ffi::lua_type(self.state, -2) {
                    ffi::LUA_TNUMBER => ffi::lua_tonumber(self.state, -2),
                    _ => 0.0,
                };
                if !(1.0..INDEX_MAX).contains(&index) || index.trunc() != index {
                    ffi::lua_settop(self.state, -3);
                    return Ok(0);
                }
                highest = highest.max(index);
                items += 1.0;
                ffi::lua_settop(self.state, -2);
                // Most are counted when they are written.
                if items % 1024.0 == 0.0 {
                    count(self.state, &mut self.left, 16 * 1024)?;
                }
            }
        }
        if highest > SPARSE_SAFE && highest > items * SPARSE_RATIO {
            return Err(Failure::Refused("table", "excessively sparse array"));
        }
        Ok(highest as u64)
    }

    unsafe fn array(&mut self, len: u64, depth: usize) -> Done {
        self.out.push(b'[');
        for index in 1..=len {
            if index > 1 {
                self.out.push(b',');
            }
            // SAFETY: as promised by the caller of `table`, which has made room.
            unsafe {
                match c_int::try_from(index) {
                    Ok(index) => ffi::lua_rawgeti_(self.state, -1, index),
                    Err(_) => {
                        ffi::lua_pushnumber(self.state, index as f64);
                        ffi::lua_rawget(self.state, -2);
                    }
                }
                count(self.state, &mut self.left, 0)?;
                self.value(depth)?;
                ffi::lua_settop(self.state, -2);
            }
        }
        self.out.push(b']');
        Ok(())
    }

    unsafe fn object(&mut self, depth: usize) -> Done {
        self.out.push(b'{');
        // SAFETY: as promised by the caller of `table`, which has made room; `lua_next` gets back the key
        // that it gave: only strings are read as such.
        unsafe {
            ffi::lua_pushnil(self.state);
            let mut is_first = true;
            while ffi::lua_next(self.state, -2) != 0 {
                if !is_first {
                    self.out.push(b',');
                }
                is_first = false;
                match ffi::lua_type(self.state, -2) {
                    ffi::LUA_TSTRING => quote::append(self.out, text(self.state, -2)),
                    ffi::LUA_TNUMBER => {
                        self.out.push(b'"');
                        self.number(ffi::lua_tonumber(self.state, -2))?;
                        self.out.push(b'"');
                    }
                    kind => {
                        let name = CStr::from_ptr(ffi::lua_typename(self.state, kind));
                        let name = name.to_str().unwrap_or("value");
                        return Err(Failure::Refused(name, "table key must be a number or string"));
                    }
                }
                self.out.push(b':');
                count(self.state, &mut self.left, text(self.state, -2).len())?;
                self.value(depth)?;
                ffi::lua_settop(self.state, -2);
            }
        }
        self.out.push(b'}');
        Ok(())
    }
}

unsafe extern "C-unwind" fn decode(state: *mut lua_State) -> c_int {
    // SAFETY: as in `encode`; the text stays on the stack.
    unsafe {
        let buffers = data::<Buffers>(state);
        if ffi::lua_gettop(state) != 1 {
            return ffi::luaL_argerror(state, 1, c"expected 1 argument".as_ptr());
        }
        ffi::luaL_checklstring(state, 1, std::ptr::null_mut());
        let bytes = text(state, 1);
        if bytes.len() >= 2 && (bytes[0] == 0 || bytes[1] == 0) {
            return raise(state, b"JSON parser does not support UTF-16 or UTF-32");
        }
        let lexer = Lexer::new(bytes, &mut buffers.text);
        let mut decoder = Decoder { state, lexer, left: BYTES_PER_LOOK };
        let first = decoder.lexer.next();
        let mut done = decoder.value(first, 0);
        if done.is_ok() {
            done = match decoder.lexer.next() {
                Token::End => Ok(()),
                other => Err(decoder.unexpected("the end", other)),
            };
        }
        match done {
            Ok(()) => 1,
            Err(failure) => fail(state, failure, &mut buffers.message),
        }
    }
}

struct Decoder<'a> {
    state: *mut lua_State,
    lexer: Lexer<'a>,
    /// Bytes until the next question.
    left: usize,
}

// The state must be that of a call of `decode`.
impl Decoder<'_> {
    fn unexpected(&self, wanted: &'static str, found: Token) -> Failure {
        Failure::Unexpected { wanted, found, at: self.lexer.token_at + 1 }
    }

    /// Pushes the value that begins with `token`.
    unsafe fn value(&mut self, token: Token, depth: usize) -> Done {
        // SAFETY: as promised by the caller; each level makes room for its slots.
        unsafe {
            match token {
                Token::Text(text) => {
                    let text = self.lexer.text(text);
                    count(self.state, &mut self.left, text.len())?;
                    push_text(self.state, text);
                }
                Token::Number(number) => ffi::lua_pushnumber(self.state, number),
                Token::Boolean(value) => ffi::lua_pushboolean(self.state, c_int::from(value)),
                Token::Null => ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()),
                Token::ObjectBegin => self.object(depth + 1)?,
                Token::ArrayBegin => self.array(depth + 1)?,
                other => return Err(self.unexpected("value", other)),
            }
        }
        Ok(())
    }

    /// Pushes a new table, with room on the stack for its parts.
    unsafe fn descend(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller.
        unsafe {
            if depth > NESTING_MAX || ffi::lua_checkstack(self.state, 6) == 0 {
                return Err(Failure::TooDeep(depth, Some(self.lexer.at)));
            }
            count(self.state, &mut self.left, 0)?;
            ffi::lua_createtable(self.state, 0, 0);
        }
        Ok(())
    }

    unsafe fn object(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller.
        unsafe {
            self.descend(depth)?;
            let mut token = self.lexer.next();
            if token == Token::ObjectEnd {
                return Ok(());
            }
            loop {
                let Token::Text(name) = token else {
                    return Err(self.unexpected("object key string", token));
                };
                push_text(self.state, self.lexer.text(name));
                let colon = self.lexer.next();
                if colon != Token::Colon {
                    return Err(self.unexpected("colon", colon));
                }
                count(self.state, &mut self.left, 0)?;
                let first = self.lexer.next();
                self.value(first, depth)?;
                ffi::lua_rawset(self.state, -3);
                match self.lexer.next() {
                    Token::ObjectEnd => return Ok(()),
                    Token::Comma => token = self.lexer.next(),
                    other => return Err(self.unexpected("comma or object end", other)),
                }
            }
        }
    }

    unsafe fn array(&mut self, depth: usize) -> Done {
        // SAFETY: as promised by the caller.
        unsafe {
            self.descend(depth)?;
            let mut token = self.lexer.next();
            if token == Token::ArrayEnd {
                return Ok(());
            }
            // A text of 512 MiB has no more items than a `c_int` counts.
            for index in 1..c_int::MAX {
                count(self.state, &mut self.left, 0)?;
                self.value(token, depth)?;
                ffi::lua_rawseti_(self.state, -2, index);
                match self.lexer.next() {
                    Token::ArrayEnd => break,
                    Token::Comma => token = self.lexer.next(),
                    other => return Err(self.unexpected("comma or array end", other)),
                }
            }
        }
        Ok(())
    }
}
