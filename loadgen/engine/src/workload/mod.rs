//! Which command comes next and with which numbers: the random side of a group, one per thread.
//!
//! Not the schedule (when) and not the connection (where). Invariant: numbers are drawn in batches before they are
//! needed, so that drawing does not fall between a request's due time and its sending.

pub(crate) mod cluster_keys;
pub mod command_text;
pub(crate) mod delivery_counts;
pub mod message_stamp;
pub(crate) mod new_keys;
pub(crate) mod order;
pub(crate) mod piece;
pub mod placeholder;
pub(crate) mod reply_shape;
pub mod rng;
pub mod sampler;
pub mod template;
pub mod words;
pub mod zipf;

use crate::io::Token;
use crate::plan::share::Share;
use crate::plan::{CommandOrder, Workload};
use crate::replay::cursor::Cursor as ReplayCursor;
use crate::workload::message_stamp::Sender;
use crate::workload::new_keys::{Growth, Insertions, NewKeys};
use crate::workload::order::{Cycle, Positions, Seat};
use crate::workload::reply_shape::Shape;
use crate::workload::rng::Rng;
use crate::workload::sampler::{Late, Source};
use crate::workload::template::{Numbers, Template};
use std::sync::Arc;

/// Numbers drawn at a time: enough to keep the generator in registers, small enough to stay in the first cache.
const BATCH: usize = 64;
/// Least bytes in the block values are cut from: many distinct values, still inside the second-level cache.
const BLOCK_BYTES_MIN: usize = 128 * 1024;

/// One thread's generator of requests.
#[derive(Debug)]
pub(crate) struct Generator {
    commands: Vec<Command>,
    /// Running sums of the commands' weights.
    weights: Vec<u64>,
    choices: Batch,
    /// Turns in place of choices.
    cycle: Option<Cycle>,
    block: Arc<[u8]>,
    share: Share,
    growth: Growth,
    rng: Rng,
    /// Captured commands, which then come in place of the above.
    replay: Option<ReplayCursor>,
    /// Marks messages, if a command has a `{stamp}`.
    sender: Option<Box<Sender>>,
}

#[derive(Debug)]
struct Command {
    template: Template,
    batches: Vec<Batch>,
    /// Bytes of all its requests so far.
    written_bytes: u64,
}

/// Numbers for one slot, drawn ahead.
#[derive(Debug)]
struct Batch {
    source: Source,
    /// What is drawn only when it is used.
    late: Option<Late>,
    numbers: [u64; BATCH],
    next: usize,
    /// Where a sequential source stands.
    position: u64,
    /// Where it stands on each connection, if they walk by themselves.
    walked: Positions,
}

/// What the threads of a group have in common.
#[derive(Clone, Debug)]
pub(crate) struct Common {
    /// Values are cut from it.
    pub(crate) block: Arc<[u8]>,
    pub(crate) new_keys: Arc<NewKeys>,
}

/// Bytes of the value block that repeat the pattern "some random, some compressible": short enough that most values hold
/// several, long enough that a compressor finds its match.
const CELL_BYTES: usize = 32;

/// A value block large enough for a workload, filled from a seed; all threads of a group share it.
pub(crate) fn value_block(workload: &Workload, mut rng: Rng) -> Arc<[u8]> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let len = (workload.values.longest() * 2).max(BLOCK_BYTES_MIN);
    let mut block = Vec::with_capacity(len + 8);
    while block.len() < len {
        block.extend(rng.next_u64().to_le_bytes().map(|byte| ALPHABET[usize::from(byte & 63)]));
    }
    block.truncate(len);
    let plain = (workload.compressible * CELL_BYTES as f64).round() as usize;
    for cell in block.chunks_mut(CELL_BYTES) {
        let len = cell.len();
        cell[len.saturating_sub(plain)..].fill(b'x');
    }
    block.into()
}

impl Generator {
    /// A generator for `share` of the workload.
    ///
    /// # Errors
    /// A template does not compile; the message names the placeholder.
    pub(crate) fn new(
        workload: &Workload,
        common: &Common,
        share: Share,
        rng: Rng,
        replay: Option<ReplayCursor>,
    ) -> Result<Self, String> {
        let mut commands = Vec::new();
        let mut weights = Vec::new();
        let mut total = 0;
        for plan in &workload.commands {
            let template = Template::compile(plan, &workload.keys, &workload.values)?;
            let batches = template.slots.iter().cloned().map(Batch::new).collect();
            commands.push(Command { template, batches, written_bytes: 0 });
            total += u64::from(plan.weight);
            weights.push(total);
        }
        let choices = Batch::new(Source::uniform(total));
        let cycle = (workload.order == CommandOrder::Exact).then(|| Cycle::new(&weights));
        let block = Arc::clone(&common.block);
        let growth = Growth::new(Arc::clone(&common.new_keys), share);
        let marks = commands.iter().any(|command| command.template.has_mark);
        let sender = marks.then(|| Box::new(Sender::default()));
        Ok(Self { commands, weights, choices, cycle, block, share, growth, rng, replay, sender })
    }

    /// Its connections are so many of the group's, numbered as `seat` says.
    pub(crate) fn seat(&mut self, seat: Seat, connections: usize) {
        self.growth.seat = seat;
        let walked = self.commands.iter_mut().flat_map(|command| &mut command.batches);
        let walks = walked.filter(|batch| matches!(batch.late, Some(Late::Walk { .. })));
        let positions = walks.map(|batch| &mut batch.walked);
        let cycle = self.cycle.as_mut().map(|cycle| &mut cycle.positions);
        positions.chain(cycle).for_each(|positions| positions.make_room(connections));
    }

    /// What is chosen and written next is for this connection of the thread's share. Only captured commands and fixed orders
    /// care.
    #[inline]
    pub(crate) fn turn_to(&mut self, connection: Token) {
        self.growth.seat.connection = connection as usize;
        if let Some(replay) = &mut self.replay {
            replay.turn_to(connection as usize);
        }
    }

    /// Who marks what is written, if it is marked.
    #[inline]
    pub(crate) fn sender(&mut self) -> Option<&mut Sender> {
        self.sender.as_deref_mut()
    }

    /// Whether there is another request for the connection; captures have an end, and so have parts of a fixed order.
    #[inline]
    pub(crate) fn has_next(&self) -> bool {
        let connection = self.growth.seat.connection;
        self.replay.as_ref().is_none_or(ReplayCursor::has_next)
            && self.cycle.as_ref().is_none_or(|cycle| cycle.has_next(connection))
    }

    /// Commands in a fixed order, if there are any.
    pub(crate) const fn cycle(&mut self) -> Option<&mut Cycle> {
        self.cycle.as_mut()
    }

    /// The connection was lost: the last `count` of what was chosen for it was not sent.
    pub(crate) fn rewind(&mut self, connection: Token, count: usize) {
        if let Some(replay) = &mut self.replay {
            replay.rewind(connection as usize, count);
        }
    }

    /// The database that a connection which replays must be in when it opens.
    pub(crate) fn database(&self, connection: Token) -> Option<u16> {
        self.replay.as_ref().map(|replay| replay.database(connection as usize))
    }

    /// The command of the next request.
    #[inline]
    pub(crate) fn choose(&mut self) -> u16 {
        if let Some(replay) = &mut self.replay {
            return replay.choose();
        }
        if self.commands.len() == 1 {
            return 0;
        }
        if let Some(cycle) = &mut self.cycle {
            return cycle.next(self.growth.seat.connection) as u16;
        }
        let choice = self.choices.take(self.share, &mut self.growth, &self.block, &mut self.rng);
        self.weights.iter().position(|&sum| choice < sum).unwrap_or(0) as u16
    }

    /// What keeps account of the new keys that this share inserts, if it inserts any.
    pub(crate) fn insertions(&self, common: &Common) -> Option<Insertions> {
        let of = |command: &Command| {
            command.template.slots.iter().filter(|source| source.is_new()).count() as u64
        };
        let per_request: Vec<u64> = self.commands.iter().map(of).collect();
        let inserts = self.replay.is_none() && per_request.iter().any(|count| *count > 0);
        inserts.then(|| Insertions::new(Arc::clone(&common.new_keys), self.share, per_request))
    }

    /// See [`Growth::take_fresh`].
    #[inline]
    pub(crate) const fn take_fresh(&mut self) -> u64 {
        self.growth.take_fresh()
    }

    /// How many calls and replies make one request of a command.
    #[inline]
    pub(crate) fn shape(&self, command: u16) -> Shape {
        self.commands[usize::from(command)].template.shape
    }

    /// The shapes of all commands, in order.
    pub(crate) fn shapes(&self) -> Vec<Shape> {
        self.commands.iter().map(|command| command.template.shape).collect()
    }

    /// Numbers for all slots of a command, for a request that is written more than once.
    pub(crate) fn numbers_of(&mut self, command: u16) -> Vec<u64> {
        let command = &mut self.commands[usize::from(command)];
        let (share, growth) = (self.share, &mut self.growth);
        let (block, rng) = (&self.block, &mut self.rng);
        command.batches.iter_mut().map(|batch| batch.take(share, growth, block, rng)).collect()
    }

    /// Appends a request of this command with fresh numbers.
    #[inline]
    pub(crate) fn write(&mut self, command: u16, out: &mut Vec<u8>) {
        let before = out.len();
        let command = &mut self.commands[usize::from(command)];
        if let Some(replay) = &mut self.replay {
            replay.write(out);
            command.written_bytes += (out.len() - before) as u64;
            return;
        }
        let mut fresh = Fresh {
            batches: &mut command.batches,
            share: self.share,
            growth: &mut self.growth,
            block: &self.block,
            rng: &mut self.rng,
            sender: self.sender.as_deref_mut(),
        };
        command.template.write(out, &self.block, 0, &mut fresh);
        command.written_bytes += (out.len() - before) as u64;
    }

    /// Appends one call of a request that takes several, with the numbers all of them use.
    pub(crate) fn write_call(
        &mut self,
        command: u16,
        numbers: &[u64],
        position: u64,
        out: &mut Vec<u8>,
    ) {
        let before = out.len();
        let command = &mut self.commands[usize::from(command)];
        command.template.write_call(out, &self.block, position, &mut Kept(numbers));
        command.written_bytes += (out.len() - before) as u64;
    }

    /// Bytes of all requests of each command.
    pub(crate) fn written_bytes(&self) -> impl Iterator<Item = u64> {
        self.commands.iter().map(|command| command.written_bytes)
    }
}

struct Fresh<'a> {
    sender: Option<&'a mut Sender>,
    batches: &'a mut [Batch],
    share: Share,
    growth: &'a mut Growth,
    block: &'a [u8],
    rng: &'a mut Rng,
}

impl Numbers for Fresh<'_> {
    #[inline]
    fn number(&mut self, slot: usize) -> u64 {
        self.batches[slot].take(self.share, self.growth, self.block, self.rng)
    }

    fn again(&mut self, slot: usize) -> u64 {
        let batch = &self.batches[slot];
        batch.numbers[batch.next.saturating_sub(1)]
    }

    fn mark(&mut self, destination: u32, out: &mut Vec<u8>) {
        if let Some(sender) = &mut self.sender {
            sender.write(destination, out);
        }
    }
}

struct Kept<'a>(&'a [u64]);

impl Numbers for Kept<'_> {
    fn number(&mut self, slot: usize) -> u64 {
        self.0[slot]
    }

    fn again(&mut self, slot: usize) -> u64 {
        self.0[slot]
    }

    fn mark(&mut self, _destination: u32, _out: &mut Vec<u8>) {}
}

impl Batch {
    fn new(source: Source) -> Self {
        let (late, walked) = (source.late(), Positions::default());
        Self { late, source, numbers: [0; BATCH], next: BATCH, position: 0, walked }
    }

    #[inline]
    fn take(&mut self, share: Share, growth: &mut Growth, block: &[u8], rng: &mut Rng) -> u64 {
        if self.next == BATCH {
            self.refill(share, growth, block, rng);
        }
        let number = &mut self.numbers[self.next];
        self.next += 1;
        if let Some(late) = self.late {
            if matches!(late, Late::Walk { .. }) {
                *number = self.walked.next(growth.seat.connection);
            }
            *number = late.settle(*number, growth);
        }
        *number
    }

    fn refill(&mut self, share: Share, growth: &Growth, block: &[u8], rng: &mut Rng) {
        self.next = 0;
        let (numbers, position) = (&mut self.numbers, &mut self.position);
        self.source.fill(numbers, position, growth, share, block.len(), rng);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{CommandPlan, KeyDistribution, KeySpace, ValueSize};

    fn generator(commands: Vec<CommandPlan>, keys: KeySpace, share: Share) -> Generator {
        let values = ValueSize::Fixed(8);
        let order = CommandOrder::Random;
        let workload = Workload { commands, keys, values, compressible: 0.0, order };
        let block = value_block(&workload, Rng::new(1, &[]));
        let common = Common { block, new_keys: Arc::new(NewKeys::new(share.of as usize)) };
        Generator::new(&workload, &common, share, Rng::new(1, &[share.index]), None).expect("valid")
    }

    #[test]
    fn weights_are_kept() {
        let weighted = |name: &str, weight| CommandPlan { weight, ..CommandPlan::new(&[name]) };
        let commands = vec![weighted("GET", 9), weighted("SET", 1)];
        let mut generator = generator(commands, KeySpace::uniform(10), Share { index: 0, of: 1 });
        let sets = (0..100_000).filter(|_| generator.choose() == 1).count();
        assert!((9_500..10_500).contains(&sets), "{sets}");
    }

    #[test]
    fn sequential_shares_together_touch_every_key_once() {
        let keys = KeySpace {
            digits: 0,
            prefix: String::new(),
            distribution: KeyDistribution::Sequential,
            ..KeySpace::uniform(300)
        };
        let mut seen = Vec::new();
        for index in 0..3 {
            let share = Share { index, of: 3 };
            let mut generator =
                generator(vec![CommandPlan::new(&["GET", "__key__"])], keys.clone(), share);
            for _ in 0..100 {
                let mut out = Vec::new();
                generator.write(0, &mut out);
                seen.push(String::from_utf8(out).expect("text"));
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 300);
    }

    /// The keys that each of `requests` requests of these words names.
    fn keys_of(words: &[&str], distribution: KeyDistribution, requests: usize) -> Vec<Vec<String>> {
        let keys =
            KeySpace { digits: 0, prefix: String::new(), distribution, ..KeySpace::uniform(1_000) };
        let one = Share { index: 0, of: 1 };
        let mut generator = generator(vec![CommandPlan::new(words)], keys, one);
        let mut requests = (0..requests).map(|_| {
            let mut out = Vec::new();
            generator.write(0, &mut out);
            let text = String::from_utf8(out).expect("text");
            let words = text.split("\r\n").filter(|word| word.parse::<u64>().is_ok());
            words.map(str::to_owned).collect::<Vec<_>>()
        });
        requests.by_ref().collect()
    }

    #[test]
    fn every_place_of_a_command_draws_on_its_own() {
        let mset = ["MSET", "__key__", "a", "__key__", "b", "__key__", "c", "__key__", "d"];
        let in_order: Vec<String> = (0..800).map(|key| key.to_string()).collect();
        let sequential = keys_of(&mset, KeyDistribution::Sequential, 200);
        assert_eq!(sequential.concat(), in_order);
        let new: Vec<String> = (1_000..1_800).map(|key| key.to_string()).collect();
        assert_eq!(keys_of(&mset, KeyDistribution::New, 200).concat(), new);
        for distribution in [
            KeyDistribution::Uniform,
            KeyDistribution::Zipf { exponent: 0.5 },
            KeyDistribution::Latest { exponent: 0.5 },
            KeyDistribution::Gaussian { deviation: 0.2 },
            KeyDistribution::Hotspot { keys: 0.5, requests: 0.9 },
        ] {
            let drawn = keys_of(&mset, distribution, 200);
            let equal = drawn.iter().filter(|keys| keys.windows(2).all(|two| two[0] == two[1]));
            assert_eq!(equal.count(), 0, "{distribution:?}");
        }
        // Written out, with numbers that have a sequence of their own, and with a key that is named again.
        let words =
            ["X", "{key sequential 9}", "{number sequential 9}", "{same}", "{key sequential 9}"];
        let texts = keys_of(&words, KeyDistribution::Uniform, 3);
        assert_eq!(texts, [["0", "0", "0", "1"], ["2", "1", "2", "3"], ["4", "2", "4", "5"]]);
        // Commands of one operation.
        let words = ["SET", "__key__", "a", ";", "SET", "__key__", "b"];
        assert_eq!(keys_of(&words, KeyDistribution::Sequential, 2).concat(), ["0", "1", "2", "3"]);
    }

    #[test]
    fn sequences_of_several_places_and_threads_have_each_key_once() {
        let keys = KeySpace {
            digits: 0,
            prefix: String::new(),
            distribution: KeyDistribution::Sequential,
            ..KeySpace::uniform(600)
        };
        let mut seen = Vec::new();
        for index in 0..3 {
            let command = CommandPlan::new(&["MGET", "__key__", "__key__"]);
            let mut generator = generator(vec![command], keys.clone(), Share { index, of: 3 });
            // Operations of several calls have their numbers in advance.
            (0..100).for_each(|_| seen.extend(generator.numbers_of(0)));
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..600).collect::<Vec<_>>());
    }

    #[test]
    fn the_compressible_share_is_kept_in_values_of_any_length() {
        for (share, want) in [(0.0, 0.0), (0.25, 0.25), (0.5, 0.5), (1.0, 1.0)] {
            let workload = Workload {
                commands: vec![CommandPlan::new(&["SET", "k", "__data__"])],
                keys: KeySpace::uniform(1),
                values: ValueSize::Fixed(1_000),
                compressible: share,
                order: CommandOrder::Random,
            };
            let block = value_block(&workload, Rng::new(1, &[]));
            for offset in [0, 17, 40_000] {
                let value = &block[offset..offset + 1_000];
                // Every 64th of the random letters is the filler by chance.
                let runs = value.windows(2).filter(|pair| pair == b"xx").count() as f64 / 1_000.0;
                assert!((runs - want).abs() < 0.04, "{share} at {offset}: {runs}");
            }
        }
    }
}
