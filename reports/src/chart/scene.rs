//! A drawn chart before it is SVG or PNG: a list of shapes in tenths of a pixel.
//!
//! Filled by our plotters backend (`canvas`), written by `svg`.

use crate::chart::font::Weight;
use crate::chart::ink::{Pen, Tone};

/// Width of the wide form in CSS pixels: fits a page column and prints at a readable size on A4.
pub(crate) const WIDE_PX: u32 = 880;
/// Width of the narrow form: a phone of 390 px less its margins.
pub(crate) const NARROW_PX: u32 = 358;

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
    /// The finding, for screen readers.
    pub(crate) title: String,
    /// What is drawn, for screen readers.
    pub(crate) desc: String,
    pub(crate) items: Vec<Item>,
}
