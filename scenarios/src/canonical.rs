//! The canonical form: a resolved scenario as a TOML file in which every key is present.
//!
//! For `scenario show` and for snapshot tests. Invariant: parsing it gives the same scenario.

use crate::criterion::{Compare, Criterion, Dimension, Reference};
use crate::model::{Arm, Arrival, ConnectSchedule, DataSet, Group, Scenario};
use aelab_units::{format_count, format_duration, format_size};
use std::fmt::Write as _;

/// A resolved scenario as a scenario file in which every key is present.
#[must_use]
pub fn canonical(scenario: &Scenario) -> String {
    let mut out = String::new();
    line(&mut out, format_args!("# {} at scale {}", scenario.name, scenario.scale));
    line(&mut out, format_args!("question = {}", quoted(&scenario.question)));
    if !scenario.about.is_empty() {
        line(&mut out, format_args!("about = {}", paragraph(&scenario.about)));
    }
    line(&mut out, format_args!("seed = {}", scenario.seed));
    line(&mut out, format_args!("repeat = {}", scenario.repeat));
    if let Some(longest) = scenario.pause_max {
        line(&mut out, format_args!("pause_max = {}", quoted(&format_duration(longest))));
    }
    for claim in &scenario.claims {
        line(&mut out, format_args!("\n[claims.{}]", claim.id));
        line(&mut out, format_args!("text = {}", quoted(&claim.text)));
        if !claim.article.is_empty() {
            line(&mut out, format_args!("article = {}", quoted(&claim.article)));
        }
        if claim.of_redis {
            line(&mut out, format_args!("of_redis = true"));
        }
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

/// Columns of a folded paragraph.
const WIDTH: usize = 98;

/// A text folded at spaces, as a multi-line string that parses to the same text.
fn paragraph(text: &str) -> String {
    let plain = text.split(' ').all(|word| !word.is_empty() && !word.contains(char::is_whitespace));
    if text.len() < WIDTH || !plain || text.contains(['\\', '"']) || text.contains(char::is_control)
    {
        return quoted(text);
    }
    let mut out = "\"\"\"\n".to_owned();
    let mut column = 0;
    for word in text.split(' ') {
        let width = word.chars().count();
        if column > 0 && column + 1 + width > WIDTH {
            out.push_str(" \\\n");
            column = 0;
        } else if column > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += width;
    }
    out.push_str("\"\"\"");
    out
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
    if !criterion.unit.is_empty() {
        line(out, format_args!("unit = {}", quoted(&criterion.unit)));
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
        // Size bounds are whole bytes, and a bare number of bytes has no decimal point.
        Dimension::Size => format!("{value:.0}"),
        Dimension::Number | Dimension::Rate => toml::Value::Float(value).to_string(),
    }
}

fn write_arm(out: &mut String, arm: &Arm) {
    let name = &arm.name;
    line(out, format_args!("\n[arms.{name}]"));
    line(out, format_args!("label = {}", quoted(&arm.label)));
    if !arm.needs.is_empty() {
        let needs: Vec<String> = arm.needs.iter().map(|need| quoted(need.name())).collect();
        line(out, format_args!("needs = [{}]", needs.join(", ")));
    }
    if let Some(server_bin) = &arm.server_bin {
        line(out, format_args!("server_bin = {}", quoted(server_bin)));
    }
    if !arm.server_args.is_empty() {
        let args: Vec<String> = arm.server_args.iter().map(|arg| quoted(arg)).collect();
        line(out, format_args!("server_args = [{}]", args.join(", ")));
    }
    line(out, format_args!("limits.cpus = {}", arm.cpus));
    if let Some(nofile) = arm.nofile {
        line(out, format_args!("limits.nofile = {nofile}"));
    }
    if !arm.server.is_empty() {
        line(out, format_args!("\n[arms.{name}.server]"));
        for (key, value) in &arm.server {
            line(out, format_args!("{key} = {}", quoted(value)));
        }
    }
    write_data(out, name, &arm.data);
    if let Some(link) = &arm.link {
        line(out, format_args!("\n[arms.{name}.link]"));
        line(out, format_args!("rtt = {}", quoted(&format_duration(link.rtt))));
        line(out, format_args!("jitter = {}", quoted(&format_duration(link.jitter))));
        if let Some(bandwidth) = link.bandwidth {
            line(out, format_args!("bandwidth = {}", quoted(&format_size(bandwidth))));
        }
        if let Some(share) = link.share {
            line(out, format_args!("share = {share}"));
        }
    }
    line(out, format_args!("\n[arms.{name}.engine]"));
    line(out, format_args!("threads = {}", arm.engine.threads));
    line(out, format_args!("pacing = {}", quoted(arm.engine.pacing.name())));
    line(out, format_args!("trace = {}", arm.engine.trace));
    if let Some(procedure) = &arm.procedure {
        line(out, format_args!("\n[arms.{name}.procedure]"));
        line(out, format_args!("kind = {}", quoted(procedure.kind.row().name)));
        for (key, value) in procedure.written() {
            line(out, format_args!("{key} = {value}"));
        }
    }
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

fn write_data(out: &mut String, arm: &str, data: &DataSet) {
    line(out, format_args!("\n[arms.{arm}.data]"));
    line(out, format_args!("keys = {}", quoted(&format_count(data.keys))));
    line(out, format_args!("value_size = {}", quoted(&format_size(data.value_bytes))));
    line(out, format_args!("key_prefix = {}", quoted(&data.key_prefix)));
    line(out, format_args!("element_prefix = {}", quoted(&data.element_prefix)));
    for collection in &data.collections {
        let (kind, name) = (collection.kind.name(), quoted(&collection.name));
        line(out, format_args!("{kind}.{name} = {}", quoted(&format_count(collection.elements))));
    }
}

fn write_group(out: &mut String, group: &Group) {
    line(out, format_args!("role = {}", quoted(group.role.name())));
    line(out, format_args!("connections = {}", group.connections));
    line(out, format_args!("pipeline = {}", group.pipeline));
    write_arrival(out, &group.arrival);
    if !group.commands.is_empty() {
        let templates: Vec<String> = group.commands.iter().map(|c| quoted(&c.template)).collect();
        let weights: Vec<String> = group.commands.iter().map(|c| c.weight.to_string()).collect();
        line(out, format_args!("commands = [{}]", templates.join(", ")));
        line(out, format_args!("weights = [{}]", weights.join(", ")));
    }
    line(out, format_args!("keys = {}", quoted(&group.keys)));
    if let Some(size) = &group.data_size {
        line(out, format_args!("data_size = {}", quoted(size)));
    }
    line(out, format_args!("timeout = {}", quoted(&format_duration(group.timeout))));
    line(out, format_args!("start_after = {}", quoted(&format_duration(group.start_after))));
    line(out, format_args!("churn = {}", group.churn));
    match group.connect {
        ConnectSchedule::AtOnce => {}
        ConnectSchedule::Before(rate) => {
            line(out, format_args!("connect_rate = {}", quoted(&rate.to_string())));
        }
        ConnectSchedule::During(rate) => {
            line(out, format_args!("connect_rate = {}", quoted(&rate.to_string())));
            line(out, format_args!("connect = \"during\""));
        }
    }
    line(out, format_args!("socket = {}", quoted(group.socket.name())));
    line(out, format_args!("via = {}", quoted(group.via.name())));
    if let Some(pool) = &group.pool {
        line(out, format_args!("pool.min_idle = {}", pool.min_idle));
        line(out, format_args!("pool.max_idle = {}", pool.max_idle));
        line(out, format_args!("pool.max_wait = {}", quoted(&format_duration(pool.max_wait))));
        line(out, format_args!("pool.order = {}", quoted(pool.order.name())));
    }
}

fn write_arrival(out: &mut String, arrival: &Arrival) {
    let mut write = |process: &str, rate: Option<&aelab_units::Rate>| {
        line(out, format_args!("arrival = {}", quoted(process)));
        if let Some(rate) = rate {
            line(out, format_args!("rate = {}", quoted(&rate.to_string())));
        }
    };
    match arrival {
        Arrival::Closed { think } => {
            write("closed", None);
            line(out, format_args!("think = {}", quoted(&format_duration(*think))));
        }
        Arrival::Every(period) => {
            line(out, format_args!("every = {}", quoted(&format_duration(*period))));
        }
        Arrival::Constant(rate) => write("constant", Some(rate)),
        Arrival::Poisson(rate) => write("poisson", Some(rate)),
        Arrival::Profile { text, rate } => write(text, rate.as_ref()),
        Arrival::Idle => write("idle", None),
    }
}
