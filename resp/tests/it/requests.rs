//! Requests: vectors with Redis's error words, round trips, splits, and bytes at random.

use aelab_resp::{ArgRange, Parsed, ProtocolError, RequestLimits, RequestParser, encode};
use proptest::prelude::*;

/// What a stream of bytes parses to: the commands, then how it ended.
type Outcome = (Vec<Vec<Vec<u8>>>, Result<(), ProtocolError>);

/// Parses `input`, arriving in the given pieces, as a server would.
fn parse_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, limits: &RequestLimits) -> Outcome {
    let mut parser = RequestParser::default();
    let mut args: Vec<ArgRange> = Vec::new();
    let mut buf = Vec::new();
    let mut commands = Vec::new();
    for piece in pieces {
        buf.extend_from_slice(piece);
        loop {
            match parser.parse(&mut buf, limits, &mut args) {
                Ok(Parsed::Incomplete) => break,
                Ok(Parsed::Empty { consumed }) => drop(buf.drain(..consumed)),
                Ok(Parsed::Command { consumed }) => {
                    commands.push(args.iter().map(|arg| arg.of(&buf).to_vec()).collect());
                    drop(buf.drain(..consumed));
                }
                Err(error) => return (commands, Err(error)),
            }
        }
    }
    (commands, Ok(()))
}

#[track_caller]
fn check_with(limits: &RequestLimits, input: &[u8], commands: &[&[&[u8]]], end: Result<(), &str>) {
    let (found, ended) = parse_pieces([input], limits);
    let commands: Vec<Vec<Vec<u8>>> =
        commands.iter().map(|args| args.iter().map(|arg| arg.to_vec()).collect()).collect();
    assert_eq!(found, commands);
    let mut words = Vec::new();
    if let Err(error) = ended {
        error.write_text(&mut words);
    }
    assert_eq!(String::from_utf8_lossy(&words), end.err().unwrap_or_default());
}

#[track_caller]
fn check(input: &[u8], commands: &[&[&[u8]]], end: Result<(), &str>) {
    check_with(&RequestLimits::default(), input, commands, end);
}

#[test]
fn multibulk() {
    check(b"*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], Ok(()));
    check(b"*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &[&[b"GET", b""]], Ok(()));
    check(b"*1\r\n$4\r\nPING\r\n*1\r\n$4\r\nQUIT\r\n", &[&[b"PING"], &[b"QUIT"]], Ok(()));
    check(b"*1\r\n$12\r\nwith\r\nbreaks\r\n", &[&[b"with\r\nbreaks"]], Ok(()));
    check(b"*0\r\n*-1\r\n\r\n*1\r\n$4\r\nPING\r\n", &[&[b"PING"]], Ok(()));
}

#[test]
fn inline() {
    check(b"PING\r\n", &[&[b"PING"]], Ok(()));
    check(b"PING\n", &[&[b"PING"]], Ok(()));
    check(b"\r\n \r\nSET  a\tb \r\n", &[&[b"SET", b"a", b"b"]], Ok(()));
    check(br#"SET "a b" 'c\'d' "\x41\n\"\q" e"f" "#, &[], Ok(()));
    check(
        b"SET \"a b\" 'c\\'d' \"\\x41\\n\\\"\\q\\xZZ\" e\"f\" ''\r\n",
        &[&[b"SET", b"a b", b"c'd", b"A\n\"qxZZ", b"ef", b""]],
        Ok(()),
    );
    check(b"GET \"open\r\n", &[], Err("unbalanced quotes in request"));
    check(b"GET \"a\"b\r\n", &[], Err("unbalanced quotes in request"));
    check(b"GET 'a\r\n", &[], Err("unbalanced quotes in request"));
}

#[test]
fn malformed() {
    check(b"*x\r\n", &[], Err("invalid multibulk length"));
    check(b"*99999999999\r\n", &[], Err("invalid multibulk length"));
    check(b"*1\r\nx\r\n", &[], Err("expected '$', got 'x'"));
    check(b"*1\r\n\r\n", &[], Err("expected '$', got ' '"));
    check(b"*1\r\n$-1\r\n", &[], Err("invalid bulk length"));
    check(b"*1\r\n$+1\r\n", &[], Err("invalid bulk length"));
    check(b"*1\r\n$600000000\r\n", &[], Err("invalid bulk length"));
    check(&vec![b'a'; 70_000], &[], Err("too big inline request"));
    check(&[b"*".as_slice(), &vec![b'1'; 70_000]].concat(), &[], Err("too big mbulk count string"));
    check(
        &[b"*1\r\n$".as_slice(), &vec![b'1'; 70_000]].concat(),
        &[],
        Err("too big bulk count string"),
    );
}

#[test]
fn a_line_too_long_is_refused_however_it_arrives() {
    let limits = RequestLimits { inline_max_bytes: 8, ..RequestLimits::default() };
    for input in [b"123456789\"\n".as_slice(), b"*1\r\n$00000000001\r\n", b"*00000000001\r\n"] {
        let whole = parse_pieces([input], &limits);
        assert!(whole.1.is_err());
        assert_eq!(parse_pieces(input.chunks(1), &limits), whole);
    }
}

#[test]
fn strangers_may_claim_little() {
    let limits = RequestLimits::unauthenticated();
    check_with(&limits, b"*11\r\n", &[], Err("unauthenticated multibulk length"));
    check_with(&limits, b"*1\r\n$16385\r\n", &[], Err("unauthenticated bulk length"));
    check_with(&limits, b"*1\r\n$4\r\nAUTH\r\n", &[&[b"AUTH"]], Ok(()));
}

#[test]
fn a_large_argument_names_the_room_it_needs() {
    let mut parser = RequestParser::default();
    let mut args = Vec::new();
    let mut buf = b"*2\r\n$3\r\nSET\r\n$100000\r\nabc".to_vec();
    assert_eq!(parser.wanted_bytes(), None);
    parser.parse(&mut buf, &RequestLimits::default(), &mut args).unwrap();
    assert_eq!(parser.wanted_bytes(), Some(b"*2\r\n$3\r\nSET\r\n$100000\r\n".len() + 100_002));
    assert!(!parser.is_idle());
}

/// Bytes that come near the grammar, so that random input gets past its first byte.
fn nearly_requests() -> impl Strategy<Value = Vec<u8>> {
    let token = prop_oneof![
        Just(b"*".to_vec()),
        Just(b"$".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"'\\".to_vec()),
        Just(b"PING".to_vec()),
        (0..30i64).prop_map(|n| n.to_string().into_bytes()),
        prop::collection::vec(any::<u8>(), 0..6),
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 1..4).prop_map(encoded),
    ];
    prop::collection::vec(token, 0..24).prop_map(|tokens| tokens.concat())
}

fn encoded(args: Vec<Vec<u8>>) -> Vec<u8> {
    let mut out = Vec::new();
    encode::command(&mut out, &args.iter().map(Vec::as_slice).collect::<Vec<_>>());
    out
}

proptest! {
    #[test]
    fn round_trip(commands in prop::collection::vec(
        prop::collection::vec(prop::collection::vec(any::<u8>(), 0..120), 1..6), 0..6)) {
        let bytes: Vec<u8> = commands.iter().cloned().flat_map(encoded).collect();
        let outcome = parse_pieces([bytes.as_slice()], &RequestLimits::default());
        prop_assert_eq!(outcome, (commands, Ok(())));
    }

    #[test]
    fn any_split_gives_the_same(bytes in nearly_requests(), cuts in prop::collection::vec(1..9usize, 0..40)) {
        let limits = RequestLimits { inline_max_bytes: 64, ..RequestLimits::default() };
        let whole = parse_pieces([bytes.as_slice()], &limits);
        let single = parse_pieces(bytes.chunks(1), &limits);
        prop_assert_eq!(&single, &whole);
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        for cut in cuts {
            let (piece, tail) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = tail;
        }
        pieces.push(rest);
        prop_assert_eq!(parse_pieces(pieces, &limits), whole);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_pieces(bytes.chunks(7), &RequestLimits::unauthenticated());
    }
}
