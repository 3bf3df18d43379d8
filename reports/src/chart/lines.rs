//! Lines over something that was varied: how a cost grows with a size on logarithmic axes, or a course on plain ones.

use plotters::coord::combinators::IntoLogRange;
use plotters::coord::ranged1d::Ranged;

use crate::chart::axis::{linear_ticks, log_range, log_ticks};
use crate::chart::error::DrawError;
use crate::chart::font::{Fonts, Weight};
use crate::chart::ink::{Dash, Pen, Tone};
use crate::chart::scene::{NARROW_PX, Scene};
use crate::chart::sheet::{
    EDGE_PX, Frame, Header, Ink, KeyEntry, LINE_PX, Panel, Sheet, TEXT_PX, draw_key,
    end_label_room, end_labels, key_rows, x_axis, y_axis,
};
use crate::view::figure::{Figure, LinesPlot, Series};
use aelab_results::text::number::{tick_count, tick_duration};

/// Height of the plot itself, in px.
const PLOT_PX: f64 = 300.0;
/// Ticks that fit below the narrow form.
const TICKS_NARROW: usize = 4;

/// Draws the figure at `width` px.
pub(crate) fn draw(
    figure: &Figure,
    plot: &LinesPlot,
    width: u32,
    fonts: &Fonts,
) -> Result<Scene, DrawError> {
    let narrow = width <= NARROW_PX;
    let header = Header::new(&figure.title, &figure.subtitle, width, fonts);
    let entries: Vec<KeyEntry> = plot.series.iter().map(key_entry).collect();
    let (lo, hi) = range(plot, plot.series.iter().flat_map(|s| s.points.iter().map(|p| p.1)));
    let ticks: Vec<(f64, String)> = ticks_of(plot, (lo, hi), 9)
        .into_iter()
        .map(|v| (v, if plot.y_is_time { tick_duration(v) } else { tick_count(v) }))
        .collect();
    let widest = ticks
        .iter()
        .map(|(_, label)| fonts.of(Weight::Regular).width(label, TEXT_PX))
        .fold(0.0, f64::max);
    let rows = if narrow { key_rows(&entries, f64::from(width) - 2.0 * EDGE_PX, fonts) } else { 0 };
    let key_px = rows as f64 * (LINE_PX + 2.0);
    let right = if narrow {
        // Half of the last tick label.
        18.0
    } else {
        end_label_room(entries.iter().map(|e| e.text.as_str()), fonts)
    };
    let top = header.height() + key_px + LINE_PX + 6.0;
    let frame = Frame {
        left: widest + 8.0 + EDGE_PX,
        top,
        right: f64::from(width) - right,
        bottom: top + PLOT_PX,
    };
    let mut scene = Scene {
        width,
        height: (frame.bottom + 2.0 * LINE_PX + 8.0).ceil() as u32,
        title: figure.title.clone(),
        desc: figure.subtitle.clone(),
        items: Vec::new(),
    };
    let sheet = Sheet::new(&mut scene, &header, fonts)?;
    if narrow {
        draw_key(&sheet, &entries, (EDGE_PX, header.height() + 4.0), f64::from(width))?;
    }
    sheet.write(&plot.y, (EDGE_PX, frame.top - 10.0), &Ink::plain(Tone::Muted))?;
    draw_plot(&sheet, plot, frame, (lo, hi), &ticks, narrow)?;
    drop(sheet);
    Ok(scene)
}

fn key_entry(series: &Series) -> KeyEntry {
    KeyEntry { text: series.label.clone(), pen: pen(series) }
}

fn pen(series: &Series) -> Pen {
    match series.is_fit {
        false => Pen::line(Tone::arm(series.arm), 2.0),
        true => Pen::line(Tone::Muted, 1.4).dashed(Dash::Dashed),
    }
}

/// The range of an axis: from zero, or widened to round numbers on a logarithmic one.
fn range(plot: &LinesPlot, values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (mut lo, mut hi) = (f64::INFINITY, 0.0_f64);
    for value in values {
        (lo, hi) = (lo.min(value), hi.max(value));
    }
    match plot.log {
        true if lo > hi => (1.0, 10.0),
        true => log_range(lo, hi),
        false => (0.0, if hi > 0.0 { hi } else { 1.0 }),
    }
}

fn ticks_of(plot: &LinesPlot, (lo, hi): (f64, f64), room: usize) -> Vec<f64> {
    if plot.log { log_ticks(lo, hi, room) } else { linear_ticks(lo, hi, room.min(6)) }
}

fn draw_plot(
    sheet: &Sheet<'_>,
    plot: &LinesPlot,
    frame: Frame,
    (lo, hi): (f64, f64),
    ticks: &[(f64, String)],
    narrow: bool,
) -> Result<(), DrawError> {
    let xs = plot.series.iter().flat_map(|s| s.points.iter().map(|p| p.0));
    let (from, to) = range(plot, xs);
    if plot.log {
        let panel = sheet.panel(frame, (from..to).log_scale(), (lo..hi).log_scale())?;
        draw_in(sheet, panel, plot, (from, to), (lo, ticks), narrow)
    } else {
        let panel = sheet.panel(frame, from..to, lo..hi)?;
        draw_in(sheet, panel, plot, (from, to), (lo, ticks), narrow)
    }
}

fn draw_in<X, Y>(
    sheet: &Sheet<'_>,
    mut panel: Panel<'_, X, Y>,
    plot: &LinesPlot,
    (from, to): (f64, f64),
    (lo, ticks): (f64, &[(f64, String)]),
    narrow: bool,
) -> Result<(), DrawError>
where
    X: Ranged<ValueType = f64>,
    Y: Ranged<ValueType = f64>,
{
    let frame = panel.frame;
    y_axis(sheet, &panel, from, ticks)?;
    let room = if narrow { TICKS_NARROW } else { 9 };
    let x_ticks: Vec<(f64, String)> = ticks_of(plot, (from, to), room)
        .into_iter()
        .map(|x| (panel.at(x, lo).0, tick_count(x)))
        .collect();
    for (x, _) in &x_ticks {
        sheet.line(&[(*x, frame.top), (*x, frame.bottom)], Pen::line(Tone::Grid, 1.0))?;
    }
    x_axis(sheet, frame, &x_ticks)?;
    let name_at = (frame.left, frame.bottom + 2.0 * LINE_PX + 1.0);
    sheet.write(&plot.x, name_at, &Ink::plain(Tone::Muted))?;
    // Measured ones last, so that they lie on top of the line through them.
    for is_fit in [true, false] {
        for series in plot.series.iter().filter(|series| series.is_fit == is_fit) {
            panel.curve(&series.points, pen(series))?;
        }
    }
    if narrow {
        return Ok(());
    }
    let ends: Vec<(f64, KeyEntry)> = plot
        .series
        .iter()
        .filter_map(|s| s.points.last().map(|&(x, y)| (panel.at(x, y).1, key_entry(s))))
        .collect();
    end_labels(sheet, frame, &ends)
}
