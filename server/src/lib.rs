//! The reference server: Redis commands on the ae event loop.
#![deny(unsafe_code)]

mod command;
pub mod db;
mod net;
mod server;
