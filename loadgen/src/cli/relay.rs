//! `loadgen relay`: its flags as typed, and the options they come to.
//!
//! Invariant: a password that stands in the environment alone changes nothing for a relay that does not share connections.

use crate::cli::target::password_of_environment;
use aelab_engine::error::Failure;
use aelab_lab::relay::{Credentials, Options, Waiting, parse_endpoint};
use aelab_units::{parse_duration, parse_size};
use clap::Args;
use std::time::Duration;

/// Flags of `loadgen relay`, as typed.
#[derive(Debug, Clone, Args)]
pub struct RelayArgs {
    /// Address for clients: HOST:PORT, PORT (on 127.0.0.1; port 0 selects a free port) or unix:PATH.
    #[arg(long, value_name = "ENDPOINT")]
    pub listen: String,
    /// Server address: HOST:PORT, PORT (on 127.0.0.1) or unix:PATH.
    #[arg(long, value_name = "ENDPOINT")]
    pub upstream: String,
    /// Round-trip time to add, half of it in each direction.
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_duration)]
    pub rtt: Duration,
    /// Maximum random deviation of the round-trip time, longer or shorter; data is never reordered.
    #[arg(long, value_name = "TIME", default_value = "0", value_parser = parse_duration)]
    pub jitter: Duration,
    /// Bytes per second in each direction, shared by all connections, such as 100MB [default: no limit].
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub bandwidth: Option<u64>,
    /// Maximum bytes in flight per connection and direction, like a TCP window.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_size)]
    pub window: u64,
    /// Open at most this number of connections to the server; all clients share them.
    #[arg(long, value_name = "N")]
    pub share: Option<usize>,
    /// ACL user with which the relay logs in to the server; clients must log in as the same user.
    #[arg(long, value_name = "NAME", requires = "share")]
    pub user: Option<String>,
    /// Password with which the relay logs in to the server; clients must send the same password [default: the environment
    /// variable REDISCLI_AUTH].
    #[arg(long, value_name = "PASS", requires = "share")]
    pub password: Option<String>,
    /// Busy-wait instead of sleeping; uses one core, and makes the delay of Unix sockets more precise.
    #[arg(long)]
    pub spin: bool,
    /// Seed of the jitter.
    #[arg(long, default_value = "1")]
    pub seed: u64,
}

impl RelayArgs {
    /// The options, with addresses looked up and the environment consulted.
    ///
    /// # Errors
    /// An address that is none, or a user without a password (exit 2).
    pub fn resolve(&self) -> Result<Options, Failure> {
        let listen = parse_endpoint("--listen", &self.listen)?;
        let upstream = parse_endpoint("--upstream", &self.upstream)?;
        let mut options = Options::new(listen, upstream);
        options.rtt = self.rtt.into();
        options.jitter = self.jitter.into();
        options.bandwidth = self.bandwidth;
        options.window_bytes = usize::try_from(self.window).unwrap_or(usize::MAX);
        options.share = self.share;
        if self.share.is_some() {
            let password = self.password.clone().or_else(password_of_environment);
            options.credentials =
                password.map(|password| Credentials { user: self.user.clone(), password });
            if self.user.is_some() && options.credentials.is_none() {
                return Err(Failure::usage(
                    "--user needs a password: --password PASS or REDISCLI_AUTH",
                ));
            }
        }
        if self.spin {
            options.waiting = Waiting::Spin;
        }
        options.seed = self.seed;
        Ok(options)
    }
}
