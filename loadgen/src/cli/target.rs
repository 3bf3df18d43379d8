//! Which server: flags, URL and environment, resolved to a [`Target`].
//!
//! Invariant: a password never appears in an error text.

use crate::cli::ycsb::Home;
use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Protocol, Target};
use aelab_engine::tls::{TlsClient, TlsOptions, Trust};
use aelab_units::parse_duration;
use clap::Args;
use percent_encoding::percent_decode_str;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

/// Redis's port.
const DEFAULT_PORT: u16 = 6379;
/// This machine.
const DEFAULT_HOST: &str = "127.0.0.1";
/// The variable that redis-cli takes a password from.
const PASSWORD_VARIABLE: &str = "REDISCLI_AUTH";

/// Target flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetArgs {
    /// Server host name or address [default: 127.0.0.1].
    ///
    /// A list HOST[:PORT],HOST[:PORT] distributes the connections over several servers.
    #[arg(short = 'h', long, conflicts_with_all = ["socket", "uri"])]
    pub host: Option<String>,
    /// Server port [default: 6379].
    #[arg(short = 'p', long, conflicts_with_all = ["socket", "uri"])]
    pub port: Option<u16>,
    /// Server address; repeat the flag to load several servers.
    ///
    /// Connections are assigned to the servers in turn, and each server is counted separately.
    #[arg(
        hide_short_help = true,
        long,
        value_name = "HOST:PORT",
        value_delimiter = ',',
        conflicts_with = "socket"
    )]
    pub endpoint: Vec<String>,
    /// Unix socket of the server, instead of host and port.
    #[arg(short = 's', long, alias = "unix-socket", value_name = "PATH", conflicts_with = "uri")]
    pub socket: Option<PathBuf>,
    /// Server URL: redis://[USER:PASS@]HOST[:PORT][/DB], rediss:// for TLS, or unix://PATH.
    ///
    /// Special characters in USER and PASS are percent-encoded (p%40ss is p@ss). Repeat the flag to load several servers;
    /// all URLs must have the same scheme, login and database.
    #[arg(short = 'u', long, value_name = "URL")]
    pub uri: Vec<String>,
    /// Password [default: the environment variable REDISCLI_AUTH].
    #[arg(short = 'a', long = "pass", alias = "password", value_name = "PASS")]
    pub password: Option<String>,
    /// ACL user name; needs a password.
    #[arg(hide_short_help = true, long, value_name = "NAME")]
    pub user: Option<String>,
    /// Database number [default: 0].
    #[arg(hide_short_help = true, long, alias = "select-db", value_name = "N")]
    pub dbnum: Option<u32>,
    /// Use the RESP3 protocol.
    #[arg(hide_short_help = true, short = '3', long = "resp3")]
    pub resp3: bool,
    /// Send each request to the cluster node that owns its key.
    ///
    /// Connections are distributed over the primaries. MOVED and ASK redirects are followed and counted.
    #[arg(long, alias = "cluster-mode", conflicts_with = "socket")]
    pub cluster: bool,
    /// Use TLS, as rediss:// does.
    ///
    /// The send time of a request is the time when the kernel accepts the first byte of its TLS record. The connect time includes the
    /// handshake. Sessions are not resumed.
    #[arg(long = "tls", conflicts_with = "socket", help_heading = "TLS")]
    pub is_tls: bool,
    /// Wait up to this time for a server that is starting, loading its data or busy [default: 0].
    ///
    /// A server is waited for if it does not accept connections yet, does not answer, or answers LOADING, BUSY or MASTERDOWN.
    /// With --cluster, the cluster must also be complete (cluster_state:ok).
    #[arg(long, value_name = "TIME", value_parser = parse_duration, default_value = "0", hide_default_value = true)]
    pub wait_ready: Duration,
    /// How to speak TLS.
    #[command(flatten)]
    pub tls: TlsArgs,
}

/// TLS flags, as typed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "TLS")]
pub struct TlsArgs {
    /// Trust the certificate authorities in this PEM file instead of the system's.
    #[arg(hide_short_help = true, long, value_name = "FILE")]
    pub cacert: Option<PathBuf>,
    /// Trust the certificate authorities in the PEM files of this folder instead of the system's.
    #[arg(hide_short_help = true, long, value_name = "DIR")]
    pub cacertdir: Option<PathBuf>,
    /// Client certificate (PEM file).
    #[arg(hide_short_help = true, long, value_name = "FILE", requires = "key")]
    pub cert: Option<PathBuf>,
    /// Private key of the client certificate (PEM file).
    #[arg(hide_short_help = true, long, value_name = "FILE", requires = "cert")]
    pub key: Option<PathBuf>,
    /// Do not verify the server's certificate.
    #[arg(hide_short_help = true, long, alias = "tls-skip-verify")]
    pub insecure: bool,
    /// Server name to send and to verify in the certificate, instead of the host name.
    #[arg(hide_short_help = true, long, value_name = "NAME")]
    pub sni: Option<String>,
}

impl TlsArgs {
    fn options(&self) -> TlsOptions {
        TlsOptions {
            cacert: self.cacert.clone(),
            cacertdir: self.cacertdir.clone(),
            cert: self.cert.clone(),
            key: self.key.clone(),
            trust: if self.insecure { Trust::Anyone } else { Trust::Checked },
            sni: self.sni.clone(),
        }
    }

    /// The TLS client, if TLS is used.
    ///
    /// # Errors
    /// Files that cannot be used, or flags without TLS (exit 2).
    fn client(&self, is_asked_for: bool, remedy: &str) -> Result<Option<TlsClient>, Failure> {
        if is_asked_for {
            return TlsClient::new(&self.options()).map(Some);
        }
        self.none(remedy).map(|()| None)
    }

    /// Checks that no TLS flag is given where TLS is not used.
    ///
    /// # Errors
    /// A TLS flag is given (exit 2); `remedy` says what to do.
    pub fn none(&self, remedy: &str) -> Result<(), Failure> {
        if self.options() == TlsOptions::default() {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "--cacert, --cacertdir, --cert, --key, --insecure and --sni need TLS; {remedy}"
        )))
    }
}

impl TargetArgs {
    /// Where the records of a workload are stored.
    #[must_use]
    pub(super) const fn home(&self) -> Home {
        if self.cluster { Home::Cluster } else { Home::Server }
    }

    /// The target, with addresses looked up and the environment consulted.
    ///
    /// # Errors
    /// A URL of another form, TLS flags that cannot be used (exit 2), or a host name that leads nowhere (exit 6).
    pub fn resolve(&self) -> Result<Target, Failure> {
        let urls = self.uri.iter().map(|url| Url::parse(url)).collect::<Result<Vec<_>, _>>()?;
        if let Some(other) = urls.iter().position(|url| !url.agrees_with(&urls[0])) {
            return Err(Failure::usage(format!(
                "URL {} of -u has another scheme, login or database than the first; use the same for all URLs, or make \
                 two runs",
                other + 1
            )));
        }
        let is_tls = self.is_tls || urls.iter().any(|url| url.scheme == Scheme::Tls);
        let client = self.tls.client(is_tls, "add --tls or write rediss://")?;
        let places = self.places(&urls)?;
        let mut endpoints = places
            .iter()
            .map(|place| place.look_up(client.as_ref()))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let Some(first) = endpoints.next() else {
            return Err(Failure::usage("no server is given; use -h HOST or --endpoint HOST:PORT"));
        };
        let mut target = Target::plain(first);
        target.more = endpoints.collect();
        if let Some(url) = urls.into_iter().next() {
            url.introduce(&mut target);
        }
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

    /// Every server that was named.
    fn places(&self, urls: &[Url]) -> Result<Vec<Place>, Failure> {
        if let Some(path) = &self.socket {
            return Ok(vec![Place::Path(path.clone())]);
        }
        let mut places: Vec<Place> = urls.iter().map(|url| url.place.clone()).collect();
        let port = self.port.unwrap_or(DEFAULT_PORT);
        let is_named = self.host.is_some() || self.port.is_some();
        if urls.is_empty() && (is_named || self.endpoint.is_empty()) {
            let hosts = self.host.as_deref().unwrap_or(DEFAULT_HOST);
            for host in hosts.split(',') {
                places.push(host_and_port(host, port, "-h")?);
            }
        }
        for endpoint in &self.endpoint {
            places.push(host_and_port(endpoint, port, "--endpoint")?);
        }
        Ok(places)
    }
}

/// A server as it was named.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Host { host: String, port: u16 },
    Path(PathBuf),
}

impl Place {
    fn look_up(&self, client: Option<&TlsClient>) -> Result<Endpoint, Failure> {
        match (self, client) {
            (Self::Path(path), None) => Ok(Endpoint::Unix(path.clone())),
            (Self::Path(_), Some(_)) => {
                Err(Failure::usage("a Unix socket does not support TLS; leave out --tls"))
            }
            (Self::Host { host, port }, None) => Ok(Endpoint::Tcp(look_up(host, *port)?)),
            (Self::Host { host, port }, Some(client)) => {
                Ok(Endpoint::Tls(client.endpoint(host, look_up(host, *port)?)?))
            }
        }
    }
}

/// `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`; an IPv6 address may stand without brackets if no port follows.
fn host_and_port(text: &str, port: u16, flag: &str) -> Result<Place, Failure> {
    // Not quoted: it may hold a password.
    if text.contains('@') || text.contains("://") {
        return Err(Failure::usage(format!(
            "{flag} takes HOST or HOST:PORT; give a URL or a login with -u redis://USER:PASS@HOST:PORT"
        )));
    }
    let (host, port) = match text.rsplit_once(':') {
        // A colon inside brackets, or one of several, is no port's.
        Some((host, digits))
            if !digits.contains(']') && (host.ends_with(']') || !host.contains(':')) =>
        {
            let port = digits.parse().map_err(|_| {
                Failure::usage(format!("{flag} {text}: the port must be a number below 65536"))
            })?;
            (host, port)
        }
        _ => (text, port),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.is_empty() {
        return Err(Failure::usage(format!("{flag} '{text}' has no host name; write HOST:PORT")));
    }
    Ok(Place::Host { host: host.to_owned(), port })
}

/// The password in `REDISCLI_AUTH`, if there is one.
pub(super) fn password_of_environment() -> Option<String> {
    std::env::var(PASSWORD_VARIABLE).ok().filter(|password| !password.is_empty())
}

/// The server that a URL names; if it says `rediss://`, with TLS as the flags say.
///
/// # Errors
/// Another scheme, a bad port or database, flags that cannot be used (exit 2), or an unknown host (exit 6).
pub fn parse_url(url: &str, tls: &TlsArgs) -> Result<Target, Failure> {
    let url = Url::parse(url)?;
    let client = tls.client(url.scheme == Scheme::Tls, "write rediss:// in the URL")?;
    let mut target = Target::plain(url.place.look_up(client.as_ref())?);
    url.introduce(&mut target);
    Ok(target)
}

/// A URL, taken apart.
#[derive(Debug)]
struct Url {
    scheme: Scheme,
    place: Place,
    user: Option<String>,
    password: Option<String>,
    db: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Plain,
    Tls,
}

impl Url {
    /// Reads `redis://`, `rediss://` and `unix://` as redis-cli does: without a colon, the user part is the password.
    fn parse(url: &str) -> Result<Self, Failure> {
        let bad = |why: &str| {
            Failure::usage(format!(
                "bad URL: {why}; write redis://[USER:PASS@]HOST[:PORT][/DB], rediss://… or unix://PATH"
            ))
        };
        if let Some(path) = url.strip_prefix("unix://") {
            if path.is_empty() {
                return Err(bad("the path is missing"));
            }
            let place = Place::Path(PathBuf::from(path));
            return Ok(Self { scheme: Scheme::Plain, place, user: None, password: None, db: 0 });
        }
        let (scheme, rest) = match (url.strip_prefix("redis://"), url.strip_prefix("rediss://")) {
            (Some(rest), _) => (Scheme::Plain, rest),
            (_, Some(rest)) => (Scheme::Tls, rest),
            _ => return Err(bad("it must begin with redis://, rediss:// or unix://")),
        };
        let (login, rest) = match rest.rsplit_once('@') {
            Some((login, rest)) => (Some(login), rest),
            None => (None, rest),
        };
        let (place, db) = match rest.split_once('/') {
            Some((place, db)) => (place, db.trim_end_matches('/')),
            None => (rest, ""),
        };
        let db = if db.is_empty() {
            0
        } else {
            db.parse().map_err(|_| bad("the database must be a number"))?
        };
        let place = match place.strip_prefix(':') {
            Some(port) => format!("{DEFAULT_HOST}:{port}"),
            None if place.is_empty() => DEFAULT_HOST.to_owned(),
            None => place.to_owned(),
        };
        let place = host_and_port(&place, DEFAULT_PORT, "-u")
            .map_err(|_| bad("the port must be a number below 65536"))?;
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or(("", login)))
        {
            Some((user, password)) => (decode(user), decode(password)),
            None => Default::default(),
        };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Ok(Self { scheme, place, user: some(user), password: some(password), db })
    }

    /// Whether connections to both are opened in the same way.
    fn agrees_with(&self, other: &Self) -> bool {
        let manner = |url: &Self| (url.scheme, url.user.clone(), url.password.clone(), url.db);
        let is_path = |url: &Self| matches!(url.place, Place::Path(_));
        manner(self) == manner(other) && is_path(self) == is_path(other)
    }

    fn introduce(self, target: &mut Target) {
        target.db = self.db;
        target.user = self.user;
        target.password = self.password;
    }
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
        Ok([]) => Err(Failure::unreachable(format!("host {host} has no address; check the name"))),
        Err(error) => Err(Failure::unreachable(format!(
            "cannot look up host {host}: {error}; check the name"
        ))),
    }
}

/// Percent-decoding; an invalid escape stays as it is.
fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str) -> (String, Option<String>, Option<String>, u32) {
        let target = parse_url(url, &TlsArgs::default()).unwrap_or_else(|e| panic!("{url}: {e}"));
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
        assert_eq!(
            check("redis://:50%-%zz%2f@127.0.0.1/").2,
            some("50%-%zz/"),
            "invalid escapes stay"
        );
        assert_eq!(check("redis://[::1]:7000").0, "[::1]:7000");
        assert_eq!(check("redis://").0, "127.0.0.1:6379");
        assert_eq!(check("redis://:7000").0, "127.0.0.1:7000");
        assert_eq!(check("unix:///tmp/x.sock").0, "/tmp/x.sock");
        for bad in ["http://x", "redis://127.0.0.1:port", "redis://127.0.0.1/x", "unix://"] {
            assert_eq!(
                parse_url(bad, &TlsArgs::default()).expect_err(bad).exit,
                aelab_engine::error::Exit::Usage
            );
        }
    }

    #[test]
    fn several_servers() {
        let args = |host: Option<&str>, endpoints: &[&str]| TargetArgs {
            host: host.map(str::to_owned),
            endpoint: endpoints.iter().map(|text| (*text).to_owned()).collect(),
            ..TargetArgs::default()
        };
        let all = |args: &TargetArgs| {
            let target = args.resolve().unwrap_or_else(|error| panic!("{error}"));
            let all = std::iter::once(&target.endpoint).chain(&target.more);
            all.map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(all(&args(None, &[])), ["127.0.0.1:6379"]);
        let three = ["127.0.0.1:1", "127.0.0.2:6379", "[::1]:3"];
        assert_eq!(all(&args(Some("127.0.0.1:1,127.0.0.2,[::1]:3"), &[])), three);
        assert_eq!(all(&args(None, &three)), three);
        assert_eq!(all(&args(Some("::1"), &three[..1])), ["[::1]:6379", three[0]]);
        let urls = |urls: &[&str]| TargetArgs {
            uri: urls.iter().map(|url| (*url).to_owned()).collect(),
            ..TargetArgs::default()
        };
        let two = ["redis://:pw@127.0.0.1:1/2", "redis://:pw@127.0.0.2/2"];
        assert_eq!(all(&urls(&two)), ["127.0.0.1:1", "127.0.0.2:6379"]);
        for other in ["redis://127.0.0.2/2", "redis://:pw@127.0.0.2/3", "unix:///x", "rediss://x"] {
            let error = urls(&[two[0], other]).resolve().expect_err(other);
            assert!(error.message.contains("URL 2 of -u"), "{error}");
        }
        for bad in ["x:port", ":1", "", "me:s3cr3t@h:1", "redis://:s3cr3t@h"] {
            let error = args(None, &[bad]).resolve().expect_err(bad);
            assert_eq!(error.exit, aelab_engine::error::Exit::Usage, "{error}");
            assert!(!error.message.contains("s3cr3t"), "{error}");
        }
        let error = args(None, &["no-such-host.invalid:1"]).resolve().expect_err("no host");
        assert_eq!(error.exit, aelab_engine::error::Exit::Unreachable);
        assert!(error.message.contains("no-such-host.invalid"), "{error}");
    }

    #[test]
    fn no_password_in_errors() {
        let error =
            parse_url("redis://me:secret@127.0.0.1:x", &TlsArgs::default()).expect_err("bad port");
        assert!(!error.message.contains("secret"), "{error}");
    }
}
