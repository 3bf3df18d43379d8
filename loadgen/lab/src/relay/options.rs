//! The options of a relay, and their errors.
//!
//! Not the command line, which fills [`Options`]. Invariant: options that pass [`Options::check`] can be run.

use crate::relay::wire::Shape;
use aelab_engine::clock::Nanos;
use aelab_engine::error::Failure;
use aelab_engine::plan::Endpoint;
use aelab_resp::encode;
use std::io;
use std::net::ToSocketAddrs as _;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// Longest round-trip time: more than any link on Earth.
const RTT_MAX: Nanos = Nanos::from_secs(60);
/// Smallest bandwidth: a modem of 1984, bytes per second. Below it a single reply takes minutes.
const BANDWIDTH_MIN: u64 = 120;
/// Most shared connections; more than a server's usual limit of clients is a mistake.
const SHARE_MAX: usize = 10_000;
/// Smallest window: one segment must fit.
const WINDOW_MIN_BYTES: usize = 1448;

/// The options of a relay.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where clients connect. Port 0 takes a free one.
    pub listen: Endpoint,
    /// The server.
    pub upstream: Endpoint,
    /// Round-trip time that the link adds: half of it in each direction.
    pub rtt: Nanos,
    /// The round-trip time varies evenly by this much up and down, half of it in each direction.
    pub jitter: Nanos,
    /// Bytes per second in each direction, for all connections together; none: unlimited.
    pub bandwidth: Option<u64>,
    /// Bytes under way per connection and direction, like a TCP window.
    pub window_bytes: usize,
    /// Share this many connections to the upstream between all clients.
    pub share: Option<usize>,
    /// With sharing: what the relay logs in with, and what clients must log in with.
    pub credentials: Option<Credentials>,
    /// How it waits.
    pub waiting: Waiting,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Options {
    /// A relay that adds nothing.
    pub fn new(listen: Endpoint, upstream: Endpoint) -> Self {
        Self {
            listen,
            upstream,
            rtt: Nanos::ZERO,
            jitter: Nanos::ZERO,
            bandwidth: None,
            // At 1 ms round-trip time enough for 2 GB/s in each direction.
            window_bytes: 1024 * 1024,
            share: None,
            credentials: None,
            waiting: Waiting::Precise,
            seed: 1,
        }
    }

    /// Checks the values.
    ///
    /// # Errors
    /// The first value out of range.
    pub fn check(&self) -> Result<(), RelayError> {
        let bad =
            |option, problem: String, remedy| Err(RelayError::Value { option, problem, remedy });
        if self.rtt > RTT_MAX {
            return bad("--rtt", format!("{} is too long", self.rtt), "give at most 60s");
        }
        if self.jitter > self.rtt {
            let problem = format!("{} exceeds the round-trip time of {}", self.jitter, self.rtt);
            return bad("--jitter", problem, "give at most --rtt, as time does not run backwards");
        }
        if let Some(rate) = self.bandwidth.filter(|rate| *rate < BANDWIDTH_MIN) {
            let problem = format!("{rate} bytes per second carry nothing");
            return bad("--bandwidth", problem, "give at least 120B, or leave it out for no limit");
        }
        if let Some(count) = self.share.filter(|count| !(1..=SHARE_MAX).contains(count)) {
            let problem = format!("{count} connections cannot be shared");
            return bad("--share", problem, "give 1 to 10000");
        }
        if self.window_bytes < WINDOW_MIN_BYTES {
            let problem = format!("{} bytes hold no segment", self.window_bytes);
            return bad("--window", problem, "give at least 1448B");
        }
        if self.listen == self.upstream {
            let problem = format!("{} is where the relay listens itself", self.upstream);
            return bad("--upstream", problem, "give the server's address");
        }
        Ok(())
    }

    /// Each direction of the link.
    pub(crate) fn shape(&self) -> Shape {
        Shape {
            delay: Nanos(self.rtt.0 / 2),
            jitter: Nanos(self.jitter.0 / 2),
            bandwidth: self.bandwidth.and_then(NonZeroU64::new),
        }
    }
}

/// How a relay waits for the next time something is due.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// Sleeps until shortly before, then polls the clock.
    #[default]
    Precise,
    /// Polls the clock and the sockets all the time: uses one core. More exact with Unix sockets, for which the kernel records
    /// no time of arrival.
    Spin,
}

/// A user's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// None: the default user.
    pub user: Option<String>,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

impl Credentials {
    /// Appends the AUTH command.
    pub(crate) fn write_auth(&self, out: &mut Vec<u8>) {
        let password = self.password.as_bytes();
        match &self.user {
            Some(user) => encode::command(out, &[b"AUTH", user.as_bytes(), password]),
            None => encode::command(out, &[b"AUTH", password]),
        }
    }

    /// Whether `[password]` or `[user, password]` are these.
    pub(crate) fn admit(&self, login: &[&[u8]]) -> bool {
        let own_user = self.user.as_deref().unwrap_or("default").as_bytes();
        let (user, password): (&[u8], &[u8]) = match login {
            [password] => (b"default", password),
            [user, password] => (user, password),
            _ => return false,
        };
        user == own_user && same_in_even_time(password, self.password.as_bytes())
    }
}

/// Equality that takes as long for a nearly right guess as for a wrong one.
fn same_in_even_time(one: &[u8], other: &[u8]) -> bool {
    let difference = one.iter().zip(other).fold(0, |sum, (a, b)| sum | (a ^ b));
    one.len() == other.len() && difference == 0
}

/// Why a relay could not be started.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A value is out of range.
    #[error("{option}: {problem}; {remedy}")]
    Value {
        /// The option's name.
        option: &'static str,
        /// What is wrong.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The address to listen on cannot be used.
    #[error("cannot listen on {endpoint}: {source}; {}", listen_remedy(source))]
    Listen {
        /// The address.
        endpoint: String,
        /// The kernel's error.
        source: io::Error,
    },
    /// A necessary system call failed.
    #[error("relay cannot {what}: {source}; check the limits of this machine (ulimit -n)")]
    System {
        /// What was tried.
        what: &'static str,
        /// The kernel's error.
        source: io::Error,
    },
}

impl From<RelayError> for Failure {
    fn from(error: RelayError) -> Self {
        let message = error.to_string();
        match error {
            RelayError::Value { .. } | RelayError::Listen { .. } => Self::usage(message),
            RelayError::System { .. } => Self::unreachable(message),
        }
    }
}

impl RelayError {
    pub(crate) fn system(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}

fn listen_remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "stop what listens there, or give another --listen (port 0 takes a free one)"
        }
        io::ErrorKind::AddrNotAvailable => "give --listen an address of this machine",
        io::ErrorKind::PermissionDenied => {
            "give --listen a port above 1023, or a folder you may write to"
        }
        io::ErrorKind::NotFound => "create the socket's folder first",
        _ => "give another --listen",
    }
}

/// Reads `HOST:PORT`, `PORT` (of this machine), or `unix:PATH`. A name is looked up now, IPv4 first.
///
/// # Errors
/// It is none of these, or the name is not known. `option` is named in the message.
pub fn parse_endpoint(option: &'static str, text: &str) -> Result<Endpoint, RelayError> {
    const REMEDY: &str = "give HOST:PORT or unix:PATH";
    let bad = |problem: String| RelayError::Value { option, problem, remedy: REMEDY };
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err(bad("no path after 'unix:'".to_owned()));
        }
        return Ok(Endpoint::Unix(PathBuf::from(path)));
    }
    if let Ok(port) = text.parse::<u16>() {
        return Ok(Endpoint::Tcp(([127, 0, 0, 1], port).into()));
    }
    let found = text.to_socket_addrs();
    let addrs: Vec<_> = found.map_err(|error| bad(format!("'{text}': {error}")))?.collect();
    let v4 = addrs.iter().find(|addr| addr.is_ipv4());
    let addr =
        v4.or_else(|| addrs.first()).ok_or_else(|| bad(format!("'{text}' has no address")))?;
    Ok(Endpoint::Tcp(*addr))
}
