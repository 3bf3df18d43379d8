//! Flags of the endpoint for Prometheus, as typed. See `exporter` for what it serves.

use aelab_units::parse_duration;
use clap::Args;
use std::time::Duration;

/// Where live counters are served, and how long.
#[derive(Debug, Clone, Default, Args)]
pub struct PrometheusArgs {
    /// Serve live counters to Prometheus at this address during the run, such as 127.0.0.1:9121.
    ///
    /// If you give only a port, such as 9121, the address is 127.0.0.1.
    #[arg(hide_short_help = true, long = "prometheus", value_name = "ADDRESS")]
    pub address: Option<String>,
    /// Serve the final counters for this time after the run, such as 15s, so that a last scrape sees them [default: 0].
    ///
    /// A good value is the scrape interval. An interrupt (^C) ends it.
    #[arg(
        hide_short_help = true,
        long = "prometheus-linger",
        value_name = "TIME",
        requires = "address",
        value_parser = parse_duration
    )]
    pub linger: Option<Duration>,
}
