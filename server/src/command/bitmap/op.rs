//! BITOP: strings combined bit by bit.

use crate::db::{Free, Ttl, Value};
use crate::server::flags::{DENYOOM, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] =
    &[command("bitop", -4, WRITE | DENYOOM, keys(2, -1, 1), bitop).docs(
        Group::Bitmap,
        "2.6.0",
        "O(N)",
        "Combines strings bit by bit and stores the result.",
    )];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    /// Combines the result so far with one more string. The shorter one is extended with zeros.
    fn apply(self, result: &mut Vec<u8>, other: &[u8]) {
        if result.len() < other.len() {
            result.resize(other.len(), 0);
        }
        let (both, rest) = result.split_at_mut(other.len());
        let pairs = both.iter_mut().zip(other);
        match self {
            Operation::And => {
                pairs.for_each(|(byte, other)| *byte &= other);
                rest.fill(0);
            }
            Operation::Or => pairs.for_each(|(byte, other)| *byte |= other),
            Operation::Xor => pairs.for_each(|(byte, other)| *byte ^= other),
            Operation::Not => {}
        }
    }
}

/// BITOP AND|OR|XOR|NOT target source…: the length of the result, that of the longest source; an empty
/// one deletes the target. O(N).
fn bitop(call: &mut Call<'_>) {
    let (args, target, now_ms) = (call.args, call.args.at(2), call.now_ms());
    let known = [
        ("and", Operation::And),
        ("or", Operation::Or),
        ("xor", Operation::Xor),
        ("not", Operation::Not),
    ];
    let Some((_, operation)) = known.into_iter().find(|(word, _)| args.is(1, word)) else {
        return call.out.syntax_error();
    };
    if operation == Operation::Not && args.len() != 4 {
        return call.out.error("ERR BITOP NOT must be called with a single source key.");
    }
    let (db, out) = call.db_and_out();
    let mut result = Vec::new();
    for (nth, source) in args.from(3).enumerate() {
        let mut digits = itoa::Buffer::new();
        let bytes = match db.lookup_read(source, now_ms) {
            None => &[][..],
            Some(value) => match value.bytes(&mut digits) {
                Some(bytes) => bytes,
                None => return out.wrong_type(),
            },
        };
        match (nth, operation) {
            (_, Operation::Not) => result = bytes.iter().map(|byte| !byte).collect(),
            (0, _) => result = bytes.to_vec(),
            _ => operation.apply(&mut result, bytes),
        }
    }
    let length = result.len();
    let changed = if length == 0 {
        db.remove(target, Free::Now, now_ms)
    } else {
        db.set(target, Value::Raw(result), Ttl::Clear, now_ms);
        true
    };
    if changed {
        call.touched(target);
    }
    call.out.count(length);
}
