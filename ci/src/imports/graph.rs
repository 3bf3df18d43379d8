//! A graph of imports: its cycles, the shortest chain of one, and the edges to cut.
//!
//! Read next: `cut` (which edges to cut).

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use super::cut;

/// One place where a file uses another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Site {
    /// The file that uses, as a path below `src`.
    pub file: String,
    /// Line number from 1.
    pub line: usize,
    /// The path as written, with its groups spelled out.
    pub path: String,
}

/// Files or folders, and which uses which.
#[derive(Debug, Clone)]
pub struct Graph {
    /// Names of the files or folders.
    pub nodes: Vec<String>,
    /// The places of each edge (user, used), by index into `nodes`. Never empty for an edge.
    pub edges: BTreeMap<(usize, usize), Vec<Site>>,
}

/// Files or folders each of which uses every other, directly or through others of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Indices into the graph's nodes, ascending.
    pub members: Vec<usize>,
}

impl Graph {
    /// The strongly connected components with more than one member.
    #[must_use]
    pub fn cycles(&self) -> Vec<Cycle> {
        let reach: Vec<Vec<bool>> = (0..self.nodes.len()).map(|node| self.reach(node)).collect();
        let mut cycles = Vec::new();
        let mut is_placed = vec![false; self.nodes.len()];
        for node in 0..self.nodes.len() {
            let is_member = |other: &usize| reach[node][*other] && reach[*other][node];
            let members: Vec<usize> = (0..self.nodes.len()).filter(is_member).collect();
            if members.len() > 1 && !is_placed[node] {
                members.iter().for_each(|member| is_placed[*member] = true);
                cycles.push(Cycle { members });
            }
        }
        cycles
    }

    /// Which nodes can be reached from `start` by at least one edge.
    fn reach(&self, start: usize) -> Vec<bool> {
        let mut seen = vec![false; self.nodes.len()];
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            for next in self.used_by(node) {
                if !seen[next] {
                    seen[next] = true;
                    open.push(next);
                }
            }
        }
        seen
    }

    fn used_by(&self, node: usize) -> impl Iterator<Item = usize> {
        self.edges.range((node, 0)..=(node, usize::MAX)).map(|((_, to), _)| *to)
    }

    /// The shortest chain of imports that leads from a member of the cycle back to it.
    #[must_use]
    pub fn shortest_chain(&self, cycle: &Cycle) -> Chain<'_> {
        let chains = cycle.members.iter().filter_map(|start| self.chain_from(*start));
        let nodes = chains.min_by_key(Vec::len).unwrap_or_default();
        let links = nodes.iter().zip(nodes.iter().cycle().skip(1)).filter_map(|(from, to)| {
            let site = self.edges.get(&(*from, *to))?.first()?;
            Some((site, self.nodes[*to].as_str()))
        });
        Chain { links: links.collect() }
    }

    /// The nodes of the shortest way from `start` back to `start`.
    fn chain_from(&self, start: usize) -> Option<Vec<usize>> {
        let mut came_from = vec![None; self.nodes.len()];
        let mut open = VecDeque::from([start]);
        while let Some(node) = open.pop_front() {
            for next in self.used_by(node) {
                if next == start {
                    let previous = |node: &usize| came_from[*node];
                    let mut nodes: Vec<usize> =
                        std::iter::successors(Some(node), previous).collect();
                    nodes.reverse();
                    return Some(nodes);
                }
                if came_from[next].is_none() {
                    came_from[next] = Some(node);
                    open.push_back(next);
                }
            }
        }
        None
    }

    /// Edges that break the cycle when they are removed, with as few places to change as a local
    /// search finds.
    #[must_use]
    pub fn edges_to_cut(&self, cycle: &Cycle) -> Vec<((usize, usize), &[Site])> {
        let weight = |from: usize, to: usize| self.edges.get(&(from, to)).map_or(0, Vec::len);
        let cut = cut::back_edges(&cycle.members, weight);
        cut.into_iter().map(|edge| (edge, &self.edges[&edge][..])).collect()
    }
}

/// A circle of imports, one place for each.
#[derive(Debug, Clone)]
pub struct Chain<'a> {
    /// Each place, and the name of the node that it uses.
    links: Vec<(&'a Site, &'a str)>,
}

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (site, used)) in self.links.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " -> " };
            write!(f, "{arrow}{site} uses {used} ({})", site.path)?;
        }
        Ok(())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
