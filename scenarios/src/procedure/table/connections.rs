//! Rows of the procedures about connections: what a client and its server do to each other below the commands.
//!
//! A pure table, as its parent.

use super::{Row, figure, param};
use crate::procedure::Kind;

pub(super) const CONNECTION_STATE: Row = Row {
    name: "connection-state",
    about: "changes the state of one connection and looks for it on another; checks the order of replies",
    params: &[
        param("commands", Kind::Count, "7000", "commands in each connection's mixed pipeline"),
        param(
            "connections",
            Kind::Count,
            "8",
            "connections that send such a pipeline at the same time",
        ),
    ],
    figures: &[
        figure("checks", "answers that were looked at"),
        figure("leaks", "answers that show another connection's state, or not one's own"),
        figure("replies", "replies of the pipelines"),
        figure("out_of_order", "replies that are not those of their command"),
    ],
};

pub(super) const FLOW_CONTROL: Row = Row {
    name: "flow-control",
    about: "keeps sending to a server that sleeps, and asks the kernel for the windows and queues of the connection",
    params: &[
        param("stall", Kind::Duration, "3s", "how long the server sleeps"),
        param("sample_every", Kind::Duration, "5ms", "pause between two looks at the connection"),
        param("value_size", Kind::Size, "1KiB", "size of each value that is sent"),
    ],
    figures: &[
        figure("stall_s", "how long the server slept"),
        figure(
            "window_open_bytes",
            "the largest receive window the server's side announced before",
        ),
        figure("window_min_bytes", "the smallest while the server slept"),
        figure("window_shut_after_s", "from the begin of the stall until the window was seen shut"),
        figure("in_flight_max_bytes", "most bytes sent and not acknowledged during the stall"),
        figure(
            "over_window_bytes",
            "most bytes in flight beyond the window during the stall; zero or less is right",
        ),
        figure("queued_at_sender_bytes", "most bytes that waited on the client's side"),
        figure(
            "window_limited_s",
            "time of the stall in which the window kept the client from sending",
        ),
        figure(
            "written_in_stall_bytes",
            "bytes that the kernel took from the client during the stall",
        ),
        figure("throttled_s", "time of the stall in which the kernel took nothing from the client"),
        figure("refused_writes", "writes that the kernel refused for want of room"),
        figure("recovery_s", "from the end of the stall until the window was seen open"),
        figure("requests", "commands sent"),
        figure("lost", "commands without a reply"),
        figure("errors", "error replies"),
        figure(
            "executed_twice_or_never",
            "difference between INCRs sent and counted by the server",
        ),
    ],
};

pub(super) const ACCEPT_QUEUE: Row = Row {
    name: "accept-queue",
    about: "connects to a server at rest and to one that sleeps; then with more clients than its accept queue holds",
    params: &[
        param("stall", Kind::Duration, "1s", "how long the server sleeps"),
        param(
            "connections",
            Kind::Count,
            "20",
            "connections at rest, and as many during the stall",
        ),
        param(
            "crowd",
            Kind::Count,
            "0",
            "connections at the same time during a second stall; 0 leaves it out",
        ),
        param("crowd_stall", Kind::Duration, "3s", "how long that stall is"),
    ],
    figures: &[
        figure(
            "idle_connect_s",
            "connect() to a server at rest, median; idle_connect_max the longest",
        ),
        figure("idle_connect_max_s", "the longest of these"),
        figure("idle_first_reply_s", "from connect() to the first reply, median, at rest"),
        figure("idle_first_reply_max_s", "the longest of these"),
        figure("stalled_connect_s", "connect() to a sleeping server, median"),
        figure("stalled_connect_max_s", "the longest of these"),
        figure(
            "stalled_first_reply_s",
            "from connect() to the first reply, median, to a sleeping server",
        ),
        figure("stalled_first_reply_max_s", "the longest of these"),
        figure("stall_s", "how long the server slept"),
        figure("all_within_stall", "1 if the last connection was made before the server woke up"),
        figure(
            "queued",
            "connections in the accept queue when all had been made, by /proc/net/tcp",
        ),
        figure(
            "wait_of_rest_of_stall",
            "time to the first reply divided by what was left of the stall, median",
        ),
        figure("crowd_stall_s", "how long the server slept while the crowd came"),
        figure("crowd_at_once", "of the crowd, connections made at the first attempt"),
        figure("crowd_retried", "connections that took one of the kernel's retries"),
        figure("crowd_failed", "connections that were not made"),
        figure("crowd_first_connect_s", "the shortest connect() among those that were retried"),
        figure("crowd_last_connect_s", "the longest"),
        figure("crowd_late_after_stall_s", "from the end of the stall to the last connection"),
    ],
};

pub(super) const CONNECTION_COST: Row = Row {
    name: "connection-cost",
    about: "opens connections in steps and looks at the server's process: descriptors, epoll, memory, the kernel's memory",
    params: &[
        param(
            "connections",
            Kind::Counts,
            "100,1000",
            "numbers of connections at which it is looked at",
        ),
        param(
            "rest",
            Kind::Duration,
            "0",
            "rest after the last command before one more look; 0 leaves it out",
        ),
    ],
    figures: &[
        figure(
            "*_descriptors",
            "descriptors per connection: idle_ (all opened), command_ (after a command on each), rested_; idle100_ … for each step",
        ),
        figure("*_epoll_entries", "entries in interest lists of epoll per connection"),
        figure("*_resident_bytes", "growth of resident memory per connection"),
        figure(
            "*_allocated_bytes",
            "growth of what the server says it has allocated, per connection",
        ),
        figure(
            "*_kernel_both_ends_bytes",
            "growth of the kernel's socket and epoll caches per connection, the client's end included",
        ),
        figure("*_tcp_buffer_bytes", "growth of TCP's buffers per connection"),
    ],
};

pub(super) const MAXCLIENTS: Row = Row {
    name: "maxclients",
    about: "opens connections until one is refused, and notes what that one is told",
    params: &[param(
        "limit",
        Kind::Count,
        "0",
        "maxclients to set meanwhile; 0 leaves it as it is",
    )],
    figures: &[
        figure("configured_limit", "maxclients as it was"),
        figure("limit", "maxclients meanwhile"),
        figure("descriptors", "descriptors that the server may open"),
        figure("accepted", "clients that were in when the next was refused"),
        figure("refused_in_words", "1 if that one got `-ERR max number of clients reached`"),
        figure("rejected_connections", "refusals that the server counts"),
        figure("room_after_leaving", "1 if one more was let in after one had left"),
    ],
};

pub(super) const MAX_TOTAL: Row = Row {
    name: "max-total",
    about: "lets a greedy service take connections, with and without a bound, and counts what its neighbours get",
    params: &[
        param("limit", Kind::Count, "100", "the server's maxclients meanwhile"),
        param("demand", Kind::Count, "200", "requests that the greedy service has at a time"),
        param("max_total", Kind::Count, "20", "its bound in the second part"),
        param("neighbours", Kind::Count, "5", "neighbouring services"),
        param("each", Kind::Count, "8", "connections that each of them needs"),
    ],
    figures: &[
        figure("unbounded_greedy_holds", "connections the greedy service has without a bound"),
        figure("unbounded_neighbours_served", "connections its neighbours get"),
        figure("unbounded_neighbours_refused", "connections they are refused"),
        figure("unbounded_neighbours_shut_out", "neighbours that get none"),
        figure(
            "unbounded_refusals_miscounted",
            "refusals the server counts minus those its clients saw",
        ),
        figure("bounded_greedy_holds", "connections the greedy service has with a bound"),
        figure("bounded_neighbours_served", "connections its neighbours get then"),
        figure("bounded_neighbours_refused", "connections they are refused then"),
        figure("bounded_neighbours_shut_out", "neighbours that get none then"),
        figure("bounded_refusals_miscounted", "as above"),
    ],
};

pub(super) const TRANSACTION: Row = Row {
    name: "transaction",
    about: "looks for another client's writes inside a pipeline, MULTI/EXEC and a script, and for what a failing command leaves",
    params: &[
        param("readings", Kind::Count, "5000", "readings in one pipeline, transaction or script"),
        param("attempts", Kind::Count, "100", "attempts of each"),
    ],
    figures: &[
        figure("writes", "writes of the other client"),
        figure("pipeline_bytes", "size of one pipeline; the server has to read it in parts"),
        figure("pipeline_attempts", "pipelines during which the other client wrote"),
        figure("pipeline_interleaved", "those in which its writes were seen"),
        figure("pipeline_most_writes_between", "most writes seen within one"),
        figure("multi_attempts", "MULTI/EXECs during which the other client wrote"),
        figure("multi_interleaved", "those in which the writes were seen"),
        figure("multi_most_writes_between", "most writes seen within one"),
        figure("script_attempts", "scripts during which the other client wrote"),
        figure("script_interleaved", "those in which the writes were seen"),
        figure("script_most_writes_between", "most writes seen within one"),
        figure(
            "pipeline_write_before_failure_stays",
            "1 if a write before a failing command is there afterwards",
        ),
        figure("pipeline_write_after_failure_runs", "1 if a write after it is"),
        figure(
            "multi_write_before_failure_stays",
            "1 if a write before a failing command inside MULTI/EXEC is there afterwards",
        ),
        figure("multi_write_after_failure_runs", "1 if a write after the failing command is there"),
        figure(
            "multi_refused_writes_stay",
            "writes that are there after a command was refused while queueing",
        ),
        figure(
            "script_write_before_failure_stays",
            "1 if a write before a failing command inside a script is there afterwards",
        ),
        figure(
            "script_write_after_failure_runs",
            "1 if a write after the failing command is there",
        ),
    ],
};

pub(super) const PIPELINING: Row = Row {
    name: "pipelining",
    about: "carries out commands one by one and in batches over links of known round-trip time, against a model",
    params: &[
        param(
            "commands",
            Kind::Count,
            "100",
            "commands; a deeper pipeline carries out as many as it is deep",
        ),
        param("depths", Kind::Counts, "1,10,100,1000", "pipeline depths"),
        param("round_trips", Kind::Durations, "200us,1ms,5ms", "round-trip times of the links"),
        param("repeats", Kind::Count, "5", "how often each is measured"),
    ],
    figures: &[
        figure("service_time_s", "time that one more command of a deep batch takes without a link"),
        figure("rtt*_ping_s", "a PING over the link of that round trip (rtt1000us_ping_s), median"),
        figure("rtt*_model_s", "batches × measured round trip + commands × service time"),
        figure("rtt*_s", "time for all commands (rtt1000us_depth100_s), median"),
        figure("over_model_max", "largest ratio of a time and its model"),
        figure("over_model_min", "smallest"),
    ],
};

pub(super) const TCP_VS_UNIX: Row = Row {
    name: "tcp-vs-unix",
    about: "compares the same load over TCP and over a Unix socket of the same server, by turns, as ratios of pairs",
    params: &[
        param(
            "value_sizes",
            Kind::Sizes,
            "32B,1KiB,16KiB",
            "sizes of the values that are set and read",
        ),
        param("depths", Kind::Counts, "1,16", "requests in flight per connection"),
        param("connections", Kind::Count, "1", "connections"),
        param("pairs", Kind::Count, "20", "pairs of blocks for each size and depth"),
        param("block", Kind::Duration, "200ms", "length of a block"),
    ],
    figures: &[
        figure("size*_tcp_p50_s", "median response time over TCP (size32_depth1_tcp_p50_s)"),
        figure("size*_unix_p50_s", "and over the Unix socket"),
        figure("size*_p50_ratio", "Unix socket divided by TCP, median of the pairs"),
        figure("size*_p99_ratio", "the same for the 99th percentile"),
        figure("size*_throughput_ratio", "the same for replies per second"),
        figure("size*_p50_lower_by", "1 minus the ratio: by how much the latency is lower"),
    ],
};
