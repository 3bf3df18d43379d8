//! Tests of the parts that need no sockets. Those on sockets are in `loadgen/tests/it/relay.rs`.

mod link;
mod options;
mod share;
