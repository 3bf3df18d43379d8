//! What mlua's safe interface cannot do: a hook that can always end a script.
//!
//! The hook is a plain C function: it needs no call into Lua, so it works at any depth of the stack.
//! The script is ended by an error value that scripts cannot get hold of. The sandbox passes it on
//! wherever it catches errors, so no script can catch it.
#![expect(unsafe_code, reason = "hooks and protected calls are C functions of Lua's")]

use mlua::ffi::{self, lua_Debug, lua_State};
use mlua::{Function, LightUserData, Lua, Result, Value};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Lua instructions between two questions whether the script may continue. Asking takes at most 1.7 % of
/// the time of a loop of additions (perf), so fewer questions would save nothing that matters.
const INSTRUCTIONS_PER_LOOK: c_int = 2_000;
/// From this much memory on, a single instruction may copy tens of megabytes: the questions come more
/// often. In KiB, as Lua counts, with the instructions between two questions.
const LARGE_STATES: [(c_int, c_int); 2] = [(256 * 1024, 20), (32 * 1024, 200)];
/// Bytes copied or table elements visited by library functions between two questions.
const WORK_PER_LOOK: f64 = 1_048_576.0;

/// Their addresses are the values: a key in the registry, and the error that ends a script.
static WATCH_KEY: u8 = 1;
static KILLED: u8 = 2;

fn address(of: &'static u8) -> *mut c_void {
    std::ptr::from_ref(of).cast_mut().cast()
}

/// The error value that ends a script.
pub(in crate::lua) fn killed() -> Value {
    Value::LightUserData(LightUserData(address(&KILLED)))
}

/// Where a script was ended: the name of its source and the line.
pub(in crate::lua) type Place = Option<(String, i64)>;

/// Asks whether the running script may continue, and remembers the answer.
pub(in crate::lua) struct Watch {
    /// Set while a script runs.
    ask: Cell<Option<*const dyn Fn() -> bool>>,
    ended: Cell<bool>,
    place: RefCell<Place>,
    /// A panic of the question, which must not unwind through Lua.
    panic: Cell<Option<Box<dyn Any + Send>>>,
    /// Work of library functions until the next question.
    credit: Cell<f64>,
}

// SAFETY: the pointer is set only during `during`, on the thread that runs the script, and the value is
// used by one thread at a time: the one that has the Lua state.
unsafe impl Send for Watch {}

impl Watch {
    /// A watch over `lua`. It must live as long as the state.
    ///
    /// # Errors
    /// If there is no memory.
    pub(in crate::lua) fn install(lua: &Lua) -> Result<Box<Watch>> {
        let watch = Box::new(Watch {
            ask: Cell::new(None),
            ended: Cell::new(false),
            place: RefCell::new(None),
            panic: Cell::new(None),
            credit: Cell::new(WORK_PER_LOOK),
        });
        let pointer = std::ptr::from_ref(&*watch).cast_mut().cast();
        // SAFETY: sets one field of the registry; an error of it is caught by `exec_raw`.
        unsafe {
            lua.exec_raw::<()>((), |state| {
                ffi::lua_pushlightuserdata(state, address(&WATCH_KEY));
                ffi::lua_pushlightuserdata(state, pointer);
                ffi::lua_rawset(state, ffi::LUA_REGISTRYINDEX);
            })?;
        }
        Ok(watch)
    }

    /// Runs a script, which calls [`arm`]; `ask` answers whether it may continue. `Err` has the place at which it was ended.
    pub(in crate::lua) fn during<R>(
        &self,
        lua: &Lua,
        ask: &dyn Fn() -> bool,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<std::result::Result<R, Place>> {
        self.ended.set(false);
        self.place.replace(None);
        self.credit.set(WORK_PER_LOOK);
        let ask: *const (dyn Fn() -> bool + '_) = ask;
        // SAFETY: only the lifetime changes; the pointer is removed before this function returns.
        let ask = unsafe {
            std::mem::transmute::<*const (dyn Fn() -> bool + '_), *const dyn Fn() -> bool>(ask)
        };
        self.ask.set(Some(ask));
        let result = run();
        self.ask.set(None);
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        if self.ended.get() {
            // Nothing is raised outside of a script.
            self.ended.set(false);
            // SAFETY: as promised by `exec_raw`.
            unsafe { lua.exec_raw::<()>((), |state| arm(state))? };
            return Ok(Err(self.place.take()));
        }
        result.map(Ok)
    }

    fn may_go_on(&self) -> bool {
        self.credit.set(WORK_PER_LOOK);
        if self.ended.get() {
            return false;
        }
        let Some(ask) = self.ask.get() else { return true };
        // SAFETY: `during` keeps what the pointer refers to alive until it removes the pointer.
        let answer = catch_unwind(AssertUnwindSafe(|| unsafe { (*ask)() }));
        let may = answer.unwrap_or_else(|panic| {
            self.panic.set(Some(panic));
            false
        });
        self.ended.set(!may);
        may
    }
}

/// Lets the hook ask once in so many instructions. Coroutines inherit it.
///
/// # Safety
/// `state` must be valid.
pub(in crate::lua) unsafe fn arm(state: *mut lua_State) {
    // SAFETY: as promised by the caller; the hook stays valid for ever.
    unsafe { ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, INSTRUCTIONS_PER_LOOK) };
}

/// The watch of this state.
///
/// # Safety
/// `state` must be valid and have two free slots.
unsafe fn watch_of<'a>(state: *mut lua_State) -> Option<&'a Watch> {
    // SAFETY: the registry has a pointer to a watch that lives as long as the state.
    unsafe {
        ffi::lua_pushlightuserdata(state, address(&WATCH_KEY));
        ffi::lua_rawget(state, ffi::LUA_REGISTRYINDEX);
        let watch = ffi::lua_touserdata(state, -1).cast::<Watch>().cast_const();
        ffi::lua_settop(state, -2);
        watch.as_ref()
    }
}

/// The hook.
unsafe extern "C-unwind" fn on_count(state: *mut lua_State, _: *mut lua_Debug) {
    // SAFETY: Lua calls hooks with a valid state and free slots. No value here has to be dropped when
    // `end` jumps out.
    unsafe {
        if !look(state) {
            end(state);
        }
        let kib = ffi::lua_gc(state, ffi::LUA_GCCOUNT, 0);
        let large = LARGE_STATES.iter().find(|(least, _)| kib >= *least);
        let count = large.map_or(INSTRUCTIONS_PER_LOOK, |(_, count)| *count);
        if ffi::lua_gethookcount(state) != count {
            ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, count);
        }
    }
}

/// Asks, and remembers the place if the script must end.
///
/// # Safety
/// `state` must be valid and have two free slots.
pub(in crate::lua) unsafe fn look(state: *mut lua_State) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        let Some(watch) = watch_of(state) else { return true };
        let was_ended = watch.ended.get();
        let may = watch.may_go_on();
        if !may && !was_ended {
            watch.place.replace(place(state));
        }
        may
    }
}

/// Counts `work` (bytes or elements) of a library function, asks when it is due, and returns whether the
/// script may continue.
///
/// # Safety
/// `state` must be valid and have two free slots.
pub(in crate::lua) unsafe fn spend(state: *mut lua_State, work: f64) -> bool {
    // SAFETY: as promised by the caller.
    unsafe {
        let Some(watch) = watch_of(state) else { return true };
        watch.credit.set(watch.credit.get() - work);
        watch.credit.get() >= 0.0 || look(state)
    }
}

/// Raises the error that ends the script, and again at each further instruction, in case a full C
/// stack turned it into another.
///
/// # Safety
/// `state` must be valid and have a free slot. Does not return: nothing may be left to drop.
pub(in crate::lua) unsafe fn end(state: *mut lua_State) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe {
        ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, 1);
        ffi::lua_pushlightuserdata(state, address(&KILLED));
        ffi::lua_error(state)
    }
}

/// Ends the script because a function of ours has panicked; the panic goes on outside of Lua.
///
/// # Safety
/// As for [`end`].
pub(in crate::lua) unsafe fn end_with_panic(state: *mut lua_State, panic: Box<dyn Any + Send>) {
    // SAFETY: as promised by the caller; the panic is handed over before `end` jumps out.
    unsafe {
        if let Some(watch) = watch_of(state) {
            watch.panic.set(Some(panic));
            watch.ended.set(true);
        }
        end(state);
    }
}

/// Source and line of the innermost function of the script.
///
/// # Safety
/// `state` must be valid.
unsafe fn place(state: *mut lua_State) -> Place {
    // SAFETY: `lua_Debug` is plain data that `lua_getstack` and `lua_getinfo` fill.
    unsafe {
        for level in 0.. {
            let mut frame: lua_Debug = std::mem::zeroed();
            if ffi::lua_getstack(state, level, &raw mut frame) == 0 {
                break;
            }
            if ffi::lua_getinfo(state, c"Sl".as_ptr(), &raw mut frame) == 0 || frame.currentline < 0
            {
                continue;
            }
            let source = CStr::from_ptr(frame.source).to_string_lossy();
            if source != "=sandbox" {
                return Some((source.into_owned(), i64::from(frame.currentline)));
            }
        }
        None
    }
}

/// A function that asks whether the script may continue, and ends it if not.
///
/// # Errors
/// If there is no memory.
pub(in crate::lua) fn look_function(lua: &Lua) -> Result<Function> {
    unsafe extern "C-unwind" fn ask(state: *mut lua_State) -> c_int {
        // SAFETY: Lua calls this with a valid state and free slots.
        unsafe { if look(state) { 0 } else { end(state) } }
    }
    // SAFETY: the function has no upvalues.
    unsafe { lua.create_c_function(ask) }
}

/// Makes a `pcall` from a function that says what a script gets of an error that is no string.
///
/// # Errors
/// If there is no memory.
pub(in crate::lua) fn pcall_maker(lua: &Lua) -> Result<Function> {
    unsafe extern "C-unwind" fn make(state: *mut lua_State) -> c_int {
        // SAFETY: the sandbox calls this with one function, which becomes the upvalue.
        unsafe { ffi::lua_pushcclosure(state, script_pcall, 1) };
        1
    }
    unsafe extern "C-unwind" fn script_pcall(state: *mut lua_State) -> c_int {
        // SAFETY: as in `pcall`; the upvalue is a function.
        unsafe {
            let count = pcall(state);
            if ffi::lua_toboolean(state, 1) == 0 && ffi::lua_type(state, 2) != ffi::LUA_TSTRING {
                ffi::lua_pushvalue(state, ffi::lua_upvalueindex(1));
                ffi::lua_insert(state, 2);
                ffi::lua_call(state, 1, 1);
            }
            count
        }
    }
    // SAFETY: the function has no upvalues.
    unsafe { lua.create_c_function(make) }
}

/// As Lua's own, which in Lua 5.1 puts its first result beyond the room that it has if there are many.
unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and free slots; room for one more value is made before
    // it is used.
    unsafe {
        ffi::luaL_checkany(state, 1);
        let arguments = ffi::lua_gettop(state) - 1;
        let status = ffi::lua_pcall(state, arguments, ffi::LUA_MULTRET, 0);
        ffi::luaL_checkstack(state, 1, c"too many results".as_ptr());
        ffi::lua_pushboolean(state, c_int::from(status == 0));
        ffi::lua_insert(state, 1);
        ffi::lua_gettop(state)
    }
}

/// `pcall` and `xpcall`, which in Lua 5.1 put their first result beyond the room that they have if there
/// are many.
///
/// # Errors
/// If there is no memory.
pub(in crate::lua) fn protected_calls(lua: &Lua) -> Result<(Function, Function)> {
    unsafe extern "C-unwind" fn xpcall(state: *mut lua_State) -> c_int {
        // SAFETY: as in `pcall`.
        unsafe {
            ffi::luaL_checkany(state, 2);
            ffi::lua_settop(state, 2);
            ffi::lua_insert(state, 1);
            let status = ffi::lua_pcall(state, 0, ffi::LUA_MULTRET, 1);
            ffi::luaL_checkstack(state, 1, c"too many results".as_ptr());
            ffi::lua_pushboolean(state, c_int::from(status == 0));
            ffi::lua_replace(state, 1);
            ffi::lua_gettop(state)
        }
    }
    // SAFETY: the functions have no upvalues.
    unsafe { Ok((lua.create_c_function(pcall)?, lua.create_c_function(xpcall)?)) }
}
