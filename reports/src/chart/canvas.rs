//! plotters' drawing backend that records a `Scene`: roles instead of colours, tenths of a pixel
//! instead of pixels, text as text.

use std::convert::Infallible;

use plotters::prelude::DrawingBackend;
use plotters_backend::text_anchor::{HPos, VPos};
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingErrorKind, FontStyle,
};

use crate::chart::font::{CAP_HEIGHT, Fonts, Weight};
use crate::chart::ink::{Pen, UNITS};
use crate::chart::scene::{Anchor, Item, Scene, Text};

/// The backend. What is drawn on it ends up in the scene; drawing cannot fail.
pub(crate) struct Canvas<'a> {
    scene: &'a mut Scene,
    fonts: &'a Fonts,
}

type Outcome = Result<(), DrawingErrorKind<Infallible>>;

impl<'a> Canvas<'a> {
    pub(crate) fn new(scene: &'a mut Scene, fonts: &'a Fonts) -> Self {
        Self { scene, fonts }
    }
}

fn pen(style: &impl BackendStyle) -> Pen {
    let BackendColor { rgb, alpha } = style.color();
    Pen::from_backend(rgb, alpha, style.stroke_width())
}

impl DrawingBackend for Canvas<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        let units = UNITS as u32;
        (self.scene.width * units, self.scene.height * units)
    }

    fn ensure_prepared(&mut self) -> Outcome {
        Ok(())
    }

    fn present(&mut self) -> Outcome {
        Ok(())
    }

    fn draw_pixel(&mut self, _: BackendCoord, _: BackendColor) -> Outcome {
        // Every shape that is used has its own method; single pixels have no place in a scene.
        Ok(())
    }

    fn draw_line<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
    ) -> Outcome {
        self.draw_path([from, to], style)
    }

    fn draw_rect<S: BackendStyle>(
        &mut self,
        from: BackendCoord,
        to: BackendCoord,
        style: &S,
        fill: bool,
    ) -> Outcome {
        let item = if fill {
            Item::Rect { from, to, pen: Pen { width: 0, ..pen(style) } }
        } else {
            let points = vec![from, (to.0, from.1), to, (from.0, to.1), from];
            Item::Path { points, pen: pen(style) }
        };
        self.scene.items.push(item);
        Ok(())
    }

    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Outcome {
        let mut points: Vec<_> = path.into_iter().collect();
        points.dedup();
        if points.len() > 1 {
            self.scene.items.push(Item::Path { points, pen: pen(style) });
        }
        Ok(())
    }

    fn draw_circle<S: BackendStyle>(
        &mut self,
        at: BackendCoord,
        radius: u32,
        style: &S,
        _fill: bool,
    ) -> Outcome {
        let pen = Pen { width: 0, ..pen(style) };
        self.scene.items.push(Item::Circle { at, radius, pen });
        Ok(())
    }

    fn fill_polygon<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        vertices: I,
        style: &S,
    ) -> Outcome {
        let points = vertices.into_iter().collect();
        // plotters hands over the colour alone, whose width is not zero.
        let pen = Pen { width: 0, ..pen(style) };
        self.scene.items.push(Item::Polygon { points, pen });
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(
        &mut self,
        text: &str,
        style: &S,
        (x, y): BackendCoord,
    ) -> Outcome {
        let size = style.size();
        let drop = match style.anchor().v_pos {
            VPos::Top => size * CAP_HEIGHT,
            VPos::Center => size * CAP_HEIGHT / 2.0,
            VPos::Bottom => 0.0,
        };
        let anchor = match style.anchor().h_pos {
            HPos::Left => Anchor::Start,
            HPos::Center => Anchor::Middle,
            HPos::Right => Anchor::End,
        };
        self.scene.items.push(Item::Text(Text {
            at: (x, y + drop.round() as i32),
            anchor,
            size: size.round() as u32,
            weight: weight(style),
            tone: Pen::from_backend(style.color().rgb, 1.0, 0).tone,
            text: text.to_owned(),
        }));
        Ok(())
    }

    fn estimate_text_size<S: BackendTextStyle>(
        &self,
        text: &str,
        style: &S,
    ) -> Result<(u32, u32), DrawingErrorKind<Infallible>> {
        let width = self.fonts.of(weight(style)).width(text, style.size());
        Ok((width.ceil() as u32, (style.size() * CAP_HEIGHT).ceil() as u32))
    }
}

fn weight(style: &impl BackendTextStyle) -> Weight {
    match style.style() {
        FontStyle::Bold => Weight::Bold,
        _ => Weight::Regular,
    }
}
