//! The SVG of a scene as PNG, drawn by resvg at twice the size of its CSS pixels, in the light theme.
//!
//! The font is the one that the layout measures with; no system font is read. The same scene gives the same bytes.

use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

use crate::chart::error::DrawError;
use crate::chart::font::Weight;

/// PNG pixels per CSS pixel.
const SCALE: f32 = 2.0;

/// What every PNG needs: the fonts, loaded once.
#[derive(Debug)]
pub(crate) struct Rasterizer {
    fonts: Arc<fontdb::Database>,
}

impl Rasterizer {
    /// Loads both weights of the layout's font.
    pub(crate) fn new() -> Self {
        let mut fonts = fontdb::Database::new();
        for weight in [Weight::Regular, Weight::Bold] {
            fonts.load_font_data(weight.font_file().to_vec());
        }
        Self { fonts: Arc::new(fonts) }
    }

    /// The PNG of an SVG that stands alone.
    ///
    /// # Errors
    /// Text that is not SVG, or a size that has no pixels.
    pub(crate) fn png(&self, svg: &str) -> Result<Vec<u8>, DrawError> {
        let options = Options { fontdb: Arc::clone(&self.fonts), ..Options::default() };
        let tree = Tree::from_str(svg, &options).map_err(DrawError::from_display)?;
        let size = tree.size().to_int_size().scale_by(SCALE);
        let mut pixels = size
            .and_then(|size| Pixmap::new(size.width(), size.height()))
            .ok_or_else(|| DrawError("the chart has no size".to_owned()))?;
        // Slides with a dark background show the PNG, too.
        pixels.fill(Color::WHITE);
        resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut pixels.as_mut());
        pixels.encode_png().map_err(DrawError::from_display)
    }
}
