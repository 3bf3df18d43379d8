//! A run as redis-benchmark and memtier print it, for eyes and scripts that know those.
//!
//! Pure: record in, text out. Invariant: every number is one of the record, only rounded; what the sample cannot support is
//! missing, never guessed.

use crate::console::lines::{rate_of, rows};
use crate::console::table::{RESPONSE_TIME, headline};
use aelab_results::histogram::{Sparse, highest_of, lowest_of};
use aelab_results::hlog::{HlogSeries, Metric, SeriesKey};
use aelab_results::record::{Group, Metrics, Quantiles, RunRecord};
use aelab_results::stats::supported;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// What redis-benchmark's report says of a load beside its numbers.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// Size of a value.
    pub value_bytes: usize,
    /// Whether connections serve more than one request.
    pub keeps_alive: bool,
    /// Engine threads.
    pub threads: usize,
}

/// redis-benchmark's report of one test; `series` are the run's histograms.
#[must_use]
pub fn redis_benchmark(
    record: &RunRecord,
    series: &[HlogSeries],
    label: Option<&str>,
    about: About,
) -> String {
    let mut out = String::new();
    for (group, command, metrics) in rows(record) {
        let (metric, q) = headline(group, metrics);
        let _ = writeln!(out, "====== {} ======", label.unwrap_or(command));
        let _ =
            writeln!(out, "  {} requests completed in {:.2} seconds", q.count, record.duration_s);
        let _ = writeln!(out, "  {} parallel clients", group.connections.established);
        about_lines(&mut out, record, about);
        let metric = if metric == RESPONSE_TIME { Metric::Response } else { Metric::Service };
        let key = SeriesKey::tagged(&group.name, command, metric);
        let samples = series.iter().find(|one| one.key == key).map(HlogSeries::merged);
        distributions(&mut out, &samples.unwrap_or_default(), q);
        let _ = writeln!(out, "Summary:");
        let _ = writeln!(out, "  throughput summary: {:.2} requests per second", rate_of(group, q));
        let _ = writeln!(out, "  latency summary (msec):");
        let _ = writeln!(
            out,
            "  {:>11} {:>9} {:>9} {:>9} {:>9} {:>9}",
            "avg", "min", "p50", "p95", "p99", "max"
        );
        let _ = writeln!(
            out,
            "  {:>11} {:>9} {:>9} {:>9} {:>9} {:>9}\n",
            ms(q.mean_us),
            ms(q.min_us),
            ms(q.us_at(50.0)),
            ms(q.us_at(95.0)),
            ms(q.us_at(99.0)),
            ms(q.max_us)
        );
    }
    out.trim_end().to_owned()
}

fn ms(us: Option<f64>) -> String {
    us.map_or_else(|| "-".to_owned(), |us| format!("{:.3}", us / 1e3))
}

fn about_lines(out: &mut String, record: &RunRecord, about: About) {
    let _ = writeln!(out, "  {} bytes payload", about.value_bytes);
    let _ = writeln!(out, "  keep alive: {}", u8::from(about.keeps_alive));
    let config = record.server.as_ref().map(|server| &server.config);
    for name in ["save", "appendonly"] {
        if let Some(value) = config.and_then(|config| config.get(name)) {
            let _ = writeln!(out, "  host configuration \"{name}\": {value}");
        }
    }
    let several = about.threads > 1;
    let _ = writeln!(out, "  multi-thread: {}", if several { "yes" } else { "no" });
    if several {
        let _ = writeln!(out, "  threads: {}", about.threads);
    }
    let _ = writeln!(out);
}

/// Steps of the cumulative distribution: fine up to two milliseconds, coarse above, as redis-benchmark has them.
const FINE_NS: u64 = 100_000;
const FINE_UNTIL_NS: u64 = 2_000_000;
const COARSE_NS: u64 = 1_000_000;

/// The step that a bucket belongs to, told by its lower end: to one bucket it is not above it.
const fn step_of(ns: u64) -> u64 {
    let step = if ns <= FINE_UNTIL_NS { FINE_NS } else { COARSE_NS };
    ns.div_ceil(step) * step
}

/// The percentiles that the sample supports, each halving what lies above the one before, and how many requests took how long
/// at most.
fn distributions(out: &mut String, samples: &Sparse, q: &Quantiles) {
    let total = samples.total();
    let mut seen = 0;
    // The upper end of each bucket, and the requests up to there.
    let cumulative: Vec<(u64, u64)> = samples
        .counts()
        .iter()
        .map(|&(bucket, count)| {
            seen += count;
            (highest_of(bucket as usize), seen)
        })
        .collect();
    // A bucket may end above the longest time, which is known exactly.
    let max_us = q.max_us.unwrap_or(f64::INFINITY);
    let _ = writeln!(out, "Latency by percentile distribution:");
    let mut above = 1.0;
    for &(ns, count) in &cumulative {
        while count as f64 >= (1.0 - above) * total as f64 {
            let p = 100.0 * (1.0 - above);
            if above < 1.0 && !supported(p, total) {
                break;
            }
            line(out, p, (ns as f64 / 1e3).min(max_us), count);
            above /= 2.0;
        }
    }
    if let Some(max_us) = q.max_us {
        line(out, 100.0, max_us, total);
    }
    let _ = writeln!(out, "\nCumulative distribution of latencies:");
    let mut steps = vec![(FINE_NS, 0)];
    for ((_, count), (bucket, _)) in cumulative.into_iter().zip(samples.counts()) {
        let step = step_of(lowest_of(*bucket as usize));
        match steps.last_mut().filter(|(last, _)| *last == step) {
            Some((_, all)) => *all = count,
            None => steps.push((step, count)),
        }
    }
    for (ns, count) in steps {
        let p = 100.0 * count as f64 / total.max(1) as f64;
        line(out, p, ns as f64 / 1e3, count);
    }
    let _ = writeln!(out);
}

fn line(out: &mut String, p: f64, us: f64, count: u64) {
    let ms = us / 1e3;
    let _ = writeln!(out, "{p:.3}% <= {ms:.3} milliseconds (cumulative count {count})");
}

/// One row of memtier's tables.
struct Row<'a> {
    name: String,
    rate: f64,
    hits: Option<(f64, f64)>,
    kb: Option<f64>,
    quantiles: &'a Quantiles,
}

/// What memtier calls a command: `Sets`, `Gets`, else its name with an s.
fn row_name(command: &str) -> String {
    let word = command.split(' ').next().unwrap_or(command);
    let mut letters = word.chars();
    let first = letters.next().into_iter();
    let name: String = first.chain(letters.flat_map(char::to_lowercase)).chain(['s']).collect();
    name + &command[word.len()..]
}

fn memtier_rows(record: &RunRecord) -> Vec<Row<'_>> {
    let groups: Vec<&Group> = record.headline_groups();
    let mut all: Vec<Row<'_>> = Vec::new();
    for group in &groups {
        let from = all.len();
        // A name that an earlier group has would replace its row in JSON.
        let unique = |name: String, all: &[Row<'_>]| match all.iter().any(|row| row.name == name) {
            true => format!("{name} ({})", group.name),
            false => name,
        };
        for (command, metrics) in &group.commands {
            let (_, quantiles) = headline(group, metrics);
            let rate = rate_of(group, quantiles);
            let hits = hits_of(metrics, rate);
            let bytes = metrics.sent_bytes.zip(metrics.received_bytes);
            let kb = bytes.map(|(sent, received)| kb_of(record, sent + received));
            let name = unique(row_name(command), &all);
            all.push(Row { name, rate, hits, kb, quantiles });
        }
        // As memtier has it: sets before gets, then the others.
        all[from..].sort_by_key(|row| match row.name.as_str() {
            "Sets" => 0,
            "Gets" => 1,
            _ => 2,
        });
        let (_, quantiles) = headline(group, &group.total);
        let found = all[from..].iter().filter_map(|row| row.hits);
        let hits = found.reduce(|sum, one| (sum.0 + one.0, sum.1 + one.1));
        let kb = Some(kb_of(record, group.sent_bytes + group.received_bytes));
        let name = unique("Totals".to_owned(), &all);
        all.push(Row { name, rate: group.achieved_rate, hits, kb, quantiles });
    }
    all
}

/// The rates at which a command that looks for something found it, and did not.
#[expect(clippy::cast_precision_loss, reason = "rates are printed to two decimals")]
fn hits_of(metrics: &Metrics, rate: f64) -> Option<(f64, f64)> {
    let (hits, misses) = metrics.hits.zip(metrics.misses)?;
    let missed = misses as f64 / ((hits + misses) as f64).max(1.0);
    Some((rate * (1.0 - missed), rate * missed))
}

#[expect(clippy::cast_precision_loss, reason = "rates are printed to two decimals")]
fn kb_of(record: &RunRecord, bytes: u64) -> f64 {
    if record.duration_s > 0.0 { bytes as f64 / 1024.0 / record.duration_s } else { 0.0 }
}

/// memtier's table of all statistics, with the percentiles asked for.
#[must_use]
pub fn memtier(record: &RunRecord, asked: &[f64]) -> String {
    let percentiles = percentiles(asked);
    let mut head = format!(
        "{:<12} {:>12} {:>12} {:>12} {:>15}",
        "Type", "Ops/sec", "Hits/sec", "Misses/sec", "Avg. Latency"
    );
    for p in &percentiles {
        let _ = write!(head, " {:>15}", format!("p{p} Latency"));
    }
    let _ = write!(head, " {:>12}", "KB/sec");
    let mut out =
        format!("ALL STATS\n{}\n{head}\n{}\n", "=".repeat(head.len()), "-".repeat(head.len()));
    let number = |value: Option<f64>, decimals: usize| {
        value.map_or_else(|| "---".to_owned(), |value| format!("{value:.decimals$}"))
    };
    for row in memtier_rows(record) {
        let ms = |us: Option<f64>| number(us.map(|us| us / 1e3), 5);
        let _ = write!(
            out,
            "{:<12} {:>12.2} {:>12} {:>12} {:>15}",
            row.name,
            row.rate,
            number(row.hits.map(|hits| hits.0), 2),
            number(row.hits.map(|hits| hits.1), 2),
            ms(row.quantiles.mean_us)
        );
        for p in &percentiles {
            let _ = write!(out, " {:>15}", ms(row.quantiles.us_at(*p)));
        }
        let _ = writeln!(out, " {:>12}", number(row.kb, 2));
    }
    out.trim_end().to_owned()
}

/// memtier's own, unless others were asked for.
fn percentiles(asked: &[f64]) -> Vec<f64> {
    if asked.is_empty() { vec![50.0, 99.0, 99.9] } else { asked.to_vec() }
}

/// memtier's `--json-out-file`: of several runs, all but the first are named by their titles.
///
/// # Errors
/// None of the records has a number that JSON lacks.
pub fn memtier_json(
    kept: &[(&str, &RunRecord)],
    asked: &[f64],
) -> Result<String, serde_json::Error> {
    let mut document = Map::new();
    if let Some((_, first)) = kept.first() {
        document.insert(
            "run information".to_owned(),
            json!({
                "Tool": format!("{} {}", first.tool.name, first.tool.version),
                "Command line": first.command.join(" "),
            }),
        );
    }
    for (index, (title, record)) in kept.iter().enumerate() {
        let name = if index == 0 { "ALL STATS".to_owned() } else { format!("ALL STATS ({title})") };
        document.insert(name, statistics(record, asked));
    }
    serde_json::to_string_pretty(&Value::Object(document))
}

/// The name of a percentile: with two decimals, as memtier has it, and with all that it has where those would be the name of
/// another percentile.
fn percentile_key(p: f64) -> String {
    let decimals = p.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len());
    format!("p{p:.*}", decimals.max(2))
}

fn statistics(record: &RunRecord, asked: &[f64]) -> Value {
    let mut all = Map::new();
    let millis = (record.duration_s * 1e3).round();
    all.insert(
        "Runtime".to_owned(),
        json!({
            "Total duration": millis,
            "Time unit": "MILLISECONDS",
            "Interrupted": record.interrupted.to_string(),
        }),
    );
    for row in memtier_rows(record) {
        let q = row.quantiles;
        let ms = |us: Option<f64>| us.map(|us| us / 1e3);
        let latencies: Map<String, Value> = percentiles(asked)
            .into_iter()
            .filter_map(|p| Some((percentile_key(p), json!(q.us_at(p)? / 1e3))))
            .collect();
        let mut one = json!({
            "Count": q.count,
            "Ops/sec": row.rate,
            "Latency": ms(q.mean_us),
            "Average Latency": ms(q.mean_us),
            "Min Latency": ms(q.min_us),
            "Max Latency": ms(q.max_us),
            "Percentile Latencies": latencies,
        });
        if let Some(fields) = one.as_object_mut() {
            let (hits, misses) = row.hits.unwrap_or((0.0, 0.0));
            fields.insert("Hits/sec".to_owned(), json!(hits));
            fields.insert("Misses/sec".to_owned(), json!(misses));
            if let Some(kb) = row.kb {
                fields.insert("KB/sec".to_owned(), json!(kb));
            }
        }
        all.insert(row.name, one);
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aelab_results::hlog::Interval;
    use aelab_results::record::Server;

    fn record() -> RunRecord {
        let q = r#"{"count":10,"min_us":100.0,"mean_us":150.0,"max_us":300.0,"percentiles":[
            {"p":50.0,"us":143.0,"censored":false},{"p":99.0,"us":null,"need":1000,"censored":false}]}"#;
        let json = format!(
            r#"{{"schema":1,"duration_s":2.0,"groups":[{{"name":"load","role":"victim",
            "arrival":{{"process":"closed","rate":null}},
            "connections":{{"asked":4,"established":4,"failed":0,"reconnects":0}},
            "achieved_rate":10.0,"misses":8,"sent_bytes":1024,"received_bytes":1024,
            "commands":{{"GET":{{"service_time":{q},"hits":5,"misses":5,"sent_bytes":256,"received_bytes":768}},
            "SET":{{"service_time":{q},"sent_bytes":768,"received_bytes":256}}}},
            "total":{{"service_time":{q}}}}}]}}"#
        );
        RunRecord::from_json(&json, std::path::Path::new("test")).expect("a record")
    }

    #[test]
    fn the_tables_read_as_the_other_tools_write_them() {
        let mut of_get = record();
        let config = [("save", "3600 1"), ("appendonly", "no")];
        let config = config.map(|(name, value)| (name.to_owned(), value.to_owned()));
        of_get.server = Some(Server { config: config.into(), ..Server::default() });
        of_get.groups[0].commands.remove("SET");
        let metrics = of_get.groups[0].commands.get_mut("GET").expect("GET");
        metrics.service_time.max_us = Some(4_000.0);
        // 40 requests: half of them take 0.15 ms, the others up to 4 ms.
        let times = (1..=20).map(|n| n * 200_000).chain([150_000; 20]);
        let interval = Interval { start_ns: 0, length_ns: 1, counts: Sparse::from_values(times) };
        let key = SeriesKey::tagged("load", "GET", Metric::Service);
        let series = [HlogSeries { key, intervals: vec![interval] }];
        let about = About { value_bytes: 3, keeps_alive: false, threads: 2 };
        let text = redis_benchmark(&of_get, &series, Some("SET"), about);
        for part in [
            "====== SET ======",
            "  10 requests completed in 2.00 seconds",
            "  4 parallel clients\n  3 bytes payload\n  keep alive: 0\n",
            "  host configuration \"save\": 3600 1\n  host configuration \"appendonly\": no\n",
            "  multi-thread: yes\n  threads: 2\n\nLatency by",
            "distribution:\n0.000% <= 0.150 milliseconds (cumulative count 20)\n50.000% <= 0.150",
            "\n75.000% <= 2.001 milliseconds (cumulative count 30)\n100.000% <= 4.000 ",
            "latencies:\n0.000% <= 0.100 milliseconds (cumulative count 0)\n52.500% <= 0.200 ",
            "\n75.000% <= 2.000 milliseconds (cumulative count 30)\n",
            "\n87.500% <= 3.000 milliseconds (cumulative count 35)\n100.000% <= 4.000",
            "  throughput summary: 10.00 requests per second",
            "0.150     0.100     0.143         -         -     4.000",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // The longest lies inside its bucket, which ends at 5.003 ms.
        let interval =
            Interval { start_ns: 0, length_ns: 1, counts: Sparse::from_values([5_000_500; 40]) };
        let key = SeriesKey::tagged("load", "GET", Metric::Service);
        let series = [HlogSeries { key, intervals: vec![interval] }];
        let metrics = of_get.groups[0].commands.get_mut("GET").expect("GET");
        metrics.service_time.max_us = Some(5_000.5);
        let text = redis_benchmark(&of_get, &series, None, about);
        assert!(text.contains("\n50.000% <= 5.000 "), "not above the maximum: {text}");
        let none = redis_benchmark(&of_get, &[], None, about);
        assert!(none.contains("0.000% <= 0.100 milliseconds (cumulative count 0)"), "{none}");
        let text = memtier(&record(), &[]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0] == "ALL STATS" && lines[2].starts_with("Type "), "{text}");
        let names: Vec<_> = lines[4..].iter().filter_map(|line| line.split(' ').next()).collect();
        assert_eq!(names, ["Sets", "Gets", "Totals"]);
        assert!(lines[5].contains("2.50         2.50"), "half of the gets missed: {text}");
        assert!(lines[4].ends_with(" 0.50"), "{text}");
        assert!(lines[6].ends_with(" 1.00"), "the rows add up: {text}");
    }

    #[test]
    fn two_percentiles_never_have_one_name() {
        let names = [50.0, 99.9, 99.95, 99.951, 99.996, 99.999_9, 100.0].map(percentile_key);
        let want = ["p50.00", "p99.90", "p99.95", "p99.951", "p99.996", "p99.9999", "p100.00"];
        assert_eq!(names, want);
    }

    #[test]
    fn the_groups_of_a_run_have_totals_of_their_own() {
        let mut two = record();
        let mut other = two.groups[0].clone();
        other.name = "receivers".to_owned();
        two.groups.push(other);
        let names: Vec<String> = memtier_rows(&two).into_iter().map(|row| row.name).collect();
        assert_eq!(names[2], "Totals");
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), 6, "{names:?}");
    }

    #[test]
    fn the_json_has_the_keys_that_are_parsed() {
        let text = memtier_json(&[("mix", &record())], &[50.0]).expect("JSON");
        let value: Value = serde_json::from_str(&text).expect("valid");
        let all = &value["ALL STATS"];
        assert_eq!(all["Totals"]["Ops/sec"], 10.0);
        assert_eq!(all["Gets"]["Percentile Latencies"]["p50.00"], 0.143);
        assert_eq!(all["Gets"]["Misses/sec"], 2.5);
        assert_eq!(all["Runtime"]["Interrupted"], "false");
    }
}
