//! The work of a library function in Rust, which counts towards the next question whether the script
//! may continue.

use super::sys::may_go_on;
use crate::lua::raised::Raised;
use mlua::{Error, Lua, Result};
use std::cell::Cell;

/// Bytes handled between two questions: a few milliseconds.
const BYTES_PER_LOOK: usize = 1024 * 1024;
/// What a value counts as at least, in bytes.
const VALUE_BYTES: usize = 64;

/// See the module's text.
pub(in crate::lua) struct Effort<'a> {
    lua: &'a Lua,
    left: Cell<usize>,
}

impl<'a> Effort<'a> {
    pub(in crate::lua) fn new(lua: &'a Lua) -> Self {
        Effort { lua, left: Cell::new(BYTES_PER_LOOK) }
    }

    /// Counts a value of so many bytes.
    ///
    /// # Errors
    /// If the script must end. The caller returns it at once.
    pub(in crate::lua) fn value(&self, bytes: usize) -> Result<()> {
        match self.left.get().checked_sub(bytes + VALUE_BYTES) {
            Some(left) => self.left.set(left),
            None => {
                self.left.set(BYTES_PER_LOOK);
                if !may_go_on(self.lua)? {
                    return Err(Error::external(Raised::Text(b"the script was ended".to_vec())));
                }
            }
        }
        Ok(())
    }
}
