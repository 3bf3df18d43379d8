//! Replies: the scanner and the decoder against vectors, against each other, and cut anywhere.

use aelab_resp::value::{self, Value};
use aelab_resp::{ProtocolError, ReplyKind, ReplyScanner, ScannedReply, encode};
use proptest::prelude::*;

/// Replies with their heads, then how the stream ended.
type Outcome = (Vec<(ScannedReply, Vec<u8>)>, Result<(), ProtocolError>);

fn scan_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut scanner = ReplyScanner::default();
    let mut replies = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            match scanner.scan(piece) {
                Ok((consumed, reply)) => {
                    replies.extend(reply.map(|reply| (reply, scanner.head().to_vec())));
                    piece = &piece[consumed..];
                }
                Err(error) => return (replies, Err(error)),
            }
        }
    }
    (replies, Ok(()))
}

#[track_caller]
fn check(input: &[u8], kind: ReplyKind, integer: i64, elements: u64, head: &[u8]) {
    let (replies, end) = scan_pieces([input]);
    // Empty replies have a test of their own.
    let holds_nothing = replies.first().is_some_and(|(reply, _)| reply.holds_nothing);
    let bytes = input.len() as u64;
    let expected = ScannedReply { kind, integer, bytes, elements, errors: 0, holds_nothing };
    assert_eq!((replies, end), (vec![(expected, head.to_vec())], Ok(())));
}

#[test]
fn what_holds_nothing_says_so() {
    // One scanner for all: no state is left over from the reply before.
    let mut scanner = ReplyScanner::default();
    for (input, want) in [
        (&b"$-1\r\n"[..], true),
        (b"*-1\r\n", true),
        (b"_\r\n", true),
        (b":0\r\n", true),
        (b"*0\r\n", true),
        (b"%0\r\n", true),
        (b"~0\r\n", true),
        (b"*2\r\n$-1\r\n$-1\r\n", true),
        (b"*2\r\n_\r\n_\r\n", true),
        (b"*2\r\n$-1\r\n$1\r\nx\r\n", false),
        (b"*2\r\n$1\r\nx\r\n$-1\r\n", false),
        (b"*1\r\n*0\r\n", false),
        (b"%1\r\n+k\r\n_\r\n", false),
        (b"*1\r\n:0\r\n", false),
        (b":7\r\n", false),
        (b"$0\r\n\r\n", false),
        (b"$1\r\n0\r\n", false),
        (b"+OK\r\n", false),
    ] {
        let (used, reply) = scanner.scan(input).unwrap();
        let text = String::from_utf8_lossy(input);
        assert_eq!((used, reply.map(|r| r.holds_nothing)), (input.len(), Some(want)), "{text}");
    }
}

#[test]
fn every_type() {
    check(b"+OK\r\n", ReplyKind::Simple, 0, 0, b"OK");
    check(b"-ERR no\r\n", ReplyKind::Error, 0, 0, b"ERR no");
    check(b"!6\r\nERR a\n\r\n", ReplyKind::Error, 6, 0, b"ERR a\n");
    check(b":-12\r\n", ReplyKind::Integer, -12, 0, b"");
    check(b"$3\r\nabc\r\n", ReplyKind::Bulk, 3, 0, b"");
    check(b"$0\r\n\r\n", ReplyKind::Bulk, 0, 0, b"");
    check(b"$-1\r\n", ReplyKind::Null, 0, 0, b"");
    check(b"*-1\r\n", ReplyKind::Null, 0, 0, b"");
    check(b"_\r\n", ReplyKind::Null, 0, 0, b"");
    check(b"*0\r\n", ReplyKind::Array, 0, 0, b"");
    check(b"*2\r\n$1\r\n7\r\n*2\r\n:1\r\n$-1\r\n", ReplyKind::Array, 2, 4, b"7");
    check(b"%1\r\n+k\r\n:1\r\n", ReplyKind::Map, 1, 2, b"k");
    check(b"~1\r\n+k\r\n", ReplyKind::Set, 1, 1, b"k");
    check(b">2\r\n+message\r\n$-1\r\n", ReplyKind::Push, 2, 2, b"message");
    check(b",3.5\r\n", ReplyKind::Double, 0, 0, b"3.5");
    check(b"#t\r\n", ReplyKind::Boolean, 1, 0, b"");
    check(
        b"(123456789012345678901234567890\r\n",
        ReplyKind::BigNumber,
        0,
        0,
        b"123456789012345678901234567890",
    );
    check(b"=7\r\ntxt:abc\r\n", ReplyKind::Verbatim, 7, 0, b"txt:abc");
    check(b"|1\r\n+ttl\r\n:9\r\n$1\r\nv\r\n", ReplyKind::Bulk, 1, 2, b"ttl");
}

#[test]
fn errors_inside_are_counted_and_the_first_is_the_head() {
    let (replies, end) = scan_pieces([b"*3\r\n+OK\r\n-WRONGTYPE no\r\n-OOM no\r\n".as_slice()]);
    let [(reply, head)] = replies.as_slice() else { panic!("{replies:?}") };
    assert_eq!((reply.kind, reply.errors, reply.elements, end), (ReplyKind::Array, 2, 3, Ok(())));
    assert_eq!(head, b"WRONGTYPE no");
    // The next reply starts from the beginning.
    let (replies, _) = scan_pieces([b"*1\r\n-A b\r\n*1\r\n+C\r\n".as_slice()]);
    assert_eq!((replies[1].0.errors, replies[1].1.as_slice()), (0, b"C".as_slice()));
}

#[test]
fn malformed() {
    let cases: &[(&[u8], ProtocolError)] = &[
        (b"HTTP/1.1 400", ProtocolError::UnknownReplyType(b'H')),
        (b":x\r\n", ProtocolError::InvalidReplyHeader),
        (b"$-2\r\n", ProtocolError::InvalidReplyHeader),
        (b"*999999999999999999999999\r\n", ProtocolError::InvalidReplyHeader),
        (b"$1\r\nab\r\n", ProtocolError::MissingLineEnd),
        (b"+a\rb", ProtocolError::InvalidReplyHeader),
        (b"#x\r\n", ProtocolError::InvalidReplyHeader),
        (b"$999999999999\r\n", ProtocolError::ReplyTooBig),
        (b"!999999999999\r\n", ProtocolError::ReplyTooBig),
        (b"*999999999999\r\n", ProtocolError::ReplyTooBig),
        (b"%3000000000\r\n", ProtocolError::ReplyTooBig),
    ];
    for (input, error) in cases {
        assert_eq!(scan_pieces([*input]).1, Err(*error), "{:?}", String::from_utf8_lossy(input));
    }
    let deep = b"*1\r\n".repeat(200);
    assert_eq!(scan_pieces([deep.as_slice()]).1, Err(ProtocolError::NestingTooDeep));
    assert_eq!(value::decode(&deep), Err(ProtocolError::NestingTooDeep));
}

fn values() -> impl Strategy<Value = Value> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..90);
    let text = || "[a-zA-Z0-9 ]{0,80}".prop_map(String::into_bytes);
    let leaf = prop_oneof![
        text().prop_map(Value::Simple),
        text().prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        bytes().prop_map(Value::Bulk),
        Just(Value::Null),
        (-1e12..1e12f64).prop_map(Value::Double),
        any::<bool>().prop_map(Value::Boolean),
        bytes().prop_map(|text| Value::Verbatim([b"txt:".as_slice(), &text].concat())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let items = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            items.clone().prop_map(Value::Array),
            items.clone().prop_map(Value::Set),
            items.prop_map(Value::Push),
            prop::collection::vec((inner.clone(), inner), 0..3).prop_map(Value::Map),
        ]
    })
}

fn encode_value(out: &mut Vec<u8>, value: &Value) {
    let all = |out: &mut Vec<u8>, items: &[Value]| items.iter().for_each(|v| encode_value(out, v));
    match value {
        Value::Simple(text) => encode::simple(out, text),
        Value::Error(text) => encode::error(out, text),
        Value::Integer(number) => encode::integer(out, *number),
        Value::Bulk(bytes) => encode::bulk(out, bytes),
        Value::Null => encode::null3(out),
        Value::Double(number) => encode::double3(out, *number),
        Value::Boolean(flag) => encode::boolean3(out, *flag),
        Value::BigNumber(digits) => encode::big_number3(out, digits),
        Value::Verbatim(text) => encode::verbatim3(out, *b"txt", &text[4..]),
        Value::Array(items) => {
            encode::array(out, items.len());
            all(out, items);
        }
        Value::Set(items) => {
            encode::set3(out, items.len());
            all(out, items);
        }
        Value::Push(items) => {
            encode::push3(out, items.len());
            all(out, items);
        }
        Value::Map(pairs) => {
            encode::map3(out, pairs.len());
            for (key, value) in pairs {
                encode_value(out, key);
                encode_value(out, value);
            }
        }
    }
}

/// Number of values nested anywhere inside.
fn nested(value: &Value) -> u64 {
    match value {
        Value::Map(pairs) => pairs.iter().map(|(k, v)| 2 + nested(k) + nested(v)).sum(),
        other => other.as_slice().unwrap_or_default().iter().map(|v| 1 + nested(v)).sum(),
    }
}

proptest! {
    #[test]
    fn round_trip(values in prop::collection::vec(values(), 1..5)) {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| encode_value(&mut bytes, value));
        let mut rest = bytes.as_slice();
        for value in &values {
            let (decoded, used) = value::decode(rest).unwrap().unwrap();
            prop_assert_eq!(&decoded, value);
            rest = &rest[used..];
        }
        let (replies, end) = scan_pieces([bytes.as_slice()]);
        prop_assert_eq!(end, Ok(()));
        prop_assert_eq!(replies.len(), values.len());
        for ((reply, _), value) in replies.iter().zip(&values) {
            prop_assert_eq!(reply.elements, nested(value));
        }
    }

    #[test]
    fn any_split_gives_the_same(
        values in prop::collection::vec(values(), 1..5),
        garbage in prop::collection::vec(any::<u8>(), 0..12),
        size in 1..40usize,
    ) {
        let mut bytes = Vec::new();
        values.iter().for_each(|value| encode_value(&mut bytes, value));
        bytes.extend_from_slice(&garbage);
        let whole = scan_pieces([bytes.as_slice()]);
        prop_assert_eq!(&scan_pieces(bytes.chunks(1)), &whole);
        prop_assert_eq!(&scan_pieces(bytes.chunks(size)), &whole);
    }

    #[test]
    fn no_prefix_decodes_and_nothing_panics(value in values(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut encoded = Vec::new();
        encode_value(&mut encoded, &value);
        for end in 0..encoded.len() {
            prop_assert_eq!(value::decode(&encoded[..end]), Ok(None));
        }
        let _ = value::decode(&bytes);
        let _ = scan_pieces(bytes.chunks(3));
    }
}

#[test]
fn a_cursor_is_the_head_however_the_reply_is_cut() {
    let reply = b"*2\r\n$1\r\n1\r\n*1\r\n$5\r\nkey:1\r\n";
    for size in 1..reply.len() {
        let (replies, _) = scan_pieces(reply.chunks(size));
        assert_eq!(replies[0].1, b"1", "in pieces of {size}");
    }
}
