//! A drawn chart before it is SVG or PNG: a list of shapes in tenths of a pixel.
//!
//! Filled by our plotters backend (`canvas`), written by `svg` and `png`.

use crate::chart::font::Weight;
use crate::chart::ink::{Pen, Tone};

/// A point in canvas units.
pub(crate) type Point = (i32, i32);

/// Where a text hangs on its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// A text; `at` lies on its base line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Text {
    pub(crate) at: Point,
    pub(crate) anchor: Anchor,
    /// In canvas units.
    pub(crate) size: u32,
    pub(crate) weight: Weight,
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// A shape.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    Rect { from: Point, to: Point, pen: Pen },
    Path { points: Vec<Point>, pen: Pen },
    Polygon { points: Vec<Point>, pen: Pen },
    Circle { at: Point, radius: u32, pen: Pen },
    Text(Text),
}

/// A chart at one width.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scene {
    /// In CSS pixels.
    pub(crate) width: u32,
    /// In CSS pixels.
    pub(crate) height: u32,
    /// For those who cannot see it: the finding.
    pub(crate) title: String,
    /// For those who cannot see it: what is drawn.
    pub(crate) desc: String,
    pub(crate) items: Vec<Item>,
}
