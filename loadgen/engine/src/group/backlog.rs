//! Due requests of a group that wait for a free slot: one line for all connections, or one for each.
//!
//! Not the slots. Invariant: a request leaves from the head of its line, with the due time it came with.

use crate::conn::Conn;
use crate::conn::request::Due;
use crate::conn::state::State;
use crate::io::Token;
use crate::plan::Assignment;
use std::collections::VecDeque;

/// See the module.
#[derive(Debug)]
pub(crate) struct Waiting {
    lines: Lines,
    len: usize,
    max: usize,
}

#[derive(Debug)]
enum Lines {
    /// One for all connections.
    Common(VecDeque<Due>),
    /// One per connection, from token `first` on; `next` is whose turn it is.
    Own { first: Token, lines: Vec<VecDeque<Due>>, next: usize },
}

impl Waiting {
    /// Empty lines for these connections, of at most `max` requests in all.
    pub(crate) fn new(assignment: Assignment, tokens: &std::ops::Range<Token>, max: usize) -> Self {
        let lines = match assignment {
            Assignment::AnyFree => Lines::Common(VecDeque::new()),
            Assignment::Pinned => Lines::Own {
                first: tokens.start,
                lines: tokens.clone().map(|_| VecDeque::new()).collect(),
                next: 0,
            },
        };
        Self { lines, len: 0, max }
    }

    /// Whether another request may wait.
    pub(crate) const fn has_room(&self) -> bool {
        self.len < self.max
    }

    /// How many wait.
    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    /// How many wait in the line of this connection.
    pub(crate) fn len_of(&self, token: Token) -> usize {
        match &self.lines {
            Lines::Common(line) => line.len(),
            Lines::Own { first, lines, .. } => lines[(token - *first) as usize].len(),
        }
    }

    /// The request that any free connection takes next.
    pub(crate) fn front(&self) -> Option<Due> {
        match &self.lines {
            Lines::Common(line) => line.front().copied(),
            Lines::Own { .. } => None,
        }
    }

    /// Whether nothing waits.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether each connection has its own line.
    pub(crate) const fn is_pinned(&self) -> bool {
        matches!(self.lines, Lines::Own { .. })
    }

    /// The connection whose turn it is, if connections have turns: the next one that is not gone for good.
    pub(crate) fn take_turn(&mut self, conns: &[Conn]) -> Option<Token> {
        let Lines::Own { first, lines, next } = &mut self.lines else { return None };
        let count = lines.len();
        let place = (0..count)
            .map(|step| (*next + step) % count)
            .find(|place| conns[*first as usize + *place].state != State::Closed);
        // If all are gone, the requests wait where nobody comes.
        let place = place.unwrap_or(*next);
        *next = (place + 1) % count;
        Some(*first + place as Token)
    }

    fn line(&mut self, token: Token) -> &mut VecDeque<Due> {
        match &mut self.lines {
            Lines::Common(line) => line,
            Lines::Own { first, lines, .. } => &mut lines[(token - *first) as usize],
        }
    }

    /// A request joins the line of a connection (the common one, if there is one).
    pub(crate) fn push(&mut self, token: Token, due: Due) {
        self.len += 1;
        self.line(token).push_back(due);
    }

    /// A request goes back to the head of a connection's line.
    pub(crate) fn push_front(&mut self, token: Token, due: Due) {
        self.len += 1;
        self.line(token).push_front(due);
    }

    /// The request a connection takes next.
    #[inline]
    pub(crate) fn pop(&mut self, token: Token) -> Option<Due> {
        if self.len == 0 {
            return None;
        }
        let due = self.line(token).pop_front()?;
        self.len -= 1;
        Some(due)
    }

    /// The request that any free connection may take next.
    pub(crate) fn pop_common(&mut self) -> Option<Due> {
        match &self.lines {
            Lines::Common(_) => self.pop(0),
            Lines::Own { .. } => None,
        }
    }

    /// Takes the whole line of a connection that is gone for good, if it had its own.
    pub(crate) fn take_line(&mut self, token: Token) -> VecDeque<Due> {
        if !self.is_pinned() {
            return VecDeque::new();
        }
        let line = std::mem::take(self.line(token));
        self.len -= line.len();
        line
    }

    /// Takes all that wait.
    pub(crate) fn take_all(&mut self) -> Vec<Due> {
        self.len = 0;
        match &mut self.lines {
            Lines::Common(line) => std::mem::take(line).into(),
            Lines::Own { lines, .. } => lines.iter_mut().flat_map(std::mem::take).collect(),
        }
    }
}
