//! One file per command of the program: resolve, do, print, write.
//!
//! Each is a short story told with the parts of this crate; none measures or computes anything itself.

mod catalog;
mod cluster;
mod endpoint;
mod exit;
mod limits;
mod prefill;
pub mod relay;
pub mod report;
mod results_folder;
pub mod run;
mod run_end;
mod run_output;
pub mod scenario;
mod scenario_output;
pub mod selftest;
mod server_bins;
mod server_info;
pub mod shell_files;
mod stall_explorer;
mod wait_ready;
