//! The library cjson, with lua-cjson 2.1's defaults and error texts.
//!
//! A table is an array if its keys are positive whole numbers, unless most of it would be gaps.
//!
//! ```text
//! sys     encode and decode on the stack of Lua
//! lexer   the parts of a JSON text
//! quote   a string as JSON has it
//! ```

mod lexer;
mod quote;
mod sys;

pub(super) use sys::Json;

/// Tables in tables, at most.
const NESTING_MAX: usize = 1_000;
/// Significant digits of numbers.
const DIGITS: usize = 14;
/// An array with more places than this …
const SPARSE_SAFE: f64 = 10.0;
/// … may have no more than so many places per item.
const SPARSE_RATIO: f64 = 2.0;
/// Longest text, in bytes: Redis's longest string. Tables that share parts grow when they are written out.
const TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Bytes handled between two questions whether the script may continue: a few milliseconds.
const BYTES_PER_LOOK: usize = 1024 * 1024;
/// What a value counts as at least, in bytes.
const VALUE_BYTES: usize = 64;
/// Bytes that a buffer keeps between two scripts, at most.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// The text that is made or taken apart, and the message of an error.
#[derive(Default)]
struct Buffers {
    text: Vec<u8>,
    message: Vec<u8>,
}
