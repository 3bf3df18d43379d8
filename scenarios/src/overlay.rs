//! Arms and scales override the rest of the file: `arms.scan.groups.offender.commands` replaces
//! `groups.offender.commands` in the arm `scan`.
//!
//! Works on the untyped TOML tree, so one rule covers all keys. Invariant: each value keeps its
//! place in the file, so an error in an overlay points into the overlay. Later layers win: file,
//! scale, arm, `[scales.SCALE.arms.ARM]`.

use crate::error::{ScenarioError, Source, unknown};
use crate::model::Scale;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The keys that an overlay may set; question and claims are common to all arms and scales.
const OVERLAY_KEYS: [&str; 11] = [
    "needs",
    "server_bin",
    "server_args",
    "server",
    "limits",
    "data",
    "link",
    "engine",
    "phases",
    "groups",
    "procedure",
];

/// The layers of a file: the common part, and the overlays of arms and scales.
#[derive(Debug)]
pub(crate) struct Layers<'a> {
    base: DeTable<'a>,
    scales: Vec<(Scale, DeTable<'a>)>,
    /// The arms, in the order of the file.
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
    /// Splits a parsed file into its layers.
    pub(crate) fn split(source: Source<'_>, mut base: DeTable<'a>) -> Result<Self, ScenarioError> {
        let mut arms = Vec::new();
        for (name, span, mut overlay) in named_tables(source, base.remove("arms"))? {
            let label = match overlay.remove("label") {
                None => None,
                Some(label) => match label.get_ref() {
                    DeValue::String(text) => Some(text.clone().into_owned()),
                    _ => {
                        return Err(
                            source.error(&label.span(), "`label` is not a text: put it in quotes")
                        );
                    }
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
            check_keys(source, &overlay, &["arms", "repeat", "pause_max"])?;
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
        return Err(
            source.error(&span, "expected a table; write it as [arms.NAME] or [scales.NAME]")
        );
    };
    let mut entries = Vec::new();
    for (key, value) in table {
        let (span, value_span) = (key.span(), value.span());
        let DeValue::Table(table) = value.into_inner() else {
            return Err(source
                .error(&value_span, "expected a table; write it as [arms.NAME] or [scales.NAME]"));
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

/// Merges tables key by key, and replaces other values as a whole.
fn lay_over<'a>(below: &mut DeTable<'a>, above: DeTable<'a>) {
    for (key, value) in above {
        let (span, value) = (value.span(), value.into_inner());
        match (below.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), value) {
            (Some(DeValue::Table(below)), DeValue::Table(above)) => lay_over(below, above),
            (_, value) => {
                // Removed first, because an insert under an equal key keeps the old key's place.
                below.remove(key.get_ref().as_ref());
                below.insert(key, Spanned::new(span, value));
            }
        }
    }
}
