//! Views: from data to strings and series. Units are chosen here; titles state the finding. No pixels and no HTML.

pub(crate) mod arms;
pub(crate) mod catalog;
pub(crate) mod comparison;
pub(crate) mod curves;
pub(crate) mod engine;
pub(crate) mod figure;
pub(crate) mod finding;
pub(crate) mod limits;
pub(crate) mod lines;
pub(crate) mod loads;
pub(crate) mod messages;
pub(crate) mod pool;
pub(crate) mod procedures;
pub(crate) mod quantiles;
pub(crate) mod repetitions;
pub(crate) mod report;
pub(crate) mod settings;
pub(crate) mod stalls;
pub(crate) mod table;
pub(crate) mod tables;
pub(crate) mod time;
