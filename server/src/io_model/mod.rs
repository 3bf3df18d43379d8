//! The other ways to serve clients: what one compares the ae loop with, over the same commands.
//!
//! | model | who waits for a client's bytes |
//! |---|---|
//! | `ae` | nobody in particular: the loop sleeps in its backend until some socket is ready |
//! | [`blocking`] | the only thread, in `read`, for one client at a time |
//! | [`threads`] | for each client a thread of its own, in `read`; a lock is around the commands |
//! | `busy-poll` | nobody: the loop asks every socket again and again ([`crate::ae::Sweep`]) |
//!
//! Invariant: parsing, checks, commands, limits and statistics are the ae loop's own code in every
//! model; only reading, writing and waiting differ. What cannot be right in a model is refused, at
//! start or at the command.

pub(crate) mod blocking;
pub(crate) mod threads;
