//! Stamps in messages: sender and time, so that a receiver knows how long a message took and what is missing.
//!
//! `{stamp}` in a command becomes a mark; subscribers and commands that wait for data look for marks in the bytes they get.
//! Not RESP: a mark is found wherever it stands. Sender and receiver share a process, hence a monotonic clock.
//! Invariant: the marks of one sender (a connection) to one destination (what the command says before the mark) are numbered
//! from 0 without a gap.

use crate::clock::Nanos;
use crate::workload::delivery_counts::DeliveryCounts;
use std::collections::HashMap;

/// What every mark begins with.
const MAGIC: &[u8] = b"aelab:";
/// Fields after it, each with the dot before it but for the first: run, sender, destination, number, intended, sent.
const FIELD_DIGITS: [usize; 6] = [16, 8, 8, 8, 16, 16];
/// Bytes of a mark.
pub(crate) const STAMP_BYTES: usize = 6 + 16 + 9 + 9 + 9 + 17 + 17;
/// How far back a late message is distinguished from a duplicate, in messages of one sender.
const MEMORY: u32 = 64;

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MessageStamp {
    /// The run it belongs to: when its schedule began.
    pub(crate) run: u64,
    pub(crate) sender: u32,
    pub(crate) destination: u32,
    pub(crate) number: u32,
    pub(crate) intended: Nanos,
    pub(crate) sent: Nanos,
}

impl MessageStamp {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(MAGIC);
        let fields = [
            self.run,
            self.sender.into(),
            self.destination.into(),
            self.number.into(),
            self.intended.0,
            self.sent.0,
        ];
        for (index, (field, digits)) in fields.into_iter().zip(FIELD_DIGITS).enumerate() {
            if index > 0 {
                out.push(b'.');
            }
            for place in (0..digits).rev() {
                out.push(b"0123456789abcdef"[(field >> (4 * place)) as usize & 15]);
            }
        }
    }

    /// Reads a mark from exactly its bytes.
    fn read(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let mut fields = [0_u64; FIELD_DIGITS.len()];
        for (index, (field, digits)) in fields.iter_mut().zip(FIELD_DIGITS).enumerate() {
            if index > 0 {
                rest = rest.strip_prefix(b".")?;
            }
            for byte in rest.get(..digits)? {
                *field = *field << 4 | u64::from((*byte as char).to_digit(16)?);
            }
            rest = &rest[digits..];
        }
        let [run, sender, destination, number, intended, sent] = fields;
        Some(Self {
            run,
            sender: sender as u32,
            destination: destination as u32,
            number: number as u32,
            intended: Nanos(intended),
            sent: Nanos(sent),
        })
    }
}

/// Who writes marks: one thread's share of a group.
#[derive(Debug, Default)]
pub(crate) struct Sender {
    run: u64,
    /// Of the first connection, unique over groups and threads.
    first: u32,
    connection: u32,
    intended: Nanos,
    now: Nanos,
    /// Marks written, by sender and destination.
    numbers: HashMap<(u32, u32), u32>,
}

impl Sender {
    /// The schedule begins; the first connection has this number among all of the run.
    pub(crate) const fn start(&mut self, first: u32, origin: Nanos) {
        self.first = first;
        self.run = origin.0;
    }

    /// What is written next is for this connection of the share, and leaves now.
    pub(crate) const fn turn_to(&mut self, connection: u32, now: Nanos) {
        self.connection = connection;
        self.now = now;
    }

    /// The request that is written next was due at this time.
    pub(crate) const fn due(&mut self, intended: Nanos) {
        self.intended = intended;
    }

    /// Appends a mark for this destination.
    pub(crate) fn write(&mut self, destination: u32, out: &mut Vec<u8>) {
        let sender = self.first.wrapping_add(self.connection);
        let number = self.numbers.entry((sender, destination)).or_default();
        let mark = MessageStamp {
            run: self.run,
            sender,
            destination,
            number: *number,
            intended: self.intended,
            sent: self.now,
        };
        *number = number.wrapping_add(1);
        mark.write(out);
    }
}

/// The destination of a mark, from what its command says before it (FNV-1a).
pub(crate) fn destination(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Who looks for marks: one connection.
#[derive(Debug, Default)]
pub(crate) struct Receiver {
    claim: Claim,
    /// The end of the last bytes: it may be the begin of a mark.
    tail: Vec<u8>,
    /// Messages of each sender to each destination.
    lines: HashMap<(u32, u32), Line>,
}

/// The stamps of one sender so far.
#[derive(Debug)]
struct Line {
    next: u32,
    /// Bit k: number `next - 1 - k` has come.
    seen: u64,
}

/// What a receiver should get.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Claim {
    /// All there ever was.
    #[default]
    All,
    /// All from the first one on.
    Rest,
    /// Its share: others take what it does not get.
    Share,
}

impl Receiver {
    /// A receiver that should get this.
    pub(crate) fn new(claim: Claim) -> Self {
        Self { claim, ..Self::default() }
    }

    /// It came late: what was sent before is not missing.
    pub(crate) const fn come_late(&mut self) {
        self.claim = Claim::Rest;
    }

    /// Bytes have come: gives every mark of this run to `each`, in order, and counts what is missing or came again.
    pub(crate) fn on_bytes(
        &mut self,
        bytes: &[u8],
        run: u64,
        counts: &mut DeliveryCounts,
        mut each: impl FnMut(&MessageStamp),
    ) {
        // Marks that began in the bytes before, and then those in these alone.
        let mut joint = std::mem::take(&mut self.tail);
        let old = joint.len();
        joint.extend_from_slice(&bytes[..bytes.len().min(STAMP_BYTES - 1)]);
        let mut from = 0;
        for at in memchr::memmem::find_iter(&joint, MAGIC).take_while(|at| *at < old) {
            if let Some(mark) = joint.get(at..at + STAMP_BYTES).and_then(MessageStamp::read) {
                self.judge(&mark, run, counts, &mut each);
                from = at + STAMP_BYTES - old;
            }
        }
        for at in memchr::memmem::find_iter(&bytes[from..], MAGIC) {
            let at = from + at;
            if let Some(mark) = bytes.get(at..at + STAMP_BYTES).and_then(MessageStamp::read) {
                self.judge(&mark, run, counts, &mut each);
            }
        }
        // The end of both together: pieces may be shorter than a mark.
        let kept = bytes.len().min(STAMP_BYTES - 1);
        joint.truncate(old);
        if kept < STAMP_BYTES - 1 {
            joint.drain(..old.saturating_sub(STAMP_BYTES - 1 - kept));
        } else {
            joint.clear();
        }
        joint.extend_from_slice(&bytes[bytes.len() - kept..]);
        // What was found must not be found again.
        if let Some(at) = memchr::memmem::rfind(&joint, MAGIC)
            && joint.len() - at >= STAMP_BYTES
        {
            joint.drain(..at + STAMP_BYTES);
        }
        self.tail = joint;
    }

    fn judge(
        &mut self,
        mark: &MessageStamp,
        run: u64,
        counts: &mut DeliveryCounts,
        each: &mut impl FnMut(&MessageStamp),
    ) {
        if mark.run != run {
            counts.foreign += 1;
            return;
        }
        if self.claim == Claim::Share {
            counts.received += 1;
            each(mark);
            return;
        }
        let first = if self.claim == Claim::Rest { mark.number } else { 0 };
        let new = || Line { next: first, seen: 0 };
        let line = self.lines.entry((mark.sender, mark.destination)).or_insert_with(new);
        if mark.number >= line.next {
            let gap = mark.number - line.next;
            counts.lost += u64::from(gap);
            let shift = gap + 1;
            line.seen = line.seen.checked_shl(shift).unwrap_or(0) | 1;
            line.next = mark.number.wrapping_add(1);
        } else {
            let back = line.next - 1 - mark.number;
            let bit = 1_u64.checked_shl(back).unwrap_or(0);
            if back >= MEMORY || line.seen & bit != 0 {
                counts.duplicated += 1;
                return;
            }
            line.seen |= bit;
            counts.out_of_order += 1;
            counts.lost = counts.lost.saturating_sub(1);
        }
        counts.received += 1;
        each(mark);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that arrive, in pieces of this many bytes; what was counted and the numbers that were delivered.
    fn deliver(numbers: &[u32], piece: usize) -> (DeliveryCounts, Vec<u32>) {
        let mut bytes = Vec::new();
        for &number in numbers {
            let mark = MessageStamp {
                run: 7,
                sender: 3,
                destination: 9,
                number,
                intended: Nanos(u64::from(number) * 10),
                sent: Nanos(u64::from(number) * 10 + 5),
            };
            bytes.extend_from_slice(b"$83\r\naela");
            let begin = bytes.len();
            mark.write(&mut bytes);
            assert_eq!(bytes.len() - begin, STAMP_BYTES);
            assert_eq!(MessageStamp::read(&bytes[begin..]), Some(mark));
            bytes.extend_from_slice(b"\r\n");
        }
        let (mut receiver, mut counts) = (Receiver::default(), DeliveryCounts::default());
        let mut got = Vec::new();
        for piece in bytes.chunks(piece) {
            receiver.on_bytes(piece, 7, &mut counts, |mark| got.push(mark.number));
        }
        (counts, got)
    }

    #[test]
    fn marks_are_found_once_however_the_bytes_are_cut() {
        let numbers: Vec<u32> = (0..20).collect();
        for piece in (1..300).chain([10_000]) {
            let (counts, got) = deliver(&numbers, piece);
            assert_eq!((got, counts.received), (numbers.clone(), 20), "in pieces of {piece}");
            assert_eq!((counts.lost, counts.duplicated, counts.out_of_order), (0, 0, 0));
        }
    }

    #[test]
    fn what_is_lost_doubled_or_out_of_order_is_told_apart() {
        let judged = |numbers: &[u32]| {
            let counts = deliver(numbers, 1_000).0;
            (counts.received, counts.lost, counts.duplicated, counts.out_of_order)
        };
        assert_eq!(judged(&[0, 1, 4, 5]), (4, 2, 0, 0));
        assert_eq!(judged(&[2]), (1, 2, 0, 0), "a subscriber was there from the begin");
        assert_eq!(judged(&[0, 1, 1, 2]), (3, 0, 1, 0));
        assert_eq!(judged(&[0, 2, 1, 3]), (4, 0, 0, 1));
        assert_eq!(judged(&[0, 2, 1, 1, 3]), (4, 0, 1, 1));
        assert_eq!(judged(&[0, 200, 1]), (2, 199, 1, 0), "beyond memory it counts as a repeat");
    }

    #[test]
    fn marks_of_another_run_are_counted_apart() {
        let mut bytes = Vec::new();
        let mut sender = Sender::default();
        sender.start(5, Nanos(1));
        sender.turn_to(2, Nanos(30));
        sender.due(Nanos(20));
        sender.write(destination(b"PUBLISH a"), &mut bytes);
        sender.write(destination(b"PUBLISH b"), &mut bytes);
        let (mut receiver, mut counts) = (Receiver::default(), DeliveryCounts::default());
        receiver.on_bytes(&bytes, 2, &mut counts, |_| unreachable!("of another run"));
        assert_eq!(counts.foreign, 2);
        receiver.on_bytes(&bytes, 1, &mut counts, |mark| {
            assert_eq!((mark.sender, mark.number), (7, 0));
            assert_eq!((mark.intended, mark.sent), (Nanos(20), Nanos(30)));
        });
        assert_eq!((counts.received, counts.lost), (2, 0));
    }
}
