//! Puts the commit of the checkout into a program: `loadgen --version`, `ae-server --version` and every record name it. The
//! build script of the two crates that print it.
//!
//! `AELAB_COMMIT` in the environment comes first, for builds without a checkout. Invariant: a folder that is not a checkout of
//! its own, such as an unpacked archive inside another repository, has no commit.
#![allow(clippy::print_stdout, reason = "lines on stdout are how a build script speaks to cargo")]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Digits of a commit that are shown.
const DIGITS: usize = 12;

fn main() {
    println!("cargo:rerun-if-env-changed=AELAB_COMMIT");
    let root = workspace();
    if let Some(root) = &root {
        println!("cargo:rerun-if-changed={}", root.join("packaging/commit.rs").display());
    }
    let given = std::env::var("AELAB_COMMIT").ok().filter(|commit| !commit.trim().is_empty());
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    match given.or_else(|| of_checkout(&root?)) {
        Some(commit) => {
            let short: String = commit.trim().chars().take(DIGITS).collect();
            println!("cargo:rustc-env=AELAB_COMMIT={short}");
            println!("cargo:rustc-env=AELAB_VERSION={version} ({short})");
        }
        None => println!("cargo:rustc-env=AELAB_VERSION={version}"),
    }
}

/// The folder of the workspace that this crate is in.
fn workspace() -> Option<PathBuf> {
    let own = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR")?).canonicalize().ok()?;
    own.ancestors().find(|folder| folder.join("Cargo.lock").is_file()).map(Path::to_path_buf)
}

/// The commit of the checkout whose root this is; the script runs again when it changes.
fn of_checkout(root: &Path) -> Option<String> {
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if Path::new(&top).canonicalize().ok()? != root {
        return None;
    }
    let branch = git(root, &["symbolic-ref", "-q", "HEAD"]);
    for name in ["HEAD", "packed-refs"].into_iter().chain(branch.as_deref()) {
        let path = root.join(git(root, &["rev-parse", "--git-path", name])?);
        // Cargo would run this script each time for a path that does not exist.
        if path.exists() {
            println!("cargo:rerun-if-changed={}", path.display());
        }
    }
    git(root, &["rev-parse", "HEAD"])
}

fn git(root: &Path, args: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(args).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
