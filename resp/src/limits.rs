//! Every limit of the protocol, named, with its unit and its reason.
//!
//! The values are those of Redis 7.0, whose behaviour this project reproduces.

/// Longest inline command, and longest header line, in bytes. Redis: `PROTO_INLINE_MAX_SIZE`.
///
/// A peer that sends this much without a line end is not speaking the protocol.
pub const INLINE_MAX_BYTES: usize = 64 * 1024;

/// Longest bulk string in bytes by default. Redis: `proto-max-bulk-len`, which can be raised.
pub const BULK_MAX_BYTES: usize = 512 * 1024 * 1024;

/// Most arguments of one command. Redis takes any positive 32-bit count.
pub const ARGS_MAX: usize = i32::MAX as usize;

/// Most arguments of one command before authentication, so that such a client can use little memory.
pub const UNAUTHENTICATED_ARGS_MAX: usize = 10;

/// Longest bulk string in bytes before authentication, for the same reason.
pub const UNAUTHENTICATED_BULK_MAX_BYTES: usize = 16 * 1024;

/// Arguments whose space is reserved when only the header has arrived.
///
/// A header may announce two billion arguments that never arrive; only arrived ones may take memory.
pub const ARGS_RESERVE_MAX: usize = 1024;

/// Deepest nesting of a reply. Redis nests about four deep (`COMMAND DOCS`); the bound keeps a
/// malicious server from growing the scanner's stack without end.
pub const REPLY_NESTING_MAX: usize = 128;

/// Bytes of a reply's text that the scanner keeps: an error's code and its message (Redis's own are
/// shorter, but for a script's), or a SCAN cursor (at most 20 digits).
pub const REPLY_HEAD_BYTES: usize = 120;

/// Longest string in a reply, in bytes: eight times the default limit of a server. A peer that announces
/// more does not speak the protocol, and waiting for the rest would never end.
pub const REPLY_BULK_MAX_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// Most elements of an aggregate in a reply: twice the keys that the largest server known holds.
pub const REPLY_ELEMENTS_MAX: u64 = u32::MAX as u64;

/// Longest number in a header, in bytes: a sign and the 19 digits of a 64-bit integer.
pub const NUMBER_MAX_BYTES: usize = 20;
