//! A scene as SVG text. Roles become classes, so a page can switch its theme; a file that stands
//! alone carries the same rules with its colours written out, because some viewers know no CSS
//! variables. The same scene gives the same bytes.

use std::fmt::Write as _;

use crate::chart::font::Weight;
use crate::chart::ink::{Pen, Theme, Tone, UNITS};
use crate::chart::scene::{Anchor, Item, Point, Scene, Text};

/// Where the SVG will live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    /// In a page that defines the classes.
    Page,
    /// In a file of its own.
    File,
}

/// Fonts that readers have, the one the layout was made with among them.
pub(crate) const FONT_STACK: &str =
    "system-ui,-apple-system,\"Segoe UI\",Roboto,\"Noto Sans\",\"DejaVu Sans\",sans-serif";

/// The SVG of a scene. `id` prefixes all ids, which must be unique in a page.
pub(crate) fn write(scene: &Scene, id: &str, home: Home) -> String {
    let (w, h) = (scene.width, scene.height);
    let units = UNITS as u32;
    let mut out = String::with_capacity(16 * 1024);
    let _ = write!(
        out,
        "<svg{} viewBox=\"0 0 {} {}\" width=\"{w}\" height=\"{h}\" \
         class=\"chart\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\">\
         <title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>",
        // In a page the parser knows, and the page stays free of any address.
        if home == Home::File { " xmlns=\"http://www.w3.org/2000/svg\"" } else { "" },
        w * units,
        h * units,
        escape(&scene.title),
        escape(&scene.desc)
    );
    if home == Home::File {
        let _ = write!(out, "<style>{}</style>", file_style());
    }
    for item in &scene.items {
        write_item(&mut out, item);
    }
    out.push_str("</svg>");
    if home == Home::File {
        out.push('\n');
    }
    out
}

fn file_style() -> String {
    let mut css = format!("text{{font-family:{FONT_STACK}}}.bold{{font-weight:700}}");
    css.push_str(&role_rules(|tone| tone.hex(Theme::Light)));
    // After the base rules, or it would never win.
    let dark = role_rules(|tone| tone.hex(Theme::Dark));
    let _ = write!(css, "@media screen and (prefers-color-scheme:dark){{{dark}}}");
    css
}

/// The rules of all roles with the colour that `paint` gives for each.
pub(crate) fn role_rules(paint: impl Fn(Tone) -> String) -> String {
    let mut css = String::new();
    for tone in Tone::all() {
        let (name, colour) = (tone.name(), paint(tone));
        let _ = write!(
            css,
            ".f-{name}{{fill:{colour}}}.s-{name}{{fill:none;stroke:{colour};stroke-linejoin:round}}"
        );
    }
    css
}

fn write_item(out: &mut String, item: &Item) {
    match item {
        Item::Rect { from, to, pen } => {
            let (x, y) = (from.0.min(to.0), from.1.min(to.1));
            let (w, h) = ((to.0 - from.0).abs(), (to.1 - from.1).abs());
            let _ = write!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\"");
            close(out, pen, "");
        }
        Item::Path { points, pen } => {
            let _ = write!(out, "<path d=\"{}\"", path_data(points));
            close(out, pen, "");
        }
        Item::Polygon { points, pen } => {
            let _ = write!(out, "<path d=\"{}z\"", path_data(points));
            close(out, pen, "");
        }
        Item::Circle { at, radius, pen } => {
            let _ = write!(out, "<circle cx=\"{}\" cy=\"{}\" r=\"{radius}\"", at.0, at.1);
            close(out, pen, "");
        }
        Item::Text(text) => write_text(out, text),
    }
}

fn close(out: &mut String, pen: &Pen, extra: &str) {
    let kind = if pen.width == 0 { 'f' } else { 's' };
    let _ = write!(out, " class=\"{kind}-{}\"", pen.tone.name());
    if pen.width > 0 {
        let _ = write!(out, " stroke-width=\"{}\"", pen.width);
    }
    if let (Some([dash, gap]), true) = (pen.dash.pattern(), pen.width > 0) {
        let _ = write!(out, " stroke-dasharray=\"{} {}\"", dash * UNITS, gap * UNITS);
    }
    if pen.alpha < 1.0 {
        let _ = write!(out, " opacity=\"{:.2}\"", pen.alpha);
    }
    let _ = write!(out, "{extra}/>");
}

/// Relative steps: half the size of absolute pairs.
fn path_data(points: &[Point]) -> String {
    let mut data = String::with_capacity(points.len() * 8);
    let mut last = (0, 0);
    for (position, &(x, y)) in points.iter().enumerate() {
        let (dx, dy) = (x - last.0, y - last.1);
        let _ = match (position, dx, dy) {
            (0, ..) => write!(data, "M{x} {y}"),
            (_, 0, _) => write!(data, "v{dy}"),
            (_, _, 0) => write!(data, "h{dx}"),
            _ => write!(data, "l{dx} {dy}"),
        };
        last = (x, y);
    }
    data
}

fn write_text(out: &mut String, text: &Text) {
    let anchor = match text.anchor {
        Anchor::Start => "",
        Anchor::Middle => " text-anchor=\"middle\"",
        Anchor::End => " text-anchor=\"end\"",
    };
    let bold = if text.weight == Weight::Bold { " bold" } else { "" };
    let _ = write!(
        out,
        "<text x=\"{}\" y=\"{}\" font-size=\"{}\" class=\"f-{}{bold}\"{anchor}>{}</text>",
        text.at.0,
        text.at.1,
        text.size,
        text.tone.name(),
        escape(&text.text)
    );
}

/// Text as it may stand between tags and in attributes.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // Control characters are not allowed in XML at all.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
