//! Charts: a figure's data drawn by plotters on a canvas of ours, at two widths, as SVG and PNG.
//!
//! `sheet` has the shared furniture (title, axes, direct labels), one file per kind of figure draws
//! it, `scene` is the drawn result, `svg` and `png` write it. plotters keeps the coordinate systems
//! and the rasteriser; ticks, labels and margins are ours.
//! Invariant: the same figure gives the same bytes, and no label overlaps another or leaves the
//! canvas at either width (tested over all charts).

mod axis;
mod canvas;
mod font;
mod ink;
mod label;
mod percentiles;
mod png;
mod scene;
mod sheet;
mod svg;
mod throughput;
mod timeline;

use crate::view::figure::{Figure, Plot};

pub(crate) use font::Fonts;
pub(crate) use ink::{Theme, Tone};
pub(crate) use scene::Scene;
pub(crate) use svg::{FONT_STACK, Home, role_rules};

/// Width of the wide form in CSS pixels: fits a page column and prints at a readable size on A4.
pub(crate) const WIDE_PX: u32 = 880;
/// Width of the narrow form: a phone of 390 px less its margins.
pub(crate) const NARROW_PX: u32 = 358;

/// Why a chart could not be drawn. It would be a defect of the layout, never of the data.
#[derive(Debug)]
pub(crate) struct DrawError(pub(crate) String);

impl DrawError {
    pub(crate) fn from_display(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}

/// A figure at both widths.
#[derive(Debug)]
pub(crate) struct Chart {
    pub(crate) name: &'static str,
    pub(crate) wide: Scene,
    pub(crate) narrow: Scene,
}

impl Chart {
    /// Draws a figure.
    pub(crate) fn draw(figure: &Figure, fonts: &Fonts) -> Result<Self, DrawError> {
        let scene = |width| match &figure.plot {
            Plot::Percentiles(plot) => percentiles::draw(figure, plot, width, fonts),
            Plot::ResponseOverTime(plot) => timeline::draw(figure, plot, width, fonts),
            Plot::Throughput(plot) => throughput::draw(figure, plot, width, fonts),
        };
        Ok(Self { name: figure.name, wide: scene(WIDE_PX)?, narrow: scene(NARROW_PX)? })
    }

    /// Both forms for a page.
    pub(crate) fn inline(&self) -> (String, String) {
        let id = |form: &str| format!("{}-{form}", self.name);
        (
            svg::write(&self.wide, &id("wide"), Home::Page),
            svg::write(&self.narrow, &id("narrow"), Home::Page),
        )
    }

    /// The wide form as a file.
    pub(crate) fn svg(&self) -> String {
        svg::write(&self.wide, self.name, Home::File)
    }

    /// The wide form as PNG.
    pub(crate) fn png(&self, fonts: &Fonts) -> Result<Vec<u8>, DrawError> {
        png::write(&self.wide, fonts)
    }
}
