//! Prints the import cycles of a crate, and a small set of imports whose removal breaks them.
//!
//! `cargo run -q -p aelab-ci --example imports -- loadgen/engine` shows the cycles among folders;
//! `--files` adds those among files.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::Path;
use std::process::ExitCode;

use aelab_ci::imports::Imports;
use aelab_ci::imports::graph::Graph;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let wants_files = words.iter().any(|word| word == "--files");
    let Some(folder) = words.iter().find(|word| !word.starts_with("--")) else {
        println!("usage: imports CRATE_DIR [--files]");
        return ExitCode::from(2);
    };
    let manifest = std::fs::read_to_string(Path::new(folder).join("Cargo.toml"));
    let name = manifest.ok().as_deref().and_then(library_name).unwrap_or_default();
    let imports = match Imports::read(&Path::new(folder).join("src"), &name) {
        Ok(imports) => imports,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(2);
        }
    };
    let mut count = 0;
    for level in imports.levels() {
        count += print(&format!("between entries of src/{}", level.folder), &level.graph);
    }
    if wants_files {
        count += print("between files", &imports.files());
    }
    println!("{count} cycles in {folder}");
    ExitCode::from(u8::from(count > 0))
}

/// The name of the package, as paths in code spell it.
fn library_name(manifest: &str) -> Option<String> {
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = \""))?;
    Some(name.trim_end_matches('"').replace('-', "_"))
}

/// Prints the cycles of one graph; how many there are.
fn print(title: &str, graph: &Graph) -> usize {
    let cycles = graph.cycles();
    for cycle in &cycles {
        let names: Vec<&str> =
            cycle.members.iter().map(|member| graph.nodes[*member].as_str()).collect();
        println!("cycle of {} {title}: {}", names.len(), names.join(" "));
        println!("  shortest: {}", graph.shortest_chain(cycle));
        let cut = graph.edges_to_cut(cycle);
        let places: usize = cut.iter().map(|(_, sites)| sites.len()).sum();
        println!("  {} edges to cut, {places} places:", cut.len());
        for ((from, to), sites) in cut {
            println!("    {} -> {}", graph.nodes[from], graph.nodes[to]);
            for site in sites {
                println!("      src/{site}  {}", site.path);
            }
        }
        println!();
    }
    cycles.len()
}
