//! The state of one server: databases, clients, configuration and statistics.
//!
//! Passed down as `&mut Server`. Nothing is global, so several servers can run in one process, as the
//! tests do. Knows no code above it: see the order of the modules in `lib.rs`.
//! Invariant: a client's output buffer is either in the client
//! or lent to the one [`Reply`] that is being appended to.

mod call;
mod clients;
mod evictor;
mod memory;
mod output;
mod pause;
mod secrets;
mod settings;
mod sockets;
mod spec;
mod table;
mod transaction;

pub(crate) use call::{By, Call};
pub(crate) use evictor::{Evictor, Outcome};
pub(crate) use pause::{Extent, Pause};
pub(crate) use secrets::Shown;
pub(crate) use sockets::{CronState, Listener, Net, ServeOthers, Waker};
pub(crate) use spec::{CommandSpec, Group, Keys, NO_KEYS, command, container, flags, keys};
pub(crate) use table::{CommandTable, Found};

use crate::ae::TurnLog;
use crate::client::{Blocking, Client, ClientKey};
use crate::clock::{Clock, Nanos};
use crate::config::Config;
use crate::db::active_expire::ActiveExpire;
use crate::db::{Db, LazyFree};
use crate::inject::Injector;
use crate::latency::LatencyMonitor;
use crate::log::Log;
use crate::lua::Scripting;
use crate::metrics::Meter;
use crate::pubsub::PubSub;
use crate::slowlog::SlowLog;
use crate::stats::{CommandStat, Rates, Stats};
use crate::timeline::Timeline;
use crate::watch::Watchers;
use slotmap::SlotMap;

/// What Redis keeps in a client's static buffer and does not count towards its output limits.
pub(crate) const STATIC_BUFFER_BYTES: usize = 16 * 1024;

/// Whether the server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    No,
    /// Requested by a command or a signal. The replies of the current tick are still sent.
    Requested,
}

/// Everything that a command or a handler of the loop can reach.
pub struct Server {
    pub(crate) dbs: Vec<Db>,
    pub(crate) config: Config,
    pub(crate) commands: CommandTable,
    pub(crate) clients: SlotMap<ClientKey, Client>,
    pub(crate) net: Net,
    pub(crate) memory: Memory,
    pub(crate) changes: Changes,
    pub(crate) expiry: Expiry,
    pub(crate) pubsub: PubSub,
    /// Clients that get a line for every command.
    pub(crate) monitors: Vec<ClientKey>,
    pub(crate) blocking: Blocking,
    pub(crate) pause: Option<Pause>,
    /// EXEC is running: no command may wait.
    pub(crate) in_transaction: bool,
    pub(crate) scripting: Scripting,
    pub(crate) observe: Observe,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    time: UnixTime,
    pub(crate) identity: Identity,
    pub(crate) shutdown: Shutdown,
}

/// What is known of changes of the data set; `crate::propagate` keeps it.
pub(crate) struct Changes {
    /// How many there were since the start.
    pub(crate) dirty: u64,
    pub(crate) watchers: Watchers,
}

/// What eviction and lazy freeing keep.
pub(crate) struct Memory {
    pub(crate) evictor: Evictor,
    /// Frees large values in a thread of its own.
    pub(crate) lazy: LazyFree,
    /// Bytes of all clients beyond the structure itself.
    pub(crate) client_extra_bytes: usize,
}

/// Active expiry.
pub(crate) struct Expiry {
    pub(crate) cycle: ActiveExpire,
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub(crate) is_on: bool,
}

/// What the server records about itself, and what it injects.
pub(crate) struct Observe {
    pub(crate) stats: Stats,
    /// By position in the command table.
    pub(crate) command_stats: Vec<CommandStat>,
    pub(crate) rates: Rates,
    pub(crate) meter: Meter,
    pub(crate) timeline: Timeline,
    pub(crate) slowlog: SlowLog,
    pub(crate) latency: LatencyMonitor,
    pub(crate) cron: CronState,
    /// The newest turns of the loop (`AE LOOP`).
    pub(crate) turn_log: TurnLog,
    pub(crate) injector: Option<Box<Injector>>,
}

/// Unix time, as one tick or one command sees it.
#[derive(Default)]
struct UnixTime {
    /// Unix time minus the clock's, in nanoseconds.
    offset_ns: i64,
    now_ms: i64,
}

/// Which server this is.
pub(crate) struct Identity {
    pub(crate) started: Nanos,
    pub(crate) run_id: String,
    pub(crate) replication_id: String,
    /// The backend of the loop.
    pub(crate) api_name: &'static str,
}

impl Server {
    /// A server with empty databases and no listeners, for the commands of `tables`. `serve_others`
    /// gives the other clients a turn while a script runs too long.
    pub(crate) fn new(
        config: Config,
        log: Log,
        clock: Clock,
        tables: &[&'static [CommandSpec]],
        serve_others: ServeOthers,
    ) -> Server {
        let commands = CommandTable::new(tables);
        let command_stats = commands.rows().iter().map(|_| CommandStat::default()).collect();
        let lazy = LazyFree::default();
        let dbs: Vec<Db> =
            (0..config.settings().data.databases).map(|_| Db::new(lazy.clone())).collect();
        let started = clock.now();
        let mut server = Server {
            changes: Changes { dirty: 0, watchers: Watchers::new(dbs.len()) },
            blocking: Blocking::new(dbs.len()),
            dbs,
            config,
            commands,
            clients: SlotMap::with_key(),
            net: Net::new(serve_others),
            memory: Memory { evictor: Evictor::default(), lazy, client_extra_bytes: 0 },
            expiry: Expiry { cycle: ActiveExpire::default(), is_on: true },
            pubsub: PubSub::default(),
            monitors: Vec::new(),
            pause: None,
            in_transaction: false,
            scripting: Scripting::default(),
            observe: Observe {
                stats: Stats::default(),
                command_stats,
                rates: Rates::default(),
                meter: Meter::default(),
                timeline: Timeline::default(),
                slowlog: SlowLog::default(),
                latency: LatencyMonitor::default(),
                cron: CronState::default(),
                turn_log: TurnLog::default(),
                injector: None,
            },
            log,
            clock,
            time: UnixTime::default(),
            identity: Identity {
                started,
                run_id: random_id(),
                replication_id: random_id(),
                api_name: "",
            },
            shutdown: Shutdown::No,
        };
        server.synchronise_time(started);
        server.settings_changed();
        server
    }

    /// Reads Unix time again. Called once per tick, so that a step of the system clock is followed.
    pub(crate) fn synchronise_time(&mut self, now: Nanos) {
        self.time.offset_ns = self.clock.unix_us() * 1000 - now.0 as i64;
        self.set_time(now);
    }

    /// Advances the cached time without reading the system clock.
    #[inline]
    pub(crate) fn set_time(&mut self, now: Nanos) {
        self.time.now_ms = (self.time.offset_ns + now.0 as i64) / 1_000_000;
    }

    /// Unix time in milliseconds, cached at the start of the tick or of the command.
    pub(crate) fn now_ms(&self) -> i64 {
        self.time.now_ms
    }

    /// Cached Unix time in seconds.
    pub(crate) fn now_s(&self) -> i64 {
        self.time.now_ms / 1000
    }

    /// The TCP port in use; differs from the configured one if that was 0 or is only a Unix socket.
    pub(crate) fn tcp_port(&self) -> u16 {
        self.net.listeners.iter().find_map(Listener::addr).map_or(0, |addr| addr.port())
    }

    /// Records an event that took at least as long as the threshold.
    #[inline]
    pub(crate) fn note_latency(&mut self, event: &'static str, took: Nanos) {
        let threshold_ms = self.config.settings().observe.latency_threshold_ms;
        if threshold_ms != 0 && took.as_ms() >= threshold_ms {
            let now_s = self.now_s();
            self.observe.latency.add(event, now_s, took.as_ms());
        }
    }

    /// Resets the statistics.
    pub(crate) fn reset_stats(&mut self) {
        let peak_memory_bytes = self.observe.stats.peak_memory_bytes;
        self.observe.stats = Stats { peak_memory_bytes, ..Stats::default() };
        self.observe.command_stats.iter_mut().for_each(|stat| *stat = CommandStat::default());
        self.observe.meter.reset();
        self.observe.timeline.reset(&self.observe.meter);
        (self.observe.cron.busy, self.observe.cron.longest) = (Nanos::ZERO, Nanos::ZERO);
        self.memory.lazy.reset_stats();
        self.dbs.iter_mut().for_each(Db::reset_stats);
    }
}

/// Forty random hexadecimal digits, as Redis names its runs.
pub(crate) fn random_id() -> String {
    use std::hash::{BuildHasher, RandomState};
    // The standard library's hash keys come from the system's entropy; good enough for a name.
    let mut digits: String =
        (0_u8..3).map(|part| format!("{:016x}", RandomState::new().hash_one(part))).collect();
    digits.truncate(40);
    digits
}
