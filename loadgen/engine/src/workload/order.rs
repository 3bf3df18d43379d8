//! What a connection sends in a fixed order: which command is next, and which keys are its own.
//!
//! Not random choices (see `sampler`). Invariant: each connection goes through its own cycle and its own sequences, whatever
//! the others do; that is how memtier counts.

use crate::plan::Walk;
use crate::plan::share::part;

/// The connection for which something is chosen or written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    /// Its place in the thread's share.
    pub(crate) connection: usize,
    /// Number of the share's first connection in the group.
    first: u64,
    /// Connections of the group.
    of: u64,
}

impl Default for Seat {
    /// The only one.
    fn default() -> Self {
        Self { connection: 0, first: 0, of: 1 }
    }
}

impl Seat {
    /// The first of a share whose connections are numbered from `first`, of so many.
    pub(crate) const fn new(first: u64, of: u64) -> Self {
        Self { connection: 0, first, of }
    }

    /// The key at `position` of this connection's walk through so many keys.
    pub(crate) fn key(self, walk: Walk, position: u128, below: u64) -> u64 {
        let number = match walk {
            Walk::Each => position,
            Walk::Part => {
                let own = u128::from(self.first) + self.connection as u128;
                own + position * u128::from(self.of.max(1))
            }
        };
        (number % u128::from(below.max(1))) as u64
    }
}

/// How far each connection is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Positions(Vec<u64>);

impl Positions {
    /// Room for so many connections, so that none is made while requests are due.
    pub(crate) fn make_room(&mut self, connections: usize) {
        self.0.resize(connections.max(1), 0);
    }

    /// The position of a connection.
    fn of(&self, connection: usize) -> u64 {
        self.0.get(connection).copied().unwrap_or(0)
    }

    /// The position of a connection, which then moves on.
    #[inline]
    pub(crate) fn next(&mut self, connection: usize) -> u64 {
        if self.0.len() <= connection {
            self.make_room(connection + 1);
        }
        let position = self.0[connection];
        self.0[connection] += 1;
        position
    }
}

/// Commands by turns: as many requests of the first as its weight says, then of the second, and so on, over and over.
#[derive(Clone, Debug)]
pub(crate) struct Cycle {
    /// Running sums of the weights.
    weights: Vec<u64>,
    pub(crate) positions: Positions,
    limits: Option<Limits>,
}

/// How many requests each connection sends in all: a ratio is exact only if no connection ends in the middle of its cycle because
/// a faster one took its requests.
#[derive(Clone, Copy, Debug)]
struct Limits {
    requests: u64,
    connections: u64,
}

impl Cycle {
    /// Of commands with these running sums of weights.
    pub(crate) fn new(weights: &[u64]) -> Self {
        Self { weights: weights.to_vec(), positions: Positions::default(), limits: None }
    }

    /// From now on each of so many connections has an equal part of these requests.
    pub(crate) const fn limit(&mut self, requests: u64, connections: u64) {
        self.limits = Some(Limits { requests, connections });
    }

    /// From now on any connection may send what is left. Whether none might before.
    pub(crate) const fn lift_limit(&mut self) -> bool {
        self.limits.take().is_some()
    }

    /// Whether there is another request for a connection.
    #[inline]
    pub(crate) fn has_next(&self, connection: usize) -> bool {
        self.limits.is_none_or(|Limits { requests, connections }| {
            self.positions.of(connection) < part(requests, connection as u64, connections)
        })
    }

    /// The next command of a connection.
    #[inline]
    pub(crate) fn next(&mut self, connection: usize) -> usize {
        let length = self.weights.last().copied().unwrap_or(1).max(1);
        let place = self.positions.next(connection) % length;
        self.weights.iter().position(|sum| place < *sum).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_a_cycle_of_its_own() {
        // Weights 1, 0, 2.
        let mut cycle = Cycle::new(&[1, 1, 3]);
        let first: Vec<_> = (0..4).map(|_| cycle.next(0)).collect();
        let second: Vec<_> = (0..7).map(|_| cycle.next(5)).collect();
        assert_eq!(first, [0, 2, 2, 0]);
        assert_eq!(second, [0, 2, 2, 0, 2, 2, 0]);
        assert_eq!(cycle.next(0), 2);
    }

    #[test]
    fn each_connection_has_an_equal_part_of_the_requests() {
        let mut cycle = Cycle::new(&[1, 2]);
        cycle.limit(7, 3);
        let mut sent = [0; 3];
        for (connection, sent) in sent.iter_mut().enumerate() {
            while cycle.has_next(connection) {
                cycle.next(connection);
                *sent += 1;
            }
        }
        assert_eq!(sent, [3, 2, 2]);
        assert!(cycle.lift_limit() && cycle.has_next(0));
        assert!(!cycle.lift_limit());
    }

    #[test]
    fn parts_are_disjoint_and_together_all_keys() {
        let mut seen = Vec::new();
        for (first, connections) in [(0, 2), (2, 1)] {
            for connection in 0..connections {
                let seat = Seat { connection, ..Seat::new(first, 3) };
                seen.extend((0..4).map(|position| seat.key(Walk::Part, position, 12)));
                let each: Vec<_> = (0..13).map(|p| seat.key(Walk::Each, p, 12)).collect();
                assert_eq!(each, (0..12).chain([0]).collect::<Vec<_>>());
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, (0..12).collect::<Vec<_>>());
    }
}
