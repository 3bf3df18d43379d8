//! From a path to the file that defines what it names.

use std::collections::BTreeMap;

use super::graph::Site;
use super::module::{Import, ModuleTree};

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Module(usize),
    /// An item, or a name inside one (a variant, an associated function), that this module defines.
    Item(usize),
}

/// The imports that are being followed, by module and position. They end circles of re-exports.
type Following = Vec<(usize, usize)>;

/// The edges between files, each with the places where it arises.
pub(super) fn edges(tree: &ModuleTree) -> BTreeMap<(usize, usize), Vec<Site>> {
    let resolver = Resolver { tree };
    let mut edges: BTreeMap<(usize, usize), Vec<Site>> = BTreeMap::new();
    for (index, module) in tree.modules.iter().enumerate() {
        let mut add = |targets: Vec<usize>, path: &[String], line: usize| {
            for target in targets {
                let (from, to) = (module.file, tree.modules[target].file);
                let file = tree.files[from].clone();
                let site = Site { file, line, path: path.join("::") };
                let sites = edges.entry((from, to)).or_default();
                if from != to && !sites.contains(&site) {
                    sites.push(site);
                }
            }
        };
        for (position, import) in module.imports.iter().enumerate() {
            add(resolver.imported(index, position, import), &import.path, import.line);
        }
        for reference in &module.references {
            let mut targets = resolver.named(index, &reference.path);
            // What an import has counted is not counted again for each use of the imported name.
            let counted = resolver.counted_by_import(index, &reference.path);
            targets.retain(|target| !counted.contains(target));
            add(targets, &reference.path, reference.line);
        }
    }
    edges.retain(|_, sites| !sites.is_empty());
    for sites in edges.values_mut() {
        sites.sort();
    }
    edges
}

struct Resolver<'a> {
    tree: &'a ModuleTree,
}

impl Resolver<'_> {
    /// The modules whose files an import depends on.
    fn imported(&self, module: usize, position: usize, import: &Import) -> Vec<usize> {
        let targets = self.path(module, &import.path, &mut vec![(module, position)]);
        let counts = |target: &Target| match *target {
            Target::Item(target) => Some(target),
            Target::Module(target) => {
                let is_leaf = self.tree.modules[target].children.is_empty();
                (is_leaf || import.name == "*").then_some(target)
            }
        };
        let mut found: Vec<usize> = targets.iter().filter_map(counts).collect();
        if import.is_re_export {
            found.retain(|target| !self.is_below(*target, module));
        }
        found
    }

    /// The modules that the import of the first name of `path` already depends on.
    fn counted_by_import(&self, module: usize, path: &[String]) -> Vec<usize> {
        let imports = (0..).zip(&self.tree.modules[module].imports);
        let same_name = imports.filter(|(_, import)| Some(&import.name) == path.first());
        same_name.flat_map(|(position, import)| self.imported(module, position, import)).collect()
    }

    /// The modules that define what a path in code names. A path to a module names nothing yet.
    fn named(&self, module: usize, path: &[String]) -> Vec<usize> {
        let items = |target: Target| match target {
            Target::Item(target) => Some(target),
            Target::Module(_) => None,
        };
        self.path(module, path, &mut Vec::new()).into_iter().filter_map(items).collect()
    }

    fn is_below(&self, module: usize, ancestor: usize) -> bool {
        let parent = |module: &usize| self.tree.modules[*module].parent;
        std::iter::successors(Some(module), parent).any(|module| module == ancestor)
    }

    /// Everything that `path` may name as seen from `module`: a name can be a module and an item at
    /// once. Empty if it lies outside of the crate.
    fn path(&self, module: usize, path: &[String], following: &mut Following) -> Vec<Target> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let here = &self.tree.modules[module];
        let start = match first.as_str() {
            "crate" => vec![Target::Module(here.root)],
            "self" => vec![Target::Module(module)],
            "super" => here.parent.map(Target::Module).into_iter().collect(),
            name => match (self.name(module, name, following), &self.tree.library) {
                (Some(targets), _) => targets,
                (None, Some((library, root))) if library == name => vec![Target::Module(*root)],
                (None, _) => Vec::new(),
            },
        };
        rest.iter().fold(start, |targets, name| {
            let mut next = Vec::new();
            for target in targets {
                match target {
                    Target::Item(_) => next.push(target),
                    Target::Module(at) => next.extend(self.step(at, name, following)),
                }
            }
            next
        })
    }

    /// What `name` is in the module `at`, which a path has named.
    fn step(&self, at: usize, name: &str, following: &mut Following) -> Vec<Target> {
        match (name, self.tree.modules[at].parent) {
            ("super", Some(parent)) => vec![Target::Module(parent)],
            // An unknown name comes from a macro in that module.
            _ => self.name(at, name, following).unwrap_or_else(|| vec![Target::Item(at)]),
        }
    }

    /// What `name` stands for in the scope of `module`; `None` if it is not there.
    fn name(&self, module: usize, name: &str, following: &mut Following) -> Option<Vec<Target>> {
        let scope = &self.tree.modules[module];
        let mut found: Vec<Target> =
            scope.children.get(name).map(|child| Target::Module(*child)).into_iter().collect();
        if scope.items.contains(name) {
            found.push(Target::Item(module));
        }
        let mut is_known = !found.is_empty();
        for (position, import) in scope.imports.iter().enumerate() {
            if import.name == name && !following.contains(&(module, position)) {
                is_known = true;
                following.push((module, position));
                found.extend(self.path(module, &import.path, following));
                following.pop();
            }
        }
        if is_known {
            return Some(found);
        }
        for (position, import) in scope.imports.iter().enumerate() {
            if import.name == "*" && !following.contains(&(module, position)) {
                following.push((module, position));
                for target in self.path(module, &import.path, following) {
                    if let Target::Module(at) = target {
                        found.extend(self.name(at, name, following).unwrap_or_default());
                    }
                }
                following.pop();
            }
        }
        (!found.is_empty()).then_some(found)
    }
}
