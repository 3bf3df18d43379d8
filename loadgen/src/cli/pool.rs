//! Flags that emulate a client library's connection pool, as typed, and the [`PoolPlan`] they come to.
//!
//! Not the pool itself (see `engine::pool`). Invariant: without any of these flags there is no pool; with one of them the
//! others have the defaults of common libraries.

use crate::cli::values::positive;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::{PoolOrder, PoolPlan};
use aelab_units::parse_duration;
use clap::{Args, ValueEnum};
use std::time::Duration;

/// Pool flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Connection pool")]
pub struct PoolArgs {
    /// Emulate a client library's connection pool of this size. Needs --rate or --arrival.
    ///
    /// Connections are opened on demand. The time that a request waits for a connection is recorded as `wait`. If you
    /// give another --pool flag but not this one, the size is the value of -c.
    #[arg(hide_short_help = true, long, value_name = "N", value_parser = positive, conflicts_with = "connections")]
    pub pool_max_total: Option<usize>,
    /// Idle connections that the pool opens in advance [default: 0].
    #[arg(hide_short_help = true, long, value_name = "N")]
    pub pool_min_idle: Option<usize>,
    /// Idle connections that the pool keeps; it closes the others [default: --pool-max-total].
    #[arg(hide_short_help = true, long, value_name = "N")]
    pub pool_max_idle: Option<usize>,
    /// Maximum wait for a connection; after this time, the request fails with `pool-exhausted` [default: no limit].
    #[arg(hide_short_help = true, long, value_name = "TIME", value_parser = parse_duration)]
    pub pool_max_wait: Option<Duration>,
    /// Which idle connection the pool uses next [default: lifo].
    #[arg(hide_short_help = true, long, value_enum, value_name = "ORDER")]
    pub pool_order: Option<PoolOrderArg>,
}

/// Order of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PoolOrderArg {
    /// The connection that was used last.
    Lifo,
    /// The connection that has been idle longest.
    Fifo,
}

impl PoolArgs {
    /// Whether any of the flags was given.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.pool_max_total.is_some()
            || self.pool_min_idle.is_some()
            || self.pool_max_idle.is_some()
            || self.pool_max_wait.is_some()
            || self.pool_order.is_some()
    }

    /// The pool's size, if there is a pool; `connections` is what `-c` says.
    #[must_use]
    pub fn size(&self, connections: usize) -> usize {
        self.pool_max_total.unwrap_or(connections)
    }

    /// The pool of `size` connections, if one was asked for.
    ///
    /// # Errors
    /// Numbers that contradict each other (exit 2).
    pub fn plan(&self, size: usize) -> Result<Option<PoolPlan>, Failure> {
        if !self.is_asked() {
            return Ok(None);
        }
        let min_idle = self.pool_min_idle.unwrap_or(0);
        let max_idle = self.pool_max_idle.unwrap_or(size);
        if min_idle > size {
            return Err(Failure::usage(format!(
                "--pool-min-idle {min_idle} is above the pool's size of {size}; raise --pool-max-total"
            )));
        }
        if max_idle > size {
            return Err(Failure::usage(format!(
                "--pool-max-idle {max_idle} is above the pool's size of {size}; lower it, or raise --pool-max-total"
            )));
        }
        if min_idle > max_idle {
            return Err(Failure::usage(format!(
                "--pool-min-idle {min_idle} is above --pool-max-idle {max_idle}; lower one or raise the other"
            )));
        }
        if self.pool_max_wait.is_some_and(|wait| wait.is_zero()) {
            return Err(Failure::usage(
                "--pool-max-wait 0 is not possible; give at least 1us, or leave it out for no limit",
            ));
        }
        let order = match self.pool_order {
            Some(PoolOrderArg::Fifo) => PoolOrder::Fifo,
            Some(PoolOrderArg::Lifo) | None => PoolOrder::Lifo,
        };
        Ok(Some(PoolPlan {
            min_idle,
            max_idle,
            max_wait: self.pool_max_wait.map(Nanos::from),
            order,
        }))
    }
}
