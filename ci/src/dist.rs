//! The formats of release files: a Debian package is an `ar` archive of two tar archives and a version.
//!
//! Pure: it gets bytes and returns bytes; `examples/dist.rs` runs cargo and tar. Invariant: the same content gives the same
//! bytes, so a release can be compared with a build of one's own.

use std::fmt::Write as _;

/// One file of an `ar` archive.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// Its name; at most 15 characters.
    pub name: &'a str,
    /// Its content.
    pub data: &'a [u8],
}

/// An `ar` archive in the form that dpkg reads: fixed owner, mode and time.
#[must_use]
pub fn ar(members: &[Member<'_>], mtime_s: u64) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for Member { name, data } in members {
        let (owner, mode, length) = (0, "100644", data.len());
        let mut header = String::new();
        // Writing to a String cannot fail.
        let _ =
            writeln!(header, "{name:<16}{mtime_s:<12}{owner:<6}{owner:<6}{mode:<8}{length:<10}`");
        out.extend(header.as_bytes());
        out.extend(*data);
        if length % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

/// The `control` file of the package.
#[must_use]
pub fn control(version: &str, architecture: &str, glibc: &str, installed_bytes: u64) -> String {
    format!(
        "Package: aelab\n\
         Version: {version}\n\
         Architecture: {architecture}\n\
         Maintainer: The aelab authors <aelab@localhost>\n\
         Installed-Size: {}\n\
         Depends: libc6 (>= {glibc}), libgcc-s1\n\
         Section: utils\n\
         Priority: optional\n\
         Description: load generator and latency laboratory for Redis-protocol servers\n \
         loadgen measures how long clients of a Redis-protocol server wait, and why.\n \
         ae-server is the reference server of its experiments.\n",
        installed_bytes.div_ceil(1024)
    )
}

/// The newest version of glibc whose symbols a program uses: `2.34`. `None` for a static program.
#[must_use]
pub fn glibc(program: &[u8]) -> Option<String> {
    const MARK: &[u8] = b"GLIBC_2.";
    let places = program.windows(MARK.len()).enumerate().filter(|(_, found)| *found == MARK);
    let minor = |(at, _): (usize, &[u8])| {
        let digits = program[at + MARK.len()..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(None, |sum: Option<u32>, digit| {
            Some(sum.unwrap_or(0).saturating_mul(10).saturating_add(u32::from(digit - b'0')))
        })
    };
    places.filter_map(minor).max().map(|minor| format!("2.{minor}"))
}

/// Debian's name of an architecture.
#[must_use]
pub fn debian_architecture(rust: &str) -> &str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "i386",
        "riscv64" => "riscv64",
        "powerpc64" => "ppc64el",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_has_even_lengths_and_fixed_headers() {
        let members = [
            Member { name: "debian-binary", data: b"2.0\n" },
            Member { name: "odd", data: b"xyz" },
        ];
        let text = String::from_utf8(ar(&members, 7)).expect("text");
        let header = |name: &str, length: &str| {
            format!("{name:<16}7           0     0     100644  {length:<10}`\n")
        };
        let wanted =
            format!("!<arch>\n{}2.0\n{}xyz\n", header("debian-binary", "4"), header("odd", "3"));
        assert_eq!(text, wanted);
        assert_eq!(header("odd", "3").len(), 60, "dpkg reads 60 bytes");
    }

    #[test]
    fn the_package_needs_the_newest_symbol_that_it_uses() {
        let program = b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBC_PRIVATE\0GLIBC_2.";
        assert_eq!(glibc(program).as_deref(), Some("2.34"));
        assert_eq!(glibc(b"static"), None);
        let control = control("0.1.0", debian_architecture("x86_64"), "2.34", 2049);
        assert!(control.contains("Architecture: amd64\n") && control.contains("(>= 2.34)"));
        assert!(control.contains("Installed-Size: 3\n") && control.ends_with(".\n"), "{control}");
    }
}
