//! This server against redis-server, and its backends and I/O models against each other, as tables.
//!
//! `cargo bench -p aelab-server --bench compare` runs every section; `-- --help` says how to choose. Server
//! and client are pinned to separate cores; arms take turns in one run, forwards and backwards
//! (ABBA), and what is shown is the median of each round's ratio to redis-server in the same round.
//! Needs redis-server, redis-benchmark and taskset.
//!
//! Not a benchmark of parts: those are `backends` and `table`.

mod arms;
mod client;
mod cpu;
mod idle;
mod keys;
mod options;
mod process;
mod sys;
mod table;
mod timeline;

use options::{Options, Section};
use std::process::ExitCode;

/// A section could not be run: what, where, and what to do.
type Failure = String;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // `cargo test --all-targets` also starts benchmarks; only `cargo bench` says so.
    if !args.iter().any(|arg| arg == "--bench") {
        return ExitCode::SUCCESS;
    }
    match Options::parse(args.iter().filter(|arg| *arg != "--bench")) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            table::show(options::HELP);
            ExitCode::SUCCESS
        }
        Err(problem) => complain(&problem),
    }
}

fn run(options: &Options) -> ExitCode {
    sys::raise_descriptor_limit();
    table::show(&options.describe());
    for section in &options.sections {
        let outcome = match section {
            Section::Cpu => cpu::run(options),
            Section::Idle => idle::run(options),
            Section::Timeline => timeline::run(options),
            Section::Keys => keys::run(options),
        };
        match outcome {
            Ok(text) => table::show(&text),
            Err(problem) => return complain(&problem),
        }
    }
    ExitCode::SUCCESS
}

fn complain(problem: &str) -> ExitCode {
    table::complain(problem);
    ExitCode::FAILURE
}
