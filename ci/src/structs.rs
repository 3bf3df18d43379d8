//! Structs with many fields.
//!
//! A struct with more fields than a reader can hold in mind wants to be several. Structs in
//! `#[cfg(test)]` modules count too.

use syn::Fields;
use syn::ItemStruct;
use syn::visit::{self, Visit};

use crate::hygiene::{Source, Violation};

/// Most fields of a struct in the engine.
pub const FIELDS_MAX: usize = 20;

/// The structs of one file that have more than [`FIELDS_MAX`] fields.
#[must_use]
pub fn are_not_too_wide(source: &Source) -> Vec<Violation> {
    let found = Vec::new();
    let mut visitor = Wide { source, found };
    match syn::parse_file(&source.text) {
        Ok(file) => visitor.visit_file(&file),
        Err(error) => visitor.add(error.span().start().line, format!("not valid Rust: {error}")),
    }
    visitor.found
}

struct Wide<'a> {
    source: &'a Source,
    found: Vec<Violation>,
}

impl Wide<'_> {
    fn add(&mut self, line: usize, message: String) {
        self.found.push(Violation { path: self.source.path.clone(), line, message });
    }
}

impl<'ast> Visit<'ast> for Wide<'_> {
    fn visit_item_struct(&mut self, item: &'ast ItemStruct) {
        let count = match &item.fields {
            Fields::Named(fields) => fields.named.len(),
            Fields::Unnamed(fields) => fields.unnamed.len(),
            Fields::Unit => 0,
        };
        if count > FIELDS_MAX {
            let message = format!("{} has {count} fields, {FIELDS_MAX} allowed", item.ident);
            self.add(item.ident.span().start().line, message);
        }
        visit::visit_item_struct(self, item);
    }
}
