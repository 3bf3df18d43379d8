//! What is compared: redis-server, and this server in each of its ways.

use crate::options::Options;

/// One server to be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arm {
    pub(crate) name: &'static str,
    /// `None`: redis-server.
    pub(crate) args: Option<&'static [&'static str]>,
    /// Serves one client at a time.
    pub(crate) alone: bool,
    /// Cannot hold ten thousand connections.
    pub(crate) few: bool,
}

const fn ours(name: &'static str, args: &'static [&'static str]) -> Arm {
    Arm { name, args: Some(args), alone: false, few: false }
}

/// What everything is compared with: always the first arm.
pub(crate) const REDIS: Arm = Arm { name: "redis-server", args: None, alone: false, few: false };

/// This server with its defaults.
pub(crate) const OURS: Arm = ours("mio (default)", &[]);

const ARMS: [Arm; 10] = [
    REDIS,
    OURS,
    ours("epoll", &["--ae-backend", "epoll"]),
    ours("poll", &["--ae-backend", "poll"]),
    Arm { few: true, ..ours("select", &["--ae-backend", "select"]) },
    Arm { alone: true, few: true, ..ours("blocking, 1 connection", &["--io-model", "blocking"]) },
    ours("thread-per-connection", &["--io-model", "thread-per-connection"]),
    ours("busy-poll", &["--io-model", "busy-poll"]),
    ours("io-threads 2, reads too", &["--io-threads", "2", "--io-threads-do-reads", "yes"]),
    ours("io-threads 4, reads too", &["--io-threads", "4", "--io-threads-do-reads", "yes"]),
];

/// redis-server, and those of ours that are wanted.
pub(crate) fn wanted(options: &Options) -> Vec<Arm> {
    ARMS.into_iter().filter(|arm| arm.args.is_none() || options.wants(arm.name)).collect()
}
