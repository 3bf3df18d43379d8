//! `redis.call` and `redis.pcall`: from Lua's stack to the server and back. Words are copied once, into a
//! buffer that is kept; replies become Lua values straight from their RESP bytes.
//!
//! ```text
//! sys     the two functions
//! reader  RESP, one piece at a time
//! ```
//!
//! The conversion is that of
//! <https://redis.io/docs/latest/develop/programmability/lua-api/#data-type-conversion>.

mod reader;
mod sys;

pub(super) use sys::{Calls, ask};

use aelab_resp::ArgRange;
use aelab_resp::encode;

/// Bytes that a buffer keeps between two scripts, at most.
pub(super) const KEPT_BYTES_MAX: usize = 64 * 1024;
/// Significant digits of numbers among the words.
const DIGITS: usize = 17;

/// The words of one command and its reply.
#[derive(Default)]
struct Buffers {
    bytes: Vec<u8>,
    ranges: Vec<ArgRange>,
    reply: Vec<u8>,
}

impl Buffers {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
        self.reply.clear();
    }

    fn release(&mut self) {
        self.clear();
        self.bytes.shrink_to(KEPT_BYTES_MAX);
        self.ranges.shrink_to(KEPT_BYTES_MAX / size_of::<ArgRange>());
        self.reply.shrink_to(KEPT_BYTES_MAX);
    }

    /// Ends a word. False if the words are too long together: positions have 32 bits, as in a request
    /// over the network.
    fn end_word(&mut self) -> bool {
        let start = self.ranges.last().map_or(0, |range| range.end);
        let Ok(end) = u32::try_from(self.bytes.len()) else { return false };
        self.ranges.push(ArgRange { start, end });
        true
    }

    /// A number as C's `%.17g`.
    fn append_number(&mut self, number: f64) {
        if number.is_nan() && number.is_sign_negative() {
            self.bytes.push(b'-');
        }
        encode::append_significant(&mut self.bytes, number, DIGITS);
    }
}
