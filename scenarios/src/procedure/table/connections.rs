//! Rows of the procedures about connections.
//!
//! A pure table, as its parent.

use super::{Row, figure, param};
use crate::procedure::Kind;

pub(super) const CONNECTION_STATE: Row = Row {
    name: "connection-state",
    about: "changes the state of one connection, checks that another connection does not change, and checks the order of replies",
    params: &[
        param("commands", Kind::Count, "7000", "commands in the pipeline of each connection"),
        param("connections", Kind::Count, "8", "connections that send a pipeline at the same time"),
    ],
    figures: &[
        figure("checks", "number of checked replies"),
        figure(
            "leaks",
            "replies that show the state of another connection, or that lack the connection's own state",
        ),
        figure("replies", "replies to the pipelines"),
        figure("out_of_order", "replies that do not belong to their command"),
    ],
};

pub(super) const FLOW_CONTROL: Row = Row {
    name: "flow-control",
    about: "sends to a sleeping server, and reads the windows and queues of the connection from the kernel (TCP_INFO)",
    params: &[
        param("stall", Kind::Duration, "3s", "how long the server sleeps"),
        param("sample_every", Kind::Duration, "5ms", "time between two samples of the connection"),
        param("value_size", Kind::Size, "1KiB", "size of each value"),
    ],
    figures: &[
        figure("stall_s", "time that the server slept"),
        figure(
            "window_open_bytes",
            "largest receive window that the server's side announced before the stall",
        ),
        figure("window_min_bytes", "smallest receive window during the stall"),
        figure(
            "window_shut_after_s",
            "from the start of the stall to the first sample with a closed window",
        ),
        figure("in_flight_max_bytes", "most unacknowledged bytes during the stall"),
        figure(
            "over_window_bytes",
            "most bytes in flight beyond the window during the stall; at most 0 is correct",
        ),
        figure("queued_at_sender_bytes", "most bytes queued on the client's side"),
        figure("window_limited_s", "part of the stall in which the window blocked the client"),
        figure(
            "written_in_stall_bytes",
            "bytes that the kernel accepted from the client during the stall",
        ),
        figure(
            "throttled_s",
            "part of the stall in which the kernel accepted no byte from the client",
        ),
        figure("refused_writes", "writes that the kernel rejected because its buffer was full"),
        figure("recovery_s", "from the end of the stall to the first sample with an open window"),
        figure("requests", "commands sent"),
        figure("lost", "commands without a reply"),
        figure("errors", "error replies"),
        figure(
            "executed_twice_or_never",
            "difference between the INCRs sent and the INCRs that the server executed",
        ),
    ],
};

pub(super) const ACCEPT_QUEUE: Row = Row {
    name: "accept-queue",
    about: "connects to an idle server and to a sleeping server, then with more clients than the accept queue can hold",
    params: &[
        param("stall", Kind::Duration, "1s", "how long the server sleeps"),
        param(
            "connections",
            Kind::Count,
            "20",
            "connections to the idle server; the same number during the stall",
        ),
        param(
            "crowd",
            Kind::Count,
            "0",
            "simultaneous connections during a second stall; 0 skips it",
        ),
        param("crowd_stall", Kind::Duration, "3s", "length of the second stall"),
    ],
    figures: &[
        figure("idle_connect_s", "time of connect() to the idle server, median"),
        figure("idle_connect_max_s", "the longest of these times"),
        figure(
            "idle_first_reply_s",
            "from connect() to the first reply of the idle server, median",
        ),
        figure("idle_first_reply_max_s", "the longest of these times"),
        figure("stalled_connect_s", "time of connect() to the sleeping server, median"),
        figure("stalled_connect_max_s", "the longest of these times"),
        figure(
            "stalled_first_reply_s",
            "from connect() to the first reply of the sleeping server, median",
        ),
        figure("stalled_first_reply_max_s", "the longest of these times"),
        figure("stall_s", "time that the server slept"),
        figure(
            "all_within_stall",
            "1 if the last connection was established before the server woke up",
        ),
        figure(
            "queued",
            "connections in the accept queue after the last connect() (from /proc/net/tcp)",
        ),
        figure(
            "wait_of_rest_of_stall",
            "time to the first reply divided by the rest of the stall, median",
        ),
        figure("crowd_stall_s", "time that the server slept during the crowd"),
        figure(
            "crowd_at_once",
            "connections of the crowd that were established at the first attempt",
        ),
        figure("crowd_retried", "connections that needed a SYN retry of the kernel"),
        figure("crowd_failed", "connections that failed"),
        figure("crowd_first_connect_s", "shortest connect() of the retried connections"),
        figure("crowd_last_connect_s", "longest connect() of the retried connections"),
        figure(
            "crowd_late_after_stall_s",
            "from the end of the stall to the last established connection",
        ),
    ],
};

pub(super) const CONNECTION_COST: Row = Row {
    name: "connection-cost",
    about: "opens connections in steps and reads the server's descriptors, epoll entries and memory, and the kernel's memory",
    params: &[
        param(
            "connections",
            Kind::Counts,
            "100,1000",
            "numbers of connections at which the server is measured",
        ),
        param(
            "rest",
            Kind::Duration,
            "0",
            "pause after the connects, and again after the last command, before one more measurement each; 0 skips both",
        ),
    ],
    figures: &[
        figure(
            "*_descriptors",
            "descriptors per connection: `idle_` (after the connect), `settled_` (after the first pause), `command_` (after one command on each), `rested_` (after the second pause); `idle100_` and so on for each step",
        ),
        figure("*_epoll_entries", "entries of the epoll interest lists per connection"),
        figure("*_resident_bytes", "growth of resident memory per connection"),
        figure(
            "*_allocated_bytes",
            "growth of allocated memory per connection, as the server reports it",
        ),
        figure(
            "*_kernel_both_ends_bytes",
            "growth of the kernel's socket and epoll caches per connection, including the client's end",
        ),
        figure("*_tcp_buffer_bytes", "growth of TCP buffers per connection"),
        figure(
            "*_query_buffer_bytes",
            "size of the buffer for commands, average of all clients (CLIENT LIST `qbuf` and `qbuf-free`)",
        ),
        figure(
            "*_reply_buffer_bytes",
            "size of the buffer for replies, average of all clients (CLIENT LIST `rbs`)",
        ),
    ],
};

pub(super) const MAXCLIENTS: Row = Row {
    name: "maxclients",
    about: "opens connections until the server rejects one, and records its reply",
    params: &[param(
        "limit",
        Kind::Count,
        "0",
        "maxclients during the procedure; 0 keeps the server's value",
    )],
    figures: &[
        figure("configured_limit", "maxclients before the procedure"),
        figure("limit", "maxclients during the procedure"),
        figure("descriptors", "descriptors that the server may open"),
        figure("accepted", "connected clients when the next one was rejected"),
        figure(
            "refused_in_words",
            "1 if the rejected client got `-ERR max number of clients reached`",
        ),
        figure("rejected_connections", "rejections in the server's counter"),
        figure("room_after_leaving", "1 if a client could connect after another had disconnected"),
    ],
};

pub(super) const MAX_TOTAL: Row = Row {
    name: "max-total",
    about: "opens connections of a large service, with and without a limit, and counts the connections of other services",
    params: &[
        param("limit", Kind::Count, "100", "the server's maxclients during the procedure"),
        param("demand", Kind::Count, "200", "concurrent requests of the large service"),
        param("max_total", Kind::Count, "20", "its connection limit in the second part"),
        param("neighbours", Kind::Count, "5", "number of other services"),
        param("each", Kind::Count, "8", "connections that each of the other services needs"),
    ],
    figures: &[
        figure("unbounded_greedy_holds", "connections of the large service without a limit"),
        figure(
            "unbounded_neighbours_served",
            "connections of the other services, without the limit",
        ),
        figure(
            "unbounded_neighbours_refused",
            "rejected connections of the other services, without the limit",
        ),
        figure(
            "unbounded_neighbours_shut_out",
            "other services without any connection, without the limit",
        ),
        figure(
            "unbounded_refusals_miscounted",
            "rejections in the server's counter minus rejections that the clients saw",
        ),
        figure("bounded_greedy_holds", "connections of the large service with a limit"),
        figure("bounded_neighbours_served", "connections of the other services, with the limit"),
        figure(
            "bounded_neighbours_refused",
            "rejected connections of the other services, with the limit",
        ),
        figure(
            "bounded_neighbours_shut_out",
            "other services without any connection, with the limit",
        ),
        figure(
            "bounded_refusals_miscounted",
            "rejections in the server's counter minus rejections that the clients saw",
        ),
    ],
};

pub(super) const TRANSACTION: Row = Row {
    name: "transaction",
    about: "looks for writes of another client inside a pipeline, MULTI/EXEC and a script, and for the writes that remain after a failed command",
    params: &[
        param("readings", Kind::Count, "5000", "reads in one pipeline, transaction or script"),
        param("attempts", Kind::Count, "100", "number of pipelines, transactions and scripts"),
    ],
    figures: &[
        figure("writes", "writes of the other client"),
        figure("pipeline_bytes", "size of one pipeline; the server must read it in parts"),
        figure("pipeline_attempts", "pipelines during which the other client wrote"),
        figure("pipeline_interleaved", "pipelines that saw its writes"),
        figure("pipeline_most_writes_between", "most writes seen within one of them"),
        figure("multi_attempts", "transactions during which the other client wrote"),
        figure("multi_interleaved", "transactions that saw its writes"),
        figure("multi_most_writes_between", "most writes seen within one of them"),
        figure("script_attempts", "scripts during which the other client wrote"),
        figure("script_interleaved", "scripts that saw its writes"),
        figure("script_most_writes_between", "most writes seen within one of them"),
        figure(
            "pipeline_write_before_failure_stays",
            "1 if a write before a failed command remains",
        ),
        figure("pipeline_write_after_failure_runs", "1 if a write after a failed command runs"),
        figure(
            "multi_write_before_failure_stays",
            "1 if a write before a failed command inside MULTI/EXEC remains",
        ),
        figure("multi_write_after_failure_runs", "1 if a write after the failed command runs"),
        figure(
            "multi_refused_writes_stay",
            "writes that remain after a command was rejected inside MULTI",
        ),
        figure(
            "script_write_before_failure_stays",
            "1 if a write before a failed command inside a script remains",
        ),
        figure("script_write_after_failure_runs", "1 if a write after the failed command runs"),
    ],
};

pub(super) const PIPELINING: Row = Row {
    name: "pipelining",
    about: "sends commands one by one and in batches over links with known round-trip times, and compares the times with a model",
    params: &[
        param(
            "commands",
            Kind::Count,
            "100",
            "number of commands; if a depth is larger, this depth is used as the number",
        ),
        param("depths", Kind::Counts, "1,10,100,1000", "pipeline depths"),
        param("round_trips", Kind::Durations, "200us,1ms,5ms", "round-trip times of the links"),
        param("repeats", Kind::Count, "5", "measurements of each combination"),
    ],
    figures: &[
        figure("service_time_s", "time of one more command in a deep batch, without a link"),
        figure("rtt*_ping_s", "time of a PING over the link (`rtt1000us_ping_s`), median"),
        figure("rtt*_model_s", "batches × measured round-trip time + commands × service time"),
        figure("rtt*_s", "time for all commands (`rtt1000us_depth100_s`), median"),
        figure("over_model_max", "largest ratio of a measured time to its model"),
        figure("over_model_min", "smallest ratio of a measured time to its model"),
    ],
};

pub(super) const TCP_VS_UNIX: Row = Row {
    name: "tcp-vs-unix",
    about: "runs the same load alternately over TCP and over a Unix socket of the same server, and computes ratios of pairs",
    params: &[
        param("value_sizes", Kind::Sizes, "32B,1KiB,16KiB", "sizes of the values"),
        param("depths", Kind::Counts, "1,16", "requests in flight per connection"),
        param(
            "connections",
            Kind::Counts,
            "1",
            "numbers of connections. All sizes and depths are measured with the first; the others with the first size and depth",
        ),
        param(
            "open_load",
            Kind::Count,
            "0",
            "percent of the throughput over TCP that an open loop sends over both, for each number of connections with the first size and depth; 0 skips it",
        ),
        param("pairs", Kind::Count, "20", "pairs of blocks for each combination"),
        param("block", Kind::Duration, "200ms", "length of a block"),
    ],
    figures: &[
        figure(
            "size*_tcp_p50_s",
            "median response time over TCP (`size32_depth1_tcp_p50_s`). With more connections than the first number: `size32_depth1_conns20_…`; in an open loop: `size32_depth1_conns20_open_…`",
        ),
        figure("size*_unix_p50_s", "median response time over the Unix socket"),
        figure(
            "size*_p50_ratio",
            "p50 response time over the Unix socket divided by that over TCP, median of the pairs",
        ),
        figure("size*_p99_ratio", "the same for the p99"),
        figure("size*_throughput_ratio", "the same for replies per second"),
        figure("size*_p50_lower_by", "1 minus the ratio of the p50: how much lower the latency is"),
        figure("largest_lower_by", "the largest of these, with the first size and depth"),
        figure("smallest_lower_by", "the smallest of these, with the first size and depth"),
    ],
};
