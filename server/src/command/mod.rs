//! The commands, one folder per group of the Redis documentation.
//!
//! To add a command, add a row to the `TABLE` of its file and a function `fn(&mut Call<'_>)`.
//! To add a file, add its `mod` line to the group and its `TABLE` to [`TABLES`].

mod arguments;
mod bitmap;
mod client;
mod connection;
mod generic;
mod hash;
mod help;
mod list;
mod pop;
mod pubsub;
mod random_pairs;
mod script;
mod server;
mod set;
mod string;
mod transaction;
mod zset;

use crate::server::CommandSpec;

/// The tables of the command files, joined in this order.
pub(crate) const TABLES: &[&[CommandSpec]] = &[
    connection::TABLE,
    server::admin::TABLE,
    server::ae::TABLE,
    server::config::TABLE,
    server::debug::TABLE,
    server::introspect::TABLE,
    server::slowlog::TABLE,
    client::TABLE,
    transaction::TABLE,
    pubsub::TABLE,
    hash::TABLE,
    hash::random::TABLE,
    generic::TABLE,
    generic::expire::TABLE,
    generic::object::TABLE,
    server::latency::TABLE,
    bitmap::TABLE,
    bitmap::op::TABLE,
    bitmap::bitfield::TABLE,
    list::blocking::TABLE,
    list::TABLE,
    list::moves::TABLE,
    server::memory::TABLE,
    server::monitor::TABLE,
    generic::scan::TABLE,
    script::TABLE,
    set::TABLE,
    set::algebra::TABLE,
    generic::sort::TABLE,
    generic::wait::TABLE,
    server::standalone::TABLE,
    string::TABLE,
    string::lcs::TABLE,
    string::number::TABLE,
    string::set::TABLE,
    zset::TABLE,
    zset::algebra::TABLE,
    zset::blocking::TABLE,
    zset::random::TABLE,
    zset::range::TABLE,
];

/// Whether a word names a command, or a subcommand as `config|get`.
pub(crate) fn is_command(word: &str) -> bool {
    let mut rows = TABLES.iter().copied().flatten();
    rows.any(|row| row.name == word || row.subcommands.iter().any(|sub| sub.full_name() == word))
}
