//! Percentile curves: value over percentile on a nines axis, direct labels at the right end.

use plotters::coord::combinators::IntoLogRange;

use crate::chart::axis::{Nines, log_range, log_ticks, percent_text};
use crate::chart::error::DrawError;
use crate::chart::font::{Fonts, Weight};
use crate::chart::ink::{Dash, Pen, Tone};
use crate::chart::scene::{NARROW_PX, Scene};
use crate::chart::sheet::{
    EDGE_PX, Frame, Header, Ink, KeyEntry, LINE_PX, Sheet, TEXT_PX, draw_key, end_label_room,
    end_labels, key_rows, x_axis, y_axis,
};
use crate::view::figure::{Curve, CurveKind, Figure, PercentilePlot};
use aelab_results::text::number::tick_duration;

/// Height of the plot itself, in px.
const PLOT_PX: f64 = 300.0;

/// Draws the figure at `width` px.
pub(crate) fn draw(
    figure: &Figure,
    plot: &PercentilePlot,
    width: u32,
    fonts: &Fonts,
) -> Result<Scene, DrawError> {
    let narrow = width <= NARROW_PX;
    let header = Header::new(&figure.title, &figure.subtitle, width, fonts);
    let entries: Vec<KeyEntry> = plot.curves.iter().map(key_entry).collect();
    let (lo, hi) = value_range(&plot.curves);
    let ticks: Vec<(f64, String)> =
        log_ticks(lo, hi, 9).into_iter().map(|v| (v, tick_duration(v))).collect();
    let widest = ticks
        .iter()
        .map(|(_, label)| fonts.of(Weight::Regular).width(label, TEXT_PX))
        .fold(0.0, f64::max);
    let rows = if narrow { key_rows(&entries, f64::from(width) - 2.0 * EDGE_PX, fonts) } else { 0 };
    let key_px = rows as f64 * (LINE_PX + 2.0);
    let right = if narrow {
        // Half of the last tick label.
        14.0
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
    let axis_name = (EDGE_PX, frame.top - 10.0);
    sheet.write("time for a request", axis_name, &Ink::plain(Tone::Muted))?;
    draw_plot(&sheet, plot, frame, (lo, hi), &ticks, narrow)?;
    drop(sheet);
    Ok(scene)
}

fn key_entry(curve: &Curve) -> KeyEntry {
    KeyEntry { text: curve.label.clone(), pen: pen(curve) }
}

fn pen(curve: &Curve) -> Pen {
    match curve.kind {
        CurveKind::Lead => Pen::line(Tone::arm(curve.arm), 2.0),
        CurveKind::Other => Pen::line(Tone::arm(curve.arm), 1.6).dashed(Dash::Dashed),
    }
}

fn value_range(curves: &[Curve]) -> (f64, f64) {
    let values = || curves.iter().flat_map(|c| c.points.iter().map(|&(_, v)| v));
    let lo = values().fold(f64::INFINITY, f64::min);
    let hi = values().fold(0.0, f64::max);
    if lo > hi { (1.0, 10.0) } else { log_range(lo, hi) }
}

fn draw_plot(
    sheet: &Sheet<'_>,
    plot: &PercentilePlot,
    frame: Frame,
    (lo, hi): (f64, f64),
    ticks: &[(f64, String)],
    narrow: bool,
) -> Result<(), DrawError> {
    let axis = Nines::new(plot.count);
    let mut panel = sheet.panel(frame, axis.clone(), (lo..hi).log_scale())?;
    let thin_left = panel.at(plot.thin_from, lo).0;
    sheet.rect(Frame { left: thin_left, ..frame }, Pen::fill(Tone::Thin, 1.0))?;
    y_axis(sheet, &panel, 0.0, ticks)?;
    let x_ticks: Vec<(f64, String)> = axis
        .ticks()
        .into_iter()
        .map(|q| {
            let unit = if narrow { "" } else { "\u{a0}%" };
            (panel.at(q, lo).0, format!("{}{unit}", percent_text(q)))
        })
        .collect();
    for (x, _) in &x_ticks {
        sheet.line(&[(*x, frame.top), (*x, frame.bottom)], Pen::line(Tone::Grid, 1.0))?;
    }
    x_axis(sheet, frame, &x_ticks)?;
    let name = if narrow { "percentile, in %" } else { "percentile" };
    let name_at = (frame.left, frame.bottom + 2.0 * LINE_PX + 1.0);
    sheet.write(name, name_at, &Ink::plain(Tone::Muted))?;
    for curve in &plot.curves {
        let band: Vec<_> =
            curve.band.iter().map(|&(q, l, h)| (q, l.clamp(lo, hi), h.clamp(lo, hi))).collect();
        panel.band(&band, Pen::fill(Tone::arm(curve.arm), 0.14))?;
    }
    // Responses last, so that they lie on top where curves coincide.
    for kind in [CurveKind::Other, CurveKind::Lead] {
        for curve in plot.curves.iter().filter(|c| c.kind == kind) {
            panel.curve(&curve.points, pen(curve))?;
        }
    }
    if narrow {
        return Ok(());
    }
    let ends: Vec<(f64, KeyEntry)> = plot
        .curves
        .iter()
        .filter_map(|c| c.points.last().map(|&(q, v)| (panel.at(q, v).1, key_entry(c))))
        .collect();
    end_labels(sheet, frame, &ends)
}
