//! The lab: starts servers, loads data, runs the arms of an experiment, and judges the claims of scenarios.
//!
//! It prints nothing: an [`Observer`] receives progress and notes. Invariants: the folder of a run is written as soon as the
//! run is over, so that a later failure loses no result; and every server that was started is stopped.
//!
//! Floors, lowest first: [`control`] and [`observer`]; [`server`] (processes, data sets, INFO); [`record`] (engine result to
//! record); [`observe`] (process, memory, causes of stalls); [`relay`] (links with delay); [`procedure`] (built-in
//! experiments); [`arm`] (one arm); [`session`] (which arms in which order); [`scenario`] (claims and verdicts).

pub mod arm;
pub mod control;
pub mod observe;
pub mod observer;
pub mod procedure;
pub mod record;
pub mod relay;
pub mod scenario;
pub mod server;
pub mod session;
mod sys;

pub use arm::{CleanUp, Place, Settings};
pub use observer::{Activity, Gauge, Observer, Silent};
pub use record::VERSION;
pub use server::ServerKind;
