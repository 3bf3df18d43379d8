//! Where the loop's time went: Redis 7.2's event-loop metrics, and a section of our own that
//! attributes every tick to its phases.

use super::line;
use crate::metrics::Tick;
use crate::server::Server;

/// The fields that Redis 7.2 adds to the stats section.
pub(super) fn stats(text: &mut String, server: &Server) {
    let (meter, rates) = (&server.observe.meter, &server.observe.rates);
    line(text, "eventloop_cycles", meter.cycles());
    line(text, "eventloop_duration_sum", meter.sums().busy.as_us());
    line(text, "eventloop_duration_cmd_sum", meter.command_sum().as_us());
    line(text, "instantaneous_eventloop_cycles_per_sec", rates.cycles.mean() as u64);
    let duration = rates.cycle_duration.mean() as u64;
    line(text, "instantaneous_eventloop_duration_usec", duration);
}

/// Redis 7.2's debug section.
pub(super) fn debug(text: &mut String, server: &Server) {
    let meter = &server.observe.meter;
    line(text, "eventloop_duration_aof_sum", 0);
    line(text, "eventloop_duration_cron_sum", meter.cron_sum().as_us());
    line(text, "eventloop_duration_max", meter.longest().first().map_or(0, |t| t.busy.as_us()));
    line(text, "eventloop_cmd_per_cycle_max", meter.commands_per_cycle_max());
}

/// This server's own: sums per phase, and the longest ticks taken apart.
pub(super) fn eventloop(text: &mut String, server: &Server) {
    let meter = &server.observe.meter;
    line(text, "backend", server.identity.api_name);
    line(text, "cycles", meter.cycles());
    line(text, "asleep_usec", meter.asleep().as_us());
    line(text, "busy_usec", meter.sums().busy.as_us());
    for (phase, time) in meter.sums().phases() {
        line(text, &format!("phase_{}_usec", phase.name()), time.as_us());
    }
    line(text, "cron_turns", server.observe.cron.turns);
    line(text, "cron_period_usec", server.observe.cron.period().as_us());
    line(text, "cron_duration_usec", server.observe.cron.busy.as_us());
    line(text, "cron_duration_max_usec", server.observe.cron.longest.as_us());
    line(text, "events", meter.events());
    let per_wake = meter.events() as f64 / meter.cycles().max(1) as f64;
    line(text, "events_per_wake", format!("{per_wake:.2}"));
    let (long, unexplained) = meter.long_ticks();
    line(text, "ticks_over_5ms", long);
    // Time that neither a command nor waiting for a CPU explains is spent by the loop itself.
    line(text, "ticks_over_5ms_unattributed", unexplained);
    for (rank, tick) in meter.longest().iter().enumerate() {
        line(text, &format!("longest_tick_{rank}"), describe(server, tick));
    }
}

fn describe(server: &Server, tick: &Tick) -> String {
    let at_ms = (tick.began - server.identity.started).as_ms();
    let mut text = format!(
        "at_ms={at_ms},usec={},off_cpu={},events={},commands={}",
        tick.busy.as_us(),
        tick.off_cpu.as_us(),
        tick.events,
        tick.commands
    );
    for (phase, time) in tick.phases() {
        text.push_str(&format!(",{}={}", phase.name(), time.as_us()));
    }
    if tick.commands > 0 {
        let (took, id) = tick.longest;
        let name = server.commands.rows()[id as usize].full_name();
        text.push_str(&format!(",longest_command={name},longest_command_usec={}", took.as_us()));
    }
    text
}
