//! A client library's connection pool, emulated: which of its connections are open, and when it opens and closes some.
//!
//! Not the line of waiting requests (see `waiting`) and not the idle ones themselves (the group lists them).
//! Invariant: a connection of the pool is shut, coming, or open; never more than the pool's size are not shut.

use crate::clock::Nanos;
use crate::io::Token;
use crate::plan::{PoolOrder, PoolPlan};
use crate::record::result::PoolCounts;
use std::ops::Range;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) order: PoolOrder,
    pub(crate) max_wait: Option<Nanos>,
    pub(crate) counts: PoolCounts,
    min_idle: usize,
    max_idle: usize,
    size: usize,
    /// Neither open nor being opened.
    shut: Vec<Token>,
    /// Being opened, or waiting to try again.
    coming: usize,
}

impl Pool {
    /// A pool of these connections; the first few are opened by whoever opens connections before a run.
    pub(crate) fn new(plan: &PoolPlan, tokens: &Range<Token>) -> Self {
        let first = Self::first(plan, tokens);
        let coming = first.len();
        Self {
            order: plan.order,
            max_wait: plan.max_wait,
            counts: PoolCounts { most_open: coming as u64, ..PoolCounts::default() },
            min_idle: plan.min_idle,
            max_idle: plan.max_idle,
            size: tokens.len(),
            shut: (first.end..tokens.end).rev().collect(),
            coming,
        }
    }

    /// The connections that are opened before the run.
    pub(crate) fn first(plan: &PoolPlan, tokens: &Range<Token>) -> Range<Token> {
        let count = plan.min_idle.min(tokens.len()) as Token;
        tokens.start..tokens.start + count
    }

    /// A connection to open, if requests that wait or too few idle connections ask for one.
    pub(crate) fn grow(&mut self, waiting: usize, idle: usize) -> Option<Token> {
        if self.coming + idle >= waiting + self.min_idle {
            return None;
        }
        let token = self.shut.pop()?;
        self.coming += 1;
        self.counts.opened += 1;
        self.counts.most_open = self.counts.most_open.max((self.size - self.shut.len()) as u64);
        Some(token)
    }

    /// Whether one of `idle` connections is too many.
    pub(crate) const fn has_surplus(&self, idle: usize) -> bool {
        idle > self.max_idle
    }

    /// One that was coming is open.
    pub(crate) const fn on_ready(&mut self) {
        self.coming -= 1;
    }

    /// One that was open is lost and will come back.
    pub(crate) const fn on_lost(&mut self) {
        self.coming += 1;
    }

    /// One that was coming will not.
    pub(crate) const fn on_given_up(&mut self) {
        self.coming -= 1;
    }

    /// An open one was closed, or one that was coming given up (tell that apart): it may be opened again.
    pub(crate) fn on_shut(&mut self, token: Token) {
        self.shut.push(token);
    }
}
