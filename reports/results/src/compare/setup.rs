//! What differs between two setups: machine, server, its settings, program, load. Equal values are left out.

use super::types::SetupRow;
use crate::record::RunRecord;
use std::collections::{BTreeMap, BTreeSet};

/// Settings that differ between any two runs, and say nothing.
const ALWAYS_DIFFER: [&str; 6] = ["port", "unixsocket", "pidfile", "dir", "logfile", "tls-port"];

/// Adds the rows of one pair of runs, each only once.
pub(super) fn differences(arm: &str, a: &RunRecord, b: &RunRecord, rows: &mut Vec<SetupRow>) {
    let place = if arm.is_empty() { String::new() } else { format!(" of {arm}") };
    let mut add = |area: &str, a: BTreeMap<String, String>, b: BTreeMap<String, String>| {
        let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
        for name in names {
            let of = |side: &BTreeMap<String, String>| side.get(name).cloned().unwrap_or_default();
            let (a, b) = (of(&a), of(&b));
            let is_told = rows.iter().any(|row| {
                row.area == area
                    && (&row.a, &row.b) == (&a, &b)
                    && row.name.starts_with(name.as_str())
            });
            if a != b && !is_told {
                let name = format!("{name}{place}");
                rows.push(SetupRow { area: area.to_owned(), name, a, b });
            }
        }
    };
    add("environment", environment(a), environment(b));
    add("server", server(a), server(b));
    add("server setting", settings(a), settings(b));
    add("program", program(a), program(b));
    add("load", load(a), load(b));
}

fn environment(record: &RunRecord) -> BTreeMap<String, String> {
    let Ok(serde_json::Value::Object(map)) = serde_json::to_value(&record.environment) else {
        return BTreeMap::new();
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    };
    map.into_iter().map(|(name, value)| (name, text(value))).collect()
}

fn server(record: &RunRecord) -> BTreeMap<String, String> {
    let Some(server) = &record.server else { return BTreeMap::new() };
    let mut map = BTreeMap::from([("name".to_owned(), server.name.clone())]);
    map.extend(server.version.clone().map(|version| ("version".to_owned(), version)));
    map.extend(server.keys.map(|keys| ("keys".to_owned(), keys.to_string())));
    map
}

fn settings(record: &RunRecord) -> BTreeMap<String, String> {
    let all = record.server.iter().flat_map(|server| &server.config);
    all.filter(|(name, _)| !ALWAYS_DIFFER.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn program(record: &RunRecord) -> BTreeMap<String, String> {
    let mut map = BTreeMap::from([("version".to_owned(), record.tool.version.clone())]);
    map.extend(record.tool.commit.clone().map(|commit| ("commit".to_owned(), commit)));
    map
}

fn load(record: &RunRecord) -> BTreeMap<String, String> {
    let mut map: BTreeMap<String, String> =
        record.groups.iter().map(|group| (group.name.clone(), group.in_words())).collect();
    map.insert("seed".to_owned(), record.seed.to_string());
    map.insert("length".to_owned(), format!("{:.1} s", record.duration_s));
    map
}
