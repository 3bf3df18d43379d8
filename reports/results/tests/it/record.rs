//! The record: what is written reads back, what is newer is refused, what is missing is tolerated.

use std::path::Path;

use aelab_results::record::{
    FleetPlan, Gate, GateMetric, GateVerdict, Percentile, Plan, Quantiles, RecordError, RunRecord,
    SloPlan, SloTrial,
};

use crate::synthetic;

fn read(text: &str) -> Result<RunRecord, RecordError> {
    RunRecord::from_json(text, Path::new("result.json"))
}

#[test]
fn a_full_record_survives_the_way_there_and_back() {
    let mut record = synthetic::run(&synthetic::Plan::keys()).record;
    record.interrupted = true;
    record.gate = Some(Gate {
        verdict: GateVerdict::Regression,
        blocks: 14,
        metrics: vec![GateMetric { name: "p99".into(), ratio: Some(1.2), ..GateMetric::default() }],
        ..Gate::default()
    });
    let trials = vec![SloTrial { rate: 4000.0, holds: true, ..SloTrial::default() }];
    for plan in [
        Plan::Slo(SloPlan { rate: Some(4079.0), trials, ..SloPlan::default() }),
        Plan::Fleet(FleetPlan { need: 12_000, ..FleetPlan::default() }),
    ] {
        record.plan = Some(plan);
        let text = record.to_json().unwrap();
        assert_eq!(read(&text).unwrap(), record);
        assert_eq!(read(&text).unwrap().to_json().unwrap(), text);
    }
}

#[test]
fn a_newer_schema_is_refused_with_a_remedy() {
    let error = read(r#"{"schema": 2, "groups": "who knows"}"#).unwrap_err();
    assert_eq!(
        error.to_string(),
        "result.json: written in schema 2, this version reads up to 1; use a newer loadgen"
    );
}

#[test]
fn what_is_no_record_is_refused_with_a_reason() {
    let rows = [
        ("", "not a record of a run"),
        ("[1, 2]", "no schema number"),
        (r#"{"schema": "one"}"#, "no schema number"),
        (r#"{"schema": 1, "seed": -1}"#, "at line 1 column 24"),
    ];
    for (text, reason) in rows {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(reason), "{text}: {error}");
        assert!(!error.contains('\n'), "one line: {error}");
    }
}

#[test]
fn missing_and_unknown_fields_are_tolerated() {
    let text = r#"{"schema": 1, "of_the_future": {}, "groups": [{"name": "g", "role": "probe"}],
                   "environment": {"cores": 2, "microcode": "0x1"}}"#;
    let record = read(text).unwrap();
    assert_eq!(record.groups[0].name, "g");
    assert_eq!(record.environment.cores, Some(2));
    assert_eq!(record.environment.other["microcode"], "0x1");
    assert_eq!(record.duration_s, 0.0);
}

#[test]
fn the_form_of_the_numbers_is_the_one_that_was_promised() {
    let supported = Percentile {
        p: 99.9,
        us: Some(970.1),
        lo_us: Some(960.0),
        hi_us: Some(980.5),
        censored: false,
        need: None,
    };
    let unsupported = Percentile { p: 99.99, need: Some(100_000), ..Percentile::default() };
    let quantiles = Quantiles {
        count: 30_000,
        min_us: Some(80.0),
        mean_us: Some(101.5),
        max_us: Some(1000.0),
        censored: false,
        percentiles: vec![supported, unsupported],
    };
    let mut record = RunRecord::default();
    record.groups.push(aelab_results::record::Group::default());
    record.groups[0].total.response_time = quantiles;
    let json: serde_json::Value = serde_json::from_str(&record.to_json().unwrap()).unwrap();
    insta::assert_snapshot!(
        serde_json::to_string_pretty(&json["groups"][0]["total"]["response_time"]).unwrap(),
        @r#"
    {
      "count": 30000,
      "min_us": 80.0,
      "mean_us": 101.5,
      "max_us": 1000.0,
      "censored": false,
      "percentiles": [
        {
          "p": 99.9,
          "us": 970.1,
          "lo_us": 960.0,
          "hi_us": 980.5,
          "censored": false
        },
        {
          "p": 99.99,
          "us": null,
          "censored": false,
          "need": 100000
        }
      ]
    }
    "#
    );
}
