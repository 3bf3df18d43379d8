//! How a rate changes over time, as the plan says it.
//!
//! Not the due times (see `rate_profile`).

use crate::clock::Nanos;
use serde::{Deserialize, Serialize};

/// How a rate changes over time. Rates are in requests per second.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Shape {
    /// Linearly from one rate to another, which is then kept.
    Ramp {
        /// At the begin.
        from: f64,
        /// At the end.
        to: f64,
        /// How long it takes.
        over: Nanos,
    },
    /// One rate after the other; the last is kept.
    Steps {
        /// The rates, in order.
        rates: Vec<f64>,
        /// How long each lasts.
        each: Nanos,
    },
    /// All requests fall into the first part of each period, evenly spread there.
    Burst {
        /// Mean over a whole period.
        rate: f64,
        /// How long requests come.
        on: Nanos,
        /// How long none comes after that.
        off: Nanos,
    },
    /// A sine wave around a mean, which it starts at, rising.
    Sine {
        /// The mean.
        rate: f64,
        /// How far it swings, as a share of the mean, 0 to 1.
        amplitude: f64,
        /// One wave.
        period: Nanos,
    },
}

impl Shape {
    /// Requests per second on average: see [`ArrivalProcess::rate`].
    pub(super) fn mean(&self) -> f64 {
        match self {
            Self::Ramp { from, to, .. } => from.midpoint(*to),
            Self::Steps { rates, .. } => rates.iter().sum::<f64>() / rates.len() as f64,
            Self::Burst { rate, .. } | Self::Sine { rate, .. } => *rate,
        }
    }
}
