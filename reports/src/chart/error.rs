//! Why a chart could not be drawn.

/// A defect of the layout, never of the data. Holds the reason.
#[derive(Debug)]
pub(crate) struct DrawError(pub(crate) String);

impl DrawError {
    pub(crate) fn from_display(error: impl std::fmt::Display) -> Self {
        Self(error.to_string())
    }
}
