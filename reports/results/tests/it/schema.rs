//! The published schema names what records have, and refuses what they never have.

use crate::schema_check::Schema;
use crate::synthetic::{self, Plan};
use aelab_results::record::RunRecord;
use serde_json::{Value, json};
use std::path::Path;

fn value(record: &RunRecord) -> Value {
    serde_json::from_str(&record.to_json().unwrap()).unwrap()
}

fn read(text: &Value) -> RunRecord {
    RunRecord::from_json(&text.to_string(), Path::new("test")).unwrap()
}

/// Optional fields by name; all others come by themselves.
fn whole() -> Value {
    let metrics = json!({"hits": 1, "misses": 1, "sent_bytes": 1, "received_bytes": 1,
        "response_time": {"percentiles": [{"lo_us": 1, "hi_us": 1, "need": 1}]}});
    let claim = json!({"article": "x", "number": "x", "wanted": "x", "decided_by": "x", "note": "x",
        "left_out": "x", "parts": [{"why": "x"}]});
    json!({
        "schema": 1, "tool": {"commit": "x"}, "title": "x", "note": "x", "tags": {"x": "x"},
        "command": ["x"], "server": {"version": "x", "pid": 1, "keys": 1, "config_refusal": "x"},
        "caveats": [{"id": "x", "severity": "warning", "arm": "x"}],
        "stalls": [{"evidence": ["x"]}], "limits": [{}],
        "audit": {"threads": [{"cpu": 1, "margin_us": 1}], "own_lag": {}, "late_share": 1,
                  "gaps": {}, "warmup": {"moving": "x"}},
        "groups": [{"workload": "x", "load": "x", "endpoints": [{}], "kernel": {},
            "redirects": {}, "carried_over": 1, "delivery": {}, "blocked": {}, "errors": [{}],
            "error_time": {}, "pool": {}, "over_time": {"replied": [1]},
            "commands": {"GET": metrics}}],
        "scenario": {"title": "x", "question": "x", "scale": "x", "arms": [{"summary": "x"}],
            "claims": [claim]},
        "catalogue": {"runs": [{"program": "x", "dir": "x", "notes": ["x"], "claims": [claim]}]},
        "procedure": {"figures": [{"unit": "s", "lo": 1, "hi": 2}], "notes": ["x"],
            "tables": [{"rows": [[1, null]]}],
            "curve": {"title": "x", "y_unit": "s", "points": [{}]}},
        "server_view": {"info_before": {"x": "x"}, "info_after": {"x": "x"}, "ae_stats": {"x": 1},
            "slowlog": [{"id": 1, "at_unix_s": 1, "duration_us": 1, "command": "x"}],
            "latency": [{"event": "x", "history": [[1, 2]]}], "ae_trace": [{"command": "x"}],
            "process": {"x": {"x": 1}}, "tcp_info": [{"x": 1}]},
        "gate": {"metrics": [{}]}, "merged_from": [{}],
    })
}

#[test]
fn a_record_with_every_field_follows_the_schema_and_the_schema_has_no_other_field() {
    let mut schema = Schema::load();
    let mut records = vec![whole()];
    for plan in [
        json!({"kind": "slo", "trials": [{}]}),
        json!({"kind": "knee", "points": [{}]}),
        json!({"kind": "pool", "verified": [{}]}),
        json!({"kind": "fleet"}),
    ] {
        records.push(json!({"schema": 1, "plan": plan}));
    }
    for record in &records {
        let found = schema.violations(&value(&read(record)));
        assert!(found.is_empty(), "{found:#?}");
    }
    let unseen: Vec<String> = schema.properties().difference(&schema.seen).cloned().collect();
    assert_eq!(unseen, Vec::<String>::new(), "in the schema, and in no record");
    let empty = value(&RunRecord::default());
    assert_eq!(schema.violations(&empty), Vec::<String>::new());
    let run = synthetic::run(&Plan::keys());
    assert_eq!(schema.violations(&value(&run.record)), Vec::<String>::new());
}

#[test]
fn what_is_no_record_breaks_the_schema() {
    let good = value(&synthetic::run(&Plan::calm()).record);
    let group = |field: &str| format!("/groups/0/{field}");
    for (place, bad) in [
        ("/schema".to_owned(), json!(2)),
        ("/seed".to_owned(), json!(-1)),
        ("/duration_s".to_owned(), json!("30 s")),
        ("/interrupted".to_owned(), Value::Null),
        (group("role"), json!("hero")),
        (group("counts/ok"), json!(0.5)),
        (group("total/response_time/percentiles/0/us"), json!("fast")),
        (group("commands/GET"), json!([])),
    ] {
        let mut record = good.clone();
        *record.pointer_mut(&place).expect("a field of the record") = bad;
        let found = Schema::load().violations(&record);
        assert_eq!(found.len(), 1, "{place}: {found:#?}");
    }
    let mut unknown = good;
    unknown["later"] = json!(1);
    assert_eq!(Schema::load().violations(&unknown).len(), 1);
}
