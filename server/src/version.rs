//! The version that this server claims to be.

/// The Redis version whose behaviour this server follows; clients decide by it what they may send.
pub(crate) const REDIS_VERSION: &str = "7.0.15";
