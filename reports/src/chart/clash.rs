//! Finds labels that overlap or leave the canvas, and text that is too small. Used by a test over all charts.

use crate::chart::font::{CAP_HEIGHT, Fonts};
use crate::chart::ink::UNITS;
use crate::chart::scene::{Anchor, Item, Scene, Text};

/// Depth of `g` and `p` below the base line over the size.
const DESCENT: f64 = 0.24;
/// Smallest size of a text in px.
const SMALLEST_PX: f64 = 11.0;

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
        let small = self.texts().filter(|t| f64::from(t.size) < SMALLEST_PX * UNITS);
        found.extend(small.map(|t| format!("'{}' is too small", t.text)));
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
