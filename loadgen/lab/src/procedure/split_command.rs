//! A command in pieces: cut at every offset, and one byte at a time (B3).
//!
//! Between two pieces another connection sends a request and reads its reply, so the server's loop has read the first
//! piece alone;
//! no pause is guessed. Invariant: the reply to a command in pieces is compared with the reply to the same bytes sent at once,
//! and no reply may arrive before the last byte.

use crate::procedure::raw_client::{RawClient, broken, command};
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Size of the value that is set and cut at every offset.
    pub value_bytes: usize,
    /// Size of a value that is sent in pieces of [`PIECE_BYTES`]: longer than what the server reads at a time.
    pub large_value_bytes: usize,
}

/// A segment of an Ethernet.
const PIECE_BYTES: usize = 1448;
/// Where the keys of this procedure lie.
const KEY: &str = "aelab:split";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut bench = Bench::new(under_test)?;
    // Line ends and zeros in the value: a server that searches for them instead of counting bytes would fail.
    let value = text_of(params.value_bytes, "a\r\n*3\0$5\r\n");
    let set = command(&["SET", KEY, &value]);
    let cases = [
        ("SET", set.clone(), 1),
        ("GET", command(&["GET", KEY]), 1),
        ("SET and GET in one batch", [set, command(&["GET", KEY])].concat(), 2),
        ("an inline command", b"ECHO split:inline\r\n".to_vec(), 1),
    ];
    let mut rows = Vec::new();
    let (mut offsets, mut single) = (0, 0);
    for (_, bytes, replies) in &cases {
        let expected = bench.whole(bytes, *replies)?;
        let before = bench.outcome();
        for cut in 1..bytes.len() {
            under_test.go_on()?;
            bench.pieces(&[&bytes[..cut], &bytes[cut..]], &expected)?;
            offsets += 1;
        }
        let pieces: Vec<&[u8]> = bytes.chunks(1).collect();
        bench.pieces(&pieces, &expected)?;
        single += bytes.len();
        let (early, different) = bench.outcome();
        rows.push((bytes.len(), early - before.0, different - before.1));
    }
    let large = text_of(params.large_value_bytes, "0123456789abcdef");
    let large = command(&["SET", KEY, &large]);
    let expected = bench.whole(&large, 1)?;
    let pieces: Vec<&[u8]> = large.chunks(PIECE_BYTES).collect();
    bench.pieces(&pieces, &expected)?;
    bench.other.ask(&["DEL", KEY])?;

    let mut findings = Findings::default();
    findings.add_count("offsets", offsets);
    findings.add_count("single_bytes", single);
    findings.add_count("large_pieces", pieces.len());
    findings.add_count("early_replies", bench.early);
    findings.add_count("different_replies", bench.different);
    for ((name, ..), (length, early, different)) in cases.iter().zip(rows) {
        findings.notes.push(format!(
            "{name}: {length} bytes, cut at {} offsets and sent byte by byte; {early} early and {different} different replies",
            length - 1
        ));
    }
    Ok(findings)
}

/// A text of this length, the pattern repeated.
fn text_of(length: usize, pattern: &str) -> String {
    pattern.chars().cycle().take(length).collect()
}

/// The connection that sends pieces, and another that shows that the server has read them.
struct Bench {
    client: RawClient,
    other: RawClient,
    early: usize,
    different: usize,
}

impl Bench {
    fn new(under_test: &ServerUnderTest<'_>) -> Result<Self, Failure> {
        let (client, other) =
            (RawClient::connect(&under_test.target)?, RawClient::connect(&under_test.target)?);
        Ok(Self { client, other, early: 0, different: 0 })
    }

    fn outcome(&self) -> (usize, usize) {
        (self.early, self.different)
    }

    fn whole(&mut self, bytes: &[u8], replies: usize) -> Result<Vec<Value>, Failure> {
        self.client.send(bytes)?;
        (0..replies).map(|_| self.client.reply()).collect()
    }

    /// Sends the pieces, each after the server has read the previous one. The reply to the first of several commands may arrive
    /// as soon as that command is complete; the reply to a single command may not arrive before its last byte.
    fn pieces(&mut self, pieces: &[&[u8]], expected: &[Value]) -> Result<(), Failure> {
        for (index, piece) in pieces.iter().enumerate() {
            self.client.send(piece)?;
            if index + 1 == pieces.len() {
                break;
            }
            self.other.ask(&["PING"])?;
            if expected.len() == 1 && self.client.has_answer()? {
                self.early += 1;
            }
        }
        for wanted in expected {
            if self.client.reply()? != *wanted {
                self.different += 1;
            }
        }
        // A surplus reply would be matched to the next command.
        self.other.ask(&["PING"])?;
        if self.client.has_answer()? {
            self.different += 1;
            return Err(broken(&std::io::Error::other("a reply without a request")));
        }
        Ok(())
    }
}
