//! The server's own view in the record: INFO, slow log, latency monitor, AE, the process, TCP.
//!
//! Builds it from earlier replies; nothing is requested here. Invariant: what was not observed is absent.

use crate::arm::outcome::After;
use crate::observe::Observed;
use crate::observe::proc::ProcessView;
use crate::server::info::Info;
use aelab_results::record::{ServerView, SlowCommand, TracedRequest};
use std::collections::BTreeMap;

/// Traced requests that the record keeps, as examples.
const TRACED: usize = 200;

/// The view of one arm.
pub(crate) fn of(before: &Info, after: &After, observed: &Observed) -> ServerView {
    let slow = after.slowlog.iter().map(|entry| SlowCommand {
        id: entry.id,
        at_unix_s: entry.at_unix_s,
        duration_us: u64::try_from(entry.duration.as_micros()).unwrap_or(u64::MAX),
        command: entry.command.clone(),
    });
    let traced = observed.trace.iter().take(TRACED).map(|record| TracedRequest {
        command: record.command.clone(),
        numbers: record.numbers.clone(),
    });
    let course = &observed.process;
    let moments = [
        ("before", course.before),
        ("connected", course.connected),
        ("begun", course.begun),
        ("ended", course.ended),
    ];
    ServerView {
        info_before: before.fields().clone(),
        info_after: after.info.fields().clone(),
        slowlog: slow.collect(),
        latency: after.latency.clone(),
        // The figures of the measurement alone, if they were requested.
        ae_stats: if observed.ae.is_empty() { after.ae.clone() } else { observed.ae.clone() },
        ae_trace: traced.collect(),
        process: moments
            .into_iter()
            .filter_map(|(moment, view)| Some((moment.to_owned(), fields(&view?))))
            .collect(),
        tcp_info: observed.tcp.clone(),
    }
}

fn fields(view: &ProcessView) -> BTreeMap<String, u64> {
    [
        ("rss_bytes", view.rss_bytes),
        ("descriptors", view.descriptors),
        ("epoll_entries", view.epoll_entries),
        ("context_switches", view.context_switches),
        ("voluntary_context_switches", view.voluntary_switches),
        ("cpu_ns", view.cpu_ns),
        ("waited_ns", view.waited_ns),
        ("main_cpu_ns", view.main_cpu_ns),
        ("main_waited_ns", view.main_waited_ns),
        ("threads", view.threads),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
    .collect()
}
