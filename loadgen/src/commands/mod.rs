//! One file per command of the program: resolve, do, print, write.
//!
//! Each is a short story told with the parts of this crate; none measures or computes anything itself.

mod asked;
mod catalogue;
pub mod output;
pub mod relay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod selftest;
mod show;
mod stall;
