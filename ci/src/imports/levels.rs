//! Collapses the graph of files into graphs of folders.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, Site};

/// The imports among the entries of one folder.
#[derive(Debug)]
pub struct Level {
    /// The folder below `src`; empty for `src` itself.
    pub folder: String,
    /// The imports among its entries.
    pub graph: Graph,
}

type Edges = BTreeMap<(usize, usize), Vec<Site>>;

/// One graph for `src` and one for each folder below it that has at least two sub-folders.
pub(super) fn levels(files: &[String], edges: &Edges) -> Vec<Level> {
    let mut folders: BTreeSet<&str> = BTreeSet::from([""]);
    for file in files {
        folders.extend(file.match_indices('/').map(|(at, _)| &file[..at]));
    }
    let mut found = Vec::new();
    for folder in &folders {
        let is_entry = |entry: &str| {
            // Below `src` itself, only sub-folders are entries: a file beside them belongs to the folder.
            folder.is_empty() || folders.contains(format!("{folder}/{entry}").as_str())
        };
        let entries: Vec<Option<&str>> =
            files.iter().map(|file| entry(folder, file).filter(|entry| is_entry(entry))).collect();
        let graph = collapse(&entries, edges);
        if folder.is_empty() || graph.nodes.len() > 1 {
            found.push(Level { folder: (*folder).to_owned(), graph });
        }
    }
    found
}

/// The entry of `folder` in which `file` lies, without `.rs`: `net` for `net.rs` and `net/read.rs`.
fn entry<'a>(folder: &str, file: &'a str) -> Option<&'a str> {
    let rest = file.strip_prefix(folder)?;
    let rest = if folder.is_empty() { rest } else { rest.strip_prefix('/')? };
    let name = rest.split('/').next()?;
    Some(name.strip_suffix(".rs").unwrap_or(name))
}

/// The graph of the entries, from that of the files and the entry of each file.
fn collapse(entries: &[Option<&str>], edges: &Edges) -> Graph {
    let nodes: Vec<&str> =
        entries.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let index_of = |file: usize| entries[file].and_then(|entry| nodes.binary_search(&entry).ok());
    let mut collapsed = Edges::new();
    for ((from, to), sites) in edges {
        if let (Some(from), Some(to)) = (index_of(*from), index_of(*to))
            && from != to
        {
            collapsed.entry((from, to)).or_default().extend(sites.iter().cloned());
        }
    }
    Graph { nodes: nodes.into_iter().map(str::to_owned).collect(), edges: collapsed }
}
