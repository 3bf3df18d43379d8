//! Which edges to remove so that a graph has no cycle: a small feedback arc set.
//!
//! The smallest one is hard to find (NP-hard), so this is a local search: order the nodes, count
//! the edges that point backwards, and move nodes while that count falls. Exact for small cycles,
//! good enough to show progress for large ones.

/// The edges (from, to) between `nodes` that point backwards in the best order found, so that every
/// remaining edge points forwards. `weight` is the price of an edge; 0 means that there is none.
pub(super) fn back_edges(
    nodes: &[usize],
    weight: impl Fn(usize, usize) -> usize,
) -> Vec<(usize, usize)> {
    let starts = (0..nodes.len()).map(|first| {
        let mut order = nodes.to_vec();
        order.rotate_left(first);
        improve(order, &weight)
    });
    let best = starts.min_by_key(|order| price(order, &weight)).unwrap_or_default();
    let mut edges: Vec<(usize, usize)> = pairs(&best)
        .filter(|(earlier, later)| weight(*later, *earlier) > 0)
        .map(|(earlier, later)| (later, earlier))
        .collect();
    edges.sort_unstable();
    edges
}

/// Moves one node at a time to its best place until no move helps.
fn improve(mut order: Vec<usize>, weight: &impl Fn(usize, usize) -> usize) -> Vec<usize> {
    loop {
        let mut is_better = false;
        for node in order.clone() {
            is_better |= place(&mut order, node, weight);
        }
        if !is_better {
            return order;
        }
    }
}

/// Moves `node` to the place with the lowest price; whether that is lower than where it was.
fn place(order: &mut Vec<usize>, node: usize, weight: &impl Fn(usize, usize) -> usize) -> bool {
    let Some(old) = order.iter().position(|other| *other == node) else { return false };
    order.remove(old);
    // At the front, every edge from another node to this one points backwards.
    let mut price: usize = order.iter().map(|other| weight(*other, node)).sum();
    let mut prices = vec![price];
    for other in order.iter() {
        price = price + weight(node, *other) - weight(*other, node);
        prices.push(price);
    }
    let best = (0..prices.len()).min_by_key(|place| prices[*place]).unwrap_or(old);
    let is_better = prices[best] < prices[old];
    order.insert(if is_better { best } else { old }, node);
    is_better
}

fn price(order: &[usize], weight: &impl Fn(usize, usize) -> usize) -> usize {
    pairs(order).map(|(earlier, later)| weight(later, earlier)).sum()
}

fn pairs(order: &[usize]) -> impl Iterator<Item = (usize, usize)> {
    (1..)
        .zip(order)
        .flat_map(|(rest, earlier)| order[rest..].iter().map(|later| (*earlier, *later)))
}
