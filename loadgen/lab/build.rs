//! Puts the commit of the checkout into the program: `loadgen --version` and every record name it.
//!
//! `AELAB_COMMIT` in the environment comes first, for builds without a checkout. Invariant: a folder that is not a checkout of
//! its own, such as an unpacked archive inside another repository, has no commit.
#![allow(clippy::print_stdout, reason = "lines on stdout are how a build script speaks to cargo")]

use std::path::Path;
use std::process::Command;

/// Digits of a commit that are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-env-changed=AELAB_COMMIT");
    println!("cargo:rerun-if-changed=build.rs");
    let given = std::env::var("AELAB_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match given.or_else(of_checkout) {
        Some(commit) => {
            let short: String = commit.trim().chars().take(DIGITS).collect();
            println!("cargo:rustc-env=AELAB_COMMIT={short}");
            println!("cargo:rustc-env=AELAB_VERSION={version} ({short})");
        }
        None => println!("cargo:rustc-env=AELAB_VERSION={version}"),
    }
}

/// The commit of the checkout that this crate is in; this script runs again when it changes.
fn of_checkout() -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().ok()?;
    let top = git(&root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root {
        return None;
    }
    let branch = git(&root, &["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = root.join(git(&root, &["rev-parse", "--git-path", name])?);
        // Cargo would run this script each time for a path that does not exist.
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    git(&root, &["rev-parse", "HEAD"])
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
