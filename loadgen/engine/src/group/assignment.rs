//! Which connection takes a due request: the four ways, each with its queue.
//!
//! Not when requests are due (see `arrival`). Invariant: while a request waits, no ready connection that may take it has a
//! free slot.

use crate::conn::Conn;
use crate::conn::request::Due;
use crate::group::backlog::{PinnedBacklog, SharedBacklog};
use crate::group::pool::Pool;
use crate::group::router::Router;
use crate::io::Token;
use crate::plan::{self, GroupPlan, PoolOrder};
use crate::topology::Topology;
use std::ops::Range;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) enum Assignment {
    /// Whichever connection has had a free slot longest.
    AnyFree(SharedBacklog),
    /// Connections take turns, and each has its own queue.
    Pinned(PinnedBacklog),
    /// An idle connection of an emulated pool.
    Pool(Box<Pool>),
    /// A connection to the cluster node that serves the key.
    Cluster(Box<Router>),
}

/// Where a due request goes, unless it goes to a cluster.
#[derive(Clone, Copy)]
pub(crate) enum Place {
    /// To a free slot of this connection.
    Slot(Token),
    /// To the end of this connection's queue, or of the one that it shares.
    Queue(Token),
}

impl Assignment {
    /// For the connections `tokens` of a group, the first of which has this number in the whole group.
    pub(crate) fn new(
        group: &GroupPlan,
        topology: &Arc<Topology>,
        tokens: &Range<Token>,
        first_number: u64,
    ) -> Self {
        let max = group.backlog_max;
        match (&group.cluster, &group.pool, group.assignment) {
            (Some(cluster), ..) => {
                Self::Cluster(Box::new(Router::new(group, cluster, topology, tokens, first_number)))
            }
            (None, Some(pool), _) => Self::Pool(Box::new(Pool::new(pool, tokens, max))),
            (None, None, plan::Assignment::AnyFree) => Self::AnyFree(SharedBacklog::new(max)),
            (None, None, plan::Assignment::Pinned) => Self::Pinned(PinnedBacklog::new(tokens, max)),
        }
    }

    /// The pool, if there is one.
    pub(crate) fn pool(&mut self) -> Option<&mut Pool> {
        match self {
            Self::Pool(pool) => Some(pool),
            _ => None,
        }
    }

    /// The way to the nodes of a cluster, if it is one.
    pub(crate) fn router(&mut self) -> Option<&mut Router> {
        match self {
            Self::Cluster(router) => Some(router),
            _ => None,
        }
    }

    /// Whether requests go to a cluster.
    #[inline]
    pub(crate) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// The queue that connections share, if they share one.
    fn shared(&mut self) -> Option<&mut SharedBacklog> {
        match self {
            Self::AnyFree(backlog) => Some(backlog),
            Self::Pool(pool) => Some(&mut pool.backlog),
            Self::Pinned(_) | Self::Cluster(_) => None,
        }
    }

    /// Where the next due request goes. `captured` is the connection of a captured command, `first` the group's first
    /// connection.
    pub(crate) fn place(
        &mut self,
        captured: Option<Token>,
        first: Token,
        conns: &mut [Conn],
        pipeline: usize,
    ) -> Place {
        if let Self::Pinned(backlog) = self {
            let token = captured.unwrap_or_else(|| backlog.take_turn(conns));
            let conn = &conns[token as usize];
            let is_free = conn.is_ready() && conn.has_room(pipeline);
            return if is_free { Place::Slot(token) } else { Place::Queue(token) };
        }
        self.take_free(conns, pipeline).map_or(Place::Queue(first), Place::Slot)
    }

    /// A ready connection with a free slot, from the list of those that may serve any request.
    pub(crate) fn take_free(&mut self, conns: &mut [Conn], pipeline: usize) -> Option<Token> {
        match self {
            Self::AnyFree(backlog) => backlog.free.take(PoolOrder::Fifo, conns, pipeline),
            Self::Pool(pool) => pool.take_free(conns, pipeline),
            Self::Pinned(_) | Self::Cluster(_) => None,
        }
    }

    /// Lists a connection of an open loop if it has a free slot.
    #[inline]
    pub(crate) fn list_free(&mut self, token: Token, conn: &mut Conn, pipeline: usize) {
        if let Some(backlog) = self.shared() {
            backlog.free.list(token, conn, pipeline);
        }
    }

    /// Whether another request may wait.
    pub(crate) fn has_room(&self) -> bool {
        match self {
            Self::AnyFree(backlog) => backlog.has_room(),
            Self::Pinned(backlog) => backlog.has_room(),
            Self::Pool(pool) => pool.backlog.has_room(),
            Self::Cluster(router) => router.has_room(),
        }
    }

    /// Whether requests that are due wait for a free slot.
    #[inline]
    pub(crate) fn has_waiting(&self) -> bool {
        match self {
            Self::AnyFree(backlog) => backlog.len() > 0,
            Self::Pinned(backlog) => backlog.len() > 0,
            Self::Pool(pool) => pool.backlog.len() > 0,
            Self::Cluster(router) => router.waiting > 0,
        }
    }

    /// A request waits for this connection, or for any that shares its queue. Those of a cluster have queues of their own.
    pub(crate) fn push(&mut self, token: Token, due: Due) {
        match self {
            Self::AnyFree(backlog) => backlog.push(due),
            Self::Pinned(backlog) => backlog.push(token, due),
            Self::Pool(pool) => pool.backlog.push(due),
            Self::Cluster(_) => debug_assert!(false, "requests to a cluster are routed"),
        }
    }

    /// A request that a lost connection held goes back to the head of its queue.
    pub(crate) fn push_front(&mut self, token: Token, due: Due) {
        match self {
            Self::AnyFree(backlog) => backlog.push_front(due),
            Self::Pinned(backlog) => backlog.push_front(token, due),
            Self::Pool(pool) => pool.backlog.push_front(due),
            Self::Cluster(_) => debug_assert!(false, "requests to a cluster are routed"),
        }
    }

    /// The request that this connection takes next.
    #[inline]
    pub(crate) fn pop(&mut self, token: Token) -> Option<Due> {
        match self {
            Self::AnyFree(backlog) => backlog.pop(),
            Self::Pinned(backlog) => backlog.pop(token),
            Self::Pool(pool) => pool.backlog.pop(),
            Self::Cluster(_) => None,
        }
    }

    /// The request that any free connection takes next.
    pub(crate) fn pop_shared(&mut self) -> Option<Due> {
        self.shared()?.pop()
    }

    /// How many requests wait in the queue of this connection.
    pub(crate) fn len_of(&self, token: Token) -> usize {
        match self {
            Self::AnyFree(backlog) => backlog.len(),
            Self::Pinned(backlog) => backlog.len_of(token),
            Self::Pool(pool) => pool.backlog.len(),
            Self::Cluster(_) => 0,
        }
    }
}
