//! A18: a load generator that does not get the processor time it needs says so, and its run is invalid.
//!
//! Squeezed by a control group's quota where one can be made, which wants root; elsewhere the criterion is tested on made-up
//! accounts (in the reports crate) only.

use crate::support::{LOADGEN, Server};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A control group with a fifth of a processor, removed at the end.
struct Quota {
    group: PathBuf,
}

impl Quota {
    /// `None` where none can be made.
    fn new() -> Option<Self> {
        let name = format!("aelab-test-{}", std::process::id());
        for (root, limits) in [
            ("/sys/fs/cgroup", &[("cpu.max", "20000 100000")][..]),
            (
                "/sys/fs/cgroup/cpu",
                &[("cpu.cfs_period_us", "100000"), ("cpu.cfs_quota_us", "20000")][..],
            ),
        ] {
            let group = Path::new(root).join(&name);
            if !Path::new(root).join("cgroup.procs").exists() || fs::create_dir(&group).is_err() {
                continue;
            }
            let quota = Self { group };
            let set =
                |(file, value): &(&str, &str)| fs::write(quota.group.join(file), value).is_ok();
            if limits.iter().all(set) {
                return Some(quota);
            }
        }
        None
    }

    fn procs(&self) -> PathBuf {
        self.group.join("cgroup.procs")
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.group);
    }
}

#[test]
fn squeezed_to_a_fifth_of_a_processor_it_is_the_limit() {
    let Some(quota) = Quota::new() else { return };
    let server = Server::start(&[]);
    let port = server.port_arg();
    // More work than a fifth of a processor does, open and closed; a thread that spins wants a whole one whatever the server
    // gives it to do.
    for load in [&["--rate", "100k"][..], &["--pacing", "spin"]] {
        let output = Command::new("sh")
            .args(["-c", "echo $$ > \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(quota.procs())
            .args([LOADGEN, "run", "-p", &port, "--json", "--no-live", "--duration", "2s"])
            .args(load)
            .arg("PING")
            .stderr(Stdio::piped())
            .output()
            .expect("loadgen runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{load:?}: {stderr}");
        let record: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a record");
        let caveats = record["caveats"].as_array().expect("caveats");
        let found = caveats.iter().find(|caveat| caveat["id"] == "client-limited");
        let caveat = found.unwrap_or_else(|| panic!("{load:?}: {caveats:?}"));
        assert_eq!(caveat["severity"], "invalid", "{load:?}: {caveat}");
        assert!(caveat["remedy"].as_str().is_some_and(|text| text.contains("--threads")));
        assert!(caveats.iter().any(|caveat| caveat["id"] == "cpu-throttled"), "{caveats:?}");
    }
}
