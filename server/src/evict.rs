//! Keeps memory below `maxmemory` and `maxmemory-clients` by evicting keys and clients, within a time
//! limit per turn of the loop.
//!
//! The algorithm of Redis's `evict.c`: a few keys are sampled per database into a pool of the best
//! candidates seen so far; one is evicted at a time. The clock is read after every 16 keys. At the time
//! limit the rest is left to a timer, so that an eviction of gigabytes is many short stalls.
//! Invariant: between commands the server is below its limit, refuses commands that need memory, or
//! has the timer running.

use crate::ae::{EventLoop, Next, TimerId};
use crate::client::ClientKey;
use crate::client::Life;
use crate::clock::Nanos;
use crate::config::Policy;
use crate::db::Db;
use crate::db::small_bytes::SmallBytes;
use crate::metrics::Phase;
use crate::server::{CommandSpec, Memory, Outcome, Server, flags};

/// Keys evicted between two clock reads.
const KEYS_PER_TIME_CHECK: u64 = 16;
/// Lower bound of `maxmemory-clients`: with less, every client would be evicted.
const CLIENTS_MIN_BYTES: usize = 128 * 1024;

/// The refusal of a command that needs memory.
pub(crate) const OOM: &str = "OOM command not allowed when used memory > 'maxmemory'.";

/// Longest time that one command may spend evicting (`maxmemory-eviction-tenacity`, 0 to 100).
pub(crate) fn time_limit(tenacity: u32) -> Nanos {
    match tenacity {
        0..=10 => Nanos(u64::from(tenacity) * 50_000),
        11..=99 => Nanos((500_000.0 * 1.15_f64.powi(tenacity as i32 - 10)) as u64),
        _ => Nanos(u64::MAX),
    }
}

/// Evicts until memory is below the limit, time is up or nothing is left.
pub(crate) fn perform(server: &mut Server) -> Outcome {
    let limit = server.config.settings().memory.maxmemory;
    let used = server.used_memory();
    let mut outcome = Outcome::Enough;
    // No key may change during a pause.
    if server.pause.is_none() && limit != 0 && used > limit {
        outcome = match server.config.settings().memory.policy {
            Policy::NoEviction => Outcome::Failed,
            policy => evict_for(server, policy, used - limit),
        };
    }
    if outcome != Outcome::Enough || server.memory.evictor.over_since.is_some() {
        let now = server.clock.now();
        server.memory.evictor.note(outcome, now);
    }
    outcome
}

fn evict_for(server: &mut Server, policy: Policy, to_free: usize) -> Outcome {
    let settings = server.config.settings();
    let limit = time_limit(settings.memory.eviction_tenacity);
    let free = settings.memory.evicted_free;
    let watched = settings.observe.latency_threshold_ms > 0;
    let began = server.clock.now();
    let (mut freed, mut keys, mut outcome) = (0, 0_u64, Outcome::Enough);
    while freed < to_free {
        let Some((db, key)) = choose(server, policy) else {
            outcome = Outcome::Failed;
            break;
        };
        let before = server.dbs[db].used_bytes();
        let started = if watched { server.clock.now() } else { Nanos::ZERO };
        if server.dbs[db].evict(&key, free) {
            keys += 1;
            server.observe.stats.evicted_keys += 1;
            server.key_changed(db, &key);
        }
        freed += before.saturating_sub(server.dbs[db].used_bytes());
        if watched {
            let took = server.clock.now() - started;
            server.note_latency("eviction-del", took);
        }
        if keys.is_multiple_of(KEYS_PER_TIME_CHECK) && server.clock.now() - began > limit {
            server.memory.evictor.unfinished = true;
            outcome = Outcome::Running;
            break;
        }
    }
    let took = server.clock.now() - began;
    server.note_latency("eviction-cycle", took);
    if outcome == Outcome::Enough && server.memory.evictor.timer_set {
        Outcome::Running
    } else {
        outcome
    }
}

/// The next key to evict.
fn choose(server: &mut Server, policy: Policy) -> Option<(usize, SmallBytes)> {
    let among = policy.among();
    if let Policy::Random(_) = policy {
        for _ in 0..server.dbs.len() {
            let at = server.memory.evictor.next_db % server.dbs.len();
            server.memory.evictor.next_db = at + 1;
            if let Some(key) = server.dbs[at].sample_one(among) {
                return Some((at, key));
            }
        }
        return None;
    }
    let (samples, now_ms) = (server.config.settings().memory.maxmemory_samples, server.now_ms());
    while server.dbs.iter().any(|db| db.evictable_len(among) > 0) {
        let Server { dbs, memory: Memory { evictor, .. }, .. } = server;
        for (at, db) in dbs.iter_mut().enumerate() {
            let mode = db.access_mode();
            db.sample(among, samples, |entry| {
                evictor.offer(policy.score(entry, mode, now_ms), at, entry);
            });
        }
        // A candidate may have been removed, or lost its deadline, since it was sampled.
        while let Some(best) = evictor.pool.pop() {
            if dbs.get(best.db).is_some_and(|db: &Db| db.is_evictable(among, &best.key)) {
                return Some((best.db, best.key));
            }
        }
    }
    None
}

/// Whether more memory is used than `maxmemory` allows.
pub(crate) fn is_over_limit(server: &Server) -> bool {
    let limit = server.config.settings().memory.maxmemory;
    limit != 0 && server.used_memory() > limit
}

/// Makes room before a command. False if the command must be refused.
pub(crate) fn make_room(server: &mut Server, client: ClientKey, spec: &CommandSpec) -> bool {
    if perform(server) != Outcome::Failed {
        return true;
    }
    let multi = server.clients.get(client).and_then(|client| client.multi.as_deref());
    let refused = match multi {
        Some(multi) if spec.has(flags::RUNS_QUEUE) => {
            multi.queue.iter().any(|queued| queued.flags & flags::DENYOOM != 0)
        }
        // Queueing takes memory as well; ending a transaction gives it back.
        Some(_) => !spec.has(flags::DISCARDS_QUEUE),
        None => spec.has(flags::DENYOOM),
    };
    !refused
}

/// Before sleep: closes clients that use too much memory, and continues an unfinished eviction.
pub(crate) fn schedule(el: &mut EventLoop<Server>, server: &mut Server) {
    if server.config.settings().limits_memory() {
        server.observe.meter.charge(Phase::Other, el.clock().now());
        clients(server);
        server.observe.meter.charge(Phase::Evict, el.clock().now());
    }
    if server.memory.evictor.unfinished && !server.memory.evictor.timer_set {
        el.add_timer(Nanos::ZERO, go_on);
        server.memory.evictor.timer_set = true;
    }
}

/// The timer: evicts for at most the time limit in each turn of the loop until memory is below the limit.
fn go_on(el: &mut EventLoop<Server>, server: &mut Server, _: TimerId) -> Next {
    server.memory.evictor.unfinished = false;
    let outcome = perform(server);
    server.observe.meter.charge(Phase::Evict, el.clock().now());
    if outcome == Outcome::Running {
        return Next::After(Nanos::ZERO);
    }
    server.memory.evictor.timer_set = false;
    Next::Never
}

/// Closes the largest clients until all together take no more than `maxmemory-clients`.
pub(crate) fn clients(server: &mut Server) {
    let settings = server.config.settings();
    let limit = match settings.memory.maxmemory_clients_percent {
        0 => settings.memory.maxmemory_clients,
        percent => settings.memory.maxmemory / 100 * percent,
    };
    if limit == 0 || server.client_memory() <= limit.max(CLIENTS_MIN_BYTES) {
        return;
    }
    let limit = limit.max(CLIENTS_MIN_BYTES);
    let mut largest: Vec<(usize, ClientKey)> = (server.clients.iter())
        .filter(|(_, client)| !client.no_evict && client.life != Life::Closing)
        .map(|(key, client)| (client.extra_bytes, key))
        .collect();
    largest.sort_unstable();
    while server.client_memory() > limit {
        let Some((bytes, key)) = largest.pop() else { return };
        let id = server.clients.get(key).map_or(0, |client| client.id);
        server.log.notice(format!("Evicting client: id={id} extra-mem={bytes}"));
        server.free_later(key);
        server.observe.stats.evicted_clients += 1;
        if let Some(client) = server.clients.get_mut(key) {
            server.memory.client_extra_bytes -= client.extra_bytes;
            client.extra_bytes = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_limit_follows_tenacity_as_in_redis() {
        let us = |tenacity| time_limit(tenacity).as_us();
        assert_eq!([us(0), us(1), us(10), us(11)], [0, 50, 500, 575]);
        assert!((126_000_000..127_000_000).contains(&us(99)), "{}", us(99));
        assert_eq!(time_limit(100), Nanos(u64::MAX));
    }
}
