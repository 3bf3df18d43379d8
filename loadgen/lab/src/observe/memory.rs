//! What a connection costs the server in memory: the server's own figure, and its resident memory.
//!
//! Measured as a difference over many connections, right after they are open; kernel memory is not in it. Invariant: a figure
//! that the server does not give, or that did not grow, is left out.

use crate::control::Control;
use crate::observe::proc;
use crate::server::info::Info;
use crate::server::local;
use aelab_engine::plan::Target;
use std::fmt;
use std::sync::Mutex;

/// From this number of connections on, the difference is well above the noise.
pub const MANY_CONNECTIONS: usize = 1000;

/// Memory of all servers of a run before it, and connections to ask again.
#[derive(Debug)]
pub struct MemoryProbe {
    servers: Vec<Asked>,
    connections: usize,
    before: Sizes,
    after: Mutex<Option<Sizes>>,
}

/// A server that is asked.
#[derive(Debug)]
struct Asked {
    control: Mutex<Control>,
    /// The server's process, if it is on this machine.
    pid: Option<u32>,
}

impl Asked {
    fn sizes(&self) -> Option<Sizes> {
        let text = self.control.lock().ok()?.info().ok()?;
        Some(sizes(&Info::parse(&text), self.pid))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    used: Option<f64>,
    rss: Option<f64>,
}

/// Memory per connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerConnection {
    /// Connections it was measured over.
    pub connections: usize,
    /// From INFO's used_memory, in bytes.
    pub used_bytes: Option<f64>,
    /// From the process's resident memory, in bytes.
    pub rss_bytes: Option<f64>,
}

impl MemoryProbe {
    /// Asks every server; `None` if one of them says nothing about memory. `connections` are those to all servers together.
    #[must_use]
    pub fn before(targets: &[Target], connections: usize) -> Option<Self> {
        let asked = |target: &Target| {
            let mut control = Control::open(target).ok()?;
            let info = Info::parse(&control.info().ok()?);
            let pid = local::process_id(target, &info);
            Some(Asked { control: Mutex::new(control), pid })
        };
        let servers: Vec<Asked> = targets.iter().map(asked).collect::<Option<_>>()?;
        let before = total(&servers)?;
        (before.used.is_some() || before.rss.is_some()).then(|| Self {
            servers,
            connections,
            before,
            after: Mutex::new(None),
        })
    }

    /// Asks again, when the connections are open.
    pub fn when_connected(&self) {
        let now = total(&self.servers);
        if let Ok(mut after) = self.after.lock() {
            *after = now;
        }
    }

    /// The result, if both readings gave figures.
    #[must_use]
    pub fn into_found(self) -> Option<PerConnection> {
        let after = self.after.into_inner().ok().flatten()?;
        #[expect(clippy::cast_precision_loss, reason = "connections are far below 2^53")]
        let share = |before: Option<f64>, after: Option<f64>| {
            let grown = after? - before?;
            (grown > 0.0).then(|| grown / self.connections as f64)
        };
        let found = PerConnection {
            connections: self.connections,
            used_bytes: share(self.before.used, after.used),
            rss_bytes: share(self.before.rss, after.rss),
        };
        (found.used_bytes.is_some() || found.rss_bytes.is_some()).then_some(found)
    }
}

/// Of all servers together; `None` if one of them does not reply.
fn total(servers: &[Asked]) -> Option<Sizes> {
    let sizes = servers.iter().map(Asked::sizes).collect::<Option<Vec<_>>>()?;
    sizes.into_iter().reduce(|a, b| Sizes { used: both(a.used, b.used), rss: both(a.rss, b.rss) })
}

fn both(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? + b?)
}

#[expect(clippy::cast_precision_loss, reason = "memory in bytes is far below 2^53")]
fn sizes(info: &Info, pid: Option<u32>) -> Sizes {
    let resident = pid.and_then(|pid| proc::look(pid).rss_bytes).map(|bytes| bytes as f64);
    Sizes {
        used: info.number("used_memory"),
        rss: resident.or_else(|| info.number("used_memory_rss")),
    }
}

impl PerConnection {
    /// For the record.
    #[must_use]
    pub fn fields(&self) -> Vec<(String, serde_json::Value)> {
        let both = [
            ("server_used_bytes_per_connection", self.used_bytes),
            ("server_rss_bytes_per_connection", self.rss_bytes),
        ];
        both.into_iter()
            .filter_map(|(name, bytes)| Some((name.to_owned(), bytes?.round().into())))
            .collect()
    }
}

impl fmt::Display for PerConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "server memory per idle connection, over {} connections:", self.connections)?;
        if let Some(bytes) = self.used_bytes {
            write!(f, " {bytes:.0} bytes as the server reports it")?;
        }
        if let Some(bytes) = self.rss_bytes {
            let comma = if self.used_bytes.is_some() { "," } else { "" };
            write!(f, "{comma} {bytes:.0} bytes resident")?;
        }
        Ok(())
    }
}
