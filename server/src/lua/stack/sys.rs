//! Texts on the stack of Lua, errors, and data of our own that a C function reaches.
//!
//! C functions are used where a call through mlua would cost more than the work itself. Lua's errors jump
//! over the frames of Rust: nothing in these frames may have to be dropped. Buffers therefore belong to
//! [`Data`], which outlives the call and keeps their memory for the next one.
#![expect(unsafe_code, reason = "C functions of Lua's work on its stack")]

use mlua::ffi::{self, lua_State};
use mlua::{Function, LightUserData, Lua, Result};
use std::cell::UnsafeCell;
use std::ffi::{CStr, c_int};

/// A C function.
pub(in crate::lua) type CFunction = unsafe extern "C-unwind" fn(*mut lua_State) -> c_int;

/// Data that C functions of one Lua state reach. It must live as long as the state.
pub(in crate::lua) struct Data<T>(Box<UnsafeCell<T>>);

// SAFETY: the data is used by one thread at a time: the one that has the Lua state.
unsafe impl<T> Send for Data<T> {}

impl<T> Data<T> {
    pub(in crate::lua) fn new(value: T) -> Self {
        Data(Box::new(UnsafeCell::new(value)))
    }

    /// A function that finds the data with [`data`].
    ///
    /// # Errors
    /// If there is no memory.
    pub(in crate::lua) fn function(&self, lua: &Lua, run: CFunction) -> Result<Function> {
        let pointer = LightUserData(self.0.get().cast());
        // SAFETY: the pointer that is on the stack becomes the upvalue of the closure, which is all that
        // is left there.
        unsafe { lua.exec_raw(pointer, |state| ffi::lua_pushcclosure(state, run, 1)) }
    }

    /// Changes the data while no function of the state runs.
    pub(in crate::lua) fn change(&self, change: impl FnOnce(&mut T)) {
        // SAFETY: the functions that have the data run below `Engine::execute` only, and this is not
        // called there; `change` cannot get here again, as it has no way to `self`.
        unsafe { change(&mut *self.0.get()) }
    }

    /// The data's address, as [`data`] gives it.
    pub(in crate::lua) fn pointer(&self) -> *mut T {
        self.0.get()
    }
}

/// The data of the C function that is running.
///
/// # Safety
/// The function must have been made by [`Data::function`] with data of type `T`, and nothing else may
/// refer to the data during `'a`.
pub(in crate::lua) unsafe fn data<'a, T>(state: *mut lua_State) -> &'a mut T {
    // SAFETY: as promised by the caller.
    unsafe { &mut *ffi::lua_touserdata(state, ffi::lua_upvalueindex(1)).cast::<T>() }
}

/// The bytes of the string at `index`; of anything else, none. Does not convert numbers.
///
/// # Safety
/// `state` must be valid, and the string must stay on the stack during `'a`.
pub(in crate::lua) unsafe fn text<'a>(state: *mut lua_State, index: c_int) -> &'a [u8] {
    // SAFETY: as promised by the caller; a string of Lua's has as many bytes as it says.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TSTRING {
            return &[];
        }
        let mut len = 0;
        let start = ffi::lua_tolstring(state, index, &raw mut len);
        std::slice::from_raw_parts(start.cast(), len)
    }
}

/// Pushes a string. Raises Lua's error if there is no memory.
///
/// # Safety
/// `state` must be valid and have a free slot.
pub(in crate::lua) unsafe fn push_text(state: *mut lua_State, text: &[u8]) {
    // SAFETY: as promised by the caller; Lua copies the bytes.
    unsafe { ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len()) }
}

/// Sets a field of the new table below the top to the value on the top, which is removed.
///
/// # Safety
/// `state` must be valid and have two free slots.
pub(in crate::lua) unsafe fn set_field(state: *mut lua_State, name: &CStr) {
    // SAFETY: as promised by the caller.
    unsafe { ffi::lua_setfield(state, -2, name.as_ptr()) }
}

/// Raises an error that begins with the place of the call in the script, as Lua's own libraries do.
///
/// # Safety
/// `state` must be that of a C function. Does not return: nothing may be left to drop.
pub(in crate::lua) unsafe fn raise(state: *mut lua_State, message: &[u8]) -> c_int {
    // SAFETY: as promised by the caller. A C function has twenty free slots at first, and has made more
    // where it needed them.
    unsafe {
        ffi::luaL_where(state, 1);
        push_text(state, message);
        ffi::lua_concat(state, 2);
        ffi::lua_error(state)
    }
}
