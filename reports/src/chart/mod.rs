//! Charts: a figure's data drawn with plotters on our own canvas, at two widths, as SVG and PNG.
//!
//! `sheet` has the parts that all charts share (title, axes, direct labels). One file per kind of figure draws on it. `scene` is
//! the drawn result; `svg` writes it, and `png` is a picture of that SVG. plotters provides the coordinate systems; ticks, labels
//! and margins are our own.
//! Invariant: the same figure gives the same bytes, and no label overlaps another or leaves the canvas at either width (tested
//! over all charts).

mod axis;
mod canvas;
#[cfg(test)]
mod clash;
mod error;
mod font;
mod ink;
mod label;
mod lines;
mod percentiles;
mod png;
mod scene;
mod sheet;
mod svg;
mod throughput;
mod timeline;

use crate::chart::scene::{NARROW_PX, WIDE_PX};
use crate::view::figure::{Figure, Plot};

pub(crate) use error::DrawError;
pub(crate) use font::Fonts;
pub(crate) use ink::{Theme, Tone};
pub(crate) use png::Rasterizer;
pub(crate) use scene::Scene;
pub(crate) use svg::{FONT_STACK, Home, role_rules};

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
            Plot::Lines(plot) => lines::draw(figure, plot, width, fonts),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthetic::{self, Plan};
    use crate::view::report::Report;
    use aelab_results::folder::{Folder, read_folder};

    /// Folders that stress the layout in different ways.
    fn folders(test: &str) -> Vec<Folder> {
        let dir = synthetic::temp_dir(test);
        synthetic::write_scenario(&dir.join("scenario"));
        let second = 1_000_000_000;
        let many = (0..60).map(|k| (k * second / 2, 100_000_000)).collect();
        let plans = [
            ("one", Plan::one_freeze()),
            ("calm", Plan::calm()),
            ("short", Plan { duration_s: 1, freezes: Vec::new(), ..Plan::calm() }),
            ("tiny", Plan { duration_s: 1, rate: 3, freezes: Vec::new(), ..Plan::calm() }),
            ("long", Plan { duration_s: 300, rate: 100, ..Plan::keys() }),
            ("fast", Plan { duration_s: 2, rate: 400_000, freezes: Vec::new(), ..Plan::calm() }),
            ("many", Plan { freezes: many, cause: Some("LRANGE list 0 -1"), ..Plan::keys() }),
        ];
        for (name, plan) in &plans {
            synthetic::run(plan).write(&dir.join(name));
        }
        let names = ["scenario"].into_iter().chain(plans.iter().map(|(name, _)| *name));
        names.map(|name| read_folder(&dir.join(name)).unwrap()).collect()
    }

    #[test]
    fn no_label_overlaps_another_or_leaves_the_canvas() {
        let fonts = Fonts::load();
        let mut drawn = 0;
        for folder in folders("clashes") {
            for figure in Report::of(&folder).figures {
                let chart = Chart::draw(&figure, &fonts).unwrap();
                for scene in [&chart.wide, &chart.narrow] {
                    let clashes = scene.clashes();
                    let place = format!("{} of {}", figure.name, folder.dir.display());
                    assert!(clashes.is_empty(), "{place}, {} px: {clashes:#?}", scene.width);
                    drawn += 1;
                }
            }
        }
        assert_eq!(drawn, 48, "eight folders, three figures, two widths");
    }

    #[test]
    fn every_svg_is_well_formed_and_names_itself() {
        let fonts = Fonts::load();
        for figure in Report::of(&folders("svg")[0]).figures {
            let chart = Chart::draw(&figure, &fonts).unwrap();
            let svg = chart.svg();
            assert!(svg.starts_with("<svg xmlns="));
            assert_eq!(svg.matches('<').count(), svg.matches('>').count());
            assert!(svg.contains(&format!("<title id=\"{}-t\">", figure.name)));
            assert!(!svg.contains("NaN") && !svg.contains("inf"));
            for rule in ["f-paper", "s-a", "f-stall"] {
                assert!(svg.contains(&format!("class=\"{rule}\"")) || figure.name == "percentiles");
            }
        }
    }
}
