//! Reads the module tree of a crate.
//!
//! Follows `mod x;` and `#[path]` from `lib.rs`, `main.rs` and `bin/*.rs`. Modules that exist only
//! in tests are left out.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use syn::{Attribute, Expr, ExprLit, Item, ItemMod, Lit, Meta};

use super::module::{Module, ModuleTree};
use super::references;
use super::syntax::{is_test_file, is_test_only, name_of};

/// Reads the module tree below `src`.
pub(super) fn read(src: &Path, name: &str) -> io::Result<ModuleTree> {
    let mut tree = ModuleTree::default();
    let library = src.join("lib.rs");
    if library.exists() {
        let root = read_root(&mut tree, src, &library)?;
        tree.library = Some((name.to_owned(), root));
    }
    let mut programs = vec![src.join("main.rs")];
    if let Ok(entries) = fs::read_dir(src.join("bin")) {
        programs.extend(entries.flatten().map(|entry| entry.path()));
    }
    for program in programs.iter().filter(|path| path.is_file()) {
        read_root(&mut tree, src, program)?;
    }
    if tree.modules.is_empty() {
        return Err(io::Error::other(format!("{}: no lib.rs and no main.rs", src.display())));
    }
    Ok(tree)
}

fn read_root(tree: &mut ModuleTree, src: &Path, path: &Path) -> io::Result<usize> {
    let root = tree.modules.len();
    let folder = path.parent().unwrap_or(src).to_owned();
    let mut reader = Reader { tree, src };
    reader.read_file(path, &folder, Module { root, ..Module::default() })
}

struct Reader<'a> {
    tree: &'a mut ModuleTree,
    src: &'a Path,
}

impl Reader<'_> {
    /// Adds the module of the file at `path`; its submodules lie in `folder`.
    fn read_file(&mut self, path: &Path, folder: &Path, module: Module) -> io::Result<usize> {
        let text = fs::read_to_string(path).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", path.display()))
        })?;
        let syntax = syn::parse_file(&text).map_err(|error| {
            let line = error.span().start().line;
            io::Error::other(format!("{}:{line}: {error}", path.display()))
        })?;
        let relative = path.strip_prefix(self.src).unwrap_or(path);
        self.tree.files.push(relative.to_string_lossy().replace('\\', "/"));
        let file = self.tree.files.len() - 1;
        let beside = path.parent().unwrap_or(self.src).to_owned();
        self.add(&syntax.items, &beside, folder, Module { file, ..module })
    }

    /// Adds a module with these items. A `#[path]` counts from `beside`, a submodule lies in `folder`.
    fn add(
        &mut self,
        items: &[Item],
        beside: &Path,
        folder: &Path,
        module: Module,
    ) -> io::Result<usize> {
        let index = self.tree.modules.len();
        let (file, root) = (module.file, module.root);
        self.tree.modules.push(module);
        references::collect(items, &mut self.tree.modules[index]);
        for item in items {
            let Item::Mod(child) = item else { continue };
            if is_test_only(&child.attrs) {
                continue;
            }
            let name = name_of(&child.ident);
            let below = Module { file, root, parent: Some(index), ..Module::default() };
            let child_index = match &child.content {
                Some((_, items)) => {
                    let inner = folder.join(&name);
                    self.add(items, &inner, &inner, below)?
                }
                None => match locate(child, &name, beside, folder) {
                    Some((path, inner)) if !is_test_file(&path) => {
                        self.read_file(&path, &inner, below)?
                    }
                    Some(_) => continue,
                    None => {
                        let at = &self.tree.files[file];
                        let message = format!("{at}: the file of `mod {name}` is missing");
                        return Err(io::Error::other(message));
                    }
                },
            };
            self.tree.modules[index].children.insert(name, child_index);
        }
        Ok(index)
    }
}

/// The file of `mod name;` and the folder of its submodules.
fn locate(item: &ItemMod, name: &str, beside: &Path, folder: &Path) -> Option<(PathBuf, PathBuf)> {
    if let Some(path) = item.attrs.iter().find_map(path_attribute) {
        let path = beside.join(path);
        let inner = path.parent()?.to_owned();
        return path.exists().then_some((path, inner));
    }
    let inner = folder.join(name);
    let candidates = [folder.join(format!("{name}.rs")), inner.join("mod.rs")];
    candidates.into_iter().find(|path| path.exists()).map(|path| (path, inner))
}

fn path_attribute(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if pair.path.is_ident("path") => {
            Some(text.value())
        }
        _ => None,
    }
}
