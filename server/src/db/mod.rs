//! The keyspace (published in pieces).

/// One database.
pub(crate) struct Db;
