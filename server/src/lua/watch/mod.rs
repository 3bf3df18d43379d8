//! Ending a script that runs too long: a hook in the Lua state asks regularly whether it may continue.

pub(super) mod sys;

pub(super) use sys::{Place, Watch, killed, look_function, pcall_maker, protected_calls};
