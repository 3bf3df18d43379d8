//! Rows of the procedures about the event loop and its relatives (claims A1 to A17). A pure table.

use super::{Row, figure, param};
use crate::procedure::Kind;

pub(super) const SESSION: Row = Row {
    name: "session",
    about: "keeps one client's session open while a second one connects and asks, and sees who waits",
    params: &[
        param("session", Kind::Duration, "1s", "how long the first client stays"),
        param("pause", Kind::Duration, "10ms", "pause between its requests"),
    ],
    figures: &[
        figure("session_s", "length of the first client's session"),
        figure("second_wait_s", "from the second's connecting to its reply"),
        figure("share_waited", "the second's wait by the first's session"),
        figure("first_slowest_s", "the slowest reply to the first client"),
        figure("first_requests", "requests of the first client"),
    ],
};

pub(super) const WAKEUP_COST: Row = Row {
    name: "wakeup-cost",
    about: "adds idle connections step by step and divides the server's processor time by its wake-ups",
    params: &[
        param("idle", Kind::Counts, "0, 10, 100, 1000", "numbers of idle connections, rising"),
        param("wakeups", Kind::Count, "2000", "wake-ups of one measurement"),
        param("repeats", Kind::Count, "5", "measurements at each step"),
        param("active", Kind::Count, "3", "connections that ask at the same time, for the events"),
    ],
    figures: &[
        figure("cost_*_s", "processor time of a wake-up with so many idle connections"),
        figure("most_idle", "idle connections at the last step"),
        figure("growth", "cost at the last step by the cost without idle connections"),
        figure("cost_per_connection_s", "what each idle connection adds, at the last step"),
        figure("slope", "slope of the added cost on logarithmic axes; 1 is proportional"),
        figure(
            "cost_slope",
            "slope of the whole cost, from few connections to many; 0 is no difference",
        ),
        figure("accepted", "connections that were open at the end"),
        figure("refused", "1 if the server took no more"),
        figure(
            "events_per_wake_max",
            "most events of a wake-up while some ask at once (bundled server)",
        ),
        figure("events_per_request", "events that the loop processed meanwhile, by requests"),
    ],
};

pub(super) const TIME_EVENTS: Row = Row {
    name: "time-events",
    about: "watches a server that nobody asks: its timer, keys that expire unread, a silent client",
    params: &[
        param("watch", Kind::Duration, "2s", "how long it is watched doing nothing"),
        param("keys", Kind::Count, "0", "keys that are to expire; 0 leaves that out"),
        param("ttl", Kind::Duration, "200ms", "time that they live"),
        param("idle_timeout", Kind::Duration, "0", "the server's `timeout`; 0 leaves that out"),
    ],
    figures: &[
        figure("wakeups", "how often a server without work woke up while it was watched"),
        figure("timer_per_s", "wake-ups per second of a server without work"),
        figure("timer_period_s", "time between them"),
        figure("timer_cost_s", "processor time of each"),
        figure(
            "ops_per_s",
            "the most requests per second that INFO told of while the keys expired",
        ),
        figure("expired_share", "share of the keys that vanished unread"),
        figure("expired_late_s", "from the end of their time to the last one's vanishing"),
        figure("idle_closed", "1 if the silent client was closed"),
        figure("idle_closed_after_s", "after how long"),
    ],
};

pub(super) const ATOMIC: Row = Row {
    name: "atomic",
    about: "counts two keys up in transactions from many connections and looks for a torn or lost count",
    params: &[
        param("writers", Kind::Count, "8", "connections, each with a thread"),
        param("transactions", Kind::Count, "2000", "transactions of each"),
        param("pipeline", Kind::Count, "16", "transactions that one has under way"),
    ],
    figures: &[
        figure("transactions", "transactions in all"),
        figure("torn", "transactions that saw two different numbers"),
        figure("lost", "counts that are missing in the end"),
        figure("transactions_per_s", "how fast it went"),
    ],
};

pub(super) const LOOP_ORDER: Row = Row {
    name: "loop-order",
    about: "reads the bundled server's diary of its loop (AE LOOP) and checks the order of every turn",
    params: &[
        param("watch", Kind::Duration, "2s", "how long clients ask"),
        param("connections", Kind::Count, "4", "connections"),
    ],
    figures: &[
        figure("turns", "turns in the diary"),
        figure("with_file_events", "turns in which a file event had fired"),
        figure("with_time_events", "turns in which a timer ran"),
        figure("out_of_order", "turns whose steps were not in order"),
        figure("overlapping", "turns that began before the one ahead had ended"),
    ],
};
