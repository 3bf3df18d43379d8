//! Attacks on the server, one file per kind of fault. What a client sends must not crash the server,
//! hang it, lock other clients out, or show another client's data. Every file runs on all backends and
//! I/O models for which its attack makes sense.

mod client_ends;
mod hash_flooding;
mod lua_build;
mod memory;
mod process;
mod script_crashes;
mod script_hangs;
mod script_leftovers;
mod secrets;
mod signals;
