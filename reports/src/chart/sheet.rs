//! The parts that all charts share: title and subtitle, panels with axes, lines, labels.
//!
//! Works in CSS pixels on the outside and in canvas units inside; data coordinates are plotters'.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::coord::ranged1d::{AsRangedCoord, Ranged};
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Polygon, Rectangle};
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontDesc, FontFamily, FontStyle, RGBAColor, TextStyle};

use crate::chart::canvas::Canvas;
use crate::chart::error::DrawError;
use crate::chart::font::{Fonts, Weight};
use crate::chart::ink::{Pen, Tone, UNITS};
use crate::chart::scene::{Anchor, Scene};

/// Size of the title in px.
const TITLE_PX: f64 = 15.0;
/// Size of everything else in px; nothing in a chart is smaller.
pub(crate) const TEXT_PX: f64 = 12.0;
/// Height of a line of text in px.
pub(crate) const LINE_PX: f64 = 16.0;
/// Length of the sample of a line in a key, in px.
pub(crate) const SWATCH_PX: f64 = 20.0;
/// Free space at the left and right edge, in px.
pub(crate) const EDGE_PX: f64 = 2.0;

/// Title and subtitle, broken into lines.
pub(crate) struct Header {
    title: Vec<String>,
    subtitle: Vec<String>,
}

impl Header {
    /// Breaks both into lines of at most `width` px.
    pub(crate) fn new(title: &str, subtitle: &str, width: u32, fonts: &Fonts) -> Self {
        let room = f64::from(width) - 2.0 * EDGE_PX;
        Self {
            title: wrap(title, room, |t| fonts.of(Weight::Bold).width(t, TITLE_PX)),
            subtitle: wrap(subtitle, room, |t| fonts.of(Weight::Regular).width(t, TEXT_PX)),
        }
    }

    /// Height in px, with the space below.
    pub(crate) fn height(&self) -> f64 {
        self.title.len() as f64 * (TITLE_PX + 5.0) + self.subtitle.len() as f64 * LINE_PX + 10.0
    }
}

/// Breaks a text at blanks; a word that is too long keeps a line to itself.
fn wrap(text: &str, room: f64, width: impl Fn(&str) -> f64) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|w| !w.is_empty()) {
        match lines.last_mut() {
            Some(line) if width(&format!("{line} {word}")) <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// A rectangle in px.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Frame {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) right: f64,
    pub(crate) bottom: f64,
}

/// What is drawn on.
pub(crate) struct Sheet<'a> {
    root: DrawingArea<Canvas<'a>, Shift>,
    fonts: &'a Fonts,
}

impl<'a> Sheet<'a> {
    /// A sheet over `scene`, with paper and header drawn.
    pub(crate) fn new(
        scene: &'a mut Scene,
        header: &Header,
        fonts: &'a Fonts,
    ) -> Result<Self, DrawError> {
        let whole = Frame {
            left: 0.0,
            top: 0.0,
            right: f64::from(scene.width),
            bottom: f64::from(scene.height),
        };
        let sheet = Self { root: Canvas::new(scene, fonts).into_drawing_area(), fonts };
        sheet.rect(whole, Pen::fill(Tone::Paper, 1.0))?;
        let mut y = TITLE_PX + 1.0;
        for line in &header.title {
            sheet.write(line, (EDGE_PX, y), &Ink { size: TITLE_PX, ..Ink::bold(Tone::Ink) })?;
            y += TITLE_PX + 5.0;
        }
        y -= 3.0;
        for line in &header.subtitle {
            sheet.write(line, (EDGE_PX, y), &Ink::plain(Tone::Muted))?;
            y += LINE_PX;
        }
        Ok(sheet)
    }

    /// Width of a text of [`TEXT_PX`] in px.
    pub(crate) fn width(&self, text: &str, weight: Weight) -> f64 {
        self.fonts.of(weight).width(text, TEXT_PX)
    }

    /// A text; `at` is on its base line.
    pub(crate) fn write(&self, text: &str, at: (f64, f64), ink: &Ink) -> Result<(), DrawError> {
        let h_pos = match ink.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let v_pos = if ink.centred { VPos::Center } else { VPos::Bottom };
        let style = match ink.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::Bold => FontStyle::Bold,
        };
        let RGBAColor(r, g, b, _) = Pen::fill(ink.tone, 1.0).style().color;
        let style = TextStyle {
            font: FontDesc::new(FontFamily::SansSerif, ink.size * UNITS, style),
            color: plotters_backend::BackendColor { rgb: (r, g, b), alpha: 1.0 },
            pos: Pos::new(h_pos, v_pos),
        };
        self.root.draw_text(text, &style, units(at)).map_err(DrawError::from_display)
    }

    /// A filled rectangle.
    pub(crate) fn rect(&self, frame: Frame, pen: Pen) -> Result<(), DrawError> {
        let corners = [units((frame.left, frame.top)), units((frame.right, frame.bottom))];
        self.root.draw(&Rectangle::new(corners, pen.style())).map_err(DrawError::from_display)
    }

    /// A line through points in px.
    pub(crate) fn line(&self, points: &[(f64, f64)], pen: Pen) -> Result<(), DrawError> {
        let points: Vec<_> = points.iter().map(|&p| units(p)).collect();
        self.root.draw(&PathElement::new(points, pen.style())).map_err(DrawError::from_display)
    }

    /// A small triangle that points down at (x, y).
    pub(crate) fn pointer(&self, (x, y): (f64, f64), pen: Pen) -> Result<(), DrawError> {
        let points = [(x, y), (x - 4.0, y - 6.0), (x + 4.0, y - 6.0)].map(units);
        self.root.draw(&Polygon::new(points.to_vec(), pen.style())).map_err(DrawError::from_display)
    }

    /// The sample of a line in a key, starting at (x, y).
    pub(crate) fn swatch(&self, (x, y): (f64, f64), pen: Pen) -> Result<(), DrawError> {
        self.line(&[(x, y), (x + SWATCH_PX, y)], pen)
    }

    /// A panel with two axes over `frame`.
    pub(crate) fn panel<X: AsRangedCoord, Y: AsRangedCoord>(
        &self,
        frame: Frame,
        x: X,
        y: Y,
    ) -> Result<Panel<'a, X::CoordDescType, Y::CoordDescType>, DrawError> {
        let (left, top) = units((frame.left, frame.top));
        let (right, bottom) = units((frame.right, frame.bottom));
        let area = self.root.clone().shrink((left, top), (right - left, bottom - top));
        let chart =
            ChartBuilder::on(&area).build_cartesian_2d(x, y).map_err(DrawError::from_display)?;
        Ok(Panel { chart, frame })
    }
}

/// How a text is set.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ink {
    pub(crate) tone: Tone,
    pub(crate) weight: Weight,
    pub(crate) size: f64,
    pub(crate) anchor: Anchor,
    /// True: the point is at half the height of a capital; false: on the base line.
    pub(crate) centred: bool,
}

impl Ink {
    /// Regular text from the left.
    pub(crate) fn plain(tone: Tone) -> Self {
        Self { tone, weight: Weight::Regular, size: TEXT_PX, anchor: Anchor::Start, centred: false }
    }

    /// Bold text from the left.
    pub(crate) fn bold(tone: Tone) -> Self {
        Self { weight: Weight::Bold, ..Self::plain(tone) }
    }

    /// The same, hung elsewhere.
    pub(crate) fn at(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    /// The same, centred on the point in height.
    pub(crate) fn centred(self) -> Self {
        Self { centred: true, ..self }
    }
}

/// A panel with plotters' coordinates.
pub(crate) struct Panel<'a, X: Ranged, Y: Ranged> {
    chart: ChartContext<'a, Canvas<'a>, Cartesian2d<X, Y>>,
    pub(crate) frame: Frame,
}

impl<X, Y> Panel<'_, X, Y>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    /// Where a data point lies, in px.
    pub(crate) fn at(&self, x: f64, y: f64) -> (f64, f64) {
        let (x, y) = self.chart.plotting_area().map_coordinate(&(x, y));
        (f64::from(x) / UNITS, f64::from(y) / UNITS)
    }

    /// A line through data points.
    pub(crate) fn curve(&mut self, points: &[(f64, f64)], pen: Pen) -> Result<(), DrawError> {
        self.chart
            .draw_series(LineSeries::new(points.iter().copied(), pen.style()))
            .map(|_| ())
            .map_err(DrawError::from_display)
    }

    /// The surface between two lines of (x, lower, upper).
    pub(crate) fn band(&self, band: &[(f64, f64, f64)], pen: Pen) -> Result<(), DrawError> {
        let lower = band.iter().map(|&(x, lo, _)| (x, lo));
        let upper = band.iter().rev().map(|&(x, _, hi)| (x, hi));
        let outline: Vec<(f64, f64)> = lower.chain(upper).collect();
        if outline.len() < 4 {
            return Ok(());
        }
        self.chart
            .plotting_area()
            .draw(&Polygon::new(outline, pen.style()))
            .map_err(DrawError::from_display)
    }
}

/// Horizontal grid lines with labels to their left.
pub(crate) fn y_axis<X, Y>(
    sheet: &Sheet<'_>,
    panel: &Panel<'_, X, Y>,
    x0: f64,
    ticks: &[(f64, String)],
) -> Result<(), DrawError>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let frame = panel.frame;
    for (value, label) in ticks {
        let y = panel.at(x0, *value).1;
        sheet.line(&[(frame.left, y), (frame.right, y)], Pen::line(Tone::Grid, 1.0))?;
        let ink = Ink::plain(Tone::Muted).at(Anchor::End).centred();
        sheet.write(label, (frame.left - 6.0, y), &ink)?;
    }
    Ok(())
}

/// The bottom line of a panel with tick labels below; a label that would touch the one before is
/// left out, the last one has the right of way.
pub(crate) fn x_axis(
    sheet: &Sheet<'_>,
    frame: Frame,
    ticks: &[(f64, String)],
) -> Result<(), DrawError> {
    sheet.line(
        &[(frame.left, frame.bottom), (frame.right, frame.bottom)],
        Pen::line(Tone::Axis, 1.0),
    )?;
    let canvas = f64::from(sheet.root.dim_in_pixel().0) / UNITS;
    let mut row = crate::chart::label::Row::new(EDGE_PX, canvas - EDGE_PX, 8.0);
    for (x, label) in ticks.iter().rev() {
        sheet.line(&[(*x, frame.bottom), (*x, frame.bottom + 4.0)], Pen::line(Tone::Axis, 1.0))?;
        if let Some(left) = row.place(*x, sheet.width(label, Weight::Regular)) {
            let at = (left, frame.bottom + LINE_PX + 1.0);
            sheet.write(label, at, &Ink::plain(Tone::Muted))?;
        }
    }
    Ok(())
}

/// An entry of a key: how its line looks and what it is called.
#[derive(Debug, Clone)]
pub(crate) struct KeyEntry {
    pub(crate) text: String,
    pub(crate) pen: Pen,
}

/// How many rows a key takes in `width` px.
pub(crate) fn key_rows(entries: &[KeyEntry], width: f64, fonts: &Fonts) -> usize {
    key_places(entries, width, fonts).last().map_or(0, |&(_, row)| row + 1)
}

/// Draws a key in rows, the first with its middle at `top`.
pub(crate) fn draw_key(
    sheet: &Sheet<'_>,
    entries: &[KeyEntry],
    (left, top): (f64, f64),
    width: f64,
) -> Result<(), DrawError> {
    let places = key_places(entries, width, sheet.fonts);
    for (entry, (x, row)) in entries.iter().zip(places) {
        let y = top + row as f64 * (LINE_PX + 2.0);
        sheet.swatch((left + x, y), entry.pen)?;
        let ink = Ink::bold(entry.pen.tone).centred();
        sheet.write(&entry.text, (left + x + SWATCH_PX + 5.0, y), &ink)?;
    }
    Ok(())
}

fn key_places(entries: &[KeyEntry], width: f64, fonts: &Fonts) -> Vec<(f64, usize)> {
    let (mut x, mut row) = (0.0, 0);
    entries
        .iter()
        .map(|entry| {
            let wide = SWATCH_PX + 5.0 + fonts.of(Weight::Bold).width(&entry.text, TEXT_PX);
            if x > 0.0 && x + wide > width {
                (x, row) = (0.0, row + 1);
            }
            let place = (x, row);
            x += wide + 14.0;
            place
        })
        .collect()
}

/// Labels at the right end of curves: `y` is where each curve ends.
pub(crate) fn end_labels(
    sheet: &Sheet<'_>,
    frame: Frame,
    entries: &[(f64, KeyEntry)],
) -> Result<(), DrawError> {
    let wanted: Vec<f64> = entries.iter().map(|(y, _)| *y).collect();
    let placed = crate::chart::label::spread(&wanted, LINE_PX, frame.top + 6.0, frame.bottom - 6.0);
    for ((from, entry), y) in entries.iter().zip(placed) {
        let x = frame.right + 4.0;
        let leader = [(x, *from), (x + 8.0, y)];
        sheet.line(&leader, Pen::line(entry.pen.tone, 1.0).faint(0.6))?;
        sheet.swatch((x + 10.0, y), entry.pen)?;
        let ink = Ink::bold(entry.pen.tone).centred();
        sheet.write(&entry.text, (x + SWATCH_PX + 15.0, y), &ink)?;
    }
    Ok(())
}

/// Room that [`end_labels`] need to the right of a frame, in px.
pub(crate) fn end_label_room<'e>(texts: impl IntoIterator<Item = &'e str>, fonts: &Fonts) -> f64 {
    let widest = texts
        .into_iter()
        .map(|text| fonts.of(Weight::Bold).width(text, TEXT_PX))
        .fold(0.0, f64::max);
    widest + SWATCH_PX + 19.0 + EDGE_PX
}

fn units((x, y): (f64, f64)) -> (i32, i32) {
    ((x * UNITS).round() as i32, (y * UNITS).round() as i32)
}
