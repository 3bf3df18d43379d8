//! A command in pieces: cut at every offset, and one byte at a time (B3).
//!
//! Between two pieces another connection asks and gets an answer, so the server's loop has gone round and read the first piece
//! alone; no pause is guessed. Invariant: the reply to a command in pieces is compared with the reply to the same bytes whole,
//! and before the last byte nothing may be answered.

use crate::procedure::raw_client::{Peer, broken, command};
use crate::procedure::{Findings, Site};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;

/// What is asked for.
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

/// Plays it.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut bench = Bench::new(site)?;
    // Line ends and zeros in the value: a server that looked for them instead of counting would stumble.
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
            site.go_on()?;
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

/// The connection that is fed in pieces, and another to see that the server has had its turn.
struct Bench {
    peer: Peer,
    other: Peer,
    early: usize,
    different: usize,
}

impl Bench {
    fn new(site: &Site<'_>) -> Result<Self, Failure> {
        let (peer, other) = (Peer::connect(&site.target)?, Peer::connect(&site.target)?);
        Ok(Self { peer, other, early: 0, different: 0 })
    }

    fn outcome(&self) -> (usize, usize) {
        (self.early, self.different)
    }

    fn whole(&mut self, bytes: &[u8], replies: usize) -> Result<Vec<Value>, Failure> {
        self.peer.send(bytes)?;
        (0..replies).map(|_| self.peer.reply()).collect()
    }

    /// Sends the pieces, each after the server has read the one before. Of several commands the first may be answered as soon
    /// as it is complete; with one command nothing may come before its last byte.
    fn pieces(&mut self, pieces: &[&[u8]], expected: &[Value]) -> Result<(), Failure> {
        for (index, piece) in pieces.iter().enumerate() {
            self.peer.send(piece)?;
            if index + 1 == pieces.len() {
                break;
            }
            self.other.ask(&["PING"])?;
            if expected.len() == 1 && self.peer.has_answer()? {
                self.early += 1;
            }
        }
        for wanted in expected {
            if self.peer.reply()? != *wanted {
                self.different += 1;
            }
        }
        // A reply too many would be taken for the next one's.
        self.other.ask(&["PING"])?;
        if self.peer.has_answer()? {
            self.different += 1;
            return Err(broken(&std::io::Error::other("a reply that nobody asked for")));
        }
        Ok(())
    }
}
