//! The state of one server: databases, clients, configuration and statistics.
//!
//! Passed down as `&mut Server` everywhere; nothing is global, so that several servers can live
//! in one process (the tests do that). Invariant: a client's output buffer is either in the client
//! or lent to the one [`Reply`] that is being appended to.

mod call;
mod clients;
mod evictor;
mod memory;
mod output;
mod pause;
mod settings;
mod sockets;
mod spec;
mod table;
mod transaction;

pub(crate) use call::{By, Call};
pub(crate) use evictor::{Evictor, Outcome};
pub(crate) use pause::{Extent, Pause};
pub(crate) use sockets::{Batch, CronState, Listener, Scratch, Waker};
pub(crate) use spec::{CommandSpec, Group, Keys, NO_KEYS, command, container, flags, keys};
pub(crate) use table::{CommandTable, Found};

use crate::ae::Diary;
use crate::client::{Blocking, Client, ClientKey};
use crate::clock::{Clock, Nanos};
use crate::config::Config;
use crate::db::active_expire::ActiveExpire;
use crate::db::{Db, LazyFree};
use crate::inject::Injector;
use crate::io_threads::IoThreads;
use crate::latency::LatencyMonitor;
use crate::log::Log;
use crate::lua::Scripting;
use crate::metrics::Meter;
use crate::prefetch::Prefetch;
use crate::pubsub::PubSub;
use crate::slowlog::SlowLog;
use crate::stats::{CommandStat, Rates, Stats};
use crate::timeline::Timeline;
use crate::watch::Watchers;
use slotmap::SlotMap;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;

/// What Redis keeps in a client's static buffer and does not count towards its output limits.
pub(crate) const STATIC_BUFFER_BYTES: usize = 16 * 1024;

/// Whether the server is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    No,
    /// A command or a signal asked for it; the current tick's replies still leave.
    Requested,
}

/// Gives every client but one a turn, although that one's command is still running. The network layer
/// passes it in, as nothing below it may call it.
pub(crate) type ServeOthers = fn(&mut Server, ClientKey, Nanos);

/// Everything a command or a handler of the loop may reach.
pub struct Server {
    pub(crate) dbs: Vec<Db>,
    pub(crate) lazy: LazyFree,
    pub(crate) config: Config,
    pub(crate) commands: CommandTable,
    /// By position in the command table.
    pub(crate) command_stats: Vec<CommandStat>,
    pub(crate) clients: SlotMap<ClientKey, Client>,
    /// All clients, for cron to go round; may hold keys of clients that are gone.
    pub(crate) roster: VecDeque<ClientKey>,
    pub(crate) next_client_id: u64,
    pub(crate) listeners: Vec<Listener>,
    /// Clients with replies that have not been tried yet, oldest first.
    pub(crate) pending_writes: Vec<ClientKey>,
    /// Accepted clients that something else than the loop is to serve, oldest first.
    pub(crate) accepted: VecDeque<ClientKey>,
    /// Clients that were accepted aside of the loop, which does not watch them yet.
    pub(crate) accepted_unwatched: Vec<ClientKey>,
    pub(crate) free_queue: Vec<ClientKey>,
    pub(crate) scratch: Scratch,
    pub(crate) prefetch: Prefetch,
    /// With `ae-batch`, what has been read and is to be executed before the loop sleeps.
    pub(crate) batch: Batch,
    /// Output buffers for the next replies.
    spare: Vec<Vec<u8>>,
    pub(crate) pubsub: PubSub,
    pub(crate) watchers: Watchers,
    pub(crate) slowlog: SlowLog,
    pub(crate) latency: LatencyMonitor,
    /// Clients that want to see every command.
    pub(crate) monitors: Vec<ClientKey>,
    pub(crate) evictor: Evictor,
    /// Bytes of all clients beyond the structure itself.
    pub(crate) client_extra_bytes: usize,
    pub(crate) expire: ActiveExpire,
    /// `DEBUG SET-ACTIVE-EXPIRE`.
    pub(crate) active_expire_on: bool,
    pub(crate) stats: Stats,
    pub(crate) rates: Rates,
    pub(crate) meter: Meter,
    pub(crate) timeline: Timeline,
    pub(crate) injector: Option<Box<Injector>>,
    pub(crate) scripting: Scripting,
    pub(crate) serve_others: ServeOthers,
    pub(crate) blocking: Blocking,
    pub(crate) pause: Option<Pause>,
    /// EXEC is running: nobody may wait.
    pub(crate) in_transaction: bool,
    pub(crate) cron: CronState,
    pub(crate) log: Log,
    pub(crate) clock: Clock,
    pub(crate) started: Nanos,
    pub(crate) run_id: String,
    pub(crate) replication_id: String,
    pub(crate) api_name: &'static str,
    /// The loop's diary (`AE LOOP`).
    pub(crate) diary: Diary,
    pub(crate) shutdown: Shutdown,
    /// The threads that help with reading and writing, if there are any; taken out while they do.
    pub(crate) io_threads: Option<Box<IoThreads>>,
    /// Whether they took part in the last writing.
    pub(crate) io_threads_active: bool,
    /// How the threads of clients call the loop, if there are any.
    pub(crate) waker: Option<Waker>,
    /// Where the signal handlers write.
    pub(crate) signals: Option<UnixStream>,
    /// Changes since the start.
    pub(crate) dirty: u64,
    /// Unix time minus the clock's, in nanoseconds.
    unix_offset_ns: i64,
    now_ms: i64,
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
            watchers: Watchers::new(dbs.len()),
            blocking: Blocking::new(dbs.len()),
            dbs,
            lazy,
            config,
            commands,
            command_stats,
            clients: SlotMap::with_key(),
            roster: VecDeque::new(),
            next_client_id: 0,
            listeners: Vec::new(),
            pending_writes: Vec::new(),
            accepted: VecDeque::new(),
            accepted_unwatched: Vec::new(),
            free_queue: Vec::new(),
            scratch: Scratch::default(),
            prefetch: Prefetch::default(),
            batch: Batch::default(),
            spare: Vec::new(),
            pubsub: PubSub::default(),
            slowlog: SlowLog::default(),
            latency: LatencyMonitor::default(),
            monitors: Vec::new(),
            evictor: Evictor::default(),
            client_extra_bytes: 0,
            expire: ActiveExpire::default(),
            active_expire_on: true,
            stats: Stats::default(),
            rates: Rates::default(),
            meter: Meter::default(),
            timeline: Timeline::default(),
            injector: None,
            scripting: Scripting::default(),
            serve_others,
            pause: None,
            in_transaction: false,
            cron: CronState::default(),
            log,
            started,
            run_id: random_id(),
            replication_id: random_id(),
            api_name: "",
            diary: Diary::default(),
            shutdown: Shutdown::No,
            io_threads: None,
            io_threads_active: false,
            waker: None,
            signals: None,
            dirty: 0,
            unix_offset_ns: 0,
            now_ms: 0,
            clock,
        };
        server.synchronise_time(started);
        server.settings_changed();
        server
    }

    /// Reads Unix time anew: once per tick, so that a step of the system's clock is followed.
    pub(crate) fn synchronise_time(&mut self, now: Nanos) {
        self.unix_offset_ns = self.clock.unix_us() * 1000 - now.0 as i64;
        self.set_time(now);
    }

    /// Moves the cached time on without another look at the system's clock.
    #[inline]
    pub(crate) fn set_time(&mut self, now: Nanos) {
        self.now_ms = (self.unix_offset_ns + now.0 as i64) / 1_000_000;
    }

    /// Unix time in milliseconds, cached at the start of the tick or of the command.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Cached Unix time in seconds.
    pub(crate) fn now_s(&self) -> i64 {
        self.now_ms / 1000
    }

    /// The TCP port in use; differs from the configured one if that was 0 or is only a Unix socket.
    pub(crate) fn tcp_port(&self) -> u16 {
        self.listeners.iter().find_map(Listener::addr).map_or(0, |addr| addr.port())
    }

    /// Notes an event if it took as long as the threshold asks.
    #[inline]
    pub(crate) fn note_latency(&mut self, event: &'static str, took: Nanos) {
        let threshold_ms = self.config.settings().observe.latency_threshold_ms;
        if threshold_ms != 0 && took.as_ms() >= threshold_ms {
            let now_s = self.now_s();
            self.latency.add(event, now_s, took.as_ms());
        }
    }

    /// Forgets what the statistics have counted.
    pub(crate) fn reset_stats(&mut self) {
        let peak_memory_bytes = self.stats.peak_memory_bytes;
        self.stats = Stats { peak_memory_bytes, ..Stats::default() };
        self.command_stats.iter_mut().for_each(|stat| *stat = CommandStat::default());
        self.meter.reset();
        self.timeline.reset(&self.meter);
        (self.cron.busy, self.cron.longest) = (Nanos::ZERO, Nanos::ZERO);
        self.lazy.reset_stats();
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
