//! What a procedure of a scenario found: figures by name, and points of a curve. Plain data.

use serde::{Deserialize, Serialize};

/// The outcome of a procedure, in base units (seconds, bytes, counts, per second).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Procedure {
    /// Which procedure, e.g. `split-command`.
    pub kind: String,
    /// What it does, in a few words.
    pub about: String,
    /// Its figures.
    pub figures: Vec<NamedFigure>,
    /// What it found besides, one line each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Rows of figures, the most telling table first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<Table>,
    /// A curve over something that was varied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

/// One figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamedFigure {
    /// Its name.
    pub name: String,
    /// The estimate.
    pub value: f64,
    /// `s`, `B`, `1/s`, or empty for a plain number.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Lower end of its interval, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lo: Option<f64>,
    /// Upper end of its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hi: Option<f64>,
}

/// Rows of figures: a series over time, or a figure by size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Table {
    /// What it shows.
    pub title: String,
    /// One name per column; it ends in `_s` for seconds, in `_bytes` or `_per_s` for those.
    pub columns: Vec<String>,
    /// One value per column; nothing where there is none.
    pub rows: Vec<Vec<Option<f64>>>,
}

/// Something measured over something varied.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Curve {
    /// What it shows, in one sentence; empty where the procedure's first note says it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// What was varied, as an axis is called.
    pub x: String,
    /// What was measured, as an axis is called.
    pub y: String,
    /// Unit of y: `s`, `B`, `1/s`, or empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub y_unit: String,
    /// Whether both axes are logarithmic.
    pub log: bool,
    /// The points, series by series.
    pub points: Vec<Point>,
}

/// One point of a curve.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Point {
    /// To which line it belongs.
    pub series: String,
    /// What was varied.
    pub x: f64,
    /// What was measured, in the unit of the curve.
    pub y: f64,
}
