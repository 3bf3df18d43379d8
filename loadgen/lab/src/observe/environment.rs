//! The machine a run is made on, read from /proc and /sys.
//!
//! Only what explains numbers later. Invariant: what cannot be read is left out, never guessed.

use aelab_results::record::Environment;
use std::fs;

/// Reads the facts of this machine.
#[must_use]
pub fn look() -> Environment {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let cpuinfo = read("/proc/cpuinfo").unwrap_or_default();
    let cpu_model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .and_then(|rest| rest.split_once(':'))
        .map(|(_, model)| model.trim().to_owned());
    let limits = read("/proc/self/limits").unwrap_or_default();
    let nofile = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok());
    let kernel = read("/proc/sys/kernel/osrelease").map(|release| format!("Linux {release}"));
    let mut environment = Environment {
        cpu_model,
        cores: Some(aelab_engine::sys::allowed_cpus().len() as u64).filter(|count| *count > 0),
        kernel,
        governor: read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        nofile,
        somaxconn: read("/proc/sys/net/core/somaxconn").and_then(|text| text.parse().ok()),
        clock: Some("CLOCK_MONOTONIC".to_owned()),
        ..Environment::default()
    };
    let clocksource = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    if let Some(source) = read(clocksource) {
        environment.other.insert("clocksource".to_owned(), source.into());
    }
    if let Some(load) = read("/proc/loadavg") {
        environment.other.insert("loadavg_before".to_owned(), load.into());
    }
    environment
}
