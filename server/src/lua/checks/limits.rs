//! Limits on what scripts pass to Lua's own libraries.

/// Items of a pattern that cost a nested call, at most. Each takes some 200 bytes of stack, of which a
/// client's thread has 4 MiB; Lua 5.2 and later allow 200.
const REPEATED_ITEMS_MAX: usize = 2_000;
/// Positions beyond this are not those of elements (`int` in Lua 5.1, with room to add and subtract).
const POSITION_MAX: f64 = 2_147_483_646.0;

/// Whether a table may have an element at this position.
pub(super) fn is_position(number: f64) -> bool {
    number.abs() <= POSITION_MAX
}

/// Whether matching this pattern could overflow the stack.
pub(super) fn is_too_complex(pattern: &[u8]) -> bool {
    let nests = |byte: &&u8| matches!(**byte, b'*' | b'+' | b'-' | b'?' | b'(' | b')');
    pattern.len() > REPEATED_ITEMS_MAX && pattern.iter().filter(nests).count() > REPEATED_ITEMS_MAX
}
