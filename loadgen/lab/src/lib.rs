//! The lab: plays a scenario, arm by arm, and judges its claims.
//!
//! It starts servers, fills them, runs the engine, asks the servers what they saw, and stops them. It prints nothing but
//! progress. Invariant: an arm's folder is written as soon as the arm is over, so that a later failure loses nothing; and no
//! server that was started is left running.
//!
//! Read in this order: [`arm`] (one arm), [`server`], [`fill`], [`link`], [`watch`], [`observe`],
//! [`procedure`], [`view`], [`attribute`], [`figures`].

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
pub use server::ServerKind;
