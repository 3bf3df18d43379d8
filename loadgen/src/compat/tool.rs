//! The tools whose command lines `--compat` accepts, and how one is named on the command line.

use aelab_engine::error::Failure;
use clap::ValueEnum;

/// A tool whose command line can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Tool {
    /// redis-benchmark 7.0.
    RedisBenchmark,
    /// valkey-benchmark 8 and 9.
    ValkeyBenchmark,
    /// memtier_benchmark.
    Memtier,
}

impl Tool {
    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RedisBenchmark => "redis-benchmark",
            Self::ValkeyBenchmark => "valkey-benchmark",
            Self::Memtier => "memtier",
        }
    }
}

fn is_compat(word: &String) -> bool {
    word == "--compat" || word.starts_with("--compat=")
}

/// The command line `words` (what follows `loadgen run`) without `--compat TOOL`, and the tool, if one is named before any
/// command.
///
/// # Errors
/// A tool that is not known, or none after the flag (exit 2).
pub fn tool_of(words: &[String]) -> Result<Option<(Tool, Vec<String>)>, Failure> {
    let Some(at) = words.iter().take_while(|word| *word != "--").position(is_compat) else {
        return Ok(None);
    };
    let mut rest = words.to_vec();
    let flag = rest.remove(at);
    let name = match flag.split_once('=') {
        Some((_, name)) => name.to_owned(),
        None if at < rest.len() => rest.remove(at),
        None => String::new(),
    };
    let tool = match name.as_str() {
        "redis-benchmark" | "redis" => Tool::RedisBenchmark,
        "valkey-benchmark" | "valkey" => Tool::ValkeyBenchmark,
        "memtier" | "memtier_benchmark" | "memtier-benchmark" => Tool::Memtier,
        _ => {
            return Err(Failure::usage(format!(
                "--compat '{name}': write --compat redis-benchmark, valkey-benchmark or memtier"
            )));
        }
    };
    Ok(Some((tool, rest)))
}
