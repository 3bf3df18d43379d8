//! The "never" rules of ARCHITECTURE.md, from the sources.

use aelab_ci::hygiene::{self, Confinement, Source, Violation};
use aelab_ci::structs;

/// Files that may be longer: tables and data, each with the reason.
const LONG_FILES: &[&str] = &[];

/// The folder in which the number of a struct's fields is limited.
const NARROW_STRUCTS: &str = "loadgen/engine/src/";

/// The types that a plan of a run is made of.
const PLAN_FILES: &[&str] = &[
    "loadgen/engine/src/clock.rs",
    "loadgen/engine/src/plan/arrival.rs",
    "loadgen/engine/src/plan/cluster_slots.rs",
    "loadgen/engine/src/plan/command.rs",
    "loadgen/engine/src/plan/connections.rs",
    "loadgen/engine/src/plan/mod.rs",
    "loadgen/engine/src/plan/warmup_end.rs",
    "loadgen/engine/src/plan/pacing.rs",
    "loadgen/engine/src/plan/shape.rs",
    "loadgen/engine/src/plan/target.rs",
    "loadgen/engine/src/plan/values.rs",
    "loadgen/engine/src/replay/mod.rs",
    "loadgen/engine/src/tls.rs",
];

const CONFINEMENTS: &[Confinement<'_>] = &[
    Confinement {
        words: &["mio::", "use mio"],
        crates: hygiene::CRATES,
        allowed: &["server/src/ae/mio_backend.rs", "loadgen/engine/src/io/poller.rs"],
        reason: "mio is named in the two pollers only",
    },
    Confinement {
        words: &["rustix::", "libc::"],
        crates: hygiene::CRATES,
        allowed: &["sys.rs"],
        reason: "system calls live in sys.rs",
    },
    Confinement {
        words: &["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern"],
        crates: hygiene::CRATES,
        allowed: &["sys.rs"],
        reason: "unsafe lives in sys.rs, or in a data structure that proves its need",
    },
    Confinement {
        words: &["Instant::now", "SystemTime::now"],
        crates: hygiene::CRATES,
        allowed: &["clock.rs"],
        reason: "the clock is read in clock.rs; everything else takes `now`",
    },
    Confinement {
        words: &["Serialize", "Deserialize"],
        crates: &["server", "loadgen", "ci", "resp"],
        allowed: PLAN_FILES,
        reason: "serde derives belong to scenarios, the record types of reports and the plan of a run",
    },
    Confinement {
        words: &["static mut", "LazyLock", "OnceLock", "OnceCell", "thread_local!"],
        crates: hygiene::CRATES,
        allowed: &[],
        reason: "no global mutable state and no lazy statics: pass it down",
    },
    Confinement {
        words: &["TcpStream", "TcpListener", "UnixStream", "UdpSocket"],
        crates: &["reports", "scenarios", "ci", "resp"],
        allowed: &[],
        reason: "this crate knows no sockets",
    },
    Confinement {
        words: &["process::Command", "Command::new"],
        crates: &["reports", "scenarios", "ci", "resp", "server"],
        allowed: &["ci/examples/check.rs", "ci/examples/dist.rs"],
        reason: "this crate starts no process",
    },
];

#[test]
fn the_sources_keep_the_rules() {
    let sources = hygiene::sources(&super::root()).expect("the sources can be read");
    assert!(sources.len() > 20, "only {} sources found", sources.len());
    let mut found: Vec<Violation> = Vec::new();
    for source in &sources {
        found.extend(hygiene::opens_with_a_description(source));
        found.extend(hygiene::is_not_too_long(source, LONG_FILES));
        found.extend(CONFINEMENTS.iter().flat_map(|rule| rule.check(source)));
        found.extend(glob_imports(source));
        if source.path.starts_with(NARROW_STRUCTS) {
            found.extend(structs::are_not_too_wide(source));
        }
    }
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} broken rules:\n{}", lines.len(), lines.join("\n"));
}

/// Glob imports outside tests hide where a name comes from.
fn glob_imports(source: &Source) -> Vec<Violation> {
    // A prelude is made for it.
    let is_glob = |line: &str| {
        let is_use = line.trim_start().trim_start_matches("pub ").starts_with("use ");
        is_use && line.contains("::*") && !line.contains("prelude::*")
    };
    let lines = source.code_lines().filter(|(_, line)| !source.is_test() && is_glob(line));
    lines
        .map(|(line, _)| Violation {
            path: source.path.clone(),
            line,
            message: "glob import: name what is used".to_owned(),
        })
        .collect()
}

#[test]
fn the_rules_notice_what_they_forbid() {
    let bad = Source {
        path: "reports/src/x.rs".to_owned(),
        text: "use std::net::TcpStream;\nfn f() { unsafe {} }\n".to_owned(),
    };
    let found: Vec<_> = CONFINEMENTS.iter().flat_map(|rule| rule.check(&bad)).collect();
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(hygiene::opens_with_a_description(&bad).len(), 1);
    let long = Source { path: "resp/tests/it/x.rs".to_owned(), text: "\n".repeat(501) };
    assert_eq!(hygiene::is_not_too_long(&long, &[]).len(), 1);
    assert_eq!(hygiene::is_not_too_long(&long, &["resp/tests/it/x.rs"]), Vec::new());
    let fields: String = (0..21).map(|index| format!("f{index}: u8,")).collect();
    let wide = Source { path: "x.rs".to_owned(), text: format!("\nstruct Wide {{ {fields} }}") };
    let found: Vec<String> =
        structs::are_not_too_wide(&wide).iter().map(|v| v.to_string()).collect();
    assert_eq!(found, ["x.rs:2: Wide has 21 fields, 20 allowed"]);
}
