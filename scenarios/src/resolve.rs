//! From the typed file to a scenario that can run: defaults, units, cross-checks.
//!
//! Invariant: all arms at all scales are checked whenever a file is read, so that an error in
//! `[scales.full]` shows before a long run. Read next: [`crate::overlay`].

use crate::criterion::{Claim, Compare, Criterion, Dimension, Quantity, Reference};
use crate::error::{ScenarioError, Source, unknown};
use crate::model::{
    Arm, Collection, CollectionKind, DataSet, Engine, Link, Need, Pacing, Phases, Scale, Scenario,
    Socket, Via,
};
use crate::overlay::Layers;
use crate::procedure::{ParameterError, Procedure, ProcedureKind};
use crate::quantity::RESERVED_SUBJECTS;
use crate::raw::{
    Named, RawClaim, RawCriterion, RawData, RawEngine, RawLink, RawPhases, RawScenario,
};
use aelab_units::{format_count, parse_count, parse_size};
use group::resolve_group;
use read::{at_least_one, in_base_units, one_of, or_duration, quantity, scalar_text};
use serde::Deserialize as _;
use server::{resolve_bin, resolve_server};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

mod group;
mod read;
mod server;

/// More repetitions than this are probably a typing error: the interval of a ratio hardly shrinks.
const MAX_REPEAT: u32 = 1000;
/// Key names have twelve digits.
const MAX_KEYS: u64 = 1_000_000_000_000;
/// More would not fit into memory; Redis limits a list to 4,294 million.
const MAX_ELEMENTS: u64 = 1_000_000_000;
/// Redis refuses larger values (`proto-max-bulk-len`).
const MAX_VALUE_BYTES: u64 = 512 << 20;
/// Longest round-trip time of a link, as for `loadgen relay`.
const MAX_RTT: Duration = Duration::from_secs(60);
/// Smallest bandwidth of a link, as for `loadgen relay`.
const MIN_BANDWIDTH: u64 = 120;
/// Most connections that a link shares, as for `loadgen relay`.
const MAX_SHARED: u32 = 10_000;
/// The phases of a file that sets none.
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
    /// The file is invalid; the error has line and column, and suggests the nearest known name.
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
        // A scenario without arms has one arm with its own name.
        arms.push(resolve_arm(source, name, name.to_owned(), typed(None)?)?);
    }
    if base.question.get_ref().trim().is_empty() {
        return Err(source.error(
            &base.question.span(),
            "`question` is empty: write the question of the scenario",
        ));
    }
    let claims = in_file_order(base.claims)
        .into_iter()
        .map(|(id, span, claim)| resolve_claim(source, id, &span, claim, &arms))
        .collect::<Result<_, _>>()?;
    Ok(Scenario {
        name: name.to_owned(),
        question: base.question.into_inner(),
        about: base.about,
        scale,
        seed: base.seed.unwrap_or(1),
        repeat: resolve_repeat(source, base.repeat)?,
        pause_max: base
            .pause_max
            .as_ref()
            .map(|value| or_duration(source, Some(value), Duration::ZERO))
            .transpose()?,
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

/// Checks a name that becomes a folder name and part of paths to figures.
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
    Err(source.error(
        span,
        format!("invalid name: {kind} `{name}`; use only letters, digits, `-` and `_`"),
    ))
}

fn resolve_arm(
    source: Source<'_>,
    name: &str,
    label: String,
    raw: RawScenario,
) -> Result<Arm, ScenarioError> {
    let (server_args, server) = resolve_server(source, raw.server_args, raw.server)?;
    let known: Vec<String> = raw.groups.keys().map(|key| key.get_ref().clone()).collect();
    let mut groups = Vec::new();
    for (key, span, group) in in_file_order(raw.groups) {
        check_name(source, "group", &key, &span)?;
        if RESERVED_SUBJECTS.contains(&key.as_str()) {
            let message = format!("reserved name: group `{key}`; choose another name");
            return Err(source.error(&span, message));
        }
        let others: Vec<&str> = known.iter().map(String::as_str).filter(|k| *k != key).collect();
        groups.push(resolve_group(source, key, &span, group, &others)?);
    }
    if let (Some(_), Some(group)) =
        (&raw.link, groups.iter().find(|g| g.socket == Socket::Unix && g.via == Via::Link))
    {
        let message = format!(
            "a Unix socket cannot use the link: group `{}`; add `via = \"direct\"`",
            group.name
        );
        return Err(source.error(&(0..0), message));
    }
    let procedure = raw.procedure.map(|typed| resolve_procedure(source, typed)).transpose()?;
    if groups.is_empty() && procedure.is_none() {
        let message = format!("no load: arm `{name}`; add a [groups.NAME] or a [procedure]");
        return Err(source.error(&(0..0), message));
    }
    let needs = raw.needs.iter().map(|need| one_of(source, "need", need, &Need::ALL, Need::name));
    Ok(Arm {
        name: name.to_owned(),
        label,
        server_bin: resolve_bin(source, raw.server_bin)?,
        server_args,
        server,
        nofile: raw
            .limits
            .nofile
            .as_ref()
            .map(|value| quantity(source, value, parse_count))
            .transpose()?,
        cpus: raw.limits.cpus.as_ref().map_or(Ok(1), |value| at_least_one(source, value))?,
        needs: needs.collect::<Result<_, _>>()?,
        data: resolve_data(source, raw.data)?,
        link: raw.link.map(|link| resolve_link(source, &link)).transpose()?,
        engine: resolve_engine(source, &raw.engine)?,
        groups,
        procedure,
        phases: resolve_phases(source, &raw.phases)?,
    })
}

fn resolve_repeat(source: Source<'_>, repeat: Option<Spanned<u32>>) -> Result<u32, ScenarioError> {
    match repeat {
        None => Ok(1),
        Some(value) if (1..=MAX_REPEAT).contains(value.get_ref()) => Ok(value.into_inner()),
        Some(value) => {
            let message = format!("`repeat` is {}: write 1 to {MAX_REPEAT}", value.get_ref());
            Err(source.error(&value.span(), message))
        }
    }
}

fn resolve_procedure(
    source: Source<'_>,
    typed: Named<Spanned<toml::Value>>,
) -> Result<Procedure, ScenarioError> {
    let mut kind = None;
    let (mut given, mut places) = (Vec::new(), Vec::new());
    let mut whole = 0..0;
    for (key, span, value) in in_file_order(typed) {
        whole = span.clone();
        if key == "kind" {
            let name = scalar_text(source, &value)?;
            let found = ProcedureKind::find(&name);
            kind = Some(found.map_err(|why| source.error(&value.span(), why))?);
            continue;
        }
        let items = match value.get_ref() {
            toml::Value::Array(items) => items
                .iter()
                .map(|item| scalar_text(source, &Spanned::new(value.span(), item.clone())))
                .collect::<Result<Vec<_>, _>>()?,
            _ => vec![scalar_text(source, &value)?],
        };
        given.push((key, items));
        places.push((span, value.span()));
    }
    let Some(kind) = kind else {
        return Err(source
            .error(&whole, "[procedure] has no `kind`: add one, such as `kind = \"session\"`"));
    };
    Procedure::new(kind, &given).map_err(|error| {
        let place = match &error {
            ParameterError::UnknownKey { index, .. } => places.get(*index).map(|(key, _)| key),
            ParameterError::BadValue { index, .. } => places.get(*index).map(|(_, value)| value),
            ParameterError::BadDefault { .. } => None,
        };
        source.error(place.unwrap_or(&whole), error.to_string())
    })
}

fn resolve_link(source: Source<'_>, raw: &RawLink) -> Result<Link, ScenarioError> {
    let link = Link {
        rtt: or_duration(source, raw.rtt.as_ref(), Duration::ZERO)?,
        jitter: or_duration(source, raw.jitter.as_ref(), Duration::ZERO)?,
        bandwidth: raw.bandwidth.as_ref().map(|v| quantity(source, v, parse_size)).transpose()?,
        share: raw.share.as_ref().map(|v| at_least_one(source, v)).transpose()?,
    };
    let at = |value: Option<&Spanned<String>>| value.map_or(0..0, Spanned::span);
    let at_value = |value: Option<&Spanned<toml::Value>>| value.map_or(0..0, Spanned::span);
    if link.rtt > MAX_RTT {
        return Err(source.error(&at(raw.rtt.as_ref()), "`rtt` is too long: write at most 60s"));
    }
    if link.jitter > link.rtt {
        let message = "`jitter` is larger than `rtt`: write at most the value of `rtt`";
        return Err(source.error(&at(raw.jitter.as_ref()), message));
    }
    if link.bandwidth.is_some_and(|bytes| bytes < MIN_BANDWIDTH) {
        let message =
            "`bandwidth` is too low: write at least 120B per second, or remove it for no limit";
        return Err(source.error(&at_value(raw.bandwidth.as_ref()), message));
    }
    if link.share.is_some_and(|count| count > MAX_SHARED) {
        let message = format!("`share` is too large: write at most {MAX_SHARED}");
        return Err(source.error(&at_value(raw.share.as_ref()), message));
    }
    Ok(link)
}

fn resolve_engine(source: Source<'_>, raw: &RawEngine) -> Result<Engine, ScenarioError> {
    let pacing = raw.pacing.as_ref();
    Ok(Engine {
        threads: raw.threads.as_ref().map_or(Ok(1), |v| at_least_one(source, v))?,
        pacing: pacing.map_or(Ok(Pacing::Auto), |value| {
            one_of(source, "pacing", value, &Pacing::ALL, Pacing::name)
        })?,
        trace: raw.trace.as_ref().map_or(0, |value| *value.get_ref()),
    })
}

fn resolve_data(source: Source<'_>, raw: RawData) -> Result<DataSet, ScenarioError> {
    let count_up_to = |value: &Spanned<toml::Value>, most: u64, what: &str| {
        let count = quantity(source, value, parse_count)?;
        match count > most {
            true => Err(source.error(
                &value.span(),
                format!("too many {what}: {count}; write at most {}", format_count(most)),
            )),
            false => Ok(count),
        }
    };
    let keys = raw.keys.map(|v| count_up_to(&v, MAX_KEYS, "keys"));
    let keys = keys.transpose()?;
    let value_bytes = match raw.value_size {
        None => 32,
        Some(value) => {
            let bytes = quantity(source, &value, parse_size)?;
            if bytes > MAX_VALUE_BYTES {
                return Err(
                    source.error(&value.span(), "`value_size` is too large: write at most 512MiB")
                );
            }
            bytes
        }
    };
    let mut collections = Vec::new();
    for (kind, named) in
        CollectionKind::ALL.into_iter().zip([raw.list, raw.set, raw.hash, raw.zset])
    {
        for (name, span, value) in in_file_order(named) {
            let elements = count_up_to(&value, MAX_ELEMENTS, "elements")?;
            if elements == 0 {
                let message = format!("`{name}` has no elements: write at least 1, or remove it");
                return Err(source.error(&value.span(), message));
            }
            if let Some(other) = collections.iter().find(|c: &&Collection| c.name == name) {
                let message = format!(
                    "`{name}` is also a {}: a key has one type; rename one",
                    other.kind.name()
                );
                return Err(source.error(&span, message));
            }
            collections.push(Collection { kind, name, elements });
        }
    }
    collections.sort_by(|a, b| (a.kind.name(), &a.name).cmp(&(b.kind.name(), &b.name)));
    Ok(DataSet {
        keys: keys.unwrap_or(0),
        value_bytes,
        key_prefix: raw.key_prefix.unwrap_or_else(|| "key:".to_owned()),
        collections,
        element_prefix: raw.element_prefix.unwrap_or_else(|| "element:".to_owned()),
    })
}

fn resolve_phases(source: Source<'_>, raw: &RawPhases) -> Result<Phases, ScenarioError> {
    let or =
        |value: &Option<Spanned<String>>, default| or_duration(source, value.as_ref(), default);
    let phases = Phases {
        warmup: or(&raw.warmup, DEFAULT_PHASES.warmup)?,
        measure: or(&raw.measure, DEFAULT_PHASES.measure)?,
        drain: or(&raw.drain, DEFAULT_PHASES.drain)?,
        stall_threshold: or(&raw.stall_threshold, DEFAULT_PHASES.stall_threshold)?,
    };
    match &raw.measure {
        Some(value) if phases.measure.is_zero() => Err(source.error(
            &value.span(),
            "`measure` is zero, so nothing is recorded: write a longer duration",
        )),
        _ => Ok(phases),
    }
}

fn resolve_claim(
    source: Source<'_>,
    id: String,
    span: &Range<usize>,
    raw: RawClaim,
    arms: &[Arm],
) -> Result<Claim, ScenarioError> {
    check_name(source, "claim", &id, span)?;
    if raw.holds.is_empty() {
        let message = format!("claim `{id}` has no criterion: add a [[claims.{id}.holds]]");
        return Err(source.error(span, message));
    }
    let each = |criteria: Vec<RawCriterion>| -> Result<Vec<Criterion>, ScenarioError> {
        criteria.into_iter().map(|raw| resolve_criterion(source, raw, arms)).collect()
    };
    let (requires, holds) = (each(raw.requires)?, each(raw.holds)?);
    Ok(Claim { id, text: raw.text, article: raw.article, of_redis: raw.of_redis, requires, holds })
}

fn resolve_criterion(
    source: Source<'_>,
    raw: RawCriterion,
    arms: &[Arm],
) -> Result<Criterion, ScenarioError> {
    let arm_of = |name: &str| -> Result<&Arm, String> {
        arms.iter().find(|arm| arm.name == name).ok_or_else(|| {
            let known: Vec<&str> = arms.iter().map(|arm| arm.name.as_str()).collect();
            unknown("arm", name, &known)
        })
    };
    let path = |text: &str, span: &Range<usize>| {
        Quantity::parse(text, &arm_of).map_err(|message| source.error(span, message))
    };
    let measure = path(raw.measure.get_ref(), &raw.measure.span())?;
    let dimension = measure.dimension();
    let against = match &raw.against {
        None => None,
        Some(value) => Some(match value.get_ref() {
            // A path does not start with a digit; other texts are figures.
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
        let message =
            "`as` does not fit: use ratio or difference with `against`, and value without it";
        return Err(source.error(&raw.measure.span(), message));
    }
    let bound_dimension = if compare == Compare::Ratio { Dimension::Number } else { dimension };
    let bound = |value: &Option<Spanned<toml::Value>>, dimension| {
        value.as_ref().map(|value| in_base_units(source, value, dimension)).transpose()
    };
    let (min, max) = (bound(&raw.min, bound_dimension)?, bound(&raw.max, bound_dimension)?);
    if min.is_none() && max.is_none() {
        let message = "the criterion has no bound: add `min`, `max` or both";
        return Err(source.error(&raw.measure.span(), message));
    }
    if let (Some(low), Some(high), Some(place)) = (min, max, &raw.max)
        && low > high
    {
        return Err(
            source.error(&place.span(), "`max` is less than `min`: raise `max` or lower `min`")
        );
    }
    let slack = bound(&raw.slack, dimension)?.unwrap_or(0.0);
    Ok(Criterion { says: raw.says, measure, against, compare, min, max, slack, unit: raw.unit })
}
