//! What one module defines, imports and names, from its syntax.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Expr, ImplItem, Item, ItemUse, Macro, Path, Stmt, TraitItem, UseTree, Visibility,
};

use super::module::{Import, Module, Reference};
use super::syntax::{is_test_only, name_of};

/// Adds what these items define, import and name to `module`. Submodules are left to the caller.
pub(super) fn collect(items: &[Item], module: &mut Module) {
    let mut collector = Collector { module };
    for item in items.iter().filter(|item| !is_test_only(attributes(item))) {
        if let Some(name) = defined_name(item) {
            collector.module.items.insert(name);
        }
        if !matches!(item, Item::Mod(_)) {
            collector.visit_item(item);
        }
    }
}

struct Collector<'a> {
    module: &'a mut Module,
}

impl Collector<'_> {
    fn import(&mut self, tree: &UseTree, prefix: &[String], is_re_export: bool) {
        let with = |ident: &proc_macro2::Ident| {
            let mut path = prefix.to_vec();
            // `self` at the end of a group stands for the prefix.
            if ident != "self" || prefix.is_empty() {
                path.push(name_of(ident));
            }
            path
        };
        let (name, path, line) = match tree {
            UseTree::Path(next) => {
                return self.import(&next.tree, &with(&next.ident), is_re_export);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, prefix, is_re_export);
                }
                return;
            }
            UseTree::Name(name) => {
                let path = with(&name.ident);
                (path.last().cloned().unwrap_or_default(), path, name.ident.span())
            }
            UseTree::Rename(rename) => {
                (name_of(&rename.rename), with(&rename.ident), rename.ident.span())
            }
            UseTree::Glob(glob) => ("*".to_owned(), prefix.to_vec(), glob.star_token.spans[0]),
        };
        let line = line.start().line;
        self.module.imports.push(Import { name, path, line, is_re_export });
    }

    /// Names inside a macro call, which are tokens and not syntax: paths, and single names that
    /// look like types. A lower-case single name may be anything (a variable, a field).
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        // How many of the two colons of `::` were seen since the last name.
        let mut colons = 0;
        let mut is_member = false;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.reference_in_macro(&mut path, line);
                        line = ident.span().start().line;
                    }
                    if !is_member {
                        path.push(name_of(&ident));
                    }
                    (colons, is_member) = (0, false);
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => {
                    colons += 1
                }
                TokenTree::Punct(punct) => {
                    self.reference_in_macro(&mut path, line);
                    (colons, is_member) = (0, matches!(punct.as_char(), '.' | '\''));
                }
                TokenTree::Group(group) => {
                    if colons == 2 && group.delimiter() == Delimiter::Brace {
                        self.group(&path, group.stream());
                        path.clear();
                    } else {
                        self.reference_in_macro(&mut path, line);
                        self.tokens(group.stream());
                    }
                    (colons, is_member) = (0, false);
                }
                TokenTree::Literal(_) => {
                    self.reference_in_macro(&mut path, line);
                    (colons, is_member) = (0, false);
                }
            }
        }
        self.reference_in_macro(&mut path, line);
    }

    /// `prefix::{a, b::C}` inside a macro call.
    fn group(&mut self, prefix: &[String], tokens: TokenStream) {
        for token in tokens {
            if let TokenTree::Ident(ident) = token {
                let path = prefix.iter().cloned().chain([name_of(&ident)]).collect();
                self.module.references.push(Reference { path, line: ident.span().start().line });
            }
        }
    }

    fn reference_in_macro(&mut self, path: &mut Vec<String>, line: usize) {
        let path = std::mem::take(path);
        let is_type = |name: &String| name.starts_with(char::is_uppercase);
        if path.len() > 1 || path.first().is_some_and(is_type) {
            self.module.references.push(Reference { path, line });
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_path(&mut self, path: &'ast Path) {
        if let Some(first) = path.segments.first()
            && path.leading_colon.is_none()
        {
            let line = first.ident.span().start().line;
            let path = path.segments.iter().map(|segment| name_of(&segment.ident)).collect();
            self.module.references.push(Reference { path, line });
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if item.leading_colon.is_none() && !is_test_only(&item.attrs) {
            let is_re_export = !matches!(item.vis, Visibility::Inherited);
            self.import(&item.tree, &[], is_re_export);
        }
    }

    fn visit_item(&mut self, item: &'ast Item) {
        if !is_test_only(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs[..],
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_test_only(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        if !matches!(item, TraitItem::Fn(item) if is_test_only(&item.attrs)) {
            visit::visit_trait_item(self, item);
        }
    }

    fn visit_stmt(&mut self, statement: &'ast Stmt) {
        let attributes = match statement {
            Stmt::Local(local) => &local.attrs[..],
            Stmt::Expr(Expr::Block(block), _) => &block.attrs,
            Stmt::Macro(call) => &call.attrs,
            _ => &[],
        };
        if !is_test_only(attributes) {
            visit::visit_stmt(self, statement);
        }
    }

    // Neither a comment (`///` is an attribute) nor `pub(crate)` uses anything.
    fn visit_attribute(&mut self, _: &'ast Attribute) {}
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// The name of the item in its module. Submodules and imports are kept apart.
fn defined_name(item: &Item) -> Option<String> {
    let ident = match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    };
    Some(name_of(ident))
}
