//! Response time over time: one panel per arm, one time axis, the stalls marked and named.

use plotters::coord::combinators::IntoLogRange;

use crate::chart::axis::{linear_ticks, log_range, log_ticks};
use crate::chart::error::DrawError;
use crate::chart::font::{Fonts, Weight};
use crate::chart::ink::{Pen, Tone};
use crate::chart::label::Row;
use crate::chart::scene::{Anchor, NARROW_PX, Scene};
use crate::chart::sheet::{
    EDGE_PX, Frame, Header, Ink, KeyEntry, LINE_PX, Sheet, TEXT_PX, draw_key, end_label_room,
    end_labels, x_axis, y_axis,
};
use crate::view::figure::{Figure, StallMark, TimeColumn, TimePanel, TimePlot};
use aelab_results::text::number::tick_duration;

/// Height of a panel's plot, in px.
const PLOT_PX: f64 = 150.0;
/// Least distance between stall labels, in px.
const LABEL_GAP_PX: f64 = 10.0;
/// What the three lines are called.
const SERIES: [&str; 3] = ["largest", "p99", "p50"];

/// Room above a panel for its heading, in px.
pub(crate) const HEADING_PX: f64 = LINE_PX + 6.0;
/// Room for the row of stall labels with their pointers, where there are stalls, in px.
const STALL_ROW_PX: f64 = LINE_PX + 8.0;
/// Room between panels, in px.
pub(crate) const PANEL_GAP_PX: f64 = 14.0;

/// Draws the figure at `width` px.
pub(crate) fn draw(
    figure: &Figure,
    plot: &TimePlot,
    width: u32,
    fonts: &Fonts,
) -> Result<Scene, DrawError> {
    let narrow = width <= NARROW_PX;
    let header = Header::new(&figure.title, &figure.subtitle, width, fonts);
    let (lo, hi) = value_range(plot);
    let ticks: Vec<(f64, String)> =
        log_ticks(lo, hi, 6).into_iter().map(|v| (v, tick_duration(v))).collect();
    let widest = ticks
        .iter()
        .map(|(_, label)| fonts.of(Weight::Regular).width(label, TEXT_PX))
        .fold(0.0, f64::max);
    let left = widest + 8.0 + EDGE_PX;
    let right = if narrow { 12.0 } else { end_label_room(SERIES, fonts) };
    let key_px = if narrow { LINE_PX + 6.0 } else { 0.0 };
    let top = header.height() + key_px;
    let head =
        |panel: &TimePanel| HEADING_PX + if panel.stalls.is_empty() { 0.0 } else { STALL_ROW_PX };
    let panels_px: f64 = plot.panels.iter().map(|p| head(p) + PLOT_PX + PANEL_GAP_PX).sum();
    let height = top + panels_px + LINE_PX;
    let mut scene = Scene {
        width,
        height: height.ceil() as u32,
        title: figure.title.clone(),
        desc: figure.subtitle.clone(),
        items: Vec::new(),
    };
    let sheet = Sheet::new(&mut scene, &header, fonts)?;
    if narrow {
        let entries = key(Tone::Ink);
        draw_key(&sheet, &entries, (EDGE_PX, header.height() + 4.0), f64::from(width))?;
    }
    let last = plot.panels.len().saturating_sub(1);
    let mut y = top;
    for (position, panel) in plot.panels.iter().enumerate() {
        let panel_top = y + head(panel);
        let frame = Frame {
            left,
            top: panel_top,
            right: f64::from(width) - right,
            bottom: panel_top + PLOT_PX,
        };
        let tone = Tone::arm(panel.arm);
        heading(&sheet, (frame, y), &panel.label, &panel.summary, tone)?;
        y = frame.bottom + PANEL_GAP_PX;
        draw_panel(&sheet, panel, frame, plot.span_s, (lo, hi), &ticks, narrow)?;
        time_axis(&sheet, frame, plot.span_s, position == last)?;
    }
    drop(sheet);
    Ok(scene)
}

fn key(tone: Tone) -> Vec<KeyEntry> {
    SERIES
        .iter()
        .zip(pens(tone))
        .map(|(text, pen)| KeyEntry { text: (*text).to_owned(), pen })
        .collect()
}

/// The pens of [`SERIES`]: the same colour, told apart by weight.
fn pens(tone: Tone) -> [Pen; 3] {
    [Pen::line(tone, 1.0).faint(0.55), Pen::line(tone, 1.4), Pen::line(tone, 2.4)]
}

fn value_range(plot: &TimePlot) -> (f64, f64) {
    let columns = || plot.panels.iter().flat_map(|p| &p.columns);
    let lo = columns().map(|c| c.p50_us.max(0.001)).fold(f64::INFINITY, f64::min);
    let hi = columns().map(|c| c.max_us).fold(0.0, f64::max);
    if lo > hi { (1.0, 10.0) } else { log_range(lo, hi) }
}

/// The bold name of a panel's arm and what sets it apart.
pub(crate) fn heading(
    sheet: &Sheet<'_>,
    (frame, top): (Frame, f64),
    label: &str,
    summary: &str,
    tone: Tone,
) -> Result<(), DrawError> {
    let y = top + LINE_PX - 4.0;
    sheet.write(label, (frame.left, y), &Ink::bold(tone))?;
    let after = frame.left + sheet.width(label, Weight::Bold) + 8.0;
    let fits = after + sheet.width(summary, Weight::Regular) <= frame.right;
    if fits && !summary.is_empty() && !label.is_empty() {
        sheet.write(summary, (after, y), &Ink::plain(Tone::Muted))?;
    }
    Ok(())
}

/// The time axis below a panel; only the last one is labelled.
pub(crate) fn time_axis(
    sheet: &Sheet<'_>,
    frame: Frame,
    span_s: f64,
    labelled: bool,
) -> Result<(), DrawError> {
    let room = ((frame.right - frame.left) / 60.0).max(2.0) as usize;
    let at = |t: f64| frame.left + t / span_s.max(1e-9) * (frame.right - frame.left);
    let ticks: Vec<(f64, String)> = linear_ticks(0.0, span_s, room)
        .into_iter()
        .map(|t| {
            let text = format!("{t:.3}");
            let text = text.trim_end_matches('0').trim_end_matches('.');
            (at(t), if labelled { format!("{text}\u{a0}s") } else { String::new() })
        })
        .collect();
    if labelled {
        return x_axis(sheet, frame, &ticks);
    }
    let bottom = [(frame.left, frame.bottom), (frame.right, frame.bottom)];
    sheet.line(&bottom, Pen::line(Tone::Axis, 1.0))
}

/// Where an instant lies, in px; what is beyond the ends is put there.
fn instant(frame: Frame, span_s: f64, t: f64) -> f64 {
    frame.left + (t / span_s.max(1e-9)).clamp(0.0, 1.0) * (frame.right - frame.left)
}

/// Grey bands over the stalls.
pub(crate) fn shade_stalls(
    sheet: &Sheet<'_>,
    frame: Frame,
    stalls: &[StallMark],
    span_s: f64,
) -> Result<(), DrawError> {
    for stall in stalls {
        let left = instant(frame, span_s, stall.start_s);
        let end = instant(frame, span_s, stall.start_s + stall.duration_s);
        // At least one pixel and a half, so that a short one does not vanish.
        let right = end.max(left + 1.5);
        sheet.rect(Frame { left, right, ..frame }, Pen::fill(Tone::Stall, 1.0))?;
    }
    Ok(())
}

/// Pointers above the stalls, and labels where there is room, the longest stall's first. Causes
/// are written out if all of them fit, else once.
fn name_stalls(
    sheet: &Sheet<'_>,
    frame: Frame,
    stalls: &[StallMark],
    span_s: f64,
) -> Result<(), DrawError> {
    let mut by_length: Vec<(f64, &StallMark)> = stalls
        .iter()
        .map(|s| (instant(frame, span_s, s.start_s + s.duration_s / 2.0), s))
        .collect();
    by_length.sort_by(|(_, a), (_, b)| {
        b.duration_s.total_cmp(&a.duration_s).then(a.start_s.total_cmp(&b.start_s))
    });
    let mut pointers = Row::new(f64::MIN / 4.0, f64::MAX / 4.0, 0.0);
    let mut row = Row::new(frame.left, frame.right, LABEL_GAP_PX);
    let width = |text: &str| sheet.width(text, Weight::Regular);
    let mut trial = Row::new(frame.left, frame.right, LABEL_GAP_PX);
    let all_fit = by_length.iter().all(|(x, s)| trial.place(*x, width(&s.long)).is_some());
    for (position, (middle, stall)) in by_length.into_iter().enumerate() {
        if pointers.place(middle, 8.0).is_some() {
            sheet.pointer((middle, frame.top - 1.0), Pen::fill(Tone::Muted, 1.0))?;
        }
        let wanted: &[&String] =
            if all_fit || position == 0 { &[&stall.long, &stall.short] } else { &[&stall.short] };
        let place = |text: &String| Some((row.place(middle, width(text))?, text.clone()));
        let placed = wanted.iter().copied().find_map(place);
        if let Some((left, text)) = placed {
            sheet.write(&text, (left, frame.top - 11.0), &Ink::plain(Tone::Ink))?;
        }
    }
    Ok(())
}

fn draw_panel(
    sheet: &Sheet<'_>,
    data: &TimePanel,
    frame: Frame,
    span_s: f64,
    (lo, hi): (f64, f64),
    ticks: &[(f64, String)],
    narrow: bool,
) -> Result<(), DrawError> {
    shade_stalls(sheet, frame, &data.stalls, span_s)?;
    name_stalls(sheet, frame, &data.stalls, span_s)?;
    let mut panel = sheet.panel(frame, 0.0..span_s.max(1e-9), (lo..hi).log_scale())?;
    y_axis(sheet, &panel, 0.0, ticks)?;
    if data.columns.is_empty() {
        let middle = ((frame.left + frame.right) / 2.0, (frame.top + frame.bottom) / 2.0);
        let ink = Ink::plain(Tone::Muted).at(Anchor::Middle).centred();
        return sheet.write("no replies", middle, &ink);
    }
    let of: [fn(&TimeColumn) -> f64; 3] = [|c| c.max_us, |c| c.p99_us, |c| c.p50_us];
    let entries = key(Tone::arm(data.arm));
    for (value, entry) in of.iter().zip(&entries) {
        for run in runs(&data.columns, data.column_s) {
            let points: Vec<(f64, f64)> = run
                .iter()
                .map(|c| (c.start_s + data.column_s / 2.0, value(c).clamp(lo, hi)))
                .collect();
            match points.as_slice() {
                // A lone column still shows, as wide as it is.
                [(x, y)] => {
                    let half = data.column_s / 2.0;
                    panel.curve(&[(x - half, *y), (x + half, *y)], entry.pen)?;
                }
                _ => panel.curve(&points, entry.pen)?,
            }
        }
    }
    if narrow {
        return Ok(());
    }
    let Some(last) = data.columns.last() else { return Ok(()) };
    let ends: Vec<(f64, KeyEntry)> = of
        .iter()
        .zip(entries)
        .map(|(value, entry)| (panel.at(0.0, value(last).clamp(lo, hi)).1, entry))
        .collect();
    end_labels(sheet, frame, &ends)
}

/// Cuts the columns where one or more are missing: a line across a stall would be a lie.
fn runs(columns: &[TimeColumn], column_s: f64) -> Vec<&[TimeColumn]> {
    columns.chunk_by(|a, b| b.start_s - a.start_s < column_s * 1.5).collect()
}
