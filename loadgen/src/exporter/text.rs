//! A run's counters as Prometheus reads them: text format 0.0.4.
//!
//! Pure. Names and meanings are documented in `docs/live.md`. Invariant: within one run no counter falls.

use aelab_engine::record::live::{Counted, LiveFailures};
use aelab_engine::{Live, LiveCounts, Phase};
use std::fmt::Write as _;

/// Upper bounds of the response time's buckets in microseconds: steps of about two, from a good round trip to a long stall.
const BOUNDS_US: [u64; 20] = [
    50, 100, 200, 300, 500, 700, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 20_000, 50_000,
    100_000, 250_000, 500_000, 1_000_000, 5_000_000, 10_000_000,
];

const PHASES: [(Phase, &str); 5] = [
    (Phase::Connect, "connect"),
    (Phase::Warmup, "warmup"),
    (Phase::Measure, "measure"),
    (Phase::Drain, "drain"),
    (Phase::Done, "done"),
];

/// A metric of each group: name, kind, help and value.
type Series = (&'static str, &'static str, &'static str, fn(&LiveCounts) -> u64);

const SERIES: [Series; 7] = [
    (
        "loadgen_requests_scheduled_total",
        "counter",
        "Requests that became due, warm-up included.",
        |counts| counts.scheduled,
    ),
    (
        "loadgen_requests_shed_total",
        "counter",
        "Requests that were due but never sent, because the backlog was full.",
        |counts| counts.shed,
    ),
    ("loadgen_replies_total", "counter", "Replies without an error, warm-up included.", |counts| {
        counts.ok
    }),
    (
        "loadgen_messages_total",
        "counter",
        "Messages delivered to subscribers and waiting commands, warm-up included.",
        |counts| counts.messages,
    ),
    (
        "loadgen_requests_open",
        "gauge",
        "Requests due and not finished: in flight, or waiting for a connection.",
        LiveCounts::open,
    ),
    ("loadgen_connections", "gauge", "Open connections.", LiveCounts::connections),
    ("loadgen_connections_lost_total", "counter", "Connections lost during the run.", |counts| {
        counts.lost
    }),
];

/// A metric of each command: name, help and value.
type CommandSeries = (&'static str, &'static str, fn(LiveFailures) -> u64);

const COMMAND_SERIES: [CommandSeries; 2] = [
    (
        "loadgen_errors_total",
        "Error replies and requests lost with their connection, warm-up included.",
        |failures| failures.errors,
    ),
    (
        "loadgen_timeouts_total",
        "Requests cancelled after their time limit, warm-up included.",
        |failures| failures.timeouts,
    ),
];

/// A run as it is served.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run<'a> {
    /// Of the scenario; empty for a run of its own.
    pub(super) scenario: &'a str,
    /// Of the test or arm.
    pub(super) title: &'a str,
    /// Its counters.
    pub(super) live: &'a Live,
}

impl Run<'_> {
    /// The labels of all its metrics.
    fn labels(&self) -> String {
        let run = format!("run=\"{}\"", escaped(self.title));
        match self.scenario {
            "" => run,
            scenario => format!("scenario=\"{}\",{run}", escaped(scenario)),
        }
    }
}

/// The text of a run; without one, only that there is none yet.
#[must_use]
pub(super) fn text(run: Option<Run<'_>>) -> String {
    let mut out = String::new();
    let version = env!("CARGO_PKG_VERSION");
    head(&mut out, "loadgen_info", "gauge", "The program; the value is 1.");
    let _ = writeln!(out, "loadgen_info{{version=\"{version}\"}} 1");
    let Some(run) = run else { return out };
    let (run, live) = (run.labels(), run.live);
    head(&mut out, "loadgen_phase", "gauge", "1 for the current phase of the run.");
    for (phase, name) in PHASES {
        let is_on = u8::from(live.phase() == phase);
        let _ = writeln!(out, "loadgen_phase{{{run},phase=\"{name}\"}} {is_on}");
    }
    head(&mut out, "loadgen_elapsed_seconds", "gauge", "Time since the first request was due.");
    let elapsed = live.elapsed().as_secs_f64();
    let _ = writeln!(out, "loadgen_elapsed_seconds{{{run}}} {elapsed}");
    let groups: Vec<(String, usize)> = (0..live.group_count())
        .map(|index| (format!("{run},group=\"{}\"", escaped(live.about(index).0)), index))
        .collect();
    for (name, kind, help, of) in SERIES {
        head(&mut out, name, kind, help);
        for (labels, index) in &groups {
            let _ = writeln!(out, "{name}{{{labels}}} {}", of(&live.group(*index)));
        }
    }
    let labels_of = |(labels, index): &(String, usize)| -> Vec<(String, usize, usize)> {
        let commands = live.commands(*index).iter().enumerate();
        let labelled = |(number, command): (usize, &String)| {
            (format!("{labels},command=\"{}\"", escaped(command)), *index, number)
        };
        commands.map(labelled).collect()
    };
    let commands: Vec<(String, usize, usize)> = groups.iter().flat_map(labels_of).collect();
    for (name, help, of) in COMMAND_SERIES {
        head(&mut out, name, "counter", help);
        for (labels, index, number) in &commands {
            let _ = writeln!(out, "{name}{{{labels}}} {}", of(live.failures_of(*index, *number)));
        }
    }
    let name = "loadgen_response_time_seconds";
    let help = "Time from when a request was due to its reply (replies without an error, and messages); without waits for data; \
                warm-up included.";
    head(&mut out, name, "histogram", help);
    for (labels, index, number) in &commands {
        histogram(&mut out, name, labels, &live.response_times_of(*index, *number));
    }
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn histogram(out: &mut String, name: &str, labels: &str, times: &Counted) {
    for bound in BOUNDS_US {
        let count = times.below(bound * 1_000);
        let le = bound as f64 / 1e6;
        let _ = writeln!(out, "{name}_bucket{{{labels},le=\"{le}\"}} {count}");
    }
    let total = times.total();
    let _ = writeln!(out, "{name}_bucket{{{labels},le=\"+Inf\"}} {total}");
    let _ = writeln!(out, "{name}_sum{{{labels}}} {}", times.sum_ns as f64 / 1e9);
    let _ = writeln!(out, "{name}_count{{{labels}}} {total}");
}

/// A label's value as the format wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_run_there_is_only_the_program() {
        assert!(text(None).ends_with("\"} 1\n"), "{}", text(None));
        assert_eq!(escaped("a\"b\\c\nd"), "a\\\"b\\\\c\\nd");
    }

    #[test]
    fn labels_say_scenario_test_group_and_command() {
        use aelab_engine::clock::Nanos;
        use aelab_engine::plan::{Endpoint, GroupPlan, KeySpace, Phases, RunPlan};
        use aelab_engine::plan::{Target, ValueSize, Workload};
        use aelab_engine::workload::command_text::parse_command;
        let workload = Workload {
            commands: ["GET a", "SET a \"b\""].map(|c| parse_command(c, 1).expect(c)).into(),
            keys: KeySpace::uniform(1),
            values: ValueSize::Fixed(1),
            compressible: 0.0,
            order: aelab_engine::plan::CommandOrder::Random,
        };
        let target = Target::plain(Endpoint::Unix("/none".into()));
        let group = GroupPlan::new("load", target, 1, workload);
        let phases = Phases { warmup: Nanos::ZERO, measure: None, drain_max: Nanos::ZERO };
        let live = Live::new(&RunPlan::new(vec![group], phases));
        let own = text(Some(Run { scenario: "", title: "GET:SET", live: &live }));
        for name in [
            "loadgen_response_time_seconds_count",
            "loadgen_errors_total",
            "loadgen_timeouts_total",
        ] {
            for command in ["GET", "SET"] {
                let labels = format!("run=\"GET:SET\",group=\"load\",command=\"{command}\"");
                let line = format!("{name}{{{labels}}} 0\n");
                assert!(own.contains(&line), "{line}: {own}");
            }
        }
        let arm = text(Some(Run { scenario: "keys-vs-scan", title: "keys", live: &live }));
        for start in [
            "loadgen_phase{scenario=\"keys-vs-scan\",run=\"keys\",phase=\"connect\"} 1",
            "loadgen_replies_total{scenario=\"keys-vs-scan\",run=\"keys\",group=\"load\"} 0",
        ] {
            assert!(arm.contains(start), "{start}: {arm}");
        }
    }

    #[test]
    fn every_metric_is_documented() {
        let page = include_str!("../../../docs/live.md");
        let fixed = [
            "loadgen_info",
            "loadgen_phase",
            "loadgen_elapsed_seconds",
            "loadgen_response_time_seconds",
        ];
        let of_commands = COMMAND_SERIES.iter().map(|series| series.0);
        for name in fixed.into_iter().chain(SERIES.iter().map(|series| series.0)).chain(of_commands)
        {
            assert!(page.contains(&format!("`{name}`")), "docs/live.md does not name {name}");
        }
    }
}
