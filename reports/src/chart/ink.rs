//! Pens: what a line, a surface or a text is for, not which colour it has.
//!
//! plotters hands a backend nothing but a colour and a width. So a pen travels in the three bytes of
//! that colour (tone, dash, halo) and our backend unpacks it; the true colours of the light and the
//! dark theme are looked up at the very end. Colours are Okabe and Ito's, darkened until text in
//! them reaches a contrast of 4.5 on white.

use plotters::style::{RGBAColor, ShapeStyle};

/// Units of the canvas per CSS pixel: plotters has whole coordinates only, and a shallow curve on
/// whole pixels is a staircase.
pub(crate) const UNITS: f64 = 10.0;

/// The roles of ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tone {
    Paper,
    Ink,
    Muted,
    Grid,
    Axis,
    /// Spans of time in which nothing was answered.
    Stall,
    /// Where samples are too few.
    Thin,
    ArmA,
    ArmB,
    ArmC,
    ArmD,
}

/// Class name, light colour, dark colour, by tone.
const TONES: [(Tone, &str, [u8; 3], [u8; 3]); 11] = [
    (Tone::Paper, "paper", [0xff, 0xff, 0xff], [0x14, 0x17, 0x1b]),
    (Tone::Ink, "ink", [0x1c, 0x1f, 0x23], [0xe6, 0xe8, 0xeb]),
    (Tone::Muted, "muted", [0x57, 0x60, 0x6a], [0xa3, 0xad, 0xb8]),
    (Tone::Grid, "grid", [0xe6, 0xe9, 0xed], [0x2a, 0x30, 0x36]),
    (Tone::Axis, "axis", [0x8b, 0x94, 0x9e], [0x6b, 0x76, 0x82]),
    (Tone::Stall, "stall", [0xd9, 0xdd, 0xe3], [0x3a, 0x41, 0x4a]),
    (Tone::Thin, "thin", [0xf3, 0xf4, 0xf6], [0x1d, 0x21, 0x27]),
    (Tone::ArmA, "a", [0x00, 0x72, 0xb2], [0x56, 0xb4, 0xe9]),
    (Tone::ArmB, "b", [0xc2, 0x4e, 0x00], [0xe6, 0x9f, 0x00]),
    (Tone::ArmC, "c", [0x00, 0x7f, 0x5f], [0x2f, 0xbf, 0x95]),
    (Tone::ArmD, "d", [0xa8, 0x52, 0x80], [0xd9, 0x8c, 0xb8]),
];

/// A theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Theme {
    Light,
    Dark,
}

impl Tone {
    /// The tone of the arm at a position; they come round again after four.
    pub(crate) fn arm(position: usize) -> Self {
        [Self::ArmA, Self::ArmB, Self::ArmC, Self::ArmD][position % 4]
    }

    /// All tones, in the order of the style sheet.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TONES.iter().map(|row| row.0)
    }

    /// Its name in classes (`f-`, `s-`) and in the page's variables (`--`).
    pub(crate) fn name(self) -> &'static str {
        TONES[self as usize].1
    }

    /// Its colour.
    pub(crate) fn rgb(self, theme: Theme) -> [u8; 3] {
        let row = &TONES[self as usize];
        if theme == Theme::Light { row.2 } else { row.3 }
    }

    /// Its colour as `#rrggbb`.
    pub(crate) fn hex(self, theme: Theme) -> String {
        let [r, g, b] = self.rgb(theme);
        format!("#{r:02x}{g:02x}{b:02x}")
    }

    fn from_byte(byte: u8) -> Self {
        TONES.get(usize::from(byte)).map_or(Self::Ink, |row| row.0)
    }
}

/// How a line is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Dash {
    Solid,
    Dashed,
    Dotted,
}

impl Dash {
    /// Lengths of dash and gap in CSS pixels; `None` for a solid line.
    pub(crate) fn pattern(self) -> Option<[f64; 2]> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some([5.0, 3.5]),
            Self::Dotted => Some([1.5, 2.5]),
        }
    }

    fn from_byte(byte: u8) -> Self {
        [Self::Solid, Self::Dashed, Self::Dotted][usize::from(byte) % 3]
    }
}

/// A pen for lines and surfaces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pen {
    pub(crate) tone: Tone,
    pub(crate) dash: Dash,
    /// 0 … 1.
    pub(crate) alpha: f64,
    /// Line width in canvas units.
    pub(crate) width: u32,
}

impl Pen {
    /// A line of `width_px` CSS pixels.
    pub(crate) fn line(tone: Tone, width_px: f64) -> Self {
        Self { tone, dash: Dash::Solid, alpha: 1.0, width: (width_px * UNITS).round() as u32 }
    }

    /// A surface.
    pub(crate) fn fill(tone: Tone, alpha: f64) -> Self {
        Self { tone, dash: Dash::Solid, alpha, width: 0 }
    }

    /// The same pen with broken lines.
    pub(crate) fn dashed(self, dash: Dash) -> Self {
        Self { dash, ..self }
    }

    /// The same pen, fainter.
    pub(crate) fn faint(self, alpha: f64) -> Self {
        Self { alpha, ..self }
    }

    /// The pen as plotters carries it.
    pub(crate) fn style(self) -> ShapeStyle {
        ShapeStyle {
            color: RGBAColor(self.tone as u8, self.dash as u8, 0, self.alpha),
            filled: self.width == 0,
            stroke_width: self.width,
        }
    }

    /// The pen that a backend was handed.
    pub(crate) fn from_backend(rgb: (u8, u8, u8), alpha: f64, width: u32) -> Self {
        Self { tone: Tone::from_byte(rgb.0), dash: Dash::from_byte(rgb.1), alpha, width }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_tones() {
        for (position, tone) in Tone::all().enumerate() {
            assert_eq!(tone as usize, position);
            assert_eq!(Tone::from_byte(tone as u8), tone);
        }
    }

    #[test]
    fn text_in_any_arm_colour_is_readable_in_both_themes() {
        for theme in [Theme::Light, Theme::Dark] {
            for tone in [Tone::Ink, Tone::Muted, Tone::ArmA, Tone::ArmB, Tone::ArmC, Tone::ArmD] {
                let ratio = contrast(tone.rgb(theme), Tone::Paper.rgb(theme));
                assert!(ratio >= 4.5, "{tone:?} in {theme:?}: {ratio:.2}");
            }
        }
    }

    /// Contrast ratio of WCAG 2.
    fn contrast(a: [u8; 3], b: [u8; 3]) -> f64 {
        let luminance = |rgb: [u8; 3]| {
            let linear = rgb.map(|c| {
                let c = f64::from(c) / 255.0;
                if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            });
            0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        };
        let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
        a.max(b) / a.min(b)
    }
}
