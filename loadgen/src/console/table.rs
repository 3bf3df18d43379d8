//! A plain run as a table for people.
//!
//! Pure: record in, text out. Invariant: every number printed is one of the record, only rounded. For scripts see `lines`.

use crate::console::columns::Columns;
use crate::console::figures::{length, time};
use aelab_engine::plan::ArrivalProcess;
use aelab_lab::observe::stall_cause::WAITING;
use aelab_lab::server::info::{REFUSED_SLOWLOG, SLOWLOG_COARSE, SLOWLOG_OFF};
use aelab_results::caveat::merge;
use aelab_results::record::{
    Audit, Delivery, Group, KernelTimes, Metrics, Pool, Quantiles, RunRecord, Severity, Stall,
};
use aelab_results::text::escape::escaped;
use aelab_results::text::number::with_noun;
use std::fmt::Write as _;

/// Kinds of errors shown under a group; `result.json` has all.
const ERRORS_SHOWN_MAX: usize = 5;

/// Why a closed loop shows its service time.
const CLOSED_LOOP_LEADS: &str =
    "service time counts from when a request was sent; a closed loop has no schedule to count from";

/// The name of the metric that stands for a group whose requests had times at which they were due.
pub(super) const RESPONSE_TIME: &str = "response time";

/// The metric that stands for a group: response time where something says when it was due, else service time.
pub(super) fn headline<'a>(group: &Group, metrics: &'a Metrics) -> (&'static str, &'a Quantiles) {
    if group.has_due_times() {
        (RESPONSE_TIME, &metrics.response_time)
    } else {
        ("service time", &metrics.service_time)
    }
}

/// Caveats, the most severe first: they are printed before any number.
#[must_use]
pub fn caveats(record: &RunRecord) -> String {
    let mut out = String::new();
    for merged in merge(record.caveats.iter().cloned()) {
        let word = match merged.caveat.severity {
            Severity::Invalid => "INVALID",
            Severity::Warning => "caveat",
        };
        let place = merged.place();
        let place = if place.is_empty() { place } else { format!(" ({place})") };
        let _ = writeln!(out, "{word} {}{place}: {}", merged.caveat.id, merged.caveat.message());
    }
    out
}

/// What the user calls it, on a line of its own; nothing without a title.
pub(crate) fn title(record: &RunRecord) -> String {
    match record.title.as_str() {
        "" => String::new(),
        title => format!("{}\n", escaped(title)),
    }
}

/// The table of a run, with the percentiles `asked` for beside the usual ones, in percent, for a page of so many columns.
#[must_use]
pub fn table(record: &RunRecord, asked: &[f64], page: Option<usize>) -> String {
    let mut out = caveats(record) + &title(record);
    let names = record.groups.iter().flat_map(|group| group.commands.keys());
    let longest = names.map(|name| name.chars().count() + 1 + RESPONSE_TIME.len()).max();
    let columns = Columns::with(asked, page, longest.unwrap_or(0));
    for group in &record.groups {
        group_table(&mut out, record, group, &columns);
    }
    columns.foot(&mut out);
    stall_lines(&mut out, &record.stalls);
    limit_lines(&mut out, record);
    if let Some(audit) = &record.audit {
        audit_line(&mut out, audit);
    }
    out.trim_end().to_owned()
}

/// What the load generator itself used.
fn audit_line(out: &mut String, audit: &Audit) {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    let busiest = audit.threads.iter().map(|thread| thread.cpu_share).fold(0.0, f64::max);
    let queued = audit.threads.iter().filter_map(|thread| thread.queued_share);
    let _ = write!(out, "load generator: {} of a CPU", percent(busiest));
    let spun = audit.threads.iter().map(|thread| thread.spun_share).fold(0.0, f64::max);
    if spun >= 0.005 {
        let _ = write!(out, " ({} spinning until requests are due)", percent(spun));
    }
    if let Some(queued) = queued.max_by(f64::total_cmp) {
        let _ = write!(out, ", {} of the time waiting for a CPU", percent(queued));
    }
    let lag = audit.own_lag.as_ref();
    if let Some(p99) = lag.and_then(|lag| lag.us_at(99.0)) {
        let _ = write!(out, "; wake-up lag p99 {}", time(p99));
    }
    let _ = writeln!(out);
    if let Some(warmup) = &audit.warmup {
        let _ = writeln!(out, "warm-up: {:.1}s", warmup.length_s);
    }
}

/// The keys that were there when the run began.
fn keys_in_words(record: &RunRecord) -> String {
    let keys = record.server.as_ref().and_then(|server| server.keys);
    keys.map_or(String::new(), |keys| format!(", {} before the run", with_noun(keys, "key")))
}

/// The longest stalls in order of time, and how many more there were.
fn stall_lines(out: &mut String, stalls: &[Stall]) {
    /// More lines than this hide the table above them.
    const SHOWN_MAX: usize = 5;
    let mut shown: Vec<&Stall> = stalls.iter().collect();
    shown.sort_by(|a, b| b.duration_s.total_cmp(&a.duration_s));
    let rest = shown.split_off(shown.len().min(SHOWN_MAX));
    shown.sort_by(|a, b| a.start_s.total_cmp(&b.start_s));
    for stall in shown {
        let unknown = || cause_unknown(stall);
        let cause = stall.cause.clone().unwrap_or_else(unknown);
        let _ = writeln!(
            out,
            "stall at {:.2}s: {}, {} delayed, {:.3} client-seconds lost ({cause})",
            stall.start_s,
            time(stall.duration_s * 1e6),
            with_noun(stall.delayed, "request"),
            stall.lost_client_seconds
        );
    }
    if let Some(longest) = rest.first() {
        let count = with_noun(rest.len() as u64, "shorter stall");
        let longest = time(longest.duration_s * 1e6);
        let _ = writeln!(out, "and {count}, the longest of {longest}");
    }
}

/// Each stated limit with its outcome.
fn limit_lines(out: &mut String, record: &RunRecord) {
    for limit in &record.limits {
        // Plain spaces: the lines are searched in files.
        let said = limit.sentence().replace('\u{a0}', " ");
        let _ = writeln!(out, "limit {}: {said}", limit.outcome.as_str());
    }
}

/// What is known of a stall without a cause: that the server had no CPU, or why the slow log says nothing.
fn cause_unknown(stall: &Stall) -> String {
    let starts = |with: &str| stall.evidence.iter().find(|why| why.starts_with(with));
    if let Some(waited) = starts(WAITING) {
        return waited.clone();
    }
    if starts(REFUSED_SLOWLOG).is_some() {
        return "cause unknown: this ACL user may not use SLOWLOG; allow +slowlog|get".to_owned();
    }
    match starts(SLOWLOG_OFF).or_else(|| starts(SLOWLOG_COARSE)) {
        Some(why) => format!("cause unknown: {why}"),
        None => "cause unknown".to_owned(),
    }
}

/// How many connections served the group: a pool has a range.
fn connections_in_words(group: &Group) -> String {
    let held = &group.connections;
    match &group.pool {
        Some(_) if held.established < held.asked => {
            format!("{} to {} connections (pool)", held.established, held.asked)
        }
        Some(_) => format!("{} (pool)", with_noun(held.asked, "connection")),
        None => with_noun(held.established, "connection"),
    }
}

fn group_table(out: &mut String, record: &RunRecord, group: &Group, columns: &Columns) {
    if is_idle(group) {
        let held = &group.connections;
        let _ = writeln!(
            out,
            "{}: {} of {} connections established, {} failed, {} reconnects",
            group.name, held.established, held.asked, held.failed, held.reconnects
        );
        return;
    }
    let load = match group.arrival.rate {
        // The mean of a rate that changes has many digits.
        Some(rate) => {
            format!("{} arrivals, {} requests/s", group.arrival.process, (rate * 1e3).round() / 1e3)
        }
        None if group.has_messages() => "receiving".to_owned(),
        None => "closed loop".to_owned(),
    };
    let _ = writeln!(
        out,
        "{}: {}, {load}, {} measured{}",
        group.name,
        connections_in_words(group),
        length(record.duration_s),
        keys_in_words(record)
    );
    if !group.workload.is_empty() {
        let _ = writeln!(out, "  {}", escaped(&group.workload));
    }
    let counts = &group.counts;
    // A command that waits for data has replies; a subscriber has none.
    let what = if group.has_messages() && group.blocked.is_none() { "messages" } else { "replies" };
    let rate = match group.achieved_rate.is_nan() {
        true => format!("too short to measure a rate of {what}"),
        false => format!("{:.2} {what}/s", group.achieved_rate),
    };
    let _ = writeln!(
        out,
        "  {rate}; {} scheduled, {} sent, {} shed; {} ok, {} errors, {} timeouts, {} unfinished",
        counts.scheduled,
        counts.sent,
        counts.shed,
        counts.ok,
        counts.error,
        counts.timeout,
        counts.unfinished
    );
    if group.carried_over > 0 {
        let _ = writeln!(
            out,
            "  {} to requests of the warm-up: counted for the rate, not for the times",
            with_noun(group.carried_over, "reply")
        );
    }
    delivery_lines(out, group);
    connection_lines(out, group);
    command_rows(out, group, columns);
    if let Some(kernel) = &group.kernel {
        kernel_rows(out, group, kernel, columns);
    }
    for (command, metrics) in &group.commands {
        if let (Some(hits), Some(misses)) = (metrics.hits, metrics.misses) {
            let share = 100.0 * hits as f64 / (hits + misses).max(1) as f64;
            let _ = writeln!(out, "  {command}: {hits} hits, {misses} misses ({share:.1} % found)");
        }
    }
    if let Some(pool) = &group.pool {
        pool_rows(out, group, pool, columns);
    }
}

/// The times of each command and of all, and which time it is that leads.
fn command_rows(out: &mut String, group: &Group, columns: &Columns) {
    columns.head(out);
    let has_replies = group.blocked.is_none() || group.delivery != Some(Delivery::default());
    for (command, metrics) in group.commands.iter().filter(|_| has_replies) {
        let (name, quantiles) = headline(group, metrics);
        columns.row(out, &format!("{command} {name}"), quantiles);
        parts_of_response_time(out, group, command, metrics, columns);
    }
    if let Some(blocked) = &group.blocked {
        columns.row(out, "wait for data", blocked);
    }
    if let Some(errors) = &group.error_time {
        columns.row(out, "errors, since due", errors);
    }
    if group.commands.len() > 1 {
        let (name, quantiles) = headline(group, &group.total);
        columns.row(out, &format!("all {name}"), quantiles);
        parts_of_response_time(out, group, "all", &group.total, columns);
    }
    if !group.has_due_times() {
        let _ = writeln!(out, "  {CLOSED_LOOP_LEADS}");
    }
}

/// What a response time consists of: from due to sent, and from sent to replied.
fn parts_of_response_time(
    out: &mut String,
    group: &Group,
    command: &str,
    metrics: &Metrics,
    columns: &Columns,
) {
    if !group.has_due_times() {
        return;
    }
    if group.arrival.is_open() {
        columns.row(out, &format!("{command} send lag"), &metrics.send_lag);
    }
    columns.row(out, &format!("{command} service time"), &metrics.service_time);
}

/// How long requests waited for a connection of a pool, and what it did.
fn pool_rows(out: &mut String, group: &Group, pool: &Pool, columns: &Columns) {
    columns.row(out, "wait for a connection", &pool.wait);
    let _ = writeln!(
        out,
        "  pool of {}: at most {} open; {} opened and {} closed during the run; {} timed out waiting",
        group.connections.asked,
        pool.most_open,
        pool.opened,
        pool.closed,
        with_noun(pool.pool_timeouts, "request")
    );
}

/// What became of the connections, if there is anything to say, and where a cluster sent requests.
fn connection_lines(out: &mut String, group: &Group) {
    let connections = &group.connections;
    if connections.failed + connections.reconnects > 0 {
        // A pool opens the rest on demand.
        let (asked, when) = match group.pool {
            Some(_) => (connections.established + connections.failed, " in advance"),
            None => (connections.asked, ""),
        };
        let _ = writeln!(
            out,
            "  {} of {asked} connections established{when}, {} failed, {} reconnects",
            connections.established, connections.failed, connections.reconnects
        );
    }
    if let Some(redirects) = &group.redirects {
        let _ = writeln!(
            out,
            "  {} redirected by MOVED, {} by ASK",
            with_noun(redirects.moved, "request"),
            redirects.asked
        );
    }
    for site in &group.endpoints {
        let held = &site.connections;
        let _ = writeln!(
            out,
            "  {}: {} of {} connections established, {} failed, {} reconnects",
            site.name, held.established, held.asked, held.failed, held.reconnects
        );
    }
}

/// The service time in two parts, and the load generator's own share of it.
fn kernel_rows(out: &mut String, group: &Group, kernel: &KernelTimes, columns: &Columns) {
    columns.row(out, "wire (sent-arrived)", &kernel.wire);
    columns.row(out, "wake-up (until read)", &kernel.wake_up);
    let share = |p: f64| {
        let (own, all) = (kernel.wake_up.us_at(p)?, group.total.service_time.us_at(p)?);
        Some(format!("{} of {} at p{p}", time(own), time(all)))
    };
    let shares: Vec<String> = [50.0, 99.0].into_iter().filter_map(share).collect();
    if !shares.is_empty() {
        let _ = writeln!(
            out,
            "  the load generator's own wake-up: {} (timestamps within {}; {} without one)",
            shares.join(", "),
            time(kernel.clock_uncertainty_us),
            with_noun(kernel.unstamped, "reply")
        );
    }
    if kernel.clock_steps > 0 {
        let _ = writeln!(
            out,
            "  the wall clock was set {} during the run: do not use these two rows",
            with_noun(kernel.clock_steps, "time")
        );
    }
}

/// What became of messages, and what errors there were.
fn delivery_lines(out: &mut String, group: &Group) {
    // A command that waits for data may wait for other than marked messages.
    let marked =
        |delivery: &&Delivery| group.blocked.is_none() || **delivery != Delivery::default();
    if let Some(delivery) = group.delivery.as_ref().filter(marked) {
        // The row of the table counts those that were due in the measurement.
        let warmup = match delivery.received.saturating_sub(delivery.measured) {
            0 => String::new(),
            early => format!(" ({early} in the warm-up)"),
        };
        let _ = writeln!(
            out,
            "  {} received{warmup}; {} lost, {} duplicated, {} out of order, {} from other runs",
            with_noun(delivery.received, "message"),
            delivery.lost,
            delivery.duplicated,
            delivery.out_of_order,
            delivery.foreign
        );
    }
    for error in group.errors.iter().take(ERRORS_SHOWN_MAX) {
        let _ = writeln!(out, "  {} × {}", error.count, escaped(&error.text));
    }
}

/// Whether a group only holds connections open.
pub(super) fn is_idle(group: &Group) -> bool {
    group.arrival.process == ArrivalProcess::Idle.as_str()
}

/// Ten GETs in two seconds, too few for a p99.
#[cfg(test)]
pub(super) fn record() -> RunRecord {
    let json = r#"{"schema":1,"duration_s":2.0,"groups":[{"name":"load","role":"victim",
        "arrival":{"process":"closed","rate":null},
        "connections":{"asked":1,"established":1,"failed":0,"reconnects":0},
        "counts":{"scheduled":10,"sent":10,"shed":0,"ok":10,"error":0,"timeout":0,"unfinished":0},
        "achieved_rate":5.0,"commands":{"GET":{"service_time":{"count":10,"min_us":100.0,
        "mean_us":150.0,"max_us":300.0,"percentiles":[{"p":50.0,"us":143.0,"censored":false},
        {"p":99.0,"us":null,"need":1000,"censored":false}]}}}}]}"#;
    RunRecord::from_json(json, std::path::Path::new("test")).expect("a record")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::record::{Arrival, CaveatRecord};

    #[test]
    fn messages_count_from_when_they_were_due() {
        let mut record = record();
        let group = &mut record.groups[0];
        group.delivery = Some(Delivery { received: 10, measured: 8, ..Delivery::default() });
        let metrics = group.commands.get_mut("GET").expect("GET");
        metrics.response_time.mean_us = Some(2_000.0);
        let text = table(&record, &[], None);
        let rows: Vec<&str> = text.lines().filter(|line| line.contains("GET ")).collect();
        assert!(rows[0].contains("GET response time") && rows[0].contains("2ms"), "{text}");
        assert!(rows[1].contains("GET service time") && text.contains("receiving"), "{text}");
        assert!(text.contains("10 messages received (2 in the warm-up); 0 lost"), "{text}");
    }

    #[test]
    fn the_table_says_what_a_percentile_would_need() {
        let text = table(&record(), &[], None);
        assert!(text.contains("closed loop") && text.contains("n<1000"), "{text}");
        assert!(text.contains("  n<…: too few samples"), "{text}");
        let mut full = record();
        let metrics = full.groups[0].commands.get_mut("GET").expect("GET");
        metrics.service_time.percentiles.retain(|entry| entry.us.is_some());
        let text = table(&full, &[], None);
        assert!(!text.contains("too few samples"), "nothing to explain: {text}");
    }

    #[test]
    fn of_several_commands_at_a_rate_both_times_are_summed_up() {
        let mut record = record();
        let group = &mut record.groups[0];
        group.arrival = Arrival { process: "constant".to_owned(), rate: Some(5.0) };
        let get = group.commands["GET"].clone();
        group.commands.insert("SET".to_owned(), get.clone());
        group.total = get;
        let text = table(&record, &[], None);
        assert!(text.contains("  all response time"), "{text}");
        assert!(text.contains("  all service time"), "{text}");
    }

    #[test]
    fn requested_percentiles_have_a_column_and_bounds_are_marked() {
        let mut record = record();
        let metrics = record.groups[0].commands.get_mut("GET").expect("GET");
        metrics.service_time.censored = true;
        let text = table(&record, &[99.99, 50.0], None);
        let head = text.lines().find(|line| line.contains("count")).expect("a head");
        let names: Vec<&str> = head.split_whitespace().collect();
        assert_eq!(names, ["count", "mean", "p50", "p90", "p99", "p99.9", "p99.99", "max"]);
        assert!(text.contains(">=150us") && text.contains(">=300us"), "{text}");
    }

    #[test]
    fn a_caveat_of_several_arms_is_printed_once() {
        let noise = aelab_results::caveat::Caveat::CpuStolen { share: 0.5 };
        let caveat = |arm: &str, text: &str| CaveatRecord {
            text: text.to_owned(),
            remedy: "Wait".to_owned(),
            arm: Some(arm.to_owned()),
            ..noise.to_record()
        };
        let caveats = vec![caveat("a", "5 %"), caveat("b", "6 %"), caveat("a", "7 %")];
        let record = RunRecord { caveats, ..RunRecord::default() };
        assert_eq!(super::caveats(&record), "caveat cpu-stolen (a, also in b): 5 %. Wait.\n");
    }
}
