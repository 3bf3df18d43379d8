//! I/O models other than the ae loop, for comparison, with the same commands.
//!
//! | model | how it waits for a client's bytes |
//! |---|---|
//! | `ae` | the loop sleeps in its backend until a socket is ready |
//! | [`blocking`] | the only thread blocks in `read`, for one client at a time |
//! | [`threads`] | one thread per client blocks in `read`; commands run under a lock |
//! | `busy-poll` | the loop polls every socket without sleeping ([`crate::ae::Sweep`]) |
//!
//! Invariant: parsing, checks, commands, limits and statistics are the same code in every model; only
//! reading, writing and waiting differ. A setting or command that cannot work in a model is refused.

pub(crate) mod blocking;
pub(crate) mod threads;
