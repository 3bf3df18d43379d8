//! What mlua's safe interface cannot do: a hook that can always end a script, and checks before
//! functions of Lua's own libraries.
//!
//! The hook is a plain C function: it needs no call into Lua, so it works at any depth of the stack.
//! The script is ended by an error value that scripts cannot get hold of. The sandbox passes it on
//! wherever it catches errors, so no script can catch it.
//!
//! A checked function is called within the frame of the check, so that positions and names in its
//! errors stay the same.
#![expect(unsafe_code, reason = "C functions of Lua's are called from within another's frame")]

use super::limits::{is_position, is_too_complex};
use mlua::ffi::{self, lua_Debug, lua_State};
use mlua::{Function, LightUserData, Lua, Result, Table, Value};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Lua instructions between two questions whether the script may continue. Asking costs about as much
/// as ten instructions.
const INSTRUCTIONS_PER_LOOK: c_int = 2_000;
/// From this much memory on, a single instruction may copy tens of megabytes: the questions come more
/// often. In KiB, as Lua counts, with the instructions between two questions.
const LARGE_STATES: [(c_int, c_int); 2] = [(256 * 1024, 20), (32 * 1024, 200)];
/// Bytes copied or table elements visited by library functions between two questions.
const WORK_PER_LOOK: f64 = 1_048_576.0;
/// `table.insert` may begin this far before the first element; it moves what is in between.
const POSITIONS_BEFORE_MAX: f64 = 1_000_000.0;
/// Most values that a function returns (`LUAI_MAXCSTACK` is 8,000), with room for its arguments.
const RESULTS_MAX: f64 = 7_900.0;
/// Longest result of `string.rep`, in bytes: Redis's longest string.
const REPEATED_BYTES_MAX: f64 = 512.0 * 1024.0 * 1024.0;

/// Their addresses are the values: a key in the registry, and the error that ends a script.
static WATCH_KEY: u8 = 1;
static KILLED: u8 = 2;

fn address(of: &'static u8) -> *mut c_void {
    std::ptr::from_ref(of).cast_mut().cast()
}

/// The error value that ends a script.
pub(super) fn killed() -> Value {
    Value::LightUserData(LightUserData(address(&KILLED)))
}

/// Where a script was ended: the name of its source and the line.
pub(super) type Place = Option<(String, i64)>;

/// Asks whether the running script may continue, and remembers the answer.
pub(super) struct Watch {
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
    pub(super) fn install(lua: &Lua) -> Result<Box<Watch>> {
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

    /// Runs a script; `ask` answers whether it may continue. `Err` has the place at which it was ended.
    pub(super) fn during<R>(
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
        let result = set_hook(lua).and_then(|()| run());
        self.ask.set(None);
        if let Some(panic) = self.panic.take() {
            resume_unwind(panic);
        }
        if self.ended.get() {
            // Nothing is raised outside of a script.
            self.ended.set(false);
            set_hook(lua)?;
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
fn set_hook(lua: &Lua) -> Result<()> {
    // SAFETY: sets a hook that stays valid for ever.
    unsafe {
        lua.exec_raw((), |state| {
            ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, INSTRUCTIONS_PER_LOOK);
        })
    }
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
unsafe fn look(state: *mut lua_State) -> bool {
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

/// Raises the error that ends the script, and again at each further instruction, in case a full C
/// stack turned it into another.
///
/// # Safety
/// `state` must be valid and have a free slot. Does not return: nothing may be left to drop.
unsafe fn end(state: *mut lua_State) -> c_int {
    // SAFETY: as promised by the caller.
    unsafe {
        ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, 1);
        ffi::lua_pushlightuserdata(state, address(&KILLED));
        ffi::lua_error(state)
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
pub(super) fn look_function(lua: &Lua) -> Result<Function> {
    unsafe extern "C-unwind" fn ask(state: *mut lua_State) -> c_int {
        // SAFETY: Lua calls this with a valid state and free slots.
        unsafe { if look(state) { 0 } else { end(state) } }
    }
    // SAFETY: the function has no upvalues.
    unsafe { lua.create_c_function(ask) }
}

/// `pcall` and `xpcall`, which in Lua 5.1 put their first result beyond the room that they have if there
/// are many.
///
/// # Errors
/// If there is no memory.
pub(super) fn protected_calls(lua: &Lua) -> Result<(Function, Function)> {
    unsafe extern "C-unwind" fn pcall(state: *mut lua_State) -> c_int {
        // SAFETY: Lua calls this with a valid state and free slots; room for one more value is made
        // before it is used.
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
    unsafe extern "C-unwind" fn xpcall(state: *mut lua_State) -> c_int {
        // SAFETY: as above.
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

/// What is checked before a library function runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Check {
    /// A pattern; the work is that of the subject.
    Pattern,
    /// The same, with a fourth argument that asks for a search without a pattern.
    Find,
    Insert,
    Remove,
    Sort,
    Concat,
    Unpack,
    Rep,
    /// The work is that of the first argument's bytes.
    Bytes,
}

const CHECKS: [Check; 9] = [
    Check::Pattern,
    Check::Find,
    Check::Insert,
    Check::Remove,
    Check::Sort,
    Check::Concat,
    Check::Unpack,
    Check::Rep,
    Check::Bytes,
];

/// Puts a check before the function `name` of `library`, if there is one. `read_only` has the tables
/// that must not be changed as its keys.
///
/// # Errors
/// If there is no memory.
pub(super) fn check(
    lua: &Lua,
    library: &Table,
    name: &str,
    what: Check,
    read_only: &Table,
) -> Result<()> {
    let original: Option<Function> = library.raw_get(name)?;
    let Some(original) = original else { return Ok(()) };
    // SAFETY: the three values that are on the stack become those of the closure, and the closure
    // is all that is left there.
    let checked: Function = unsafe {
        lua.exec_raw((original, what as i32, read_only), |state| {
            ffi::lua_pushcclosure(state, checked, 3);
        })?
    };
    library.raw_set(name, checked)
}

/// Outcome of a check.
enum Verdict {
    /// Lua's own function runs, after the question if this much work exceeds the credit.
    Call(f64),
    /// An error with the position of the call.
    Error(&'static CStr),
    /// The same without.
    ReadOnly,
    Empty,
}

/// Lua's function of the first upvalue, if the check of the second permits it.
unsafe extern "C-unwind" fn checked(state: *mut lua_State) -> c_int {
    // SAFETY: Lua calls this with a valid state and free slots; upvalues and arguments are read by
    // index, and there is no value here that an error's jump would have to drop.
    unsafe {
        let what = ffi::lua_tointeger(state, ffi::lua_upvalueindex(2)) as usize;
        match verdict(state, CHECKS[what % CHECKS.len()]) {
            Verdict::Error(text) => return ffi::luaL_error(state, text.as_ptr()),
            Verdict::ReadOnly => {
                ffi::lua_pushstring(state, c"Attempt to modify a readonly table".as_ptr());
                ffi::lua_error(state);
            }
            Verdict::Empty => {
                ffi::lua_pushstring(state, c"".as_ptr());
                return 1;
            }
            Verdict::Call(work) => {
                if let Some(watch) = watch_of(state) {
                    watch.credit.set(watch.credit.get() - work);
                    if watch.credit.get() < 0.0 && !look(state) {
                        return end(state);
                    }
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
            Check::Pattern | Check::Find => pattern(state, what == Check::Find),
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

unsafe fn pattern(state: *mut lua_State, is_find: bool) -> Verdict {
    // SAFETY: as promised by the caller; the string stays on the stack while it is read.
    unsafe {
        let is_plain = is_find && ffi::lua_toboolean(state, 4) != 0;
        if !is_plain && ffi::lua_type(state, 2) == ffi::LUA_TSTRING {
            let mut len = 0;
            let text = ffi::lua_tolstring(state, 2, &raw mut len);
            if is_too_complex(std::slice::from_raw_parts(text.cast::<u8>(), len)) {
                return Verdict::Error(c"pattern too complex");
            }
        }
        Verdict::Call(length(state, 1))
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
