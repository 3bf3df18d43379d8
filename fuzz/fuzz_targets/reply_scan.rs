//! Arbitrary bytes in arbitrary pieces through the reply scanner: no panic, the same replies as at
//! once, and agreement with the decoder on how long each reply is.
#![no_main]

use aelab_resp::{ProtocolError, ReplyScanner, ScannedReply, value};
use libfuzzer_sys::fuzz_target;

fn scan<'a>(
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<ScannedReply>, Option<ProtocolError>) {
    let mut scanner = ReplyScanner::default();
    let mut replies = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match scanner.scan(piece) {
                Ok((consumed, reply)) => {
                    replies.extend(reply);
                    piece = &piece[consumed..];
                }
                Err(error) => return (replies, Some(error)),
            }
        }
    }
    (replies, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let piece = usize::from(piece).max(1);
    let (replies, end) = scan(std::iter::once(bytes));
    assert_eq!(scan(bytes.chunks(piece)), (replies.clone(), end));
    let mut rest = bytes;
    for reply in replies {
        // The decoder is stricter (it reads doubles), so it may refuse; it may not disagree.
        if let Ok(Some((_, used))) = value::decode(rest) {
            assert_eq!(used as u64, reply.bytes);
        }
        rest = &rest[usize::try_from(reply.bytes).unwrap()..];
    }
});
