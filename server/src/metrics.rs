//! Where the loop's time goes: every nanosecond between two sleeps is charged to one phase.
//!
//! The meter is a chain of time stamps: [`Meter::charge`] gives all time since the last stamp to a
//! phase, so nothing can fall between two measurements. It keeps sums, the longest ticks with their
//! composition, and how many long ticks were *not* explained by executing commands.

use crate::clock::Nanos;

/// What the loop was doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Reading requests, and the way to the handler.
    Read,
    /// Parsing and executing commands.
    Execute,
    /// Writing replies.
    Write,
    /// Accepting and freeing clients.
    Accept,
    /// Active expiry, fast and slow.
    Expire,
    /// The tables' incremental rehash on cron's budget.
    Rehash,
    /// Eviction outside of commands.
    Evict,
    /// clientsCron.
    Clients,
    /// The rest of serverCron.
    Cron,
    /// Everything else.
    Other,
}

/// How many phases there are.
const PHASES: usize = 10;
/// Ticks longer than this are counted by cause. Users of a cache begin to notice such delays.
const LONG_TICK: Nanos = Nanos::from_ms(5);
/// How many of the longest ticks are kept with their composition.
const LONGEST_KEPT: usize = 8;

impl Phase {
    const ALL: [Phase; PHASES] = [
        Phase::Read,
        Phase::Execute,
        Phase::Write,
        Phase::Accept,
        Phase::Expire,
        Phase::Rehash,
        Phase::Evict,
        Phase::Clients,
        Phase::Cron,
        Phase::Other,
    ];

    /// The word in `INFO`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Phase::Read => "read",
            Phase::Execute => "execute",
            Phase::Write => "write",
            Phase::Accept => "accept",
            Phase::Expire => "expire",
            Phase::Rehash => "rehash",
            Phase::Evict => "evict",
            Phase::Clients => "clients",
            Phase::Cron => "cron",
            Phase::Other => "other",
        }
    }
}

/// One turn of the loop, from waking to sleeping.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tick {
    /// When it began, on the loop's clock.
    pub(crate) began: Nanos,
    /// Length.
    pub(crate) busy: Nanos,
    phases: [u64; PHASES],
    /// Commands executed.
    pub(crate) commands: u32,
    /// Descriptors that fired.
    pub(crate) events: u32,
    /// Its longest command, and that command's place in the table.
    pub(crate) longest: (Nanos, u16),
    /// Estimate of the time in it that the thread waited for a CPU. Long ticks only.
    pub(crate) off_cpu: Nanos,
}

impl Tick {
    /// Time in each phase.
    pub(crate) fn phases(&self) -> impl Iterator<Item = (Phase, Nanos)> {
        Phase::ALL.into_iter().zip(self.phases.map(Nanos))
    }

    fn phase(&self, phase: Phase) -> Nanos {
        Nanos(self.phases[phase as usize])
    }
}

/// The meter. Its sums are what `INFO eventloop` shows.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    last: Nanos,
    tick: Tick,
    sums: Tick,
    cycles: u64,
    asleep: Nanos,
    longest: Vec<Tick>,
    long_ticks: u64,
    long_unexplained: u64,
    commands_per_cycle_max: u32,
    events: u64,
    /// Busy time and CPU time at the last checkpoint.
    checkpoint: (Nanos, Nanos),
    /// Several threads make turns, so CPU time does not show which of them waited.
    no_cpu_time: bool,
}

impl Meter {
    /// The loop has woken, with so many descriptors ready.
    pub(crate) fn wake(&mut self, now: Nanos, events: usize) {
        self.asleep = self.asleep + (now - self.last);
        self.last = now;
        self.tick = Tick { began: now, events: events as u32, ..Tick::default() };
    }

    /// All time since the last stamp went into `phase`.
    #[inline]
    pub(crate) fn charge(&mut self, phase: Phase, now: Nanos) {
        self.tick.phases[phase as usize] += (now - self.last).0;
        self.last = now;
    }

    /// A command has run: charges its time, parsing included.
    #[inline]
    pub(crate) fn command(&mut self, id: u16, took: Nanos, now: Nanos) {
        self.charge(Phase::Execute, now);
        self.tick.commands += 1;
        if took > self.tick.longest.0 {
            self.tick.longest = (took, id);
        }
    }

    /// The loop is about to sleep: the tick is complete. `cpu_time` (of this thread) is called only after a
    /// long tick, because it costs a system call.
    pub(crate) fn sleep(&mut self, now: Nanos, cpu_time: impl FnOnce() -> Nanos) {
        self.charge(Phase::Other, now);
        let busy = now - self.tick.began;
        if busy > LONG_TICK {
            self.note_waiting(busy, cpu_time());
        }
        let tick = Tick { busy, ..self.tick };
        self.cycles += 1;
        self.sums.busy = self.sums.busy + tick.busy;
        for (sum, part) in self.sums.phases.iter_mut().zip(tick.phases) {
            *sum += part;
        }
        self.events += u64::from(tick.events);
        self.commands_per_cycle_max = self.commands_per_cycle_max.max(tick.commands);
        if tick.busy > LONG_TICK {
            self.long_ticks += 1;
            if tick.busy - tick.phase(Phase::Execute) - tick.off_cpu > LONG_TICK {
                self.long_unexplained += 1;
            }
        }
        self.remember(tick);
        // A new tick begins, so that time charged before the next wake is not counted twice.
        self.tick = Tick { began: now, ..Tick::default() };
    }

    fn remember(&mut self, tick: Tick) {
        if self.longest.len() == LONGEST_KEPT {
            match self.longest.last() {
                Some(shortest) if shortest.busy >= tick.busy => return,
                _ => self.longest.pop(),
            };
        }
        let at = self.longest.partition_point(|other| other.busy >= tick.busy);
        self.longest.insert(at, tick);
    }

    /// From now on, time without a CPU is not estimated.
    pub(crate) fn without_cpu_time(&mut self) {
        self.no_cpu_time = true;
    }

    /// Records this thread's CPU time, so that waiting in a later long tick is not mixed up with waiting in
    /// earlier ticks. Cron calls this ten times a second.
    pub(crate) fn checkpoint(&mut self, now: Nanos, cpu_time: Nanos) {
        let so_far = now - self.tick.began;
        self.note_waiting(so_far, cpu_time);
    }

    /// Busy time since the checkpoint without CPU time was waiting for a CPU. The current tick cannot have
    /// waited longer than it lasted.
    fn note_waiting(&mut self, tick_so_far: Nanos, cpu_time: Nanos) {
        if self.no_cpu_time {
            return;
        }
        let busy = self.sums.busy + tick_so_far;
        let waited = (busy - self.checkpoint.0) - (cpu_time - self.checkpoint.1);
        self.tick.off_cpu = (self.tick.off_cpu + waited).min(tick_so_far);
        self.checkpoint = (busy, cpu_time);
    }

    /// Resets all sums (`CONFIG RESETSTAT`).
    pub(crate) fn reset(&mut self) {
        let (last, tick, no_cpu_time) = (self.last, self.tick, self.no_cpu_time);
        *self = Meter { last, tick, no_cpu_time, ..Meter::default() };
    }

    /// Commands executed in the current tick so far.
    pub(crate) fn commands_in_tick(&self) -> u32 {
        self.tick.commands
    }

    /// Ticks so far.
    pub(crate) fn cycles(&self) -> u64 {
        self.cycles
    }

    /// Sums over all ticks: busy time and time per phase.
    pub(crate) fn sums(&self) -> &Tick {
        &self.sums
    }

    /// Time spent executing commands.
    pub(crate) fn command_sum(&self) -> Nanos {
        self.sums.phase(Phase::Execute)
    }

    /// Time spent in serverCron, all its jobs together.
    pub(crate) fn cron_sum(&self) -> Nanos {
        [Phase::Rehash, Phase::Clients, Phase::Cron, Phase::Expire]
            .into_iter()
            .fold(Nanos::ZERO, |sum, phase| sum + self.sums.phase(phase))
    }

    /// Time asleep in the poll.
    pub(crate) fn asleep(&self) -> Nanos {
        self.asleep
    }

    /// The longest ticks, the longest first.
    pub(crate) fn longest(&self) -> &[Tick] {
        &self.longest
    }

    /// Ticks above 5 ms: all of them, and those with more than 5 ms that were spent neither executing
    /// commands nor waiting for a CPU.
    pub(crate) fn long_ticks(&self) -> (u64, u64) {
        (self.long_ticks, self.long_unexplained)
    }

    /// Most commands in one tick.
    pub(crate) fn commands_per_cycle_max(&self) -> u32 {
        self.commands_per_cycle_max
    }

    /// Descriptors that fired, over all ticks.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_nanosecond_of_a_tick_is_in_exactly_one_phase() {
        let mut meter = Meter::default();
        meter.wake(Nanos::from_ms(10), 2);
        meter.charge(Phase::Read, Nanos::from_ms(11));
        meter.command(7, Nanos::from_ms(8), Nanos::from_ms(19));
        meter.charge(Phase::Write, Nanos::from_ms(20));
        meter.sleep(Nanos::from_ms(21), || Nanos::from_ms(11));
        let tick = meter.longest()[0];
        assert_eq!(tick.busy, Nanos::from_ms(11));
        assert_eq!(tick.phases().fold(0, |sum, (_, n)| sum + n.0), tick.busy.0);
        assert_eq!(tick.longest, (Nanos::from_ms(8), 7));
        assert_eq!((meter.asleep(), meter.long_ticks()), (Nanos::from_ms(10), (1, 0)));
    }

    #[test]
    fn a_long_tick_without_a_command_is_counted_as_unexplained() {
        let mut meter = Meter::default();
        meter.wake(Nanos::ZERO, 0);
        meter.charge(Phase::Rehash, Nanos::from_ms(6));
        meter.sleep(Nanos::from_ms(6), || Nanos::from_ms(6));
        assert_eq!(meter.long_ticks(), (1, 1));
    }

    #[test]
    fn waiting_for_a_cpu_explains_a_long_tick() {
        let mut meter = Meter::default();
        meter.checkpoint(Nanos::ZERO, Nanos::from_ms(100));
        meter.wake(Nanos::ZERO, 1);
        meter.charge(Phase::Write, Nanos::from_ms(20));
        meter.sleep(Nanos::from_ms(20), || Nanos::from_ms(101));
        assert_eq!(meter.longest()[0].off_cpu, Nanos::from_ms(19));
        assert_eq!(meter.long_ticks(), (1, 0));
    }

    #[test]
    fn the_longest_ticks_are_kept_in_order() {
        let mut meter = Meter::default();
        for length in [3, 9, 1, 7, 5, 2, 8, 6, 4, 10, 11] {
            let from = Nanos::from_ms(100 * length);
            meter.wake(from, 0);
            meter.sleep(from + Nanos::from_ms(length), || Nanos::ZERO);
        }
        let kept: Vec<u64> = meter.longest().iter().map(|tick| tick.busy.as_ms()).collect();
        assert_eq!(kept, [11, 10, 9, 8, 7, 6, 5, 4]);
    }
}
