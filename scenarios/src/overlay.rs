//! Arms and scales lie over the rest of the file: `arms.scan.groups.offender.commands` replaces
//! `groups.offender.commands` for the arm `scan`.
//!
//! Works on the TOML tree before it is typed, so that one rule serves every key there is or will
//! be. Invariant: each value keeps the place it was written at, so an error in an overlay points
//! into the overlay. Order, later wins: file, scale, arm, the scale's own `arms.NAME`.

use crate::error::{ScenarioError, Source, unknown};
use crate::model::Scale;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What an overlay may change; the question and the claims are the same for all.
const OVERLAY_KEYS: [&str; 9] =
    ["needs", "server", "limits", "data", "link", "engine", "phases", "groups", "procedure"];

/// A file taken apart: what is common, and what arms and scales lay over it.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    base: DeTable<'a>,
    scales: Vec<(Scale, DeTable<'a>)>,
    /// The arms in the order of the file: name with its place, label, overlay.
    pub(crate) arms: Vec<ArmLayer<'a>>,
}

/// One `[arms.NAME]`.
#[derive(Debug)]
pub(crate) struct ArmLayer<'a> {
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) label: Option<String>,
    overlay: DeTable<'a>,
}

impl<'a> Layers<'a> {
    /// Takes `arms` and `scales` out of a parsed file.
    pub(crate) fn split(source: Source<'_>, mut base: DeTable<'a>) -> Result<Self, ScenarioError> {
        let mut arms = Vec::new();
        for (name, span, mut overlay) in named_tables(source, base.remove("arms"))? {
            let label = match overlay.remove("label") {
                None => None,
                Some(label) => match label.get_ref() {
                    DeValue::String(text) => Some(text.clone().into_owned()),
                    _ => return Err(source.error(&label.span(), "`label` must be a text")),
                },
            };
            check_keys(source, &overlay, &["label"])?;
            arms.push(ArmLayer { name, span, label, overlay });
        }
        let mut scales = Vec::new();
        for (name, span, overlay) in named_tables(source, base.remove("scales"))? {
            let Some(scale) = Scale::ALL.into_iter().find(|scale| scale.name() == name) else {
                let known = Scale::ALL.map(Scale::name);
                return Err(source.error(&span, unknown("scale", &name, &known)));
            };
            check_keys(source, &overlay, &["arms", "repeat"])?;
            scales.push((scale, overlay));
        }
        Ok(Self { base, scales, arms })
    }

    /// The whole file for one arm at one scale.
    pub(crate) fn merged(
        &self,
        source: Source<'_>,
        scale: Scale,
        arm: Option<&ArmLayer<'a>>,
    ) -> Result<DeTable<'a>, ScenarioError> {
        let mut merged = self.base.clone();
        let Some(scaled) = self.scales.iter().find(|(s, _)| *s == scale).map(|(_, t)| t) else {
            if let Some(arm) = arm {
                lay_over(&mut merged, arm.overlay.clone());
            }
            return Ok(merged);
        };
        let mut scaled = scaled.clone();
        let scaled_arms = named_tables(source, scaled.remove("arms"))?;
        for (name, span, overlay) in &scaled_arms {
            check_keys(source, overlay, &[])?;
            if !self.arms.iter().any(|arm| arm.name == *name) {
                let known: Vec<&str> = self.arms.iter().map(|arm| arm.name.as_str()).collect();
                return Err(source.error(span, unknown("arm", name, &known)));
            }
        }
        lay_over(&mut merged, scaled);
        if let Some(arm) = arm {
            lay_over(&mut merged, arm.overlay.clone());
            for (_, _, overlay) in scaled_arms.into_iter().filter(|(name, ..)| *name == arm.name) {
                lay_over(&mut merged, overlay);
            }
        }
        Ok(merged)
    }
}

/// The entries of a table of tables, in the order of the file.
fn named_tables<'a>(
    source: Source<'_>,
    value: Option<Spanned<DeValue<'a>>>,
) -> Result<Vec<(String, Range<usize>, DeTable<'a>)>, ScenarioError> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let span = value.span();
    let DeValue::Table(table) = value.into_inner() else {
        return Err(source.error(&span, "expected a table, such as [arms.NAME]"));
    };
    let mut entries = Vec::new();
    for (key, value) in table {
        let (span, value_span) = (key.span(), value.span());
        let DeValue::Table(table) = value.into_inner() else {
            return Err(source.error(&value_span, "expected a table, such as [arms.NAME]"));
        };
        entries.push((key.into_inner().into_owned(), span, table));
    }
    entries.sort_by_key(|(_, span, _)| span.start);
    Ok(entries)
}

fn check_keys(
    source: Source<'_>,
    overlay: &DeTable<'_>,
    extra: &[&str],
) -> Result<(), ScenarioError> {
    let known: Vec<&str> = OVERLAY_KEYS.iter().chain(extra).copied().collect();
    for key in overlay.keys() {
        if !known.contains(&key.get_ref().as_ref()) {
            return Err(source.error(&key.span(), unknown("key", key.get_ref(), &known)));
        }
    }
    Ok(())
}

/// Tables merge key by key; anything else is replaced as a whole.
fn lay_over<'a>(below: &mut DeTable<'a>, above: DeTable<'a>) {
    for (key, value) in above {
        let (span, value) = (value.span(), value.into_inner());
        match (below.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => lay_over(below, above),
            (_, value) => {
                // Removed first: inserting under an equal key would keep the old key's place.
                below.remove(key.get_ref().as_ref());
                below.insert(key, Spanned::new(span, value));
            }
        }
    }
}
