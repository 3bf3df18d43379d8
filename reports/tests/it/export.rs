//! Exports of a record with known answers.

use crate::synthetic::{self, Plan};
use aelab_reports::export::{ExportError, Format, export};
use aelab_results::folder::Folder;
use aelab_results::read_folder;
use serde_json::Value;

fn folder(name: &str) -> Folder {
    let dir = synthetic::temp_dir(name);
    synthetic::run(&Plan::one_freeze()).write(&dir);
    read_folder(&dir).unwrap()
}

fn scenario(name: &str) -> Folder {
    let dir = synthetic::temp_dir(name);
    synthetic::write_scenario(&dir);
    read_folder(&dir).unwrap()
}

/// The values of a column.
fn column(csv: &str, name: &str) -> Vec<String> {
    let mut lines = csv.lines();
    let at = lines.next().unwrap().split(',').position(|one| one == name).expect("the column");
    lines.map(|line| line.split(',').nth(at).unwrap().to_owned()).collect()
}

fn sum(csv: &str, metric: &str) -> u64 {
    let rows = column(csv, "metric").into_iter().zip(column(csv, "count"));
    rows.filter(|(of, _)| of == metric).map(|(_, count)| count.parse::<u64>().unwrap()).sum()
}

#[test]
fn series_and_distribution_hold_every_sample_once() {
    let folder = folder("export-csv");
    for format in [Format::Csv, Format::CsvDistribution] {
        let csv = export(&folder, format, None).unwrap();
        for metric in ["response", "service", "lag"] {
            assert_eq!(sum(&csv, metric), 30_000, "{format:?} {metric}");
        }
    }
    let series = export(&folder, Format::Csv, None).unwrap();
    // 100 samples support a p90 and no p99.
    assert_eq!(column(&series, "p99_us")[0], "");
    assert_ne!(column(&series, "p90_us")[0], "");
    let lines = export(&folder, Format::Jsonl, None).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(rows.len(), series.lines().count() - 1);
    assert_eq!((&rows[0]["group"], &rows[0]["p99_us"]), (&"victims".into(), &Value::Null));
    let distribution = export(&folder, Format::CsvDistribution, None).unwrap();
    assert_eq!(column(&distribution, "percentile").last().unwrap(), "100");
}

#[test]
fn the_percentile_print_is_that_of_a_tag() {
    let folder = folder("export-hgrm");
    let headline = export(&folder, Format::Hgrm, None).unwrap();
    let service = export(&folder, Format::Hgrm, Some("victims:GET:service")).unwrap();
    assert!(headline.starts_with("       Value     Percentile TotalCount 1/(1-Percentile)\n\n"));
    assert!(headline.contains("Total count    =        30000]") && headline != service);
    let error = export(&folder, Format::Hgrm, Some("victims:SET:service")).unwrap_err().to_string();
    assert!(
        error.contains("'victims:SET:service'") && error.contains("victims:GET:lag"),
        "{error}"
    );
    let several = export(&scenario("export-arms"), Format::Hgrm, None).unwrap_err();
    assert!(matches!(several, ExportError::SeveralRuns(_)));
}

#[test]
fn openmetrics_has_histograms_whose_buckets_add_up_and_no_percentile() {
    for folder in [folder("export-om"), scenario("export-om-arms")] {
        let text = export(&folder, Format::OpenMetrics, None).unwrap();
        assert!(text.ends_with("# EOF\n") && !text.contains("quantile") && !text.contains("p99"));
        let mut last: Option<(String, u64)> = None;
        let mut series = 0;
        for line in text.lines().filter(|line| line.contains("_bucket{")) {
            let (key, rest) = line.split_once(",le=").unwrap();
            let count: u64 = rest.split(' ').nth(1).unwrap().parse().unwrap();
            if let Some((_, before)) = last.as_ref().filter(|(of, _)| of == key) {
                assert!(count >= *before, "{line}");
            }
            if rest.starts_with("\"+Inf\"") {
                assert_eq!(count, 30_000, "{line}");
                assert_eq!(last.as_ref().unwrap().1, 30_000, "the last limit is above all: {line}");
                series += 1;
            }
            last = Some((key.to_owned(), count));
        }
        let arms = folder.arms.len().max(1);
        assert_eq!(series, 3 * arms);
        // The frozen second: 1,000 requests waited, half of them longer than half a second.
        let above = |limit: f64| {
            let lines =
                text.lines().filter(|line| line.starts_with("loadgen_response_time_seconds_b"));
            let parsed = lines.filter_map(|line| {
                let (_, rest) = line.split_once("le=\"")?;
                let (le, count) = rest.split_once("\"} ")?;
                Some((le.parse::<f64>().ok()?, count.parse::<u64>().ok()?))
            });
            let mut below = parsed.filter(|(le, _)| *le <= limit);
            30_000 - below.by_ref().map(|(_, count)| count).max().unwrap_or(0)
        };
        if arms == 1 {
            assert!((460..=540).contains(&above(0.54)), "{}", above(0.54));
            assert!((960..=1000).contains(&above(0.02)), "{}", above(0.02));
        }
    }
}

#[test]
fn histories_have_names_units_and_intervals() {
    let folder = scenario("export-history");
    let parse = |format| -> Value {
        serde_json::from_str(&export(&folder, format, None).unwrap()).unwrap()
    };
    let smaller = parse(Format::GithubActionBenchmark);
    assert_eq!(smaller[1]["name"], "keys/victims p99 response time");
    assert_eq!((&smaller[1]["unit"], smaller.as_array().unwrap().len()), (&"us".into(), 8));
    assert!(smaller[1]["range"].as_str().unwrap().contains(" to "));
    let bigger = parse(Format::GithubActionBenchmarkRate);
    assert_eq!(
        (&bigger[0]["name"], &bigger[0]["value"]),
        (&"keys/victims rate".into(), &1000.0.into())
    );
    let bencher = parse(Format::Bencher);
    let p99 = &bencher["scan/victims"]["latency-p99"];
    let us = folder.arms[1].1.record.groups[0].total.response_time.us_at(99.0).unwrap();
    assert_eq!(p99["value"].as_f64(), Some(us * 1e3));
    assert!(p99["lower_value"].as_f64() <= p99["upper_value"].as_f64());
    assert!(bencher["scan/victims"]["latency-p99-9"].is_object());
    let otava = export(&folder, Format::Otava, None).unwrap();
    assert_eq!(otava.lines().count(), 2);
    assert_eq!(column(&otava, "time"), ["2026-01-01T00:00:00Z"]);
    assert_eq!(column(&otava, "scan/victims.p99_us"), [us.to_string()]);
}

#[test]
fn a_folder_that_lacks_what_is_needed_is_refused() {
    let mut run = folder("export-lacks");
    run.hlog = None;
    for format in [Format::Hgrm, Format::Csv, Format::Jsonl, Format::OpenMetrics] {
        assert!(matches!(export(&run, format, None), Err(ExportError::NoLog(_))), "{format:?}");
    }
    assert!(export(&run, Format::Otava, None).is_ok());
    run.record.groups.clear();
    assert!(matches!(export(&run, Format::Otava, None), Err(ExportError::NoRun(_))));
}
