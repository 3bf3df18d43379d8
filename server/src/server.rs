//! The state of one server: databases, clients, configuration and statistics.
//!
//! Passed down as `&mut Server` everywhere; nothing is global, so that several servers can live
//! in one process (the tests do that).

use crate::db::Db;

/// Everything a command or a handler of the loop may reach.
pub struct Server {
    pub(crate) dbs: Vec<Db>,
    /// Unix time in milliseconds, cached.
    now_ms: i64,
    /// Changes since the start.
    pub(crate) dirty: u64,
}

impl Server {
    /// Unix time in milliseconds, cached at the start of the tick or of the command batch.
    pub(crate) fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// `key` of database `db` changed: transactions that watch it fail.
    pub(crate) fn touch_key(&mut self, _db: usize, _key: &[u8]) {
        self.dirty += 1;
    }
}
