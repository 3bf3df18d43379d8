//! Small questions about syntax: what exists only in tests, and names.

use std::path::Path;

use syn::{Attribute, Meta};

/// Whether the name of a file says that it holds unit tests.
pub(super) fn is_test_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    name == "tests.rs" || name.ends_with("_tests.rs")
}

/// Whether an item exists only when tests are compiled: `#[test]`, `#[cfg(test)]` or
/// `#[cfg(all(test, …))]`.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let Meta::List(list) = &attribute.meta else { return false };
        let mut words: String = list.tokens.to_string();
        words.retain(|c| !c.is_whitespace());
        let wants_test = |list: &str| list.split(',').any(|word| word == "test");
        let all = words.strip_prefix("all(").and_then(|rest| rest.strip_suffix(')'));
        list.path.is_ident("cfg") && (words == "test" || all.is_some_and(wants_test))
    })
}

/// An identifier without `r#`.
pub(super) fn name_of(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}
