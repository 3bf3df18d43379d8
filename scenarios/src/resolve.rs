//! From what was typed to what can be played: defaults, units, cross-checks.
//!
//! Invariant: every arm at every scale is checked whenever a file is read, so that a slip in
//! `[scales.full]` is found before an hour is spent on it. Read next: [`crate::overlay`].

use crate::criterion::{
    Claim, Compare, Criterion, Dimension, Quantity, RESERVED_SUBJECTS, Reference,
};
use crate::error::{ScenarioError, Source, unknown};
use crate::model::{
    Arm, Arrival, Command, DataSet, Group, KeyChoice, Phases, Role, Scale, Scenario,
};
use crate::nearest::nearest;
use crate::overlay::Layers;
use crate::raw::{Named, RawClaim, RawCriterion, RawData, RawGroup, RawPhases, RawScenario};
use crate::units::{UnitError, parse_count, parse_duration, parse_rate, parse_size};
use serde::Deserialize as _;
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

/// A value this large as `connections` or `pipeline` is a slip: there are only 65 535 ports.
const MAX_CONNECTIONS: u64 = 1_000_000;
/// Values larger than Redis accepts (`proto-max-bulk-len`).
const MAX_VALUE_BYTES: u64 = 512 << 20;
/// Long enough for 30 s of load to start at once, short enough to lose nothing.
const DEFAULT_PHASES: Phases = Phases {
    warmup: Duration::from_secs(2),
    measure: Duration::from_secs(30),
    drain: Duration::from_secs(10),
    stall_threshold: Duration::from_millis(20),
};

impl Scenario {
    /// Reads a scenario file and resolves it for a scale; all scales are checked.
    ///
    /// # Errors
    /// With file, line, column, and the nearest known name where one was misspelt.
    pub fn parse(name: &str, file: &str, text: &str, scale: Scale) -> Result<Self, ScenarioError> {
        let source = Source { file, text };
        let table = DeTable::parse(text).map_err(|error| source.toml_error(&error))?;
        let layers = Layers::split(source, table.into_inner())?;
        let mut wanted = None;
        for each in Scale::ALL {
            let scenario = resolve(source, name, &layers, each)?;
            if each == scale {
                wanted = Some(scenario);
            }
        }
        wanted.ok_or_else(|| source.error(&(0..0), "no such scale"))
    }
}

fn resolve(
    source: Source<'_>,
    name: &str,
    layers: &Layers<'_>,
    scale: Scale,
) -> Result<Scenario, ScenarioError> {
    let typed = |arm| -> Result<RawScenario, ScenarioError> {
        let table = layers.merged(source, scale, arm)?;
        let whole = Spanned::new(0..source.text.len(), table);
        RawScenario::deserialize(Deserializer::from(whole)).map_err(|e| source.toml_error(&e))
    };
    let base = typed(None)?;
    let mut arms = Vec::new();
    for layer in &layers.arms {
        check_name(source, "arm", &layer.name, &layer.span)?;
        let label = layer.label.clone().unwrap_or_else(|| layer.name.clone());
        arms.push(resolve_arm(source, &layer.name, label, typed(Some(layer))?)?);
    }
    if arms.is_empty() {
        // A scenario without arms has one, called after itself.
        arms.push(resolve_arm(source, name, name.to_owned(), typed(None)?)?);
    }
    if base.question.get_ref().trim().is_empty() {
        return Err(source.error(&base.question.span(), "`question` is empty: say what is asked"));
    }
    let claims = in_file_order(base.claims)
        .into_iter()
        .map(|(id, _, claim)| resolve_claim(source, id, claim, &arms))
        .collect::<Result<_, _>>()?;
    Ok(Scenario {
        name: name.to_owned(),
        question: base.question.into_inner(),
        about: base.about,
        scale,
        seed: base.seed.unwrap_or(1),
        claims,
        arms,
    })
}

fn in_file_order<T>(named: Named<T>) -> Vec<(String, Range<usize>, T)> {
    let mut entries: Vec<_> =
        named.into_iter().map(|(key, value)| (key.span(), key.into_inner(), value)).collect();
    entries.sort_by_key(|(span, ..)| span.start);
    entries.into_iter().map(|(span, key, value)| (key, span, value)).collect()
}

/// Names become folder names and parts of paths to figures.
fn check_name(
    source: Source<'_>,
    kind: &str,
    name: &str,
    span: &Range<usize>,
) -> Result<(), ScenarioError> {
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain && !name.is_empty() {
        return Ok(());
    }
    Err(source.error(span, format!("{kind} `{name}`: use only letters, digits, `-` and `_`")))
}

fn resolve_arm(
    source: Source<'_>,
    name: &str,
    label: String,
    raw: RawScenario,
) -> Result<Arm, ScenarioError> {
    let mut server = Vec::new();
    for (key, _, value) in in_file_order(raw.server) {
        server.push((key, scalar_text(source, &value)?));
    }
    server.sort();
    let known: Vec<String> = raw.groups.keys().map(|key| key.get_ref().clone()).collect();
    let mut groups = Vec::new();
    for (key, span, group) in in_file_order(raw.groups) {
        check_name(source, "group", &key, &span)?;
        if RESERVED_SUBJECTS.contains(&key.as_str()) {
            let message = format!("a group cannot be called `{key}`: the name means a measurement");
            return Err(source.error(&span, message));
        }
        let others: Vec<&str> = known.iter().map(String::as_str).filter(|k| *k != key).collect();
        groups.push(resolve_group(source, key, &span, group, &others)?);
    }
    if groups.is_empty() {
        return Err(source.error(&(0..0), format!("arm `{name}` has no [groups.NAME]")));
    }
    let data = resolve_data(source, raw.data)?;
    Ok(Arm {
        name: name.to_owned(),
        label,
        server,
        data,
        groups,
        phases: resolve_phases(source, &raw.phases)?,
    })
}

fn resolve_data(source: Source<'_>, raw: RawData) -> Result<DataSet, ScenarioError> {
    let keys = raw.keys.map(|v| quantity(source, &v, parse_count)).transpose()?;
    let value_bytes = match raw.value_size {
        None => 32,
        Some(value) => {
            let bytes = quantity(source, &value, parse_size)?;
            if bytes > MAX_VALUE_BYTES {
                return Err(source.error(&value.span(), "a value cannot be larger than 512MiB"));
            }
            bytes
        }
    };
    let key_prefix = raw.key_prefix.unwrap_or_else(|| "key:".to_owned());
    Ok(DataSet { keys: keys.unwrap_or(0), value_bytes, key_prefix })
}

fn resolve_phases(source: Source<'_>, raw: &RawPhases) -> Result<Phases, ScenarioError> {
    let or = |value: &Option<Spanned<String>>, default| match value {
        None => Ok(default),
        Some(value) => duration(source, value),
    };
    let phases = Phases {
        warmup: or(&raw.warmup, DEFAULT_PHASES.warmup)?,
        measure: or(&raw.measure, DEFAULT_PHASES.measure)?,
        drain: or(&raw.drain, DEFAULT_PHASES.drain)?,
        stall_threshold: or(&raw.stall_threshold, DEFAULT_PHASES.stall_threshold)?,
    };
    match &raw.measure {
        Some(value) if phases.measure.is_zero() => {
            Err(source.error(&value.span(), "`measure` is zero: nothing would be recorded"))
        }
        _ => Ok(phases),
    }
}

fn resolve_group(
    source: Source<'_>,
    name: String,
    span: &Range<usize>,
    raw: RawGroup,
    others: &[&str],
) -> Result<Group, ScenarioError> {
    let Some(role) = &raw.role else {
        let hint = nearest(&name, others.iter().copied())
            .map_or_else(String::new, |near| format!("; or did you mean the group `{near}`?"));
        return Err(source.error(span, format!("group `{name}` has no `role`{hint}")));
    };
    let role = one_of(source, "role", role, &Role::ALL, Role::name)?;
    let keys = match &raw.keys {
        None => KeyChoice::Uniform,
        Some(keys) => {
            let all = [KeyChoice::Uniform, KeyChoice::Sequential];
            one_of(source, "key choice", keys, &all, KeyChoice::name)?
        }
    };
    let timeout =
        raw.timeout.as_ref().map_or(Ok(Duration::ZERO), |value| duration(source, value))?;
    let connections = raw.connections.as_ref().map_or(Ok(1), |v| at_least_one(source, v))?;
    let pipeline = raw.pipeline.as_ref().map_or(Ok(1), |v| at_least_one(source, v))?;
    let arrival = resolve_arrival(source, &name, span, &raw)?;
    let commands = resolve_commands(source, &name, span, raw.commands, raw.weights)?;
    Ok(Group { name, role, connections, pipeline, arrival, commands, keys, timeout })
}

fn resolve_arrival(
    source: Source<'_>,
    name: &str,
    span: &Range<usize>,
    raw: &RawGroup,
) -> Result<Arrival, ScenarioError> {
    let known = ["closed", "constant", "poisson"];
    let process = raw.arrival.as_ref().map(|value| value.get_ref().as_str());
    if let Some(every) = &raw.every {
        if raw.rate.is_some() || process.is_some() {
            let message = format!("group `{name}`: `every` stands alone, without rate and arrival");
            return Err(source.error(&every.span(), message));
        }
        let period = duration(source, every)?;
        if period.is_zero() {
            return Err(source.error(&every.span(), "`every` must be longer than zero"));
        }
        return Ok(Arrival::Every(period));
    }
    let rate = raw.rate.as_ref().map(|v| quantity(source, v, parse_rate)).transpose()?;
    match (process, rate) {
        (None | Some("closed"), None) => Ok(Arrival::Closed),
        (None | Some("constant"), Some(rate)) => Ok(Arrival::Constant(rate)),
        (Some("poisson"), Some(rate)) => Ok(Arrival::Poisson(rate)),
        (Some(process @ ("constant" | "poisson")), None) => {
            Err(source.error(span, format!("group `{name}`: arrival `{process}` needs a `rate`")))
        }
        (Some("closed"), Some(_)) => {
            let message = format!("group `{name}`: a closed loop has no `rate`; leave one out");
            Err(source.error(span, message))
        }
        (Some(other), _) => {
            let place = raw.arrival.as_ref().map_or_else(|| span.clone(), Spanned::span);
            Err(source.error(&place, unknown("arrival", other, &known)))
        }
    }
}

fn resolve_commands(
    source: Source<'_>,
    name: &str,
    span: &Range<usize>,
    commands: Option<Spanned<Vec<String>>>,
    weights: Option<Spanned<Vec<u32>>>,
) -> Result<Vec<Command>, ScenarioError> {
    let Some(commands) = commands else {
        return Err(source.error(span, format!("group `{name}` has no `commands`")));
    };
    let place = commands.span();
    let templates = commands.into_inner();
    if templates.is_empty() || templates.iter().any(|t| t.trim().is_empty()) {
        return Err(source.error(&place, format!("group `{name}`: an empty command")));
    }
    let weights = match weights {
        None => vec![1; templates.len()],
        Some(weights) => {
            let span = weights.span();
            let weights = weights.into_inner();
            if weights.len() != templates.len() || weights.iter().all(|w| *w == 0) {
                let message = format!(
                    "group `{name}`: {} weights for {} commands; give one for each, not all zero",
                    weights.len(),
                    templates.len()
                );
                return Err(source.error(&span, message));
            }
            weights
        }
    };
    let pairs = templates.into_iter().zip(weights);
    Ok(pairs.map(|(template, weight)| Command { template, weight }).collect())
}

fn resolve_claim(
    source: Source<'_>,
    id: String,
    raw: RawClaim,
    arms: &[Arm],
) -> Result<Claim, ScenarioError> {
    let each = |criteria: Vec<RawCriterion>| -> Result<Vec<Criterion>, ScenarioError> {
        criteria.into_iter().map(|raw| resolve_criterion(source, raw, arms)).collect()
    };
    Ok(Claim { id, text: raw.text, requires: each(raw.requires)?, holds: each(raw.holds)? })
}

fn resolve_criterion(
    source: Source<'_>,
    raw: RawCriterion,
    arms: &[Arm],
) -> Result<Criterion, ScenarioError> {
    let groups_of = |name: &str| -> Result<Vec<&str>, String> {
        let Some(arm) = arms.iter().find(|arm| arm.name == name) else {
            let known: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
            return Err(unknown("arm", name, &known));
        };
        Ok(arm.groups.iter().map(|group| group.name.as_str()).collect())
    };
    let path = |text: &str, span: &Range<usize>| {
        Quantity::parse(text, &groups_of).map_err(|message| source.error(span, message))
    };
    let measure = path(raw.measure.get_ref(), &raw.measure.span())?;
    let dimension = measure.dimension();
    let against = match &raw.against {
        None => None,
        Some(value) => Some(match value.get_ref() {
            // A path has dots and does not start with a digit; anything else is a figure.
            toml::Value::String(text) if !text.starts_with(|c: char| c.is_ascii_digit()) => {
                Reference::Quantity(path(text, &value.span())?)
            }
            _ => Reference::Figure(in_base_units(source, value, dimension)?),
        }),
    };
    let default = if against.is_some() { Compare::Ratio } else { Compare::Value };
    let compare = match &raw.compare {
        None => default,
        Some(name) => one_of(source, "comparison", name, &Compare::ALL, Compare::name)?,
    };
    if (compare == Compare::Value) != against.is_none() {
        let message = "`as` is ratio or difference with `against`, and value without it";
        return Err(source.error(&raw.measure.span(), message));
    }
    let bound_dimension = if compare == Compare::Ratio { Dimension::Number } else { dimension };
    let bound = |value: &Option<Spanned<toml::Value>>, dimension| {
        value.as_ref().map(|value| in_base_units(source, value, dimension)).transpose()
    };
    let (min, max) = (bound(&raw.min, bound_dimension)?, bound(&raw.max, bound_dimension)?);
    if min.is_none() && max.is_none() {
        let message = "a criterion needs `min`, `max` or both";
        return Err(source.error(&raw.measure.span(), message));
    }
    let slack = bound(&raw.slack, dimension)?.unwrap_or(0.0);
    Ok(Criterion { says: raw.says, measure, against, compare, min, max, slack })
}

/// A number, or a text with a unit of that dimension.
fn in_base_units(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
    dimension: Dimension,
) -> Result<f64, ScenarioError> {
    if let (Dimension::Number | Dimension::Rate, Some(number)) = (dimension, number(value)) {
        return Ok(number);
    }
    match dimension {
        Dimension::Time => quantity(source, value, parse_duration).map(|d| d.as_secs_f64()),
        Dimension::Rate => quantity(source, value, parse_rate).map(|rate| rate.as_per_second()),
        #[expect(clippy::cast_precision_loss, reason = "counts in bounds are far below 2^53")]
        Dimension::Number => quantity(source, value, parse_count).map(|count| count as f64),
    }
}

fn number(value: &Spanned<toml::Value>) -> Option<f64> {
    match value.get_ref() {
        #[expect(clippy::cast_precision_loss, reason = "counts in bounds are far below 2^53")]
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// A text with a unit, or a bare number where the parser takes one.
fn quantity<T>(
    source: Source<'_>,
    value: &Spanned<toml::Value>,
    parse: fn(&str) -> Result<T, UnitError>,
) -> Result<T, ScenarioError> {
    let text = scalar_text(source, value)?;
    parse(&text).map_err(|error| source.error(&value.span(), error.to_string()))
}

fn scalar_text(source: Source<'_>, value: &Spanned<toml::Value>) -> Result<String, ScenarioError> {
    match value.get_ref() {
        toml::Value::String(text) => Ok(text.clone()),
        toml::Value::Boolean(flag) => Ok(if *flag { "yes" } else { "no" }.to_owned()),
        other @ (toml::Value::Integer(_) | toml::Value::Float(_)) => Ok(other.to_string()),
        _ => Err(source.error(&value.span(), "expected a text or a number")),
    }
}

fn duration(source: Source<'_>, value: &Spanned<String>) -> Result<Duration, ScenarioError> {
    parse_duration(value.get_ref()).map_err(|error| source.error(&value.span(), error.to_string()))
}

fn at_least_one(source: Source<'_>, value: &Spanned<toml::Value>) -> Result<u32, ScenarioError> {
    let count = quantity(source, value, parse_count)?;
    match u32::try_from(count) {
        Ok(small) if (1..=MAX_CONNECTIONS).contains(&count) => Ok(small),
        _ => {
            let message = format!("must be from 1 to {MAX_CONNECTIONS}, not {count}");
            Err(source.error(&value.span(), message))
        }
    }
}

fn one_of<T: Copy>(
    source: Source<'_>,
    kind: &str,
    value: &Spanned<String>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Result<T, ScenarioError> {
    let typed = value.get_ref().as_str();
    all.iter().copied().find(|each| name(*each) == typed).ok_or_else(|| {
        let known: Vec<&str> = all.iter().copied().map(name).collect();
        source.error(&value.span(), unknown(kind, typed, &known))
    })
}
