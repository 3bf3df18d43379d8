//! serverCron: the jobs that run `hz` times a second, with or without requests.
//!
//! Each job is charged to its own phase of the meter, so that a stall it causes can be attributed.

use crate::ae::{EventLoop, Next, TimerId};
use crate::client::ClientKey;
use crate::client::{Life, Sending};
use crate::clock::Nanos;
use crate::db::active_expire::{Cycle, Settings as ExpireSettings};
use crate::metrics::Phase;
use crate::net::listener;
use crate::server::{Server, Shutdown};
use crate::sys;

/// Fewest clients checked per turn (`CLIENTS_CRON_MIN_ITERATIONS`).
const CLIENTS_PER_TURN_MIN: usize = 5;
/// With `dynamic-hz`, the frequency doubles while a turn would check more clients than this.
const CLIENTS_PER_TICK_MAX: usize = 200;
/// Redis's upper bound of `hz`.
const HZ_MAX: u32 = 500;
/// Longest time of the incremental rehash per turn.
const REHASH_BUDGET: Nanos = Nanos::from_ms(1);
/// Buckets moved between two clock reads (`dictRehashMilliseconds`).
const REHASH_BUCKETS_PER_STEP: usize = 100;
/// Databases visited by the rehash per turn (`CRON_DBS_PER_CALL`).
const REHASH_DBS_PER_TURN: usize = 16;
/// Seconds after which a thread that has not read the end of a stream is certainly waiting in a write.
const UNREAD_S_MAX: i64 = 2;
/// Statistics are sampled this often.
const SAMPLE_EVERY: Nanos = Nanos::from_ms(100);

/// Memory is given back to the system when this much was freed since the last time.
const RETURN_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// The timer.
pub(crate) fn server_cron(el: &mut EventLoop<Server>, server: &mut Server, _: TimerId) -> Next {
    let now = el.now();
    server.observe.meter.charge(Phase::Other, now);
    server.set_time(now);
    server.observe.cron.turns += 1;
    server.observe.cron.hz = frequency(server);
    if now - server.observe.cron.last_sample >= SAMPLE_EVERY || server.observe.cron.turns == 1 {
        sample(server, now);
    }
    listener::resume(el, server);
    charge(el, server, Phase::Cron);
    clients_cron(server);
    charge(el, server, Phase::Clients);
    expire(server, Cycle::Slow);
    charge(el, server, Phase::Expire);
    rehash(server);
    charge(el, server, Phase::Rehash);
    let took = el.clock().now() - now;
    server.observe.cron.busy = server.observe.cron.busy + took;
    server.observe.cron.longest = server.observe.cron.longest.max(took);
    if server.shutdown == Shutdown::Requested {
        el.stop();
    }
    Next::After(server.observe.cron.period())
}

fn charge(el: &EventLoop<Server>, server: &mut Server, phase: Phase) {
    server.observe.meter.charge(phase, el.clock().now());
}

fn frequency(server: &Server) -> u32 {
    let settings = server.config.settings();
    let mut hz = settings.cron.hz;
    if settings.cron.dynamic_hz {
        while server.clients.len() / hz as usize > CLIENTS_PER_TICK_MAX && hz < HZ_MAX {
            hz = (hz * 2).min(HZ_MAX);
        }
    }
    hz
}

/// The rates of `INFO stats`, and memory.
fn sample(server: &mut Server, now: Nanos) {
    let us = now.as_us();
    let (stats, meter, rates) =
        (&mut server.observe.stats, &server.observe.meter, &mut server.observe.rates);
    const PER_SECOND: f64 = 1_000_000.0;
    rates.commands.sample(stats.commands_processed, us, PER_SECOND);
    rates.input.sample(stats.net_input_bytes, us, PER_SECOND);
    rates.output.sample(stats.net_output_bytes, us, PER_SECOND);
    rates.cycles.sample(meter.cycles(), us, PER_SECOND);
    rates.cycle_duration.sample(meter.sums().busy.as_us(), meter.cycles(), 1.0);
    server.observe.meter.checkpoint(now, server.clock.thread_cpu());
    server.observe.cron.last_sample = now;
    server.observe.cron.resident_bytes = sys::resident_bytes();
    let used = server.used_memory() as u64;
    server.observe.stats.peak_memory_bytes = server.observe.stats.peak_memory_bytes.max(used);
    return_memory(server, used);
}

/// Gives memory back to the system when much was freed and no more is being freed.
fn return_memory(server: &mut Server, used_bytes: u64) {
    let returned = &mut server.observe.cron.returned;
    let is_falling = used_bytes < returned.last_used_bytes.saturating_sub(RETURN_BYTES_MIN / 64);
    returned.last_used_bytes = used_bytes;
    returned.high_used_bytes = returned.high_used_bytes.max(used_bytes);
    let freed = returned.high_used_bytes - used_bytes;
    if freed < RETURN_BYTES_MIN || is_falling || server.memory.lazy.pending() > 0 {
        return;
    }
    returned.high_used_bytes = used_bytes;
    let of_threads = !server.config.settings().io.io_model.loop_serves();
    server.memory.lazy.return_memory(of_threads);
}

/// Checks a share of the clients, so that each is checked about once a second.
fn clients_cron(server: &mut Server) {
    if server.net.cron_queue.len() > 2 * server.clients.len() + 64 {
        let clients = &server.clients;
        server.net.cron_queue.retain(|&key| clients.contains_key(key));
    }
    let share = server.clients.len() / server.observe.cron.hz.max(1) as usize;
    let turns = share.max(CLIENTS_PER_TURN_MIN).min(server.clients.len());
    for _ in 0..turns {
        let Some(key) = server.net.cron_queue.pop_front() else { return };
        if server.clients.contains_key(key) {
            server.net.cron_queue.push_back(key);
            one_client(server, key);
        }
    }
}

fn one_client(server: &mut Server, key: ClientKey) {
    let (now_s, timeout_s) = (server.now_s(), server.config.settings().clients.timeout_s);
    let Some(client) = server.clients.get_mut(key) else { return };
    let idle = now_s - client.active_s;
    // As in Redis: whole seconds, imprecise by design, and no timeout for subscribers.
    if timeout_s > 0 && client.subscription_count() == 0 && !client.is_blocked() && idle > timeout_s
    {
        return server.free_later(key);
    }
    // These models do not read from a client that does not read its replies, so they do not see that it
    // has ended. Redis closes it when it reads the end, whatever is still to be sent.
    let unread = !server.config.settings().io.io_model.loop_serves() && idle > UNREAD_S_MAX;
    if unread && client.life != Life::Closing && sys::peer_has_ended(&client.fd) {
        return server.free_later(key);
    }
    if let Some(unfinished) = &mut client.unfinished {
        // If a command stopped arriving, free the unused part of its buffer.
        if idle > 2 {
            unfinished.buf.shrink_to_fit();
        }
    }
    let stuck = matches!(client.output.state, Sending::Blocked | Sending::Lent);
    let blocked = client.life != Life::Closing && stuck;
    server.account_client(key);
    if blocked {
        server.enforce_output_limit(key);
    }
}

/// Runs active expiry and records the time it took, as Redis does.
pub(crate) fn expire(server: &mut Server, cycle: Cycle) {
    if !server.expiry.is_on || server.pause.is_some() {
        return;
    }
    let settings = ExpireSettings {
        effort: server.config.settings().cron.expire_effort,
        hz: server.observe.cron.hz,
    };
    let now_ms = server.now_ms();
    let clock = server.clock.clone();
    let before = clock.now();
    server.expiry.cycle.run(&mut server.dbs, cycle, settings, now_ms, || clock.now().as_us());
    let took = clock.now() - before;
    server.observe.stats.expire_cycle_us += took.as_us();
    server.note_latency("expire-cycle", took);
}

/// Moves buckets of one growing table for at most [`REHASH_BUDGET`].
fn rehash(server: &mut Server) {
    if !server.config.settings().cron.activerehashing {
        return;
    }
    for _ in 0..server.dbs.len().min(REHASH_DBS_PER_TURN) {
        let db = &mut server.dbs[server.observe.cron.rehash_db];
        if db.is_rehashing() {
            let end = server.clock.now() + REHASH_BUDGET;
            while db.rehash_step(REHASH_BUCKETS_PER_STEP) {
                if server.clock.now() >= end {
                    break;
                }
            }
            // This database has used the turn's budget and continues in the next turn.
            return;
        }
        server.observe.cron.rehash_db = (server.observe.cron.rehash_db + 1) % server.dbs.len();
    }
}
