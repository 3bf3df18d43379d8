//! Due requests that wait for a free slot: one queue for all connections, or one for each.
//!
//! Not the slots. Invariant: a request leaves from the head of its queue, with the due time it came with.

use crate::conn::Conn;
use crate::conn::request::Due;
use crate::conn::state::State;
use crate::group::free_list::FreeList;
use crate::io::Token;
use std::collections::VecDeque;
use std::ops::Range;

/// One queue, and the connections that could serve it.
#[derive(Debug)]
pub(crate) struct SharedBacklog {
    queue: VecDeque<Due>,
    /// Most requests that may wait.
    max: usize,
    /// Connections with a free slot.
    pub(crate) free: FreeList,
}

impl SharedBacklog {
    /// An empty queue of at most `max` requests.
    pub(crate) const fn new(max: usize) -> Self {
        Self { queue: VecDeque::new(), max, free: FreeList::new() }
    }

    /// Whether another request may wait.
    pub(crate) fn has_room(&self) -> bool {
        self.queue.len() < self.max
    }

    /// How many requests wait.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// The request that is served next.
    pub(crate) fn front(&self) -> Option<Due> {
        self.queue.front().copied()
    }

    pub(crate) fn push(&mut self, due: Due) {
        self.queue.push_back(due);
    }

    /// A request that a lost connection held goes back to the head.
    pub(crate) fn push_front(&mut self, due: Due) {
        self.queue.push_front(due);
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Due> {
        self.queue.pop_front()
    }

    pub(crate) fn take_all(&mut self) -> Vec<Due> {
        std::mem::take(&mut self.queue).into()
    }
}

/// A queue for each connection.
#[derive(Debug)]
pub(crate) struct PinnedBacklog {
    first: Token,
    /// One per connection, from token `first` on.
    queues: Vec<VecDeque<Due>>,
    /// The connection that gets the next request, counted from `first`.
    next: usize,
    /// Requests in all queues.
    len: usize,
    /// Most requests that may wait, in all queues.
    max: usize,
}

impl PinnedBacklog {
    /// Empty queues for these connections, of at most `max` requests in all.
    pub(crate) fn new(tokens: &Range<Token>, max: usize) -> Self {
        let queues = tokens.clone().map(|_| VecDeque::new()).collect();
        Self { first: tokens.start, queues, next: 0, len: 0, max }
    }

    /// Whether another request may wait.
    pub(crate) const fn has_room(&self) -> bool {
        self.len < self.max
    }

    /// How many requests wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many requests wait for this connection.
    pub(crate) fn len_of(&self, token: Token) -> usize {
        self.queues[(token - self.first) as usize].len()
    }

    /// The connection that gets the next request: connections take turns, without those that are closed for good.
    pub(crate) fn take_turn(&mut self, conns: &[Conn]) -> Token {
        let count = self.queues.len();
        let place = (0..count)
            .map(|step| (self.next + step) % count)
            .find(|place| conns[self.first as usize + *place].state != State::Closed);
        // If all are closed, the requests wait until the run ends.
        let place = place.unwrap_or(self.next);
        self.next = (place + 1) % count;
        self.first + place as Token
    }

    fn queue(&mut self, token: Token) -> &mut VecDeque<Due> {
        &mut self.queues[(token - self.first) as usize]
    }

    pub(crate) fn push(&mut self, token: Token, due: Due) {
        self.len += 1;
        self.queue(token).push_back(due);
    }

    /// A request that a lost connection held goes back to the head of its queue.
    pub(crate) fn push_front(&mut self, token: Token, due: Due) {
        self.len += 1;
        self.queue(token).push_front(due);
    }

    #[inline]
    pub(crate) fn pop(&mut self, token: Token) -> Option<Due> {
        if self.len == 0 {
            return None;
        }
        let due = self.queue(token).pop_front()?;
        self.len -= 1;
        Some(due)
    }

    /// Takes the whole queue of a connection that is closed for good.
    pub(crate) fn take_queue(&mut self, token: Token) -> VecDeque<Due> {
        let queue = std::mem::take(self.queue(token));
        self.len -= queue.len();
        queue
    }

    pub(crate) fn take_all(&mut self) -> Vec<Due> {
        self.len = 0;
        self.queues.iter_mut().flat_map(std::mem::take).collect()
    }
}
