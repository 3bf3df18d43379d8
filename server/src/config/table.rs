//! Every directive: name, alias, type, default and what it does here. The one place to add one.
//!
//! Names and defaults are Redis 7.0's, so that its configuration files, `CONFIG GET` in scripts
//! and command lines work unchanged. Directives without an effect here are stored if that is harmless,
//! and refused if accepting them would promise a missing feature (persistence, replication, TLS).

/// What a value may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    /// `yes` or `no`.
    Bool,
    /// A whole number within bounds.
    Int(i64, i64),
    /// A number of bytes within bounds; takes `kb`, `mb`, `gb` (and `k`, `m`, `g` as powers of ten).
    Bytes(i64, i64),
    /// Bytes, or a percentage (kept as a negative number).
    BytesOrPercent,
    /// A file mode in octal.
    Octal,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Any one word.
    Text,
    /// Any number of words.
    Words,
    /// `class hard soft seconds`, in groups of four.
    OutputLimits,
    /// `service=…` and `stall=…`.
    Inject,
}

/// What a directive does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Takes effect at once, also by `CONFIG SET`.
    Live,
    /// Read at start; `CONFIG SET` says that it is immutable.
    Fixed,
    /// Kept and shown, without effect.
    Inert,
    /// Only the default is supported; other values are refused with this reason.
    Only(&'static str),
    /// Without effect. These values are refused with this reason, because they would promise an effect.
    InertBut(&'static [&'static str], &'static str),
}

pub(super) struct Directive {
    pub(super) name: &'static str,
    pub(super) alias: Option<&'static str>,
    pub(super) kind: Kind,
    pub(super) default: &'static str,
    pub(super) effect: Effect,
    /// Its value is shown by `CONFIG GET` only.
    pub(super) secret: bool,
}

const fn row(name: &'static str, kind: Kind, default: &'static str, effect: Effect) -> Directive {
    Directive { name, alias: None, kind, default, effect, secret: false }
}

impl Directive {
    const fn or(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}

use Effect::{Fixed, Inert, InertBut, Live, Only};
use Kind::{Bool, Bytes, BytesOrPercent, Choice, Int, Octal, OutputLimits, Text, Words};

const NO_PERSISTENCE: &str = "ae-server keeps its data in memory only";
const NO_REPLICATION: &str = "ae-server does not replicate";
const NO_CLUSTER: &str = "ae-server has no cluster mode";
const NO_TLS: &str = "ae-server speaks plain TCP and Unix sockets";
const NO_DAEMON: &str =
    "ae-server stays in the foreground; use a supervisor to run it in the background";

const NO_SUPERVISOR: &str =
    "ae-server does not notify a supervisor when it is ready (with systemd: Type=simple)";

/// Directives of Redis that this server does not have, and why.
pub(super) const ABSENT: &[(&str, &str)] = &[
    ("loadmodule", "ae-server cannot load modules; remove it"),
    ("user", "ae-server has only the default user; its password is requirepass"),
    ("rename-command", "ae-server cannot rename commands; remove it"),
];

/// Each database takes some 450 bytes from the start; more than this must be a typing error.
const DATABASES_MAX: i64 = 1_000_000;
const I31: i64 = i32::MAX as i64;
const U32: i64 = u32::MAX as i64;
const MAX: i64 = i64::MAX;

/// Eviction policies, in Redis's words.
pub(super) const POLICIES: &[&str] = &[
    "volatile-lru",
    "volatile-lfu",
    "volatile-random",
    "volatile-ttl",
    "allkeys-lru",
    "allkeys-lfu",
    "allkeys-random",
    "noeviction",
];
const LOCAL: &[&str] = &["no", "yes", "local"];
const LOG_LEVELS: &[&str] = &["debug", "verbose", "notice", "warning"];

pub(super) const TABLE: &[Directive] = &[
    // Network.
    row("bind", Words, "* -::*", Fixed),
    row("port", Int(0, 65535), "6379", Fixed),
    row("tcp-backlog", Int(0, I31), "511", Fixed),
    row("unixsocket", Text, "", Fixed),
    row("unixsocketperm", Octal, "0", Fixed),
    row("protected-mode", Bool, "yes", Live),
    row("timeout", Int(0, I31), "0", Live),
    row("tcp-keepalive", Int(0, I31), "300", Live),
    row("maxclients", Int(1, U32), "10000", Live),
    row("client-query-buffer-limit", Bytes(1024 * 1024, MAX), "1073741824", Live),
    row("proto-max-bulk-len", Bytes(1024 * 1024, MAX), "536870912", Live),
    row(
        "client-output-buffer-limit",
        OutputLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        Live,
    ),
    row("maxmemory-clients", BytesOrPercent, "0", Live),
    row("io-threads", Int(1, 128), "1", Fixed),
    row("io-threads-do-reads", Bool, "no", Fixed),
    // Valkey's name: threads take part however few clients there are. For tests.
    row("io-threads-always-active", Bool, "no", Fixed),
    row("bind-source-addr", Text, "", Inert),
    row("socket-mark-id", Int(0, U32), "0", Inert),
    // The loop. The first seven are ours.
    row("io-model", Choice(crate::config::IoModel::NAMES), "ae", Fixed),
    row("ae-backend", Choice(crate::ae::Backend::NAMES), "mio", Fixed),
    row("select-oversize", Bool, "no", Fixed),
    row("ae-batch", Bool, "no", Live),
    row("reply-immediately", Bool, "no", Live),
    row("inject", Kind::Inject, "", Live),
    // Without time events there is no cron, which shows what cron is for.
    row("ae-time-events", Bool, "yes", Fixed),
    row("hz", Int(0, I31), "10", Live),
    row("dynamic-hz", Bool, "yes", Live),
    row("activerehashing", Bool, "yes", Live),
    row("active-expire-effort", Int(1, 10), "1", Live),
    // Access.
    row("requirepass", Text, "", Live).secret(),
    row("enable-debug-command", Choice(LOCAL), "local", Fixed),
    row("enable-module-command", Choice(LOCAL), "no", Inert),
    row("enable-protected-configs", Choice(LOCAL), "no", Inert),
    row("aclfile", Text, "", Only("ae-server has only the default user")),
    row("acllog-max-len", Int(0, MAX), "128", Inert),
    row("acl-pubsub-default", Choice(&["allchannels", "resetchannels"]), "resetchannels", Inert),
    // General.
    row("databases", Int(1, DATABASES_MAX), "16", Fixed),
    row("loglevel", Choice(LOG_LEVELS), "notice", Live),
    row("logfile", Text, "", Fixed),
    row("pidfile", Text, "", Fixed),
    row("dir", Text, ".", Fixed),
    row("daemonize", Bool, "no", Only(NO_DAEMON)),
    row(
        "supervised",
        Choice(&["no", "upstart", "systemd", "auto"]),
        "no",
        InertBut(&["upstart", "systemd"], NO_SUPERVISOR),
    ),
    row("always-show-logo", Bool, "no", Inert),
    row("set-proc-title", Bool, "yes", Inert),
    row("proc-title-template", Text, "{title} {listen-addr} {server-mode}", Inert),
    row("syslog-enabled", Bool, "no", Only("ae-server logs to its standard output or a file")),
    row("syslog-ident", Text, "redis", Inert),
    row("syslog-facility", Text, "local0", Inert),
    row("crash-log-enabled", Bool, "yes", Inert),
    row("crash-memcheck-enabled", Bool, "yes", Inert),
    row("disable-thp", Bool, "yes", Inert),
    row("oom-score-adj", Choice(&["no", "yes", "relative", "absolute"]), "no", Inert),
    row("oom-score-adj-values", Words, "0 200 800", Inert),
    row("server_cpulist", Text, "", Inert),
    row("bio_cpulist", Text, "", Inert),
    row("aof_rewrite_cpulist", Text, "", Inert),
    row("bgsave_cpulist", Text, "", Inert),
    row("ignore-warnings", Text, "", Inert),
    row("shutdown-timeout", Int(0, I31), "10", Inert),
    row("shutdown-on-sigint", Words, "default", Inert),
    row("shutdown-on-sigterm", Words, "default", Inert),
    row("jemalloc-bg-thread", Bool, "yes", Inert),
    row("busy-reply-threshold", Int(0, MAX), "5000", Live).or("lua-time-limit"),
    // Ours: beyond this limit a script ends with an error.
    row("lua-memory-limit", Bytes(0, MAX), "1073741824", Live),
    row("notify-keyspace-events", Text, "", Only("ae-server sends no keyspace notifications")),
    row("tracking-table-max-keys", Int(0, MAX), "1000000", Inert),
    // Ours: -1 takes a random seed from the system.
    row("hash-seed", Int(-1, MAX), "-1", Fixed),
    // Observability.
    row("slowlog-log-slower-than", Int(-1, MAX), "10000", Live),
    row("slowlog-max-len", Int(0, MAX), "128", Live),
    row("latency-monitor-threshold", Int(0, MAX), "0", Live),
    row("latency-tracking", Bool, "yes", Live),
    row("latency-tracking-info-percentiles", Words, "50 99 99.9", Live),
    // Memory.
    row("maxmemory", Bytes(0, MAX), "0", Live),
    row("maxmemory-policy", Choice(POLICIES), "noeviction", Live),
    row("maxmemory-samples", Int(1, I31), "5", Live),
    row("maxmemory-eviction-tenacity", Int(0, 100), "10", Live),
    row("lfu-log-factor", Int(0, I31), "10", Live),
    row("lfu-decay-time", Int(0, I31), "1", Live),
    row("lazyfree-lazy-eviction", Bool, "no", Live),
    row("lazyfree-lazy-expire", Bool, "no", Live),
    row("lazyfree-lazy-server-del", Bool, "no", Live),
    row("lazyfree-lazy-user-del", Bool, "no", Live),
    row("lazyfree-lazy-user-flush", Bool, "no", Live),
    row("activedefrag", Bool, "no", Only("ae-server does not move values to defragment memory")),
    row("active-defrag-cycle-max", Int(1, 99), "25", Inert),
    row("active-defrag-cycle-min", Int(1, 99), "1", Inert),
    row("active-defrag-ignore-bytes", Bytes(1, MAX), "104857600", Inert),
    row("active-defrag-max-scan-fields", Int(1, MAX), "1000", Inert),
    row("active-defrag-threshold-lower", Int(0, 1000), "10", Inert),
    row("active-defrag-threshold-upper", Int(0, 1000), "100", Inert),
    // Encodings.
    row("hash-max-listpack-entries", Int(0, MAX), "512", Live).or("hash-max-ziplist-entries"),
    row("hash-max-listpack-value", Bytes(0, MAX), "64", Live).or("hash-max-ziplist-value"),
    row("list-max-listpack-size", Int(-I31, I31), "-2", Live).or("list-max-ziplist-size"),
    row("list-compress-depth", Int(0, I31), "0", Inert),
    row("set-max-intset-entries", Int(0, MAX), "512", Live),
    row("zset-max-listpack-entries", Int(0, MAX), "128", Live).or("zset-max-ziplist-entries"),
    row("zset-max-listpack-value", Bytes(0, MAX), "64", Live).or("zset-max-ziplist-value"),
    row("hll-sparse-max-bytes", Bytes(0, MAX), "3000", Inert),
    row("stream-node-max-bytes", Bytes(0, MAX), "4096", Inert),
    row("stream-node-max-entries", Int(0, MAX), "100", Inert),
    // Persistence: none. The default of `save` differs from Redis's for that reason.
    row("save", Words, "", Only(NO_PERSISTENCE)),
    row("appendonly", Bool, "no", Only(NO_PERSISTENCE)),
    row("appendfsync", Choice(&["always", "everysec", "no"]), "everysec", Inert),
    row("appendfilename", Text, "appendonly.aof", Inert),
    row("appenddirname", Text, "appendonlydir", Inert),
    row("no-appendfsync-on-rewrite", Bool, "no", Inert),
    row("auto-aof-rewrite-percentage", Int(0, I31), "100", Inert),
    row("auto-aof-rewrite-min-size", Bytes(0, MAX), "67108864", Inert),
    row("aof-load-truncated", Bool, "yes", Inert),
    row("aof-rewrite-incremental-fsync", Bool, "yes", Inert),
    row("aof-timestamp-enabled", Bool, "no", Inert),
    row("aof-use-rdb-preamble", Bool, "yes", Inert),
    row("aof-disable-auto-gc", Bool, "no", Inert),
    row("dbfilename", Text, "dump.rdb", Inert),
    row("rdbcompression", Bool, "yes", Inert),
    row("rdbchecksum", Bool, "yes", Inert),
    row("rdb-del-sync-files", Bool, "no", Inert),
    row("rdb-save-incremental-fsync", Bool, "yes", Inert),
    row("sanitize-dump-payload", Choice(&["no", "yes", "clients"]), "no", Inert),
    row("stop-writes-on-bgsave-error", Bool, "yes", Inert),
    // Replication and cluster: none.
    row("replicaof", Words, "", Only(NO_REPLICATION)).or("slaveof"),
    row("masterauth", Text, "", Inert).secret(),
    row("masteruser", Text, "", Inert).secret(),
    row("min-replicas-max-lag", Int(0, I31), "10", Inert).or("min-slaves-max-lag"),
    row("min-replicas-to-write", Int(0, I31), "0", Only(NO_REPLICATION)).or("min-slaves-to-write"),
    row("propagation-error-behavior", Text, "ignore", Inert),
    row("repl-backlog-size", Bytes(1, MAX), "1048576", Inert),
    row("repl-backlog-ttl", Int(0, MAX), "3600", Inert),
    row("repl-disable-tcp-nodelay", Bool, "no", Inert),
    row("repl-diskless-load", Text, "disabled", Inert),
    row("repl-diskless-sync", Bool, "yes", Inert),
    row("repl-diskless-sync-delay", Int(0, I31), "5", Inert),
    row("repl-diskless-sync-max-replicas", Int(0, I31), "0", Inert),
    row("repl-ping-replica-period", Int(1, I31), "10", Inert).or("repl-ping-slave-period"),
    row("repl-timeout", Int(1, I31), "60", Inert),
    row("replica-announce-ip", Text, "", Inert).or("slave-announce-ip"),
    row("replica-announce-port", Int(0, 65535), "0", Inert).or("slave-announce-port"),
    row("replica-announced", Bool, "yes", Inert),
    row("replica-ignore-disk-write-errors", Bool, "no", Inert),
    row("replica-ignore-maxmemory", Bool, "yes", Inert).or("slave-ignore-maxmemory"),
    row("replica-lazy-flush", Bool, "no", Inert).or("slave-lazy-flush"),
    row("replica-priority", Int(0, I31), "100", Inert).or("slave-priority"),
    row("replica-read-only", Bool, "yes", Inert).or("slave-read-only"),
    row("replica-serve-stale-data", Bool, "yes", Inert).or("slave-serve-stale-data"),
    row("cluster-enabled", Bool, "no", Only(NO_CLUSTER)),
    row("cluster-allow-pubsubshard-when-down", Bool, "yes", Inert),
    row("cluster-allow-reads-when-down", Bool, "no", Inert),
    row("cluster-allow-replica-migration", Bool, "yes", Inert),
    row("cluster-announce-bus-port", Int(0, 65535), "0", Inert),
    row("cluster-announce-hostname", Text, "", Inert),
    row("cluster-announce-ip", Text, "", Inert),
    row("cluster-announce-port", Int(0, 65535), "0", Inert),
    row("cluster-announce-tls-port", Int(0, 65535), "0", Inert),
    row("cluster-config-file", Text, "nodes.conf", Inert),
    row("cluster-link-sendbuf-limit", Bytes(0, MAX), "0", Inert),
    row("cluster-migration-barrier", Int(0, I31), "1", Inert),
    row("cluster-node-timeout", Int(0, MAX), "15000", Inert),
    row("cluster-port", Int(0, 65535), "0", Inert),
    row("cluster-preferred-endpoint-type", Text, "ip", Inert),
    row("cluster-replica-no-failover", Bool, "no", Inert).or("cluster-slave-no-failover"),
    row("cluster-replica-validity-factor", Int(0, I31), "10", Inert)
        .or("cluster-slave-validity-factor"),
    row("cluster-require-full-coverage", Bool, "yes", Inert),
    // TLS: none.
    row("tls-port", Int(0, 65535), "0", Only(NO_TLS)),
    row("tls-cluster", Bool, "no", Only(NO_TLS)),
    row("tls-replication", Bool, "no", Only(NO_TLS)),
    row("tls-auth-clients", Text, "yes", Inert),
    row("tls-ca-cert-dir", Text, "", Inert),
    row("tls-ca-cert-file", Text, "", Inert),
    row("tls-cert-file", Text, "", Inert),
    row("tls-ciphers", Text, "", Inert),
    row("tls-ciphersuites", Text, "", Inert),
    row("tls-client-cert-file", Text, "", Inert),
    row("tls-client-key-file", Text, "", Inert),
    row("tls-client-key-file-pass", Text, "", Inert).secret(),
    row("tls-dh-params-file", Text, "", Inert),
    row("tls-key-file", Text, "", Inert),
    row("tls-key-file-pass", Text, "", Inert).secret(),
    row("tls-prefer-server-ciphers", Bool, "no", Inert),
    row("tls-protocols", Text, "", Inert),
    row("tls-session-cache-size", Int(0, I31), "20480", Inert),
    row("tls-session-cache-timeout", Int(0, I31), "300", Inert),
    row("tls-session-caching", Bool, "yes", Inert),
];
