//! `cargo dist`: builds the release files in `target/dist`: an archive, a Debian package and their checksums.
//!
//! It needs cargo, git, GNU tar, gzip and strip. Invariant: the files come from a clean checkout, whose commit is in them.
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use aelab_ci::dist::{Member, ar, control, debian_architecture, glibc};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Done<T> = Result<T, Box<dyn Error>>;

/// The programs of a release.
const PROGRAMS: [&str; 2] = ["loadgen", "ae-server"];
/// Shells with a completion script: the name, the file in the archive, and its folder and name in the package.
const SHELLS: [(&str, &str, &str); 3] = [
    ("bash", "loadgen.bash", "share/bash-completion/completions/loadgen"),
    ("zsh", "_loadgen", "share/zsh/vendor-completions/_loadgen"),
    ("fish", "loadgen.fish", "share/fish/vendor_completions.d/loadgen.fish"),
];
/// Texts of a release.
const TEXTS: [&str; 4] = ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];

fn main() -> ExitCode {
    match release() {
        Ok(files) => {
            files.iter().for_each(|file| println!("{}", file.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("cargo dist: {error}");
            ExitCode::FAILURE
        }
    }
}

fn release() -> Done<Vec<PathBuf>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let git = |args: &[&str]| output(Command::new("git").arg("-C").arg(&root).args(args));
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])?;
    if !changed.trim().is_empty() {
        return Err(
            "the checkout has changes: commit them, so that the files name their source".into()
        );
    }
    let commit = git(&["rev-parse", "HEAD"])?;
    // The time of the commit is the time of all files, so two builds of it give the same archives.
    let mtime: u64 = git(&["log", "-1", "--format=%ct"])?.trim().parse()?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(&root).args(["build", "--release", "--locked"]);
    build.args(PROGRAMS.iter().flat_map(|program| ["--bin", program]));
    run(build.env("AELAB_COMMIT", commit.trim()).env("CARGO_TARGET_DIR", &target))?;

    let dist = target.join("dist");
    // What an earlier release left there must not get into this one.
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    let (version, architecture) = (env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let name = format!("aelab-{version}-{architecture}-linux");
    let folder = dist.join(&name);
    lay_out(&root, &target.join("release"), &folder)?;
    let archive = dist.join(format!("{name}.tar.gz"));
    tar(&dist, &[&name], &archive, mtime)?;
    let package = debian(&folder, &dist, version, mtime)?;
    let sums = dist.join("SHA256SUMS");
    let names = [&archive, &package].map(|path| path.file_name().unwrap_or_default().to_owned());
    fs::write(&sums, output(Command::new("sha256sum").current_dir(&dist).args(names))?)?;
    Ok(vec![archive, package, sums])
}

/// The folder of the archive: programs, texts, manual pages, completions.
fn lay_out(root: &Path, built: &Path, folder: &Path) -> Done<()> {
    let (man, completions) = (folder.join("man"), folder.join("completions"));
    fs::create_dir_all(&man)?;
    fs::create_dir_all(&completions)?;
    for program in PROGRAMS {
        let to = folder.join(program);
        fs::copy(built.join(program), &to)?;
        run(Command::new("strip").arg("--strip-debug").arg(&to))?;
    }
    for text in TEXTS {
        fs::copy(root.join(text), folder.join(text))?;
    }
    let loadgen = folder.join("loadgen");
    output(Command::new(&loadgen).arg("man").arg(&man))?;
    fs::copy(root.join("packaging/ae-server.1"), man.join("ae-server.1"))?;
    for (shell, file, _) in SHELLS {
        let script = output(Command::new(&loadgen).args(["completions", shell]))?;
        fs::write(completions.join(file), script)?;
    }
    Ok(())
}

/// The Debian package of a laid-out folder.
fn debian(folder: &Path, dist: &Path, version: &str, mtime: u64) -> Done<PathBuf> {
    let tree = dist.join("debian");
    let (usr, meta) = (tree.join("usr"), dist.join("debian-control"));
    let copy = |from: PathBuf, to: &str| -> Done<()> {
        let to = usr.join(to);
        fs::create_dir_all(to.parent().unwrap_or(&usr))?;
        fs::copy(from, to)?;
        Ok(())
    };
    let mut needs = None;
    for program in PROGRAMS {
        needs = needs.max(glibc(&fs::read(folder.join(program))?).map(|v| (v.len(), v)));
        copy(folder.join(program), &format!("bin/{program}"))?;
    }
    for page in fs::read_dir(folder.join("man"))? {
        let page = page?;
        let to = format!("share/man/man1/{}", page.file_name().to_string_lossy());
        copy(page.path(), &to)?;
        run(Command::new("gzip").args(["-9", "-n"]).arg(usr.join(to)))?;
    }
    for (_, file, to) in SHELLS {
        copy(folder.join("completions").join(file), to)?;
    }
    copy(folder.join("README.md"), "share/doc/aelab/README.md")?;
    copy(folder.join("CHANGELOG.md"), "share/doc/aelab/changelog")?;
    run(Command::new("gzip").args(["-9", "-n"]).arg(usr.join("share/doc/aelab/changelog")))?;
    copy(folder.join("LICENSE-MIT"), "share/doc/aelab/copyright")?;
    copy(folder.join("LICENSE-APACHE"), "share/doc/aelab/LICENSE-APACHE")?;

    let bytes: u64 = output(Command::new("du").args(["-s", "-B1", "--apparent-size"]).arg(&usr))?
        .split_whitespace()
        .next()
        .unwrap_or_default()
        .parse()?;
    let architecture = debian_architecture(std::env::consts::ARCH);
    let glibc = needs.map_or_else(|| "2.17".to_owned(), |(_, version)| version);
    fs::create_dir_all(&meta)?;
    fs::write(meta.join("control"), control(version, architecture, &glibc, bytes))?;
    let (data, about) = (dist.join("data.tar.gz"), dist.join("control.tar.gz"));
    tar(&tree, &["./usr"], &data, mtime)?;
    tar(&meta, &["./control"], &about, mtime)?;
    let (about_bytes, data_bytes) = (fs::read(&about)?, fs::read(&data)?);
    let members = [
        Member { name: "debian-binary", data: b"2.0\n" },
        Member { name: "control.tar.gz", data: &about_bytes },
        Member { name: "data.tar.gz", data: &data_bytes },
    ];
    let package = dist.join(format!("aelab_{version}_{architecture}.deb"));
    fs::write(&package, ar(&members, mtime))?;
    for rest in [&tree, &meta] {
        fs::remove_dir_all(rest)?;
    }
    for rest in [&data, &about] {
        fs::remove_file(rest)?;
    }
    Ok(package)
}

/// A compressed tar archive without names, times and order of this machine.
fn tar(from: &Path, what: &[&str], to: &Path, mtime: u64) -> Done<()> {
    let mut command = Command::new("tar");
    command.arg("-C").arg(from).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    command.args(["--mode=u+rwX,go+rX,go-w", "-I", "gzip -9 -n", "-c", "-f"]).arg(to);
    run(command.arg(format!("--mtime=@{mtime}")).args(what))
}

fn run(command: &mut Command) -> Done<()> {
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{command:?} failed: {status}").into()),
        Err(error) => Err(format!("cannot start {command:?}: {error}").into()),
    }
}

fn output(command: &mut Command) -> Done<String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(format!("{command:?} failed: {why}").into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
