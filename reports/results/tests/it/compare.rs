//! Comparisons with known answers.

use crate::synthetic::{self, Plan};
use aelab_results::compare::{Basis, Comparison, MetricRatio, compare};
use aelab_results::folder::Folder;
use aelab_results::read_folder;

fn folder(name: &str, plan: &Plan) -> Folder {
    let dir = synthetic::temp_dir(name);
    synthetic::run(plan).write(&dir);
    read_folder(&dir).unwrap()
}

fn metric<'a>(comparison: &'a Comparison, name: &str) -> &'a MetricRatio {
    comparison.pairs[0].metrics.iter().find(|metric| metric.name == name).expect("the metric")
}

#[test]
fn a_run_compared_with_itself_has_ratio_one_everywhere() {
    let run = folder("compare-self", &Plan::keys());
    let same = compare(&run, &run);
    for metric in &same.pairs[0].metrics {
        let (lo, hi) = (metric.lo.unwrap_or(1.0), metric.hi.unwrap_or(1.0));
        assert!(metric.name == "errors" || metric.ratio == Some(1.0), "{metric:?}");
        assert!(lo <= 1.0 && 1.0 <= hi, "{metric:?}");
    }
    assert!(same.pairs[0].shift.iter().all(|point| point.ratio == 1.0));
    assert_eq!((same.setup, same.unpaired), (vec![], vec![]));
    // One run each is no evidence about runs.
    assert!(same.notes[0].contains("within a run only"), "{:?}", same.notes);
}

#[test]
fn the_tail_moves_and_the_median_does_not() {
    let (calm, keys) =
        (folder("compare-calm", &Plan::calm()), folder("compare-keys", &Plan::keys()));
    let found = compare(&calm, &keys);
    let near = |ratio: Option<f64>| (ratio.unwrap() - 1.0).abs() < 0.05;
    assert!(near(metric(&found, "p50").ratio) && near(metric(&found, "rate").ratio));
    let p99 = metric(&found, "p99");
    assert!(p99.ratio.unwrap() > 1000.0 && p99.lo.unwrap() > 100.0, "{p99:?}");
    assert_eq!(p99.basis, Basis::WithinRun);
    assert_eq!(metric(&found, "errors").ratio, None);
    let shift = &found.pairs[0].shift;
    assert_eq!((shift.len(), shift[0].p), (13, 10.0));
    assert!(shift[0].ratio < 1.05 && shift[12].ratio > 1000.0);
    // The other way round is the reciprocal.
    let back = compare(&keys, &calm);
    let product = metric(&back, "p99").ratio.unwrap() * p99.ratio.unwrap();
    assert!((product - 1.0).abs() < 1e-9);
    let ends = metric(&back, "p99").lo.unwrap() * p99.hi.unwrap();
    assert!((ends - 1.0).abs() < 1e-9, "{ends}");
}

#[test]
fn repetitions_give_the_interval_between_runs() {
    let mut a = folder("compare-reps", &Plan::calm());
    let scaled = |factor: f64| {
        let mut one = a.clone();
        let times = &mut one.record.groups[0].total.response_time;
        for entry in &mut times.percentiles {
            entry.us = entry.us.map(|us| us * factor);
        }
        one
    };
    let (one, two, four) = (scaled(1.0), scaled(2.0), scaled(4.0));
    let mut b = two.clone();
    b.repetitions = vec![two, four];
    a.repetitions = vec![one.clone(), one];
    let found = compare(&a, &b);
    let p99 = metric(&found, "p99");
    // Geometric mean of 2, 2 and 4, and Welch's interval with two degrees of freedom.
    let want = 16_f64.cbrt();
    assert!((p99.ratio.unwrap() / want - 1.0).abs() < 1e-9, "{p99:?}");
    let half = 4.303 * 2_f64.ln() / 3.0;
    assert!((p99.hi.unwrap() / (want * half.exp()) - 1.0).abs() < 1e-3, "{p99:?}");
    assert_eq!(p99.basis, Basis::Repetitions);
    b.repetitions.clear();
    let uneven = compare(&a, &b);
    let p99 = metric(&uneven, "p99");
    assert_eq!((p99.lo, p99.basis), (None, Basis::None));
    assert!(p99.why.contains("only one side"), "{p99:?}");
}

#[test]
fn what_differs_in_the_setup_is_listed_and_nothing_else() {
    let a = folder("compare-setup", &Plan::calm());
    let mut b = a.clone();
    b.record.environment.governor = Some("powersave".into());
    let server = b.record.server.as_mut().unwrap();
    server.config.insert("maxclients".into(), "5".into());
    server.config.insert("port".into(), "1234".into());
    b.record.groups[0].counts.error = 3;
    b.record.groups[0].name = "others".into();
    let found = compare(&a, &b);
    let rows: Vec<_> = found.setup.iter().map(|row| (row.name.as_str(), row.b.as_str())).collect();
    assert_eq!(rows[..2], [("governor", "powersave"), ("maxclients", "5")]);
    assert_eq!(found.unpaired, ["a: group victims", "b: group others"]);
    assert!(found.notes[0].contains("no group of requests in common"), "{:?}", found.notes);
}

#[test]
fn requests_without_a_reply_leave_no_interval_and_an_invalid_side_is_said() {
    let a = folder("compare-open", &Plan::calm());
    let mut b = a.clone();
    b.record.groups[0].total.response_time.percentiles[3].censored = true;
    b.record.caveats = vec![aelab_results::record::CaveatRecord {
        id: "client-limited".into(),
        severity: aelab_results::record::Severity::Invalid,
        value: None,
        limit: None,
        text: String::new(),
        remedy: String::new(),
        arm: None,
    }];
    let found = compare(&a, &b);
    let p99 = metric(&found, "p99");
    assert_eq!((p99.ratio, p99.lo), (Some(1.0), None));
    assert!(found.notes[0].starts_with("B must not be used (client-limited)"), "{:?}", found.notes);
    let json = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Comparison>(&json).unwrap(), found);
}
