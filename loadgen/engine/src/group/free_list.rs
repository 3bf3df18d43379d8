//! Connections with a free slot, in the order in which they got one.
//!
//! Not the slots and not the queue of requests. Invariant: a connection is on at most one list, and `listed.free` says whether.

use crate::conn::Conn;
use crate::io::Token;
use crate::plan::PoolOrder;
use std::collections::VecDeque;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct FreeList(VecDeque<Token>);

impl FreeList {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// How many connections are listed.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no connection is listed.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes a ready connection with a free slot off the list: the one listed first with [`PoolOrder::Fifo`], else the last.
    pub(crate) fn take(
        &mut self,
        order: PoolOrder,
        conns: &mut [Conn],
        pipeline: usize,
    ) -> Option<Token> {
        while let Some(token) = match order {
            PoolOrder::Fifo => self.0.pop_front(),
            PoolOrder::Lifo => self.0.pop_back(),
        } {
            let conn = &mut conns[token as usize];
            conn.listed.free = false;
            if conn.is_ready() && conn.has_room(pipeline) {
                return Some(token);
            }
        }
        None
    }

    /// Lists a connection if it has a free slot and is not listed.
    pub(crate) fn list(&mut self, token: Token, conn: &mut Conn, pipeline: usize) {
        if !conn.listed.free && conn.has_room(pipeline) {
            conn.listed.free = true;
            self.0.push_back(token);
        }
    }

    /// Takes a connection off the list, if it is there.
    pub(crate) fn unlist(&mut self, token: Token, conn: &mut Conn) {
        if conn.listed.free {
            conn.listed.free = false;
            self.0.retain(|listed| *listed != token);
        }
    }
}
