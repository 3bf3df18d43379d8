//! The values that the server reads while it runs, typed. Built from the checked texts only.

use super::value::parse_bytes;
use super::{IoModel, Policy, io_model};
use crate::ae::Backend;
use crate::db::{AccessMode, EncodingLimits, Free};
use crate::inject::Plan;
use aelab_resp::RequestLimits;

/// Which output-buffer limit applies to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientClass {
    Normal,
    Pubsub,
}

/// One class of `client-output-buffer-limit`; zero means no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OutputLimit {
    pub(crate) hard_bytes: usize,
    pub(crate) soft_bytes: usize,
    pub(crate) soft_s: u64,
}

/// Who may use `DEBUG`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DebugAccess {
    Nobody,
    Local,
    Everybody,
}

/// See the module's text; the fields are named after their directives.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes-or-no directive")]
pub(crate) struct Settings {
    pub(crate) port: u16,
    pub(crate) bind: Vec<String>,
    pub(crate) unixsocket: Option<String>,
    pub(crate) unixsocketperm: Option<u32>,
    pub(crate) tcp_backlog: i32,
    pub(crate) protected: bool,
    pub(crate) timeout_s: i64,
    pub(crate) tcp_keepalive_s: u64,
    pub(crate) maxclients: usize,
    pub(crate) query_buffer_max_bytes: usize,
    pub(crate) request: RequestLimits,
    pub(crate) normal_output: OutputLimit,
    pub(crate) pubsub_output: OutputLimit,
    pub(crate) io_model: IoModel,
    pub(crate) io_threads: usize,
    pub(crate) io_threads_do_reads: bool,
    pub(crate) io_threads_always_active: bool,
    pub(crate) backend: Backend,
    pub(crate) ae_batch: bool,
    /// Whether the cron is there at all.
    pub(crate) time_events: bool,
    pub(crate) reply_immediately: bool,
    pub(crate) hz: u32,
    pub(crate) dynamic_hz: bool,
    pub(crate) activerehashing: bool,
    pub(crate) expire_effort: u32,
    pub(crate) requirepass: Option<Vec<u8>>,
    pub(crate) debug: DebugAccess,
    pub(crate) databases: usize,
    pub(crate) loglevel: u8,
    pub(crate) slowlog_us: i64,
    pub(crate) slowlog_max_len: usize,
    pub(crate) latency_tracking: bool,
    pub(crate) maxmemory: usize,
    pub(crate) policy: Policy,
    pub(crate) maxmemory_samples: usize,
    pub(crate) eviction_tenacity: u32,
    /// Bytes; zero for no limit, or if the limit is a percentage.
    pub(crate) maxmemory_clients: usize,
    /// Percentage of `maxmemory`; zero if the limit is in bytes.
    pub(crate) maxmemory_clients_percent: usize,
    /// Which meaning the keys' access clocks have; follows from the policy.
    pub(crate) access: AccessMode,
    pub(crate) encoding: EncodingLimits,
    pub(crate) expired_free: Free,
    pub(crate) replaced_free: Free,
    pub(crate) evicted_free: Free,
    pub(crate) user_flush_free: Free,
    pub(crate) lazy_user_del: bool,
    pub(crate) injection: Plan,
    /// `latency-tracking-info-percentiles`, as written and as a number.
    pub(crate) latency_percentiles: Vec<(String, f64)>,
    pub(crate) latency_threshold_ms: u64,
    /// After so long a script lets others be told that it runs; 0: never.
    pub(crate) busy_threshold_ms: u64,
    /// What the Lua state may hold; 0: no limit.
    pub(crate) script_memory_max_bytes: usize,
}

/// Frequencies outside of this are clamped, as in Redis.
const HZ_RANGE: (u32, u32) = (1, 500);

impl Settings {
    /// Reads every value by its directive's name.
    pub(super) fn resolve<'a>(get: &impl Fn(&str) -> &'a str) -> Settings {
        let int = |name: &str| get(name).parse::<i64>().unwrap_or_default();
        let count = |name: &str| usize::try_from(int(name)).unwrap_or_default();
        let yes = |name: &str| get(name) == "yes";
        let free = |name: &str| if yes(name) { Free::Lazily } else { Free::Now };
        let word = |name: &str| Some(get(name).to_owned()).filter(|text| !text.is_empty());
        Settings {
            port: int("port") as u16,
            bind: get("bind").split_whitespace().map(str::to_owned).collect(),
            unixsocket: word("unixsocket"),
            unixsocketperm: u32::from_str_radix(get("unixsocketperm"), 8).ok().filter(|&m| m != 0),
            tcp_backlog: int("tcp-backlog") as i32,
            protected: yes("protected-mode"),
            timeout_s: int("timeout"),
            tcp_keepalive_s: count("tcp-keepalive") as u64,
            maxclients: count("maxclients"),
            query_buffer_max_bytes: count("client-query-buffer-limit"),
            request: RequestLimits {
                bulk_max_bytes: count("proto-max-bulk-len"),
                ..RequestLimits::default()
            },
            normal_output: output_limit(get("client-output-buffer-limit"), "normal"),
            pubsub_output: output_limit(get("client-output-buffer-limit"), "pubsub"),
            io_threads: count("io-threads"),
            io_threads_do_reads: yes("io-threads-do-reads"),
            io_threads_always_active: yes("io-threads-always-active"),
            io_model: IoModel::named(get("io-model")),
            backend: {
                let backend = Backend::named(get("ae-backend")).unwrap_or_default();
                if yes("select-oversize") { backend.oversize() } else { backend }
            },
            ae_batch: yes("ae-batch"),
            time_events: yes("ae-time-events"),
            reply_immediately: yes("reply-immediately"),
            hz: (int("hz") as u32).clamp(HZ_RANGE.0, HZ_RANGE.1),
            dynamic_hz: yes("dynamic-hz"),
            activerehashing: yes("activerehashing"),
            expire_effort: int("active-expire-effort") as u32,
            requirepass: word("requirepass").map(String::into_bytes),
            debug: match get("enable-debug-command") {
                "yes" => DebugAccess::Everybody,
                "local" => DebugAccess::Local,
                _ => DebugAccess::Nobody,
            },
            databases: count("databases"),
            loglevel: match get("loglevel") {
                "debug" => 0,
                "verbose" => 1,
                "warning" => 3,
                _ => 2,
            },
            slowlog_us: int("slowlog-log-slower-than"),
            slowlog_max_len: count("slowlog-max-len"),
            latency_tracking: yes("latency-tracking"),
            maxmemory: count("maxmemory"),
            policy: Policy::named(get("maxmemory-policy")),
            maxmemory_samples: count("maxmemory-samples"),
            eviction_tenacity: int("maxmemory-eviction-tenacity") as u32,
            maxmemory_clients: count("maxmemory-clients"),
            maxmemory_clients_percent: get("maxmemory-clients")
                .strip_suffix('%')
                .and_then(|percent| percent.parse().ok())
                .unwrap_or(0),
            access: if get("maxmemory-policy").ends_with("-lfu") {
                AccessMode::Lfu {
                    log_factor: count("lfu-log-factor") as u32,
                    decay_minutes: count("lfu-decay-time") as u32,
                }
            } else {
                AccessMode::Lru
            },
            encoding: EncodingLimits {
                hash_max_listpack_entries: count("hash-max-listpack-entries"),
                hash_max_listpack_value: count("hash-max-listpack-value"),
                set_max_intset_entries: count("set-max-intset-entries"),
                zset_max_listpack_entries: count("zset-max-listpack-entries"),
                zset_max_listpack_value: count("zset-max-listpack-value"),
            },
            expired_free: free("lazyfree-lazy-expire"),
            replaced_free: free("lazyfree-lazy-server-del"),
            evicted_free: free("lazyfree-lazy-eviction"),
            user_flush_free: free("lazyfree-lazy-user-flush"),
            injection: Plan::of(get("inject")),
            latency_percentiles: get("latency-tracking-info-percentiles")
                .split_whitespace()
                .filter_map(|word| Some((word.to_owned(), word.parse().ok()?)))
                .collect(),
            lazy_user_del: yes("lazyfree-lazy-user-del"),
            latency_threshold_ms: count("latency-monitor-threshold") as u64,
            busy_threshold_ms: count("busy-reply-threshold") as u64,
            script_memory_max_bytes: count("lua-memory-limit"),
        }
    }

    /// Whether memory is to be looked at before each command.
    pub(crate) fn limits_memory(&self) -> bool {
        (self.maxmemory | self.maxmemory_clients | self.maxmemory_clients_percent) != 0
    }

    /// What the request timeline does not show, or shows otherwise, with this I/O; empty for plain ae.
    pub(crate) fn timeline_note(&self) -> &'static str {
        match self.io_threads {
            1 => self.io_model.timeline_note(),
            _ => io_model::IO_THREADS_NOTE,
        }
    }

    /// The limit for a class of clients.
    pub(crate) fn output_limit(&self, class: ClientClass) -> OutputLimit {
        match class {
            ClientClass::Normal => self.normal_output,
            ClientClass::Pubsub => self.pubsub_output,
        }
    }
}

fn output_limit(text: &str, class: &str) -> OutputLimit {
    let fields: Vec<&str> = text.split(' ').collect();
    let Some(at) = fields.iter().position(|&field| field == class) else {
        return OutputLimit::default();
    };
    let number = |offset: usize| fields.get(at + offset).and_then(|f| parse_bytes(f)).unwrap_or(0);
    OutputLimit {
        hard_bytes: number(1) as usize,
        soft_bytes: number(2) as usize,
        soft_s: number(3) as u64,
    }
}
