//! What C functions in Rust need: texts on the stack of Lua, errors, and data that belongs to a function.

pub(super) mod sys;
