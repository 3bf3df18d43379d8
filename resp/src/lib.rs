//! The Redis serialization protocol, RESP2 and RESP3: bytes in, ranges out.
//!
//! This crate knows no sockets, no clock and no commands. It reads and writes the bytes that a
//! Redis client and a Redis server exchange, and nothing else:
//!
//! - [`RequestParser`] is the server's side: it finds the arguments of one command in a buffer and
//!   hands out their positions. Nothing is copied, nothing is allocated per command.
//! - [`ReplyScanner`] is the load generator's side: it counts and classifies replies as they
//!   stream past. Payload is skipped, never gathered, so a reply of a gigabyte needs no buffer.
//! - [`value`] decodes a complete reply into a tree, for control connections and tests.
//! - [`encode`] appends requests and replies to a buffer.
//!
//! Invariant: both parsers are resumable and never read a byte again because they were called again. Any
//! split of the same bytes gives the same result (a property test checks this).
//!
//! The grammar is the one documented at <https://redis.io/docs/latest/develop/reference/protocol-spec/>;
//! limits and error words follow Redis 7.0. Start reading at [`request`], then [`reply`].
#![forbid(unsafe_code)]

pub mod encode;
pub mod limits;
pub mod reply;
pub mod request;
pub mod value;

mod error;
mod inline;
mod number;
mod range;

pub use error::ProtocolError;
pub use number::parse_i64;
pub use range::ArgRange;
pub use reply::{ReplyKind, ReplyScanner, ScannedReply};
pub use request::{Parsed, RequestLimits, RequestParser, Trust};
