//! The state of one server: databases, clients, configuration and statistics.
//!
//! Passed down as `&mut Server` everywhere; nothing is global, so that several servers can live
//! in one process (the tests do that). Invariant: a client's output buffer is either in the client
//! or lent to the one [`Reply`] that is being appended to.

use crate::ae::Diary;
use crate::blocking::Blocking;
use crate::clock::{Clock, Nanos};
use crate::command::{CommandTable, Reply, TABLES};
use crate::config::{ClientClass, Config};
use crate::cron::CronState;
use crate::db::active_expire::ActiveExpire;
use crate::db::{AccessMode, Db, EncodingLimits, Free, LazyFree};
use crate::evict::Evictor;
use crate::inject::Injector;
use crate::io_model::threads::Waker;
use crate::latency::LatencyMonitor;
use crate::log::Log;
use crate::metrics::Meter;
use crate::net::ClientKey;
use crate::net::ahead::Ahead;
use crate::net::client::{Client, Life, Sending};
use crate::net::io_threads::IoThreads;
use crate::net::listener::Listener;
use crate::net::read::{Batch, Scratch};
use crate::pause::Pause;
use crate::pubsub::PubSub;
use crate::script::Scripting;
use crate::slowlog::SlowLog;
use crate::stats::{CommandStat, Rates, Stats};
use crate::timeline::Timeline;
use crate::watch::Watchers;
use aelab_resp::{RequestLimits, Trust};
use slotmap::SlotMap;
use std::collections::VecDeque;
use std::os::unix::net::UnixStream;

/// Output buffers kept for reuse; more clients than this rarely get replies in one tick.
const SPARE_BUFFERS_MAX: usize = 128;
/// A larger output buffer is freed rather than kept.
const SPARE_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Sent bytes at the front of a long-lived output buffer are removed from this size on.
const COMPACT_BYTES: usize = 1024 * 1024;
/// What Redis keeps in a client's static buffer and does not count towards its output limits.
pub(crate) const STATIC_BUFFER_BYTES: usize = 16 * 1024;

/// Whether the server is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shutdown {
    No,
    /// A command or a signal asked for it; the current tick's replies still leave.
    Requested,
}

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
    pub(crate) newcomers: VecDeque<ClientKey>,
    /// Clients that were accepted aside of the loop, which does not watch them yet.
    pub(crate) newcomers_aside: Vec<ClientKey>,
    pub(crate) free_queue: Vec<ClientKey>,
    pub(crate) scratch: Scratch,
    pub(crate) ahead: Ahead,
    /// With `ae-batch`, what has been read and is to be executed before the loop sleeps.
    pub(crate) batch: Batch,
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
    /// A server with empty databases and no listeners.
    pub(crate) fn new(config: Config, log: Log, clock: Clock) -> Server {
        let commands = CommandTable::new(TABLES);
        let command_stats = commands.rows().iter().map(|_| CommandStat::default()).collect();
        let lazy = LazyFree::default();
        let dbs: Vec<Db> =
            (0..config.settings().databases).map(|_| Db::new(lazy.clone())).collect();
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
            newcomers: VecDeque::new(),
            newcomers_aside: Vec::new(),
            free_queue: Vec::new(),
            scratch: Scratch::default(),
            ahead: Ahead::default(),
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

    /// `key` of database `db` changed: transactions that watch it fail.
    pub(crate) fn touch_key(&mut self, db: usize, key: &[u8]) {
        self.dirty += 1;
        self.blocking.changed(db, key);
        if !self.watchers.is_empty() {
            for client in self.watchers.of(db, key) {
                if let Some(client) = self.clients.get_mut(*client) {
                    client.extras_mut().watch_failed = true;
                }
            }
        }
    }

    /// Takes over whatever depends on the configuration but is not read from it each time.
    pub(crate) fn settings_changed(&mut self) {
        let settings = self.config.settings();
        self.log.set_level(settings.loglevel);
        self.slowlog.set_max_len(settings.slowlog_max_len);
        let number = |name: &str| self.config.text(name).parse::<usize>().unwrap_or_default();
        let limits = EncodingLimits {
            hash_max_listpack_entries: number("hash-max-listpack-entries"),
            hash_max_listpack_value: number("hash-max-listpack-value"),
            set_max_intset_entries: number("set-max-intset-entries"),
            zset_max_listpack_entries: number("zset-max-listpack-entries"),
            zset_max_listpack_value: number("zset-max-listpack-value"),
        };
        let access = if self.config.text("maxmemory-policy").ends_with("-lfu") {
            AccessMode::Lfu {
                log_factor: number("lfu-log-factor") as u32,
                decay_minutes: number("lfu-decay-time") as u32,
            }
        } else {
            AccessMode::Lru
        };
        // A lower limit takes effect although no command comes.
        self.evictor.unfinished = settings.maxmemory != 0;
        let free = |name: &str| match self.config.text(name) {
            "yes" => Free::Lazily,
            _ => Free::Now,
        };
        let expired_free = free("lazyfree-lazy-expire");
        let replaced_free = free("lazyfree-lazy-server-del");
        for db in &mut self.dbs {
            db.set_encoding_limits(limits);
            db.set_access_mode(access);
            db.set_expired_free(expired_free);
            db.set_replaced_free(replaced_free);
        }
        self.update_injector();
    }

    /// Starts or ends injecting, if that was changed, and says so: nobody is to measure it unawares.
    fn update_injector(&mut self) {
        let text = self.config.text("inject");
        if self.injector.as_ref().map_or("", |injector| injector.text()) == text {
            return;
        }
        self.injector = Injector::start(text, self.commands.rows(), self.clock.now());
        self.log.warning(match text {
            "" => "Latency is no longer injected.".into(),
            text => format!(
                "WARNING: latency is injected on purpose ({text}). This server is slower than it \
                 could be; CONFIG SET inject \"\" ends it."
            ),
        });
    }

    /// Which request limits apply to a client.
    pub(crate) fn request_limits(&self, key: ClientKey) -> RequestLimits {
        let settings = self.config.settings();
        let mut limits = settings.request;
        if settings.requirepass.is_some()
            && !self.clients.get(key).is_some_and(|client| client.authenticated)
        {
            limits.trust = Trust::Unauthenticated;
        }
        limits
    }

    /// The client's output buffer as a [`Reply`]; give it back with [`Server::return_reply`].
    pub(crate) fn lend_reply(&mut self, key: ClientKey) -> Option<Reply> {
        let client = self.clients.get_mut(key)?;
        let mut buf = std::mem::take(&mut client.output.buf);
        if buf.capacity() == 0 {
            buf = self.spare.pop().unwrap_or_default();
        }
        Some(Reply::new(buf, client.protocol))
    }

    /// Takes the output buffer back and puts the client on the list to be flushed if need be.
    pub(crate) fn return_reply(&mut self, key: ClientKey, reply: Reply) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let buf = reply.into_bytes();
        if buf.is_empty() {
            return self.recycle(buf);
        }
        let output = &mut client.output;
        output.buf = buf;
        if output.state == Sending::Idle && output.pending() > 0 {
            output.state = Sending::Queued;
            self.pending_writes.push(key);
        }
        if output.sent >= COMPACT_BYTES && output.sent * 2 > output.buf.len() {
            output.buf.drain(..output.sent);
            output.sent = 0;
        }
        if output.pending() > STATIC_BUFFER_BYTES {
            self.account_client(key);
            self.enforce_output_limit(key);
        }
    }

    /// Keeps a buffer for the next reply.
    pub(crate) fn recycle(&mut self, mut buf: Vec<u8>) {
        let useful = 0 < buf.capacity() && buf.capacity() <= SPARE_BUFFER_BYTES_MAX;
        if useful && self.spare.len() < SPARE_BUFFERS_MAX {
            buf.clear();
            self.spare.push(buf);
        }
    }

    /// Appends to the output of a client that is not the one executing.
    pub(crate) fn deliver(&mut self, key: ClientKey, write: impl FnOnce(&mut Reply)) {
        if let Some(mut reply) = self.lend_reply(key) {
            write(&mut reply);
            self.return_reply(key, reply);
        }
    }

    /// Closes a client whose unsent replies exceed its class's limit. True if it does.
    pub(crate) fn enforce_output_limit(&mut self, key: ClientKey) -> bool {
        let now_s = self.now_s();
        let Some(client) = self.clients.get_mut(key) else { return false };
        let class = match client.subscription_count() {
            0 => ClientClass::Normal,
            _ => ClientClass::Pubsub,
        };
        let limit = self.config.settings().output_limit(class);
        let used = client.output.waiting().saturating_sub(STATIC_BUFFER_BYTES);
        let hard = limit.hard_bytes != 0 && used >= limit.hard_bytes;
        let soft = limit.soft_bytes != 0 && used >= limit.soft_bytes;
        let since = match (soft, client.output.soft_since_s) {
            (true, None) => Some(now_s),
            (true, since) => since,
            (false, _) => None,
        };
        client.output.soft_since_s = since;
        let soft_for_too_long = since.is_some_and(|since| now_s - since > limit.soft_s as i64);
        if client.life == Life::Closing || !(hard || soft_for_too_long) {
            return false;
        }
        let text = format!(
            "Client id={} scheduled to be closed ASAP for overcoming of output buffer limits.",
            client.id
        );
        self.log.warning(text);
        self.stats.output_buffer_limit_disconnections += 1;
        self.free_later(key);
        true
    }

    /// Puts a client on the free queue: it is neither read nor written any more.
    pub(crate) fn free_later(&mut self, key: ClientKey) {
        if let Some(client) = self.clients.get_mut(key)
            && client.life != Life::Closing
        {
            client.life = Life::Closing;
            self.free_queue.push(key);
        }
    }

    /// Counts the error that was just written to `out`, if any, under its code.
    pub(crate) fn count_error(&mut self, out: &mut Reply) {
        if let Some(text) = out.take_error() {
            let code = text.split(|&b| b == b' ').next().unwrap_or_default();
            let code = String::from_utf8_lossy(code).into_owned();
            self.stats.error_replies += 1;
            *self.stats.errors.entry(code).or_default() += 1;
        }
    }

    /// The TCP port in use; differs from the configured one if that was 0 or is only a Unix socket.
    pub(crate) fn tcp_port(&self) -> u16 {
        self.listeners.iter().find_map(Listener::addr).map_or(0, |addr| addr.port())
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
