//! The modules of a crate: the files they lie in, and what each defines, imports and names.

use std::collections::{BTreeMap, BTreeSet};

/// All modules of a crate.
#[derive(Debug, Default)]
pub(super) struct ModuleTree {
    /// Paths below `src`.
    pub(super) files: Vec<String>,
    pub(super) modules: Vec<Module>,
    /// The library's name in paths, and its root.
    pub(super) library: Option<(String, usize)>,
}

/// One module: a file, or an inline `mod` in one.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Index into [`ModuleTree::files`].
    pub(super) file: usize,
    /// The module at the root of this crate target.
    pub(super) root: usize,
    pub(super) parent: Option<usize>,
    pub(super) children: BTreeMap<String, usize>,
    /// Names of the items that the module defines itself.
    pub(super) items: BTreeSet<String>,
    pub(super) imports: Vec<Import>,
    pub(super) references: Vec<Reference>,
}

/// One name brought into scope by a `use` item.
#[derive(Debug)]
pub(super) struct Import {
    /// The name in this module; `*` for a glob import.
    pub(super) name: String,
    pub(super) path: Vec<String>,
    pub(super) line: usize,
    /// The `use` has a visibility of its own (`pub use`, `pub(crate) use`).
    pub(super) is_re_export: bool,
}

/// A path in code.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) path: Vec<String>,
    pub(super) line: usize,
}
