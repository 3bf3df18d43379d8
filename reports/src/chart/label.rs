//! Placing labels: in a column beside the curves they name, and in a row above the marks they name.

/// Moves labels of a column apart: keeps their order, a distance of `gap` and the range
/// `lo … hi`. Returns the new centres, in the given order.
///
/// Neighbours that are too close form a block around their mean; blocks that meet are joined.
pub(crate) fn spread(wanted: &[f64], gap: f64, lo: f64, hi: f64) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|&a, &b| wanted[a].total_cmp(&wanted[b]));
    // A block: sum of (wanted − offset in the block), members.
    let mut blocks: Vec<(f64, Vec<usize>)> = Vec::new();
    let start = |sum: f64, members: usize| {
        let last_start = hi - gap * (members - 1) as f64;
        (sum / members as f64).min(last_start).max(lo)
    };
    for index in order {
        let mut block = (wanted[index], vec![index]);
        while let Some((sum, members)) = blocks.last() {
            let end = start(*sum, members.len()) + gap * members.len() as f64;
            if end <= start(block.0, block.1.len()) {
                break;
            }
            let shift = gap * members.len() as f64 * block.1.len() as f64;
            let joined = (sum + block.0 - shift, [members.as_slice(), &block.1].concat());
            blocks.pop();
            block = joined;
        }
        blocks.push(block);
    }
    let mut placed = vec![0.0; wanted.len()];
    for (sum, members) in blocks {
        let first = start(sum, members.len());
        for (position, index) in members.into_iter().enumerate() {
            placed[index] = first + gap * position as f64;
        }
    }
    placed
}

/// A row of labels that takes each one only where it overlaps none of the others.
#[derive(Debug)]
pub(crate) struct Row {
    lo: f64,
    hi: f64,
    gap: f64,
    taken: Vec<(f64, f64)>,
}

impl Row {
    /// A row from `lo` to `hi` with at least `gap` between labels.
    pub(crate) fn new(lo: f64, hi: f64, gap: f64) -> Self {
        Self { lo, hi, gap, taken: Vec::new() }
    }

    /// The left end of a label of `width` centred at `middle`, moved inside the row; `None` if
    /// there is no room for it.
    pub(crate) fn place(&mut self, middle: f64, width: f64) -> Option<f64> {
        if width > self.hi - self.lo {
            return None;
        }
        let left = (middle - width / 2.0).clamp(self.lo, self.hi - width);
        let free =
            self.taken.iter().all(|&(a, b)| left + width + self.gap <= a || left >= b + self.gap);
        free.then(|| {
            self.taken.push((left, left + width));
            left
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn close_labels_move_apart_around_their_mean() {
        assert_eq!(spread(&[50.0, 50.0], 10.0, 0.0, 100.0), [45.0, 55.0]);
        assert_eq!(spread(&[98.0, 99.0], 10.0, 0.0, 100.0), [90.0, 100.0]);
        assert_eq!(spread(&[80.0, 10.0], 10.0, 0.0, 100.0), [80.0, 10.0]);
    }

    proptest! {
        #[test]
        fn labels_keep_order_distance_and_range(
            wanted in prop::collection::vec(-20.0_f64..120.0, 1..8)
        ) {
            let placed = spread(&wanted, 10.0, 0.0, 100.0);
            for (i, a) in placed.iter().enumerate() {
                prop_assert!((-1e-9..=100.0 + 1e-9).contains(a));
                for (j, b) in placed.iter().enumerate().skip(i + 1) {
                    prop_assert!((a - b).abs() >= 10.0 - 1e-9);
                    if wanted[i] != wanted[j] {
                        prop_assert_eq!(wanted[i] < wanted[j], a < b);
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_refuses_what_would_overlap() {
        let mut row = Row::new(0.0, 100.0, 5.0);
        assert_eq!(row.place(10.0, 40.0), Some(0.0));
        assert_eq!(row.place(60.0, 40.0), None);
        assert_eq!(row.place(70.0, 40.0), Some(50.0));
        assert_eq!(row.place(50.0, 200.0), None);
    }
}
