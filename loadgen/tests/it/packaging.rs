//! What a package of the program contains: the version with its commit, completions and manual pages.

use crate::support::{LOADGEN, TempDir, loadgen};
use std::path::Path;
use std::process::Command;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn the_version_names_the_commit() {
    let called = loadgen(&["--version"]);
    let version = called.stdout.trim().to_owned();
    let git = |args: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root()).args(args).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let top = git(&["rev-parse", "--show-toplevel"]).map(std::path::PathBuf::from);
    let is_checkout = top.is_some_and(|top| top.canonicalize().ok() == root().canonicalize().ok());
    // Without a checkout of its own there is no commit to name.
    if !is_checkout || git(&["rev-parse", "HEAD"]).is_none() {
        return;
    }
    let commit = version
        .strip_prefix(concat!("loadgen ", env!("CARGO_PKG_VERSION"), " ("))
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or_else(|| panic!("no commit: {version}"));
    assert_eq!(commit.len(), 12, "{version}");
    // HEAD may have moved since the build.
    let is_known = git(&["cat-file", "-e", &format!("{commit}^{{commit}}")]).is_some();
    assert!(is_known || std::env::var_os("AELAB_COMMIT").is_some(), "{version}");
    // The server of the same build: as the commit that it was built from, and in the place that redis-server has for it.
    let served = Command::new(LOADGEN).args(["serve", "--version"]).output().expect("runs");
    let served = String::from_utf8_lossy(&served.stdout).into_owned();
    let build = served.trim().rsplit_once(" build=aelab-").map(|(_, build)| build.to_owned());
    let (number, of_server) =
        build.as_deref().and_then(|build| build.split_once('-')).expect("a commit");
    assert_eq!(number, env!("CARGO_PKG_VERSION"), "{served}");
    assert!(served.contains(&format!(" sha={}:0 ", &of_server[..8])), "{served}");
    assert_eq!(of_server.len(), 12, "{served}");
}

#[test]
fn completions_know_every_command_and_are_valid() {
    let dir = TempDir::new();
    for shell in ["bash", "zsh", "fish"] {
        let called = loadgen(&["completions", shell]);
        assert_eq!(called.code, 0, "{}", called.stderr);
        for word in ["run", "scenario", "report", "relay", "selftest", "serve", "pool-max-total"] {
            assert!(called.stdout.contains(word), "{shell}: {word} is missing");
        }
        let script = dir.file(shell);
        std::fs::write(&script, &called.stdout).expect("written");
        // The shell itself reads it, where it is installed.
        if let Ok(output) = Command::new(shell).args(["-n", &script]).output() {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        }
    }
    let offered = Command::new("bash")
        .arg("-c")
        .arg(format!(
            "source {}; COMP_WORDS=(loadgen scen); COMP_CWORD=1; _loadgen loadgen scen loadgen; \
             echo \"${{COMPREPLY[@]}}\"",
            dir.file("bash")
        ))
        .output()
        .expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&offered.stdout).trim(), "scenario");
    let called = loadgen(&["completions", "tcsh"]);
    assert_eq!(called.code, 2, "{}", called.stdout);
}

#[test]
fn every_command_has_a_manual_page() {
    let dir = TempDir::new();
    let called = loadgen(&["man", &dir.file("man")]);
    assert_eq!(called.code, 0, "{}", called.stderr);
    for page in ["loadgen", "loadgen-run", "loadgen-scenario-run", "loadgen-report-render"] {
        let path = dir.file(&format!("man/{page}.1"));
        let text = std::fs::read_to_string(&path).expect(page);
        assert!(text.contains(".SH NAME"), "{page}");
        assert!(called.stdout.contains(&path), "{page} is not listed: {}", called.stdout);
    }
    let run = std::fs::read_to_string(dir.file("man/loadgen-run.1")).expect("read before");
    assert!(run.contains("pool\\-max\\-total"), "options of --help-all are in the page");
}

#[test]
fn the_image_uses_the_pinned_compiler() {
    let read = |name: &str| std::fs::read_to_string(root().join(name)).expect(name);
    let toolchain = read("rust-toolchain.toml");
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = "));
    let version = channel.expect("a channel").trim_matches('"').to_owned();
    assert!(read("packaging/Containerfile").contains(&format!("FROM rust:{version}-")));
    assert!(read("README.md").contains(&format!("pinned to Rust {version}")));
    assert!(Path::new(LOADGEN).is_file());
}
