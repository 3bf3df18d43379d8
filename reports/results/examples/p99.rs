//! Prints the p99 response time of a run: `cargo run -p aelab-results --example p99 -- DIR`.
//!
//! `DIR` is a folder that `loadgen run --out DIR` wrote. The value comes from the untagged lines of `latency.hlog`, which hold
//! the headline: the response time of the victims, or of all requests in a plain run.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::path::Path;

use aelab_results::hlog::SeriesKey;
use aelab_results::read_folder;
use aelab_results::stats::{samples_needed, supported};

/// The percentile to print, in percent.
const P: f64 = 99.0;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).ok_or("usage: p99 DIR")?;
    let folder = read_folder(Path::new(&dir))?;
    let log = folder
        .hlog
        .ok_or("the folder has no latency.hlog; give the folder of a run or of an arm")?;
    let samples = log.get(&SeriesKey::Headline).ok_or("the log has no headline")?.merged();
    let count = samples.total();
    match samples.value_at(P / 100.0).filter(|_| supported(P, count)) {
        Some(ns) => println!("p{P} = {:.1} µs over {count} samples", ns as f64 / 1e3),
        None => println!("p{P} needs {} samples, the run has {count}", samples_needed(P)),
    }
    Ok(())
}
