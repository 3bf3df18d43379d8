//! Which file of a crate uses which, and the cycles among files and among folders.
//!
//! The graph is read from the sources of one crate: its module tree, its `use` items and the paths
//! in its code. Strings, comments, attributes, `#[cfg(test)]` items and test files do not count.
//!
//! What is an edge from file A to file B:
//!
//! - A imports an item that B defines, or A names it by a path (`crate::b::now()`).
//! - A re-export is followed: `use crate::engine::Live`, where `engine/mod.rs` has
//!   `pub use live::Live`, is an edge to `engine/live.rs` and none to `engine/mod.rs`.
//! - An import of a module that has no submodules is an edge to its file. An import of a module that
//!   has submodules is none by itself: only the paths that start with it count.
//!
//! Between a parent and its submodules:
//!
//! - The parent names its submodules: `mod live;` and `pub use live::Live;` are no edges.
//! - The code of the parent uses an item of a submodule: an edge to the file of the submodule. A
//!   private `use live::Live;` in the parent counts as such a use.
//! - A submodule uses an item that the file of its parent defines: an edge to the parent.
//!
//! In the graph of folders, `engine/mod.rs` belongs to `engine`, and so does an `engine.rs` beside
//! that folder.
//!
//! Not seen: methods called on values whose type is inferred, and paths that a macro assembles.
//!
//! Read next: `module_tree` (files to modules), `references` (paths in code), `resolve` (paths to
//! files), [`graph`] (cycles).

mod cut;
pub mod graph;
mod levels;
mod module;
mod module_tree;
mod references;
mod resolve;
mod syntax;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use graph::{Graph, Site};

pub use levels::Level;

/// The imports of one crate.
#[derive(Debug)]
pub struct Imports {
    /// Paths of the files below `src`, with forward slashes.
    files: Vec<String>,
    /// The places of each edge, by the indices of the two files.
    edges: BTreeMap<(usize, usize), Vec<Site>>,
}

impl Imports {
    /// Reads the crate whose sources lie in `src`. `name` is the name of the library in paths
    /// (`aelab_loadgen`), by which a `main.rs` beside a `lib.rs` imports from it.
    ///
    /// # Errors
    /// A file cannot be read, or is not valid Rust.
    pub fn read(src: &Path, name: &str) -> io::Result<Imports> {
        let tree = module_tree::read(src, name)?;
        Ok(Imports { edges: resolve::edges(&tree), files: tree.files })
    }

    /// The imports among all files.
    #[must_use]
    pub fn files(&self) -> Graph {
        Graph { nodes: self.files.clone(), edges: self.edges.clone() }
    }

    /// The imports among the entries of `src` (folders and files), then, for every folder below
    /// it, among its sub-folders.
    #[must_use]
    pub fn levels(&self) -> Vec<Level> {
        levels::levels(&self.files, &self.edges)
    }
}
