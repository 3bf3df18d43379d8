//! A drawn chart before it is SVG or PNG: a list of shapes in tenths of a pixel.
//!
//! Filled by our plotters backend (`canvas`), written by `svg` and `png`. It also finds labels that
//! collide or leave the canvas, which a test does over all charts.

use super::font::{CAP_HEIGHT, DESCENT, Fonts, Weight};
use super::ink::{Pen, Tone, UNITS};

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

/// Left, top, right, bottom in canvas units.
type Bounds = (f64, f64, f64, f64);

impl Scene {
    /// The texts, in the order drawn.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &Text> {
        self.items.iter().filter_map(|item| match item {
            Item::Text(text) => Some(text),
            _ => None,
        })
    }

    /// One line for every two labels that overlap and for every label that leaves the canvas.
    pub(crate) fn clashes(&self) -> Vec<String> {
        let fonts = Fonts::load();
        let boxes: Vec<(&str, Bounds)> =
            self.texts().map(|t| (t.text.as_str(), bounds(t, &fonts))).collect();
        let (right, bottom) = (f64::from(self.width) * UNITS, f64::from(self.height) * UNITS);
        let mut found = Vec::new();
        for (at, (text, b)) in boxes.iter().enumerate() {
            if b.0 < 0.0 || b.1 < 0.0 || b.2 > right || b.3 > bottom {
                found.push(format!("'{text}' leaves the canvas: {b:?} of {right} x {bottom}"));
            }
            for (other, o) in &boxes[at + 1..] {
                if b.0 < o.2 && o.0 < b.2 && b.1 < o.3 && o.1 < b.3 {
                    found.push(format!("'{text}' and '{other}' overlap"));
                }
            }
        }
        found
    }
}

fn bounds(text: &Text, fonts: &Fonts) -> Bounds {
    let size = f64::from(text.size);
    let width = fonts.of(text.weight).width(&text.text, size);
    let (x, y) = (f64::from(text.at.0), f64::from(text.at.1));
    let left = match text.anchor {
        Anchor::Start => x,
        Anchor::Middle => x - width / 2.0,
        Anchor::End => x - width,
    };
    (left, y - size * CAP_HEIGHT, left + width, y + size * DESCENT)
}
