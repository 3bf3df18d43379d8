//! Servers, and how a connection introduces itself to one.
//!
//! Addresses are resolved. Not the bytes of the handshake (see `conn::handshake`).

use crate::tls::TlsEndpoint;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A server and how to introduce oneself to it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// More servers; connections are dealt out to all of them in turn.
    pub more: Vec<Endpoint>,
    /// ACL user; needs a password.
    pub user: Option<String>,
    /// Password for `AUTH` (or `HELLO … AUTH`).
    pub password: Option<String>,
    /// Database to `SELECT`; 0 sends nothing.
    pub db: u32,
    /// Protocol spoken after the handshake.
    pub protocol: Protocol,
}

impl fmt::Debug for Target {
    /// Everything but the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, more, user, password, db, protocol } = self;
        f.debug_struct("Target")
            .field("endpoint", endpoint)
            .field("more", more)
            .field("user", user)
            .field("password", &password.as_ref().map(|_| "(hidden)"))
            .field("db", db)
            .field("protocol", protocol)
            .finish()
    }
}

impl Target {
    /// A server that wants no password, database 0, RESP2.
    pub const fn plain(endpoint: Endpoint) -> Self {
        Self {
            endpoint,
            more: Vec::new(),
            user: None,
            password: None,
            db: 0,
            protocol: Protocol::Resp2,
        }
    }

    /// A target of its own for each of its servers.
    pub fn each(&self) -> impl Iterator<Item = Self> {
        self.endpoints().map(|endpoint| Self {
            endpoint: endpoint.clone(),
            more: Vec::new(),
            ..self.clone()
        })
    }

    /// All its servers, at least one.
    pub fn endpoints(&self) -> impl Iterator<Item = &Endpoint> {
        std::iter::once(&self.endpoint).chain(&self.more)
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Endpoint {
    /// TCP, Nagle off.
    Tcp(SocketAddr),
    /// TLS over TCP.
    Tls(TlsEndpoint),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Endpoint {
    /// The address, unless it is a path.
    pub const fn addr(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(addr) | Self::Tls(TlsEndpoint { addr, .. }) => Some(*addr),
            Self::Unix(_) => None,
        }
    }

    /// Whether it is on this machine: a Unix socket, or a loopback address.
    pub fn is_local(&self) -> bool {
        self.addr().is_none_or(|addr| addr.ip().is_loopback())
    }
}

impl Endpoint {
    /// Another server, spoken to in the same way; `None` for a path.
    pub fn sibling(&self, host: &str, addr: SocketAddr) -> Option<Self> {
        match self {
            Self::Tcp(_) => Some(Self::Tcp(addr)),
            Self::Tls(endpoint) => Some(Self::Tls(endpoint.sibling(host, addr))),
            Self::Unix(_) => None,
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) | Self::Tls(TlsEndpoint { addr, .. }) => addr.fmt(f),
            Self::Unix(path) => path.display().fmt(f),
        }
    }
}

/// RESP version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Protocol {
    /// What every server speaks without being asked.
    #[default]
    Resp2,
    /// Asked for with `HELLO 3`.
    Resp3,
}
