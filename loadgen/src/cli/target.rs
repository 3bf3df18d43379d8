//! Which server: flags, URL and environment, resolved to a [`Target`].
//!
//! Invariant: a password never appears in an error text.

use crate::engine::plan::{Endpoint, Protocol, Target};
use crate::exit::Failure;
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;

/// Redis's port.
const DEFAULT_PORT: u16 = 6379;
/// The variable that redis-cli takes a password from.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// Target flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Server host name or address [default: 127.0.0.1].
    #[arg(short = 'h', long, conflicts_with_all = ["socket", "uri"])]
    pub host: Option<String>,
    /// Server port [default: 6379].
    #[arg(short = 'p', long, conflicts_with_all = ["socket", "uri"])]
    pub port: Option<u16>,
    /// Unix socket of the server, in place of host and port.
    #[arg(short = 's', long, alias = "unix-socket", value_name = "PATH", conflicts_with = "uri")]
    pub socket: Option<PathBuf>,
    /// redis://[USER:PASS@]HOST[:PORT][/DB] or unix://PATH.
    #[arg(short = 'u', long, value_name = "URL")]
    pub uri: Option<String>,
    /// Password; without it, the environment variable REDISCLI_AUTH.
    #[arg(short = 'a', long = "pass", alias = "password", value_name = "PASS")]
    pub password: Option<String>,
    /// ACL user of the password.
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Database number [default: 0].
    #[arg(long, alias = "select-db", value_name = "N")]
    pub dbnum: Option<u32>,
    /// Speak RESP3.
    #[arg(short = '3', long = "resp3")]
    pub resp3: bool,
}

impl TargetArgs {
    /// The target, with addresses looked up and the environment consulted.
    ///
    /// # Errors
    /// A URL of another form (exit 2), or a host name that leads nowhere (exit 6).
    pub fn resolve(&self) -> Result<Target, Failure> {
        let mut target = match (&self.uri, &self.socket) {
            (Some(uri), _) => parse_url(uri)?,
            (None, Some(path)) => Target::plain(Endpoint::Unix(path.clone())),
            (None, None) => {
                let host = self.host.as_deref().unwrap_or("127.0.0.1");
                let addr = look_up(host, self.port.unwrap_or(DEFAULT_PORT))?;
                Target::plain(Endpoint::Tcp(addr))
            }
        };
        if self.password.is_some() {
            target.password.clone_from(&self.password);
        }
        if target.password.is_none() {
            target.password = password_of_environment();
        }
        if self.user.is_some() {
            target.user.clone_from(&self.user);
        }
        if target.user.is_some() && target.password.is_none() {
            return Err(Failure::usage("--user needs a password: -a PASS or REDISCLI_AUTH"));
        }
        target.db = self.dbnum.unwrap_or(target.db);
        if self.resp3 {
            target.protocol = Protocol::Resp3;
        }
        Ok(target)
    }
}

/// The password in `REDISCLI_AUTH`, if there is one.
pub(super) fn password_of_environment() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty())
}

/// Reads `redis://` and `unix://` URLs as redis-cli does: without a colon, the user part is the password.
///
/// # Errors
/// Another scheme, a bad port or database (exit 2), or an unknown host (exit 6).
pub fn parse_url(url: &str) -> Result<Target, Failure> {
    let bad = |why: &str| {
        Failure::usage(format!(
            "bad URL: {why}; write redis://[USER:PASS@]HOST[:PORT][/DB] or unix://PATH"
        ))
    };
    if let Some(path) = url.strip_prefix("unix://") {
        if path.is_empty() {
            return Err(bad("the path is missing"));
        }
        return Ok(Target::plain(Endpoint::Unix(PathBuf::from(path))));
    }
    if url.starts_with("rediss://") {
        return Err(Failure::usage(
            "rediss:// (TLS) is not supported by this version; use redis://",
        ));
    }
    let rest =
        url.strip_prefix("redis://").ok_or_else(|| bad("it does not begin with redis://"))?;
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (place, db) = match rest.split_once('/') {
        Some((place, db)) => (place, db.trim_end_matches('/')),
        None => (rest, ""),
    };
    let db =
        if db.is_empty() { 0 } else { db.parse().map_err(|_| bad("the database is no number"))? };
    let (host, port) = match place.rsplit_once(':') {
        // An IPv6 address stands in brackets; a colon inside them is no port.
        Some((host, port)) if !port.contains(']') => {
            (host, port.parse().map_err(|_| bad("the port is no number below 65536"))?)
        }
        _ => (place, DEFAULT_PORT),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let host = if host.is_empty() { "127.0.0.1" } else { host };
    let mut target = Target::plain(Endpoint::Tcp(look_up(host, port)?));
    target.db = db;
    if let Some(login) = login {
        let (user, password) = match login.split_once(':') {
            Some((user, password)) => (user, password),
            None => ("", login),
        };
        target.user = Some(decode(user)).filter(|user| !user.is_empty());
        target.password = Some(decode(password)).filter(|password| !password.is_empty());
    }
    Ok(target)
}

/// The first address of a host, IPv4 before IPv6, as servers listen on 127.0.0.1 more often than on ::1.
fn look_up(host: &str, port: u16) -> Result<SocketAddr, Failure> {
    let found = (host, port).to_socket_addrs().map(|addrs| {
        let mut addrs: Vec<SocketAddr> = addrs.collect();
        addrs.sort_by_key(SocketAddr::is_ipv6);
        addrs
    });
    match found.as_deref() {
        Ok([first, ..]) => Ok(*first),
        Ok([]) => Err(Failure::unreachable(format!("host {host} has no address; check -h"))),
        Err(error) => {
            Err(Failure::unreachable(format!("host {host} cannot be looked up: {error}; check -h")))
        }
    }
}

/// Percent-decoding; what is no valid escape stays as it is.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = text.get(at + 1..at + 3).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (byte, hex) {
            (b'%', Some(value)) => {
                out.push(value);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> (String, Option<String>, Option<String>, u32) {
        let target = parse_url(url).unwrap_or_else(|e| panic!("{url}: {e}"));
        (target.endpoint.to_string(), target.user, target.password, target.db)
    }

    #[test]
    fn urls() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(check("redis://127.0.0.1"), ("127.0.0.1:6379".into(), None, None, 0));
        assert_eq!(
            check("redis://me:p%40ss@127.0.0.1:7000/3"),
            ("127.0.0.1:7000".into(), some("me"), some("p@ss"), 3)
        );
        assert_eq!(check("redis://secret@127.0.0.1/").2, some("secret"));
        assert_eq!(check("redis://[::1]:7000").0, "[::1]:7000");
        assert_eq!(check("unix:///tmp/x.sock").0, "/tmp/x.sock");
        for bad in ["http://x", "redis://127.0.0.1:port", "redis://127.0.0.1/x", "unix://"] {
            assert_eq!(parse_url(bad).expect_err(bad).exit, crate::exit::Exit::Usage);
        }
    }

    #[test]
    fn no_password_in_errors() {
        let error = parse_url("redis://me:secret@127.0.0.1:x").expect_err("bad port");
        assert!(!error.message.contains("secret"), "{error}");
    }
}
