//! The lab: plays a scenario, arm by arm, and judges its claims.
//!
//! It starts servers, fills them, runs the engine, asks the servers what they saw, and stops them. It prints nothing but
//! progress. Invariant: an arm's folder is written as soon as the arm is over, so that a later failure loses nothing; and no
//! server that was started is left running.
//!
//! Read in this order: [`arm`] (one arm), [`server`], [`fill`], [`link`], [`watch`], [`observe`],
//! [`procedure`], [`view`], [`attribute`], [`figures`].

pub mod arm;
pub mod attribute;
pub mod figures;
pub mod fill;
pub mod link;
pub mod memory;
pub mod observe;
pub mod plan;
pub mod procedure;
pub mod process;
mod room;
pub mod scenario;
pub mod server;
pub mod settle;
pub mod stall;
pub mod starved;
pub mod state;
mod sys;
mod unfit;
pub mod view;
pub mod watch;

pub use arm::{CleanUp, Place, Settings};
pub use server::ServerKind;

/// The processors this process may use.
#[must_use]
pub fn allowed_cpus() -> Vec<usize> {
    sys::allowed_cpus()
}
