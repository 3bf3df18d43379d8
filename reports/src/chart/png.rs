//! A scene as PNG, by plotters' bitmap backend, at twice the size of its CSS pixels.
//!
//! Drawn at four times and averaged down, because the backend has whole pixels only: that places
//! strokes and glyphs to a quarter of a pixel. Light theme. The same scene gives the same bytes.

use plotters::backend::{BitMapBackend, DrawingBackend};
use plotters_backend::BackendColor;

use crate::chart::error::DrawError;
use crate::chart::font::Fonts;
use crate::chart::ink::{Pen, Theme, UNITS};
use crate::chart::scene::{Anchor, Item, Point, Scene, Text};

/// PNG pixels per CSS pixel.
const SCALE: u32 = 2;
/// Samples per PNG pixel, each way.
const OVERSAMPLE: u32 = 2;

/// The PNG of a scene.
///
/// # Errors
/// What the bitmap backend or the encoder says; neither happens in memory.
pub(crate) fn write(scene: &Scene, fonts: &Fonts) -> Result<Vec<u8>, DrawError> {
    let scale = SCALE * OVERSAMPLE;
    let (w, h) = (scene.width * scale, scene.height * scale);
    let mut pixels = vec![0xff_u8; w as usize * h as usize * 3];
    {
        let backend = BitMapBackend::with_buffer(&mut pixels, (w, h));
        let mut painter = Painter { backend, fonts, scale: f64::from(scale) / UNITS };
        for item in &scene.items {
            painter.paint(item)?;
        }
        painter.backend.present().map_err(DrawError::from_display)?;
    }
    let small = average(&pixels, w as usize, h as usize);
    encode(&small, w / OVERSAMPLE, h / OVERSAMPLE).map_err(DrawError::from_display)
}

struct Painter<'a> {
    backend: BitMapBackend<'a>,
    fonts: &'a Fonts,
    /// Bitmap pixels per canvas unit.
    scale: f64,
}

type Outcome = Result<(), DrawError>;

impl Painter<'_> {
    fn paint(&mut self, item: &Item) -> Outcome {
        match item {
            Item::Rect { from, to, pen } => {
                let (a, b) = (self.whole(*from), self.whole(*to));
                let (from, to) = ((a.0.min(b.0), a.1.min(b.1)), (a.0.max(b.0), a.1.max(b.1)));
                // The backend paints the far edge, too.
                let to = ((to.0 - 1).max(from.0), (to.1 - 1).max(from.1));
                self.backend
                    .draw_rect(from, to, &colour(pen), true)
                    .map_err(DrawError::from_display)
            }
            Item::Polygon { points, pen } => {
                let points: Vec<_> = points.iter().map(|&p| self.whole(p)).collect();
                self.fill(points, pen)
            }
            Item::Circle { at, radius, pen } => {
                let at = self.whole(*at);
                let radius = (f64::from(*radius) * self.scale).round() as u32;
                self.backend
                    .draw_circle(at, radius, &colour(pen), true)
                    .map_err(DrawError::from_display)
            }
            Item::Path { points, pen } => self.stroke(points, pen),
            Item::Text(text) => self.text(text),
        }
    }

    fn fill(&mut self, points: Vec<(i32, i32)>, pen: &Pen) -> Outcome {
        self.backend.fill_polygon(points, &colour(pen)).map_err(DrawError::from_display)
    }

    /// Every piece as a quadrilateral with round joints: no mitre can shoot out at a sharp bend.
    fn stroke(&mut self, points: &[Point], pen: &Pen) -> Outcome {
        let points: Vec<(f64, f64)> = points
            .iter()
            .map(|&(x, y)| (f64::from(x) * self.scale, f64::from(y) * self.scale))
            .collect();
        let half = f64::from(pen.width) * self.scale / 2.0;
        for piece in dashes(&points, pen.dash.pattern().map(|p| p.map(|l| l * UNITS * self.scale)))
        {
            for (position, pair) in piece.windows(2).enumerate() {
                if position > 0 && half > 1.0 {
                    let at = (pair[0].0.round() as i32, pair[0].1.round() as i32);
                    self.backend
                        .draw_circle(at, half.round() as u32, &colour(pen), true)
                        .map_err(DrawError::from_display)?;
                }
                self.segment(pair[0], pair[1], half, pen)?;
            }
        }
        Ok(())
    }

    fn segment(&mut self, a: (f64, f64), b: (f64, f64), half: f64, pen: &Pen) -> Outcome {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy);
        if length < 1e-9 {
            return Ok(());
        }
        let whole = |x: f64, y: f64| (x.round() as i32, y.round() as i32);
        if dx == 0.0 || dy == 0.0 {
            // Straight lines are rectangles with sharp edges.
            let (ox, oy) = if dx == 0.0 { (half, 0.0) } else { (0.0, half) };
            let from = whole(a.0.min(b.0) - ox, a.1.min(b.1) - oy);
            let to = whole(a.0.max(b.0) + ox, a.1.max(b.1) + oy);
            let to = ((to.0 - 1).max(from.0), (to.1 - 1).max(from.1));
            return self
                .backend
                .draw_rect(from, to, &colour(pen), true)
                .map_err(DrawError::from_display);
        }
        let (nx, ny) = (-dy / length * half, dx / length * half);
        let corners = [
            whole(a.0 + nx, a.1 + ny),
            whole(b.0 + nx, b.1 + ny),
            whole(b.0 - nx, b.1 - ny),
            whole(a.0 - nx, a.1 - ny),
        ];
        self.fill(corners.to_vec(), pen)
    }

    fn text(&mut self, text: &Text) -> Outcome {
        let font = self.fonts.of(text.weight);
        let size = f64::from(text.size) * self.scale;
        let width = font.width(&text.text, size);
        let (x, y) = (f64::from(text.at.0) * self.scale, f64::from(text.at.1) * self.scale);
        let left = match text.anchor {
            Anchor::Start => x,
            Anchor::Middle => x - width / 2.0,
            Anchor::End => x - width,
        };
        let [r, g, b] = text.tone.rgb(Theme::Light);
        let (w, h) = self.backend.get_size();
        let mut outcome = Ok(());
        font.raster(&text.text, size, (left, y), |px, py, cover| {
            let inside = (0..w as i32).contains(&px) && (0..h as i32).contains(&py);
            if inside && cover > 0.0 && outcome.is_ok() {
                let ink = BackendColor { alpha: f64::from(cover.min(1.0)), rgb: (r, g, b) };
                outcome = self.backend.draw_pixel((px, py), ink).map_err(DrawError::from_display);
            }
        });
        outcome
    }

    fn whole(&self, (x, y): Point) -> (i32, i32) {
        ((f64::from(x) * self.scale).round() as i32, (f64::from(y) * self.scale).round() as i32)
    }
}

fn colour(pen: &Pen) -> BackendColor {
    let [r, g, b] = pen.tone.rgb(Theme::Light);
    BackendColor { alpha: pen.alpha, rgb: (r, g, b) }
}

/// Cuts a line into its dashes; one piece if it is solid.
fn dashes(points: &[(f64, f64)], pattern: Option<[f64; 2]>) -> Vec<Vec<(f64, f64)>> {
    let Some(pattern) = pattern else { return vec![points.to_vec()] };
    let mut pieces = Vec::new();
    let mut piece: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
    let (mut phase, mut left) = (0, pattern[0]);
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        loop {
            let rest = (to.0 - from.0).hypot(to.1 - from.1);
            if rest < left {
                left -= rest;
                piece.push(to);
                break;
            }
            let share = left / rest.max(1e-9);
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            piece.push(from);
            if phase == 0 {
                pieces.push(std::mem::take(&mut piece));
            } else {
                piece = vec![from];
            }
            phase = 1 - phase;
            left = pattern[phase];
        }
    }
    if phase == 0 && piece.len() > 1 {
        pieces.push(piece);
    }
    pieces
}

/// Averages squares of [`OVERSAMPLE`] pixels.
fn average(pixels: &[u8], width: usize, height: usize) -> Vec<u8> {
    let n = OVERSAMPLE as usize;
    let mut out = Vec::with_capacity(pixels.len() / (n * n));
    for y in 0..height / n {
        for x in 0..width / n {
            for channel in 0..3 {
                let mut sum = 0_u32;
                for dy in 0..n {
                    for dx in 0..n {
                        let at = ((y * n + dy) * width + x * n + dx) * 3 + channel;
                        sum += u32::from(pixels[at]);
                    }
                }
                out.push((sum / (OVERSAMPLE * OVERSAMPLE)) as u8);
            }
        }
    }
    out
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(out)
}
