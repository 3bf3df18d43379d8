//! Arbitrary bytes in arbitrary pieces through the request parser: no panic, and the same commands
//! and the same end as when they arrive at once.
#![no_main]

use aelab_resp::{Parsed, ProtocolError, RequestLimits, RequestParser};
use libfuzzer_sys::fuzz_target;

type Outcome = (Vec<Vec<Vec<u8>>>, Option<ProtocolError>);

fn parse<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Outcome {
    let limits = RequestLimits { inline_max_bytes: 128, ..RequestLimits::default() };
    let (mut parser, mut args, mut buf) = (RequestParser::default(), Vec::new(), Vec::new());
    let mut commands = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match parser.parse(&mut buf, &limits, &mut args) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Empty { consumed }) => drop(buf.drain(..consumed)),
                Ok(Parsed::Command { consumed }) => {
                    commands.push(args.iter().map(|arg| arg.of(&buf).to_vec()).collect());
                    drop(buf.drain(..consumed));
                }
                Err(error) => return (commands, Some(error)),
            }
        }
    }
    (commands, None)
}

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    let piece = usize::from(piece).max(1);
    assert_eq!(parse(bytes.chunks(piece)), parse(std::iter::once(bytes)));
});
