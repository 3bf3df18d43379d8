//! The reference of procedures in README.md is generated from the table.

use aelab_scenarios::procedure::{Kind, ProcedureKind};
use std::fmt::Write as _;

const BEGIN: &str = "<!-- procedures: begin -->\n";
const END: &str = "<!-- procedures: end -->";

/// The reference, written from the rows of the table.
fn reference() -> String {
    let mut out = String::new();
    for kind in ProcedureKind::ALL {
        let row = kind.row();
        let about = wrapped(&format!("This procedure {}.", row.about));
        let _ = writeln!(out, "### `{}`\n\n{about}\n", row.name);
        if !row.params.is_empty() {
            out.push_str("| parameter | type | default | meaning |\n|---|---|---|---|\n");
        }
        for param in row.params {
            let takes = takes(param.kind);
            let _ = writeln!(
                out,
                "| `{}` | {takes} | `{}` | {} |",
                param.name, param.default, param.about
            );
        }
        out.push_str("\n| figure | meaning |\n|---|---|\n");
        for figure in row.figures {
            let _ = writeln!(out, "| `{}` | {} |", figure.name, figure.about);
        }
        out.push('\n');
    }
    out
}

/// A paragraph in lines of at most 100 columns.
fn wrapped(text: &str) -> String {
    const WIDTH: usize = 100;
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("never empty");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= WIDTH {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

fn takes(kind: Kind) -> String {
    let debug = format!("{kind:?}").to_lowercase();
    match debug.strip_suffix('s') {
        Some(one) => format!("list of {one}s"),
        None => debug,
    }
}

#[test]
fn the_reference_is_up_to_date() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).expect("README.md");
    let (head, rest) = text.split_once(BEGIN).expect("the start of the reference");
    let (written, tail) = rest.split_once(END).expect("its end");
    let reference = reference();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        std::fs::write(&path, format!("{head}{BEGIN}{reference}{END}{tail}")).expect("written");
    } else {
        assert!(
            written == reference,
            "README.md differs: run UPDATE_REFERENCE=1 cargo test -p aelab-scenarios"
        );
    }
}
