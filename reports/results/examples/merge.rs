//! Adds the response times of several runs: `cargo run -p aelab-results --example merge -- DIR DIR…`.
//!
//! Each `DIR` is a folder that `loadgen run --out DIR` wrote, for example on different machines. Histograms have the same
//! buckets everywhere, so the merge is exact: the percentiles are those of all samples together, not an average.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::path::Path;

use aelab_results::histogram::Sparse;
use aelab_results::hlog::SeriesKey;
use aelab_results::read_folder;
use aelab_results::stats::supported;
use aelab_results::text::number::{duration, grouped, percentile};

fn main() -> Result<(), Box<dyn Error>> {
    let mut parts: Vec<Sparse> = Vec::new();
    for dir in std::env::args().skip(1) {
        let folder = read_folder(Path::new(&dir))?;
        let log = folder.hlog.ok_or_else(|| format!("{dir} has no latency.hlog"))?;
        let headline =
            log.get(&SeriesKey::Headline).ok_or_else(|| format!("{dir} has no headline"))?;
        parts.push(headline.merged());
    }
    let all = Sparse::merge(&parts);
    println!("{} samples of {} runs", grouped(all.total()), parts.len());
    for p in [50.0, 90.0, 99.0, 99.9, 99.99] {
        if let Some(ns) = all.value_at(p / 100.0).filter(|_| supported(p, all.total())) {
            println!("{:>7}  {}", percentile(p), duration(ns as f64 / 1e3));
        }
    }
    Ok(())
}
