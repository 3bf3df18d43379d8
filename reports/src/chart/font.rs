//! The font of the charts: widths for the layout, glyphs for the PNG.
//!
//! DejaVu Sans comes from a crate, so no system font is needed and the layout is the same on every machine. It is one of the
//! widest common fonts: text that fits with it fits in the reader's own font too.

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _};

/// A weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

impl Weight {
    /// The font file.
    pub(crate) fn font_file(self) -> &'static [u8] {
        match self {
            Self::Regular => dejavu::sans::regular(),
            Self::Bold => dejavu::sans::bold(),
        }
    }
}

/// Height of a capital letter over the size: half of it below the middle centres a label.
pub(crate) const CAP_HEIGHT: f64 = 0.73;

/// A loaded font.
pub(crate) struct Font {
    inner: FontRef<'static>,
    /// ab_glyph counts size as ascent minus descent; CSS counts it as the em.
    size_factor: f64,
}

impl Font {
    /// Loads a weight; parsing the tables is quick, so nothing is cached globally.
    pub(crate) fn load(weight: Weight) -> Self {
        let Ok(inner) = FontRef::try_from_slice(weight.font_file()) else {
            unreachable!("the font in the crate is valid")
        };
        let em = f64::from(inner.units_per_em().unwrap_or(2048.0));
        let size_factor = f64::from(inner.height_unscaled()) / em;
        Self { inner, size_factor }
    }

    /// Width of `text` at `size`, in the unit of `size`.
    pub(crate) fn width(&self, text: &str, size: f64) -> f64 {
        let scaled = self.inner.as_scaled(self.scale(size));
        let mut previous = None;
        let mut width = 0.0;
        for c in text.chars() {
            let glyph = self.inner.glyph_id(c);
            width += previous.map_or(0.0, |p| scaled.kern(p, glyph)) + scaled.h_advance(glyph);
            previous = Some(glyph);
        }
        f64::from(width)
    }

    fn scale(&self, size: f64) -> PxScale {
        PxScale::from((size * self.size_factor) as f32)
    }
}

/// Both weights, for measuring.
pub(crate) struct Fonts {
    regular: Font,
    bold: Font,
}

impl Fonts {
    pub(crate) fn load() -> Self {
        Self { regular: Font::load(Weight::Regular), bold: Font::load(Weight::Bold) }
    }

    pub(crate) fn of(&self, weight: Weight) -> &Font {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}
