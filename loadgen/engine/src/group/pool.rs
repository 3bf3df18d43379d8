//! A client library's connection pool, emulated: which of its connections are open, and when it opens and closes some.
//!
//! Invariant: a connection of the pool is shut, coming, or open; never more than the pool's size are not shut.

use crate::clock::Nanos;
use crate::conn::Conn;
use crate::group::backlog::SharedBacklog;
use crate::io::Token;
use crate::plan::{PoolOrder, PoolPlan};
use crate::record::result::PoolCounts;
use std::ops::Range;

/// See the module.
#[derive(Debug)]
pub(crate) struct Pool {
    /// Requests that wait for a connection, and the idle connections.
    pub(crate) backlog: SharedBacklog,
    pub(crate) counts: PoolCounts,
    order: PoolOrder,
    max_wait: Option<Nanos>,
    min_idle: usize,
    max_idle: usize,
    size: usize,
    /// Neither open nor being opened.
    shut: Vec<Token>,
    /// Being opened, or waiting to try again.
    coming: usize,
}

impl Pool {
    /// A pool of these connections. The connections of [`Pool::first`] are opened before the run.
    pub(crate) fn new(plan: &PoolPlan, tokens: &Range<Token>, backlog_max: usize) -> Self {
        let first = Self::first(plan, tokens);
        let coming = first.len();
        Self {
            backlog: SharedBacklog::new(backlog_max),
            counts: PoolCounts { most_open: coming as u64, ..PoolCounts::default() },
            order: plan.order,
            max_wait: plan.max_wait,
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

    /// A ready connection with a free slot, in the order that the plan asks for.
    pub(crate) fn take_free(&mut self, conns: &mut [Conn], pipeline: usize) -> Option<Token> {
        self.backlog.free.take(self.order, conns, pipeline)
    }

    /// When the next waiting request has waited too long.
    pub(crate) fn next_timeout(&self) -> Option<Nanos> {
        Some(self.backlog.front()?.intended.saturating_add(self.max_wait?))
    }

    /// A connection to open, if requests wait or too few connections are idle.
    pub(crate) fn grow(&mut self) -> Option<Token> {
        if self.coming + self.backlog.free.len() >= self.backlog.len() + self.min_idle {
            return None;
        }
        let token = self.shut.pop()?;
        self.coming += 1;
        self.counts.opened += 1;
        self.counts.most_open = self.counts.most_open.max((self.size - self.shut.len()) as u64);
        Some(token)
    }

    /// Whether more connections are idle than the pool keeps.
    pub(crate) fn has_surplus(&self) -> bool {
        self.backlog.free.len() > self.max_idle
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

    /// A connection is not open any more and may be opened again. If it was coming, call [`Pool::on_given_up`] too.
    pub(crate) fn on_shut(&mut self, token: Token) {
        self.shut.push(token);
    }
}
