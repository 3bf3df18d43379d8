//! The canonical form: a resolved scenario written out in full, as TOML.
//!
//! For `scenario show` and for snapshot tests. Invariant: reading it back gives the same arms,
//! groups and claims, so nothing that matters is left out.

use crate::criterion::{Compare, Criterion, Dimension, Reference};
use crate::model::{Arm, Arrival, Group, Scenario};
use crate::units::{format_count, format_duration, format_size};
use std::fmt::Write as _;

/// Writes a resolved scenario as a scenario file in which every key is present.
#[must_use]
pub fn canonical(scenario: &Scenario) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("# {} at scale {}", scenario.name, scenario.scale));
    line(&mut out, format_args!("question = {}", quoted(&scenario.question)));
    if !scenario.about.is_empty() {
        line(&mut out, format_args!("about = {}", quoted(&scenario.about)));
    }
    line(&mut out, format_args!("seed = {}", scenario.seed));
    for claim in &scenario.claims {
        line(&mut out, format_args!("\n[claims.{}]", claim.id));
        line(&mut out, format_args!("text = {}", quoted(&claim.text)));
        for (kind, criteria) in [("requires", &claim.requires), ("holds", &claim.holds)] {
            for criterion in criteria {
                line(&mut out, format_args!("\n[[claims.{}.{kind}]]", claim.id));
                write_criterion(&mut out, criterion);
            }
        }
    }
    for arm in &scenario.arms {
        write_arm(&mut out, arm);
    }
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn write_criterion(out: &mut String, criterion: &Criterion) {
    let dimension = criterion.measure.dimension();
    line(out, format_args!("says = {}", quoted(&criterion.says)));
    line(out, format_args!("measure = {}", quoted(&criterion.measure.to_string())));
    match &criterion.against {
        None => {}
        Some(Reference::Quantity(quantity)) => {
            line(out, format_args!("against = {}", quoted(&quantity.to_string())));
        }
        Some(Reference::Figure(value)) => {
            line(out, format_args!("against = {}", bound(*value, dimension)));
        }
    }
    line(out, format_args!("as = {}", quoted(criterion.compare.name())));
    let of_bound = if criterion.compare == Compare::Ratio { Dimension::Number } else { dimension };
    for (name, value) in [("min", criterion.min), ("max", criterion.max)] {
        if let Some(value) = value {
            line(out, format_args!("{name} = {}", bound(value, of_bound)));
        }
    }
    if criterion.slack > 0.0 {
        line(out, format_args!("slack = {}", bound(criterion.slack, dimension)));
    }
}

fn bound(value: f64, dimension: Dimension) -> String {
    match dimension {
        Dimension::Time => {
            let duration = std::time::Duration::try_from_secs_f64(value).unwrap_or_default();
            quoted(&format_duration(duration))
        }
        Dimension::Number | Dimension::Rate => toml::Value::Float(value).to_string(),
    }
}

fn write_arm(out: &mut String, arm: &Arm) {
    let name = &arm.name;
    line(out, format_args!("\n[arms.{name}]"));
    line(out, format_args!("label = {}", quoted(&arm.label)));
    if !arm.server.is_empty() {
        line(out, format_args!("\n[arms.{name}.server]"));
        for (key, value) in &arm.server {
            line(out, format_args!("{key} = {}", quoted(value)));
        }
    }
    line(out, format_args!("\n[arms.{name}.data]"));
    line(out, format_args!("keys = {}", quoted(&format_count(arm.data.keys))));
    line(out, format_args!("value_size = {}", quoted(&format_size(arm.data.value_bytes))));
    line(out, format_args!("key_prefix = {}", quoted(&arm.data.key_prefix)));
    line(out, format_args!("\n[arms.{name}.phases]"));
    for (key, value) in [
        ("warmup", arm.phases.warmup),
        ("measure", arm.phases.measure),
        ("drain", arm.phases.drain),
        ("stall_threshold", arm.phases.stall_threshold),
    ] {
        line(out, format_args!("{key} = {}", quoted(&format_duration(value))));
    }
    for group in &arm.groups {
        line(out, format_args!("\n[arms.{name}.groups.{}]", group.name));
        write_group(out, group);
    }
}

fn write_group(out: &mut String, group: &Group) {
    line(out, format_args!("role = {}", quoted(group.role.name())));
    line(out, format_args!("connections = {}", group.connections));
    line(out, format_args!("pipeline = {}", group.pipeline));
    match group.arrival {
        Arrival::Closed => line(out, format_args!("arrival = \"closed\"")),
        Arrival::Every(period) => {
            line(out, format_args!("every = {}", quoted(&format_duration(period))));
        }
        Arrival::Constant(rate) => {
            line(out, format_args!("arrival = \"constant\"\nrate = {}", quoted(&rate.to_string())));
        }
        Arrival::Poisson(rate) => {
            line(out, format_args!("arrival = \"poisson\"\nrate = {}", quoted(&rate.to_string())));
        }
    }
    let templates: Vec<String> = group.commands.iter().map(|c| quoted(&c.template)).collect();
    let weights: Vec<String> = group.commands.iter().map(|c| c.weight.to_string()).collect();
    line(out, format_args!("commands = [{}]", templates.join(", ")));
    line(out, format_args!("weights = [{}]", weights.join(", ")));
    line(out, format_args!("keys = {}", quoted(group.keys.name())));
    line(out, format_args!("timeout = {}", quoted(&format_duration(group.timeout))));
}
