//! The reference server: Redis commands on the ae event loop.
//!
//! Life of a request, in reading order:
//!
//! ```text
//! ae          the loop wakes; a descriptor is readable
//! net::read   one read of at most 16 KiB; the parser finds each complete command in it
//! dispatch    Redis's checks in Redis's order, then the command's function
//! command     one function per command; works on `db`, appends to the reply
//! net::write  before the loop sleeps again, all replies of the tick are sent
//! cron        ten times a second: expiry, rehash, idle clients, statistics
//! ```
//!
//! `io_model` and `io_threads` hold the other ways to wait, read and write: one client at a time, a
//! thread for each client, busy polling, helper threads for the loop. Parsing and execution are the same.
//!
//! The modules from bottom to top; imports only point down (`ci/` checks that there is no cycle):
//!
//! ```text
//! sys clock version number           system calls, time, numbers as text
//! ae db metrics stats log latency    the loop, the keyspace, counters
//! args reply slowlog inject prefetch
//! client config timeline watch pubsub
//! io_threads lua                     helper threads; Lua without a server
//! server                             the state: Server, Call, the rows of the command table
//! propagate                          the seam through which changes of the data set are announced
//! monitor evict nofile info blocking
//! dispatch                           checks commands by flags and executes them; knows none by name
//! script                             scripts that call commands
//! command                            the commands
//! net                                sockets
//! cron io_model run cli
//! ```
//!
//! Command execution is single-threaded and never does I/O. State is one [`Server`], passed down;
//! [`Instance`] is a server with its loop, and [`main_with_args`] the program around it.
#![deny(unsafe_code)]

pub mod ae;
mod args;
mod blocking;
mod cli;
mod client;
pub mod clock;
mod command;
mod config;
mod cron;
pub mod db;
mod dispatch;
mod evict;
mod info;
mod inject;
mod io_model;
mod io_threads;
mod latency;
mod log;
mod lua;
mod metrics;
mod monitor;
mod net;
mod nofile;
mod number;
mod prefetch;
mod propagate;
mod pubsub;
mod reply;
mod run;
mod script;
mod server;
mod slowlog;
mod stats;
mod sys;
mod timeline;
mod version;
mod watch;

pub use cli::{main_with_args, service_times};
pub use config::{Config, ConfigError};
pub use run::{Instance, Quiet};
pub use server::Server;
