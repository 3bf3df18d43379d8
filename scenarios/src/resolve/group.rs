//! Groups of a scenario: defaults, units, and keys that exclude each other.
//!
//! Invariant: a resolved group can become a plan of the engine, except for texts that only the engine
//! parses (arrival profiles, distributions): only their first word is checked here.

use super::read::{at_least_one, duration, one_of, or_duration, quantity, scalar_text};
use crate::error::{ScenarioError, Source, unknown};
use crate::model::{Arrival, Command, ConnectSchedule, Group, Pool, PoolOrder, Role, Socket, Via};
use crate::raw::{RawGroup, RawPool};
use aelab_units::nearest;
use aelab_units::{parse_count, parse_rate};
use std::ops::Range;
use std::time::Duration;
use toml::Spanned;

pub(super) fn resolve_group(
    source: Source<'_>,
    name: String,
    span: &Range<usize>,
    raw: RawGroup,
    others: &[&str],
) -> Result<Group, ScenarioError> {
    let Some(role) = &raw.role else {
        let hint = nearest(&name, others.iter().copied())
            .map_or_else(String::new, |near| format!(", or did you mean group `{near}`?"));
        let roles = Role::ALL.map(Role::name).join(", ");
        let message = format!("group `{name}` has no `role`: add one of {roles}{hint}");
        return Err(source.error(span, message));
    };
    let role = one_of(source, "role", role, &Role::ALL, Role::name)?;
    let keys = resolve_keys(source, raw.keys.as_ref())?;
    let span_of = |value: Option<&Spanned<String>>| or_duration(source, value, Duration::ZERO);
    let count = |value: Option<&Spanned<toml::Value>>| {
        value.map_or(Ok(1), |value| at_least_one(source, value))
    };
    let arrival = resolve_arrival(source, &name, span, &raw)?;
    let churn = raw.churn.as_ref().map_or(Ok(0), |v| quantity(source, v, parse_count))?;
    let connections = count(raw.connections.as_ref())?;
    let socket = raw.socket.as_ref().map_or(Ok(Socket::Tcp), |value| {
        one_of(source, "socket", value, &Socket::ALL, Socket::name)
    })?;
    let via = raw
        .via
        .as_ref()
        .map_or(Ok(Via::Link), |value| one_of(source, "way", value, &Via::ALL, Via::name))?;
    Ok(Group {
        role,
        connections,
        pipeline: count(raw.pipeline.as_ref())?,
        keys,
        data_size: raw.data_size.as_ref().map(|v| scalar_text(source, v)).transpose()?,
        timeout: span_of(raw.timeout.as_ref())?,
        start_after: span_of(raw.start_after.as_ref())?,
        churn,
        pool: raw.pool.map(|pool| resolve_pool(source, &pool, connections)).transpose()?,
        connect: resolve_connect(source, raw.connect.as_ref(), raw.connect_rate.as_ref())?,
        socket,
        via,
        commands: match arrival {
            Arrival::Idle => Vec::new(),
            _ => resolve_commands(source, &name, span, raw.commands, raw.weights)?,
        },
        arrival,
        name,
    })
}

/// How keys are chosen; the engine parses the text, only its first word is checked here.
fn resolve_keys(
    source: Source<'_>,
    keys: Option<&Spanned<String>>,
) -> Result<String, ScenarioError> {
    let known = ["uniform", "sequential", "zipf", "latest", "gaussian", "hotspot"];
    let Some(keys) = keys else { return Ok(known[0].to_owned()) };
    let kind = keys.get_ref().split(':').next().unwrap_or_default();
    if known.contains(&kind) {
        return Ok(keys.get_ref().clone());
    }
    Err(source.error(&keys.span(), unknown("key choice", kind, &known)))
}

fn resolve_pool(
    source: Source<'_>,
    raw: &RawPool,
    connections: u32,
) -> Result<Pool, ScenarioError> {
    let count = |value: Option<&Spanned<toml::Value>>, default: u32| match value {
        None => Ok(default),
        Some(value) => {
            let typed = quantity(source, value, parse_count)?;
            u32::try_from(typed).ok().filter(|count| *count <= connections).ok_or_else(|| {
                let message = format!(
                    "{typed} is more than the connections of the group: write at most {connections}"
                );
                source.error(&value.span(), message)
            })
        }
    };
    Ok(Pool {
        min_idle: count(raw.min_idle.as_ref(), 0)?,
        max_idle: count(raw.max_idle.as_ref(), connections)?,
        max_wait: or_duration(source, raw.max_wait.as_ref(), Duration::ZERO)?,
        order: raw.order.as_ref().map_or(Ok(PoolOrder::Lifo), |value| {
            one_of(source, "order", value, &PoolOrder::ALL, PoolOrder::name)
        })?,
    })
}

fn resolve_connect(
    source: Source<'_>,
    when: Option<&Spanned<String>>,
    rate: Option<&Spanned<toml::Value>>,
) -> Result<ConnectSchedule, ScenarioError> {
    let rate = rate.map(|value| quantity(source, value, parse_rate)).transpose()?;
    match (when.map(|when| when.get_ref().as_str()), rate) {
        (None, None) => Ok(ConnectSchedule::AtOnce),
        (None | Some("before"), Some(rate)) => Ok(ConnectSchedule::Before(rate)),
        (Some("during"), Some(rate)) => Ok(ConnectSchedule::During(rate)),
        (Some(other), rate) => {
            let place = when.map_or(0..0, Spanned::span);
            let known = ["before", "during"];
            Err(source.error(
                &place,
                match rate {
                    None if known.contains(&other) => {
                        "`connect` needs a rate: add `connect_rate`".to_owned()
                    }
                    _ => unknown("way to connect", other, &known),
                },
            ))
        }
    }
}

fn resolve_arrival(
    source: Source<'_>,
    name: &str,
    span: &Range<usize>,
    raw: &RawGroup,
) -> Result<Arrival, ScenarioError> {
    const PROFILES: [&str; 5] = ["uniform", "ramp", "step", "burst", "sine"];
    let known: Vec<&str> =
        ["closed", "constant", "poisson", "idle"].into_iter().chain(PROFILES).collect();
    let process = raw.arrival.as_ref().map(|value| value.get_ref().as_str());
    if let Some(every) = &raw.every {
        if raw.rate.is_some() || process.is_some() {
            let message =
                format!("`every` excludes `rate` and `arrival`: group `{name}`; remove one");
            return Err(source.error(&every.span(), message));
        }
        let period = duration(source, every)?;
        if period.is_zero() {
            return Err(source.error(&every.span(), "`every` is zero: write a longer duration"));
        }
        return Ok(Arrival::Every(period));
    }
    let rate = raw.rate.as_ref().map(|v| quantity(source, v, parse_rate)).transpose()?;
    if let (Some(think), true) = (&raw.think, rate.is_some()) {
        let message = format!("`think` excludes `rate`: group `{name}`; remove one");
        return Err(source.error(&think.span(), message));
    }
    match (process, rate) {
        (None | Some("closed"), None) => {
            let think = or_duration(source, raw.think.as_ref(), Duration::ZERO)?;
            Ok(Arrival::Closed { think })
        }
        (Some("idle"), None) => Ok(Arrival::Idle),
        (Some(text), rate) if PROFILES.contains(&text.split(':').next().unwrap_or_default()) => {
            Ok(Arrival::Profile { text: text.to_owned(), rate })
        }
        (None | Some("constant"), Some(rate)) => Ok(Arrival::Constant(rate)),
        (Some("poisson"), Some(rate)) => Ok(Arrival::Poisson(rate)),
        (Some(process @ ("constant" | "poisson")), None) => Err(source
            .error(span, format!("arrival `{process}` needs a rate: group `{name}`; add `rate`"))),
        (Some(process @ ("closed" | "idle")), Some(_)) => {
            let message =
                format!("arrival `{process}` excludes `rate`: group `{name}`; remove one");
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
        return Err(
            source.error(span, format!("group `{name}` has no `commands`: add at least one"))
        );
    };
    let place = commands.span();
    let templates = commands.into_inner();
    if templates.is_empty() || templates.iter().any(|t| t.trim().is_empty()) {
        return Err(
            source.error(&place, format!("empty command: group `{name}`; write at least one word"))
        );
    }
    let weights = match weights {
        None => vec![1; templates.len()],
        Some(weights) => {
            let span = weights.span();
            let weights = weights.into_inner();
            if weights.len() != templates.len() || weights.iter().all(|w| *w == 0) {
                let message = format!(
                    "{} weights for {} commands: group `{name}`; write one per command, not all zero",
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
