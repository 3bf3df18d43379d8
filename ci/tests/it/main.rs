//! The repository keeps its own rules: dependency direction, confinement, size, prose.

mod dependencies;
mod docs;
mod imports;
mod sources;
mod unused;
mod wording;

use std::path::{Path, PathBuf};

/// The repository's root.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in the root").to_owned()
}
