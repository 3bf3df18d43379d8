//! The values that the server reads while it runs, typed. Built from the checked texts only.

use super::value::parse_bytes;
use super::{IoModel, Policy, io_model};
use crate::ae::Backend;
use crate::db::{AccessMode, EncodingLimits, Free, HashSeed};
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
    Disabled,
    Local,
    Enabled,
}

/// See the module's text; the fields are named after their directives.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) net: NetSettings,
    pub(crate) clients: ClientSettings,
    pub(crate) io: IoSettings,
    pub(crate) cron: CronSettings,
    pub(crate) observe: ObserveSettings,
    pub(crate) memory: MemorySettings,
    pub(crate) data: DataSettings,
    pub(crate) script: ScriptSettings,
}

/// Frequencies outside of this are clamped, as in Redis.
const HZ_RANGE: (u32, u32) = (1, 500);

impl Settings {
    /// Reads every value by its directive's name.
    pub(super) fn resolve(texts: &Texts<'_>) -> Settings {
        Settings {
            net: NetSettings::resolve(texts),
            clients: ClientSettings::resolve(texts),
            io: IoSettings::resolve(texts),
            cron: CronSettings::resolve(texts),
            observe: ObserveSettings::resolve(texts),
            memory: MemorySettings::resolve(texts),
            data: DataSettings::resolve(texts),
            script: ScriptSettings::resolve(texts),
        }
    }

    /// Whether memory is checked before each command.
    pub(crate) fn limits_memory(&self) -> bool {
        (self.memory.maxmemory
            | self.memory.maxmemory_clients
            | self.memory.maxmemory_clients_percent)
            != 0
    }

    /// How the I/O settings change the request timeline; empty for plain ae.
    pub(crate) fn timeline_note(&self) -> &'static str {
        match self.io.io_threads {
            1 => self.io.io_model.timeline_note(),
            _ => io_model::IO_THREADS_NOTE,
        }
    }

    /// The limit for a class of clients.
    pub(crate) fn output_limit(&self, class: ClientClass) -> OutputLimit {
        match class {
            ClientClass::Normal => self.clients.normal_output,
            ClientClass::Pubsub => self.clients.pubsub_output,
        }
    }
}

/// The sockets that the server listens on.
#[derive(Clone, Debug)]
pub(crate) struct NetSettings {
    pub(crate) port: u16,
    pub(crate) bind: Vec<String>,
    pub(crate) unixsocket: Option<String>,
    pub(crate) unixsocketperm: Option<u32>,
    pub(crate) tcp_backlog: i32,
    pub(crate) protected: bool,
    pub(crate) tcp_keepalive_s: u64,
}

impl NetSettings {
    fn resolve(texts: &Texts<'_>) -> NetSettings {
        NetSettings {
            port: texts.int("port") as u16,
            bind: texts.get("bind").split_whitespace().map(str::to_owned).collect(),
            unixsocket: texts.word("unixsocket"),
            unixsocketperm: u32::from_str_radix(texts.get("unixsocketperm"), 8)
                .ok()
                .filter(|&m| m != 0),
            tcp_backlog: texts.int("tcp-backlog") as i32,
            protected: texts.yes("protected-mode"),
            tcp_keepalive_s: texts.count("tcp-keepalive") as u64,
        }
    }
}

/// What clients may do, and how much of it.
#[derive(Clone, Debug)]
pub(crate) struct ClientSettings {
    pub(crate) timeout_s: i64,
    pub(crate) maxclients: usize,
    pub(crate) query_buffer_max_bytes: usize,
    pub(crate) request: RequestLimits,
    pub(crate) normal_output: OutputLimit,
    pub(crate) pubsub_output: OutputLimit,
    pub(crate) requirepass: Option<Vec<u8>>,
    pub(crate) debug: DebugAccess,
}

impl ClientSettings {
    fn resolve(texts: &Texts<'_>) -> ClientSettings {
        ClientSettings {
            timeout_s: texts.int("timeout"),
            maxclients: texts.count("maxclients"),
            query_buffer_max_bytes: texts.count("client-query-buffer-limit"),
            request: RequestLimits {
                bulk_max_bytes: texts.count("proto-max-bulk-len"),
                ..RequestLimits::default()
            },
            normal_output: output_limit(texts.get("client-output-buffer-limit"), "normal"),
            pubsub_output: output_limit(texts.get("client-output-buffer-limit"), "pubsub"),
            requirepass: texts.word("requirepass").map(String::into_bytes),
            debug: match texts.get("enable-debug-command") {
                "yes" => DebugAccess::Enabled,
                "local" => DebugAccess::Local,
                _ => DebugAccess::Disabled,
            },
        }
    }
}

/// How the server waits, reads and writes.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a yes-or-no directive")]
pub(crate) struct IoSettings {
    pub(crate) io_model: IoModel,
    pub(crate) io_threads: usize,
    pub(crate) io_threads_do_reads: bool,
    pub(crate) io_threads_always_active: bool,
    pub(crate) backend: Backend,
    pub(crate) ae_batch: bool,
    /// Whether cron runs.
    pub(crate) time_events: bool,
    pub(crate) reply_immediately: bool,
}

impl IoSettings {
    fn resolve(texts: &Texts<'_>) -> IoSettings {
        IoSettings {
            io_model: IoModel::named(texts.get("io-model")),
            io_threads: texts.count("io-threads"),
            io_threads_do_reads: texts.yes("io-threads-do-reads"),
            io_threads_always_active: texts.yes("io-threads-always-active"),
            backend: {
                let backend = Backend::named(texts.get("ae-backend")).unwrap_or_default();
                if texts.yes("select-oversize") { backend.oversize() } else { backend }
            },
            ae_batch: texts.yes("ae-batch"),
            time_events: texts.yes("ae-time-events"),
            reply_immediately: texts.yes("reply-immediately"),
        }
    }
}

/// What happens without requests.
#[derive(Clone, Debug)]
pub(crate) struct CronSettings {
    pub(crate) hz: u32,
    pub(crate) dynamic_hz: bool,
    pub(crate) activerehashing: bool,
    pub(crate) expire_effort: u32,
}

impl CronSettings {
    fn resolve(texts: &Texts<'_>) -> CronSettings {
        CronSettings {
            hz: (texts.int("hz") as u32).clamp(HZ_RANGE.0, HZ_RANGE.1),
            dynamic_hz: texts.yes("dynamic-hz"),
            activerehashing: texts.yes("activerehashing"),
            expire_effort: texts.int("active-expire-effort") as u32,
        }
    }
}

/// What the server records about itself, and what it injects.
#[derive(Clone, Debug)]
pub(crate) struct ObserveSettings {
    pub(crate) loglevel: u8,
    pub(crate) slowlog_us: i64,
    pub(crate) slowlog_max_len: usize,
    pub(crate) latency_tracking: bool,
    /// `latency-tracking-info-percentiles`, as written and as a number.
    pub(crate) latency_percentiles: Vec<(String, f64)>,
    pub(crate) latency_threshold_ms: u64,
    pub(crate) injection: Plan,
}

impl ObserveSettings {
    fn resolve(texts: &Texts<'_>) -> ObserveSettings {
        ObserveSettings {
            loglevel: match texts.get("loglevel") {
                "debug" => 0,
                "verbose" => 1,
                "warning" => 3,
                _ => 2,
            },
            slowlog_us: texts.int("slowlog-log-slower-than"),
            slowlog_max_len: texts.count("slowlog-max-len"),
            latency_tracking: texts.yes("latency-tracking"),
            latency_percentiles: texts
                .get("latency-tracking-info-percentiles")
                .split_whitespace()
                .filter_map(|word| Some((word.to_owned(), word.parse().ok()?)))
                .collect(),
            latency_threshold_ms: texts.count("latency-monitor-threshold") as u64,
            injection: Plan::of(texts.get("inject")),
        }
    }
}

/// Memory limits, and what is evicted at them.
#[derive(Clone, Debug)]
pub(crate) struct MemorySettings {
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
    pub(crate) evicted_free: Free,
}

impl MemorySettings {
    fn resolve(texts: &Texts<'_>) -> MemorySettings {
        MemorySettings {
            maxmemory: texts.count("maxmemory"),
            policy: Policy::named(texts.get("maxmemory-policy")),
            maxmemory_samples: texts.count("maxmemory-samples"),
            eviction_tenacity: texts.int("maxmemory-eviction-tenacity") as u32,
            maxmemory_clients: texts.count("maxmemory-clients"),
            maxmemory_clients_percent: texts
                .get("maxmemory-clients")
                .strip_suffix('%')
                .and_then(|percent| percent.parse().ok())
                .unwrap_or(0),
            access: if texts.get("maxmemory-policy").ends_with("-lfu") {
                AccessMode::Lfu {
                    log_factor: texts.count("lfu-log-factor") as u32,
                    decay_minutes: texts.count("lfu-decay-time") as u32,
                }
            } else {
                AccessMode::Lru
            },
            evicted_free: texts.free("lazyfree-lazy-eviction"),
        }
    }
}

/// The databases.
#[derive(Clone, Debug)]
pub(crate) struct DataSettings {
    pub(crate) databases: usize,
    pub(crate) encoding: EncodingLimits,
    pub(crate) expired_free: Free,
    pub(crate) replaced_free: Free,
    pub(crate) user_flush_free: Free,
    pub(crate) lazy_user_del: bool,
}

impl DataSettings {
    fn resolve(texts: &Texts<'_>) -> DataSettings {
        DataSettings {
            databases: texts.count("databases"),
            encoding: EncodingLimits {
                hash_max_listpack_entries: texts.count("hash-max-listpack-entries"),
                hash_max_listpack_value: texts.count("hash-max-listpack-value"),
                set_max_intset_entries: texts.count("set-max-intset-entries"),
                zset_max_listpack_entries: texts.count("zset-max-listpack-entries"),
                zset_max_listpack_value: texts.count("zset-max-listpack-value"),
                seed: u64::try_from(texts.int("hash-seed"))
                    .map_or(HashSeed::Random, HashSeed::Fixed),
            },
            expired_free: texts.free("lazyfree-lazy-expire"),
            replaced_free: texts.free("lazyfree-lazy-server-del"),
            user_flush_free: texts.free("lazyfree-lazy-user-flush"),
            lazy_user_del: texts.yes("lazyfree-lazy-user-del"),
        }
    }
}

/// Limits of scripts.
#[derive(Clone, Debug)]
pub(crate) struct ScriptSettings {
    /// After this time of a script, other clients get a BUSY reply; 0: never.
    pub(crate) busy_threshold_ms: u64,
    /// Memory limit of the Lua state; 0: no limit.
    pub(crate) script_memory_max_bytes: usize,
}

impl ScriptSettings {
    fn resolve(texts: &Texts<'_>) -> ScriptSettings {
        ScriptSettings {
            busy_threshold_ms: texts.count("busy-reply-threshold") as u64,
            script_memory_max_bytes: texts.count("lua-memory-limit"),
        }
    }
}

/// The texts of all directives, read as the types they were checked for.
pub(super) struct Texts<'a>(pub(super) &'a [String]);

impl<'a> Texts<'a> {
    fn get(&self, name: &str) -> &'a str {
        super::lookup(self.0, name)
    }

    fn int(&self, name: &str) -> i64 {
        self.get(name).parse().unwrap_or_default()
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.int(name)).unwrap_or_default()
    }

    fn yes(&self, name: &str) -> bool {
        self.get(name) == "yes"
    }

    fn free(&self, name: &str) -> Free {
        if self.yes(name) { Free::Lazily } else { Free::Now }
    }

    fn word(&self, name: &str) -> Option<String> {
        Some(self.get(name).to_owned()).filter(|text| !text.is_empty())
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
