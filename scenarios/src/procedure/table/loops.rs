//! Rows of the procedures about the event loop and other I/O models (claims A1 to A17).
//!
//! A pure table.

use super::{Row, figure, param};
use crate::procedure::Kind;

pub(super) const SESSION: Row = Row {
    name: "session",
    about: "keeps the session of one client open while a second client connects and sends a command, and measures the wait",
    params: &[
        param("session", Kind::Duration, "1s", "length of the first client's session"),
        param("pause", Kind::Duration, "10ms", "pause between its requests"),
    ],
    figures: &[
        figure("session_s", "length of the first client's session"),
        figure("second_wait_s", "from the connect of the second client to its reply"),
        figure("share_waited", "wait of the second client divided by the session of the first"),
        figure("first_slowest_s", "longest service time of the first client"),
        figure("first_requests", "requests of the first client"),
    ],
};

pub(super) const WAKEUP_COST: Row = Row {
    name: "wakeup-cost",
    about: "adds idle connections in steps and divides the server's CPU time by its wake-ups",
    params: &[
        param(
            "idle",
            Kind::Counts,
            "0, 10, 100, 1000",
            "numbers of idle connections, in ascending order",
        ),
        param("wakeups", Kind::Count, "2000", "wake-ups per measurement"),
        param("repeats", Kind::Count, "5", "measurements per step"),
        param(
            "active",
            Kind::Count,
            "3",
            "connections that send at the same time when events are counted",
        ),
    ],
    figures: &[
        figure("cost_*_s", "CPU time per wake-up with that number of idle connections"),
        figure("most_idle", "idle connections at the last step"),
        figure("growth", "cost at the last step divided by the cost without idle connections"),
        figure("cost_per_connection_s", "cost that each idle connection adds at the last step"),
        figure("slope", "slope of the added cost on logarithmic axes; 1 means proportional"),
        figure("cost_slope", "slope of the total cost on logarithmic axes; 0 means constant"),
        figure("accepted", "open connections at the end"),
        figure("refused", "1 if the server rejected a connection"),
        figure(
            "events_per_wake_max",
            "most events of one wake-up while several connections send at the same time (bundled server)",
        ),
        figure("events_per_request", "events that the loop processed in that time, per request"),
    ],
};

pub(super) const TIME_EVENTS: Row = Row {
    name: "time-events",
    about: "observes an idle server: its timer, keys that expire without being read, a silent client",
    params: &[
        param("watch", Kind::Duration, "2s", "time that the idle server is observed"),
        param("keys", Kind::Count, "0", "number of keys that expire; 0 skips this part"),
        param("ttl", Kind::Duration, "200ms", "time to live of the keys"),
        param("idle_timeout", Kind::Duration, "0", "the server's `timeout`; 0 skips this part"),
    ],
    figures: &[
        figure("wakeups", "wake-ups of the idle server during `watch`"),
        figure("timer_per_s", "wake-ups of the idle server per second"),
        figure("timer_period_s", "time between two wake-ups"),
        figure("timer_cost_s", "CPU time per wake-up"),
        figure("ops_per_s", "highest number of requests per second in INFO while the keys expired"),
        figure("expired_share", "share of the keys that disappeared without being read"),
        figure(
            "expired_late_s",
            "from the expiry time of the keys to the disappearance of the last one",
        ),
        figure("idle_closed", "1 if the server closed the silent client"),
        figure("idle_closed_after_s", "time until the server closed it"),
    ],
};

pub(super) const ATOMIC: Row = Row {
    name: "atomic",
    about: "increments two keys in transactions from many connections and looks for transactions that saw only half of another one, and for lost counts",
    params: &[
        param("writers", Kind::Count, "8", "number of connections, each with its own thread"),
        param("transactions", Kind::Count, "2000", "transactions per connection"),
        param("pipeline", Kind::Count, "16", "transactions in flight per connection"),
    ],
    figures: &[
        figure("transactions", "total number of transactions"),
        figure("torn", "transactions that read two different numbers"),
        figure("lost", "counts that are missing at the end"),
        figure("transactions_per_s", "transactions per second"),
    ],
};

pub(super) const LOOP_ORDER: Row = Row {
    name: "loop-order",
    about: "reads the trace of the bundled server's event loop (AE LOOP) and checks the order of steps in every turn of the loop",
    params: &[
        param("watch", Kind::Duration, "2s", "time that clients send requests"),
        param("connections", Kind::Count, "4", "connections"),
    ],
    figures: &[
        figure("turns", "turns of the loop in the trace"),
        figure("with_file_events", "turns with a file event"),
        figure("with_time_events", "turns with a time event"),
        figure("out_of_order", "turns whose steps were not in order"),
        figure("overlapping", "turns that started before the previous one ended"),
    ],
};
