//! The interval log: exact there and back, tolerant of a torn end, and what Java reads from it.

use aelab_results::hgrm;
use aelab_results::histogram::{Sparse, lowest_of};
use aelab_results::hlog::{
    self, Hlog, HlogHeader, HlogSeries, INTERVAL_NS, Interval, Metric, SeriesKey,
};
use aelab_results::stats;
use proptest::prelude::*;

use crate::synthetic::{self, Plan};

fn header() -> HlogHeader {
    HlogHeader { tool: "loadgen 0.1.0".into(), start_unix_ms: 1_700_000_000_250 }
}

fn text(series: &[HlogSeries]) -> String {
    let mut out = Vec::new();
    hlog::write(&mut out, &header(), series).unwrap();
    String::from_utf8(out).unwrap()
}

fn by_key(series: &[HlogSeries]) -> Vec<HlogSeries> {
    let mut sorted = series.to_vec();
    sorted.sort_by(|a, b| a.key.cmp(&b.key));
    sorted
}

#[test]
fn a_log_reads_back_count_by_count() {
    let run = synthetic::run(&Plan::keys());
    let log = hlog::read(&text(&run.series)).unwrap();
    assert_eq!(log.start_unix_ms, Some(1_700_000_000_250));
    assert!(!log.torn);
    assert_eq!(log.series, by_key(&run.series));
}

#[test]
fn every_percentile_of_the_record_can_be_derived_from_the_log() {
    let run = synthetic::run(&Plan::one_freeze());
    let log = hlog::read(&text(&run.series)).unwrap();
    let group = &run.record.groups[0];
    let metrics = [
        (Metric::Response, &group.total.response_time),
        (Metric::Service, &group.total.service_time),
        (Metric::Lag, &group.total.send_lag),
    ];
    for (metric, quantiles) in metrics {
        let series = log.of_group(&group.name, metric).unwrap();
        assert_eq!(series.merged().total(), quantiles.count);
        for p in &quantiles.percentiles {
            let derived = series.merged().value_at(p.p / 100.0).map(|ns| ns as f64 / 1e3);
            let derived = derived.filter(|_| stats::supported(p.p, quantiles.count));
            assert_eq!(derived, p.us, "{metric:?} p{}", p.p);
        }
    }
    assert_eq!(
        log.get(&SeriesKey::Headline).unwrap().merged(),
        log.of_group("victims", Metric::Response).unwrap().merged(),
    );
}

/// 1,000 requests per second for 30 s, frozen for 1 s: the known answers.
#[test]
fn the_percentiles_of_one_freeze_are_those_of_theory() {
    let run = synthetic::run(&Plan::one_freeze());
    let total = &run.record.groups[0].total;
    assert_eq!(total.response_time.count, 30_000);
    let near = |us: Option<f64>, wanted: f64| (us.unwrap() / wanted - 1.0).abs() < 0.002;
    assert!(near(total.response_time.us_at(99.0), 700_000.0));
    assert!(near(total.response_time.us_at(99.9), 970_000.0));
    assert!(total.service_time.us_at(99.0).unwrap() < 200.0, "service time does not see it");
}

#[test]
fn a_log_cut_anywhere_in_its_last_line_loses_that_line_only() {
    let run = synthetic::run(&Plan { duration_s: 1, ..Plan::calm() });
    let series = &run.series[..1];
    let whole = text(series);
    let lines = series[0].intervals.len();
    let last_line = whole.trim_end().rfind('\n').unwrap() + 1;
    for cut in (last_line + 1..whole.len() - 1).step_by(7) {
        let log = hlog::read(&whole[..cut]).unwrap();
        // Where only a checksum is missing, the line is still whole.
        let kept = if log.torn { lines - 1 } else { lines };
        assert_eq!(log.series[0].intervals[..], series[0].intervals[..kept], "cut at {cut}");
    }
    assert!(!hlog::read(&whole[..last_line]).unwrap().torn);
}

#[test]
fn damage_before_the_last_line_is_an_error_with_its_place() {
    let run = synthetic::run(&Plan { duration_s: 1, ..Plan::calm() });
    let damaged = text(&run.series).replacen("HISTF", "HISTG", 1);
    let error = hlog::read(&damaged).unwrap_err();
    assert_eq!(error.line, 7, "{error}");
    assert!(hlog::read("no log at all\n\nx").is_err());
    assert_eq!(hlog::read("").unwrap().series, []);
}

#[test]
fn tags_name_group_command_and_metric() {
    let rows = [
        ("victims:GET:response", SeriesKey::tagged("victims", "GET", Metric::Response)),
        ("a:b:*:wait", SeriesKey::tagged("a:b", "*", Metric::Wait)),
        ("other-tool", SeriesKey::tagged("other-tool", "*", Metric::Response)),
        ("g:GET:weight", SeriesKey::tagged("g:GET:weight", "*", Metric::Response)),
    ];
    for (tag, key) in rows {
        assert_eq!(SeriesKey::from_tag(tag), key);
    }
    let awkward = SeriesKey::tagged("my, group", "SET\nX", Metric::Lag);
    assert_eq!(awkward.tag().as_deref(), Some("my__group:SET_X:lag"));
}

#[test]
fn commands_of_a_group_add_up_where_the_log_has_no_sum() {
    let series = |command, value| HlogSeries {
        key: SeriesKey::tagged("g", command, Metric::Response),
        intervals: vec![Interval {
            start_ns: INTERVAL_NS,
            length_ns: INTERVAL_NS,
            counts: Sparse::from_values([value]),
        }],
    };
    let log = Hlog {
        start_unix_ms: None,
        series: vec![series("GET", 10), series("SET", 20)],
        torn: false,
        rebinned: false,
    };
    let sum = log.of_group("g", Metric::Response).unwrap();
    assert_eq!(sum.intervals.len(), 1);
    assert_eq!(sum.merged(), Sparse::from_values([10, 20]));
    assert_eq!(log.of_group("g", Metric::Service), None);
    assert_eq!(log.of_group("h", Metric::Response), None);
}

/// The golden files are the output of HdrHistogram for Java 2.1.11 on the log of this run
/// (`HistogramLogProcessor -i latency.hlog -o …`, the tag for service time), less its two first lines.
#[test]
fn the_percentile_print_is_javas_byte_for_byte() {
    let run = synthetic::run(&Plan::one_freeze());
    let rows = [
        (SeriesKey::Headline, include_str!("../golden/one-freeze-response.hgrm")),
        (
            SeriesKey::tagged("victims", "GET", Metric::Service),
            include_str!("../golden/one-freeze-service.hgrm"),
        ),
    ];
    for (key, golden) in rows {
        let series = run.series.iter().find(|s| s.key == key).unwrap();
        assert_eq!(hgrm::print(&series.merged().to_histogram()), golden, "{key:?}");
    }
}

#[test]
fn an_empty_percentile_print_has_only_its_frame() {
    let text = hgrm::print(&aelab_results::histogram::new());
    assert_eq!(text.lines().count(), 5);
    assert!(text.contains("Total count    =            0"));
}

proptest! {
    #[test]
    fn any_intervals_read_back(
        slots in prop::collection::btree_map(0_u64..500, prop::collection::vec(0_u32..30_000, 1..40), 0..20)
    ) {
        let intervals: Vec<Interval> = slots
            .into_iter()
            .map(|(slot, buckets)| Interval {
                start_ns: slot * INTERVAL_NS,
                length_ns: INTERVAL_NS,
                counts: Sparse::from_values(buckets.into_iter().map(|b| lowest_of(b as usize))),
            })
            .collect();
        let series = [HlogSeries { key: SeriesKey::Headline, intervals }];
        let log = hlog::read(&text(&series)).unwrap();
        let read = log.get(&SeriesKey::Headline).map_or(&[][..], |s| &s.intervals);
        prop_assert_eq!(read, &series[0].intervals[..]);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "(#\\[StartTime: )?[Tag=0-9.,HISTFA+/\\n\"]{0,200}") {
        let _ = hlog::read(&text);
    }
}
