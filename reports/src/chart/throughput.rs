//! Replies per second over time: one panel per arm on the axes of the response-time figure.

use crate::chart::axis::linear_ticks;
use crate::chart::error::DrawError;
use crate::chart::font::{Fonts, Weight};
use crate::chart::ink::{Dash, Pen, Tone};
use crate::chart::label::Row;
use crate::chart::scene::{NARROW_PX, Scene};
use crate::chart::sheet::{
    EDGE_PX, Frame, Header, Ink, KeyEntry, LINE_PX, Sheet, TEXT_PX, end_label_room, end_labels,
    y_axis,
};
use crate::chart::timeline::{HEADING_PX, PANEL_GAP_PX, heading, shade_stalls, time_axis};
use crate::view::figure::{Figure, RatePanel, RatePlot};
use aelab_results::text::number::{rate, tick_count};

/// Height of a panel's plot, in px.
const PLOT_PX: f64 = 110.0;

/// Draws the figure at `width` px.
pub(crate) fn draw(
    figure: &Figure,
    plot: &RatePlot,
    width: u32,
    fonts: &Fonts,
) -> Result<Scene, DrawError> {
    let narrow = width <= NARROW_PX;
    let header = Header::new(&figure.title, &figure.subtitle, width, fonts);
    let ticks: Vec<(f64, String)> = linear_ticks(0.0, plot.top, 5)
        .into_iter()
        .map(|v| (v, format!("{}/s", tick_count(v))))
        .collect();
    let widest = ticks
        .iter()
        .map(|(_, label)| fonts.of(Weight::Regular).width(label, TEXT_PX))
        .fold(0.0, f64::max);
    let right = if narrow { 12.0 } else { end_label_room(["achieved", "offered"], fonts) };
    let top = header.height();
    let step = HEADING_PX + PLOT_PX + PANEL_GAP_PX;
    let height = top + step * plot.panels.len() as f64 + LINE_PX;
    let mut scene = Scene {
        width,
        height: height.ceil() as u32,
        title: figure.title.clone(),
        desc: figure.subtitle.clone(),
        items: Vec::new(),
    };
    let sheet = Sheet::new(&mut scene, &header, fonts)?;
    let last = plot.panels.len().saturating_sub(1);
    for (position, data) in plot.panels.iter().enumerate() {
        let panel_top = top + step * position as f64 + HEADING_PX;
        let frame = Frame {
            left: widest + 8.0 + EDGE_PX,
            top: panel_top,
            right: f64::from(width) - right,
            bottom: panel_top + PLOT_PX,
        };
        heading(
            &sheet,
            (frame, panel_top - HEADING_PX),
            &data.label,
            &data.summary,
            Tone::arm(data.arm),
        )?;
        draw_panel(&sheet, data, frame, plot, &ticks, narrow)?;
        time_axis(&sheet, frame, plot.span_s, position == last)?;
    }
    drop(sheet);
    Ok(scene)
}

fn draw_panel(
    sheet: &Sheet<'_>,
    data: &RatePanel,
    frame: Frame,
    plot: &RatePlot,
    ticks: &[(f64, String)],
    narrow: bool,
) -> Result<(), DrawError> {
    let tone = Tone::arm(data.arm);
    shade_stalls(sheet, frame, &data.stalls, plot.span_s)?;
    let mut panel = sheet.panel(frame, 0.0..plot.span_s.max(1e-9), 0.0..plot.top)?;
    y_axis(sheet, &panel, 0.0, ticks)?;
    // Steps, because a rate holds for the whole of its column.
    let steps: Vec<(f64, f64)> = data
        .points
        .iter()
        .flat_map(|&(start, rate)| {
            let rate = rate.min(plot.top);
            [(start, rate), (start + data.column_s, rate)]
        })
        .collect();
    let line = Pen::line(tone, 1.4);
    panel.curve(&steps, line)?;
    let mut ends: Vec<(f64, KeyEntry)> = Vec::new();
    if let Some(&(x, y)) = steps.last() {
        ends.push((panel.at(x, y).1, KeyEntry { text: "achieved".to_owned(), pen: line }));
    }
    if let Some(offered) = data.offered {
        let pen = Pen::line(Tone::Muted, 1.4).dashed(Dash::Dotted);
        panel.curve(&[(0.0, offered), (plot.span_s, offered)], pen)?;
        let text = "offered".to_owned();
        ends.push((panel.at(0.0, offered).1, KeyEntry { text, pen }));
    }
    mark_bursts(sheet, data, frame, plot)?;
    if narrow { Ok(()) } else { end_labels(sheet, frame, &ends) }
}

/// Writes the height of bursts above the axis beside their heads, the highest first.
fn mark_bursts(
    sheet: &Sheet<'_>,
    data: &RatePanel,
    frame: Frame,
    plot: &RatePlot,
) -> Result<(), DrawError> {
    let mut bursts: Vec<(f64, f64)> =
        data.points.iter().copied().filter(|&(_, r)| r > plot.top).collect();
    bursts.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.total_cmp(&b.0)));
    let mut row = Row::new(frame.left, frame.right, 10.0);
    for (start, height) in bursts {
        let text = format!("▲ {}", rate(height));
        let width = sheet.width(&text, Weight::Regular);
        let x = frame.left
            + (start + data.column_s) / plot.span_s.max(1e-9) * (frame.right - frame.left);
        if let Some(left) = row.place(x + 5.0 + width / 2.0, width) {
            sheet.write(&text, (left, frame.top + 12.0), &Ink::plain(Tone::Muted))?;
        }
    }
    Ok(())
}
