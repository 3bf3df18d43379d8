//! LCS: the longest common subsequence of two strings.

use crate::args::Args;
use crate::db::value::parse_canonical_integer;
use crate::reply::Reply;
use crate::server::flags::READONLY;
use crate::server::{Call, CommandSpec, Group, command, keys};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[command("lcs", -3, READONLY, keys(1, 2, 1), lcs).docs(
    Group::String,
    "7.0.0",
    "O(N*M) for strings of N and M bytes",
    "Finds the longest common subsequence of two strings.",
)];

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Options {
    wants_length: bool,
    wants_ranges: bool,
    with_match_length: bool,
    match_length_min: usize,
}

/// `None` after an error was written.
fn parse_options(args: Args<'_>, out: &mut Reply) -> Option<Options> {
    let mut options = Options::default();
    let mut at = 3;
    while at < args.len() {
        if args.is(at, "idx") {
            options.wants_ranges = true;
        } else if args.is(at, "len") {
            options.wants_length = true;
        } else if args.is(at, "withmatchlen") {
            options.with_match_length = true;
        } else if args.is(at, "minmatchlen") && at + 1 < args.len() {
            at += 1;
            let Some(length) = parse_canonical_integer(args.at(at)) else {
                out.not_integer();
                return None;
            };
            options.match_length_min = usize::try_from(length).unwrap_or(0);
        } else {
            out.syntax_error();
            return None;
        }
        at += 1;
    }
    if options.wants_length && options.wants_ranges {
        out.error("ERR If you want both the length and indexes, please just use IDX.");
        return None;
    }
    Some(options)
}

/// LCS key1 key2 [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]: the subsequence, its length, or where it is. O(N*M).
fn lcs(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let mut texts = [Vec::new(), Vec::new()];
    for (text, key) in texts.iter_mut().zip(args.from(1)) {
        let mut digits = itoa::Buffer::new();
        match call.db().lookup_read(key, now_ms).map(|value| value.bytes(&mut digits)) {
            None => {}
            Some(Some(bytes)) => *text = bytes.to_vec(),
            Some(None) => {
                return call.out.error("ERR The specified keys must contain string values");
            }
        }
    }
    let Some(options) = parse_options(args, call.out) else { return };
    let [a, b] = &texts;
    let cells = (a.len() + 1).checked_mul(b.len() + 1);
    if cells.is_none_or(|cells| cells > aelab_resp::limits::BULK_MAX_BYTES / size_of::<u32>()) {
        return call
            .out
            .error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len");
    }
    let lengths = Lengths::new(a, b);
    if options.wants_length {
        return call.out.count(lengths.total());
    }
    if options.wants_ranges {
        return reply_ranges(&lengths, options, call.out);
    }
    let mut common: Vec<u8> = lengths.matches().map(|(at, _)| a[at]).collect();
    common.reverse();
    call.out.bulk(&common);
}

/// The classic table: the length for every pair of prefixes.
struct Lengths<'a> {
    a: &'a [u8],
    b: &'a [u8],
    cells: Vec<u32>,
}

impl<'a> Lengths<'a> {
    fn new(a: &'a [u8], b: &'a [u8]) -> Self {
        let width = b.len() + 1;
        let mut cells = vec![0; (a.len() + 1) * width];
        for (row, byte) in a.iter().enumerate() {
            for (column, other) in b.iter().enumerate() {
                let here = (row + 1) * width + column + 1;
                cells[here] = if byte == other {
                    cells[here - width - 1] + 1
                } else {
                    cells[here - width].max(cells[here - 1])
                };
            }
        }
        Self { a, b, cells }
    }

    fn at(&self, a_length: usize, b_length: usize) -> u32 {
        self.cells[a_length * (self.b.len() + 1) + b_length]
    }

    fn total(&self) -> usize {
        self.at(self.a.len(), self.b.len()) as usize
    }

    /// Pairs of indexes of equal bytes that make up the subsequence, from the end backwards, choosing as Redis does.
    fn matches(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut i, mut j) = (self.a.len(), self.b.len());
        std::iter::from_fn(move || {
            while i > 0 && j > 0 {
                if self.a[i - 1] == self.b[j - 1] {
                    i -= 1;
                    j -= 1;
                    return Some((i, j));
                }
                if self.at(i - 1, j) > self.at(i, j - 1) { i -= 1 } else { j -= 1 }
            }
            None
        })
    }
}

/// A run of matches: where it begins in either string, and how long it is.
struct Run {
    a: usize,
    b: usize,
    length: usize,
}

fn reply_ranges(lengths: &Lengths<'_>, options: Options, out: &mut Reply) {
    let mut runs: Vec<Run> = Vec::new();
    for (a, b) in lengths.matches() {
        match runs.last_mut() {
            Some(run) if run.a == a + 1 && run.b == b + 1 => {
                *run = Run { a, b, length: run.length + 1 };
            }
            _ => runs.push(Run { a, b, length: 1 }),
        }
    }
    runs.retain(|run| run.length >= options.match_length_min);
    out.map(2);
    out.bulk(b"matches");
    out.array(runs.len());
    for run in &runs {
        out.array(2 + usize::from(options.with_match_length));
        for start in [run.a, run.b] {
            out.array(2);
            out.count(start);
            out.count(start + run.length - 1);
        }
        if options.with_match_length {
            out.count(run.length);
        }
    }
    out.bulk(b"len");
    out.count(lengths.total());
}
