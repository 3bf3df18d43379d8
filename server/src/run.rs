//! A server together with its loop: starting, the two hooks around sleep, ending.
//!
//! The hooks keep the order of Redis's `beforeSleep` and `afterSleep`. A comment says why where a step
//! must not move. Start with [`Instance`].

use crate::ae::{Api, EventLoop, Mask, Sweep};
use crate::blocking;
use crate::client::{Life, Socket};
use crate::clock::{Clock, Nanos};
use crate::command::TABLES;
use crate::config::Config;
use crate::config::IoModel;
use crate::cron::{self, server_cron};
use crate::db::active_expire::Cycle;
use crate::dispatch;
use crate::evict;
use crate::io_model::blocking::Blocking;
use crate::io_model::threads::Threads;
use crate::io_threads::IoThreads;
use crate::log::Log;
use crate::metrics::Phase;
use crate::net::{self, listener, read, while_blocked, write};
use crate::nofile;
use crate::server::{Listener, Server, Shutdown};
use crate::sys;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

/// By how much the loop's set size exceeds `maxclients` (`CONFIG_FDSET_INCR`).
const FDSET_EXTRA: usize = nofile::RESERVED + 96;
/// The set size is at least the default one. It costs nothing until descriptors are used, and a program
/// that embeds a server may have descriptors of its own.
const SETSIZE_MIN: usize = 10_000 + FDSET_EXTRA;

/// A running server. Drive it with [`Instance::run`], or turn by turn with [`Instance::tick`].
pub struct Instance {
    el: EventLoop<Server>,
    body: Body,
}

/// The server, and the I/O model that turns the loop.
enum Body {
    /// The loop itself: ae, and the sweep of busy polling.
    Loop(Box<Server>),
    Blocking(Box<Server>, Blocking),
    Threads(Threads),
}

impl Body {
    fn new(el: &mut EventLoop<Server>, server: Server) -> Result<Body, String> {
        Ok(match server.config.settings().io.io_model {
            IoModel::Ae | IoModel::BusyPoll => Body::Loop(Box::new(server)),
            IoModel::Blocking => Body::Blocking(Box::new(server), Blocking::default()),
            IoModel::ThreadPerConnection => Body::Threads(
                Threads::new(el, server)
                    .map_err(|e| format!("Failed to open the pipe between threads: {e}"))?,
            ),
        })
    }

    /// Calls `act` with the server; waits if a client's thread holds the lock.
    fn with<R>(&mut self, act: impl FnOnce(&mut Server) -> R) -> R {
        match self {
            Body::Loop(server) | Body::Blocking(server, _) => act(server),
            Body::Threads(threads) => act(&mut threads.server()),
        }
    }
}

impl Instance {
    /// Opens the listening sockets that `config` asks for and makes everything ready. With
    /// `quiet`, nothing is logged.
    ///
    /// # Errors
    /// One line: what could not be done, where, and the remedy.
    pub fn start(config: Config, clock: Clock, quiet: Quiet) -> Result<Instance, String> {
        let settings = config.settings();
        let log = match quiet {
            Quiet::Yes => Log::silent(clock.clone()),
            Quiet::No => {
                Log::open(config.text("logfile"), settings.observe.loglevel, clock.clone())
                    .map_err(|e| {
                        format!(
                            "Can't open the log file {}: {e}; choose another --logfile",
                            config.text("logfile")
                        )
                    })?
            }
        };
        let mut server = Server::new(config, log, clock.clone(), TABLES, while_blocked::turn);
        nofile::adjust(&mut server)?;
        let model = server.config.settings().io.io_model;
        let backend = server.config.settings().io.backend;
        let limit = backend.descriptor_limit().filter(|_| model != IoModel::BusyPoll);
        let setsize = match limit {
            None => (server.config.settings().clients.maxclients + FDSET_EXTRA).max(SETSIZE_MIN),
            Some(limit) => {
                lower_maxclients(&mut server, limit);
                limit
            }
        };
        let api: Box<dyn Api> = match model {
            IoModel::BusyPoll => Box::new(Sweep::default()),
            _ => backend
                .create(setsize)
                .map_err(|e| format!("Failed creating the event loop. Error message: '{e}'"))?,
        };
        start_io_threads(&mut server)?;
        warn_of_backlog(&mut server);
        warn_of_persistence(&mut server);
        server.net.listeners = listener::open(server.config.settings())?;
        let mut el = EventLoop::new(api, setsize, clock);
        el.set_hooks(before_sleep, after_sleep);
        // The other models use the backend for listeners only.
        server.observe.turn_log = el.turn_log();
        server.identity.api_name = if model == IoModel::Ae { el.api_name() } else { "none" };
        if server.config.settings().io.time_events {
            el.add_timer(Nanos::from_ms(1), server_cron);
        }
        listener::watch(&mut el, &mut server).map_err(|e| {
            format!("Unrecoverable error creating the file event of a listener: {e}")
        })?;
        let body = Body::new(&mut el, server)?;
        Ok(Instance { el, body })
    }

    /// Makes SIGTERM and SIGINT end the server gracefully, and ignores SIGHUP as Redis does: the loss of
    /// a terminal must lose no data.
    ///
    /// # Errors
    /// If handlers cannot be installed.
    pub fn handle_signals(&mut self) -> io::Result<()> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::low_level::pipe::register(signal, theirs.try_clone()?)?;
        }
        // A handler instead of SIG_IGN, which programs that a thread starts would inherit.
        signal_hook::flag::register(signal_hook::consts::SIGHUP, Arc::default())?;
        self.el.add_file(ours.as_raw_fd(), Mask::READABLE, on_signal, 0)?;
        self.body.with(|server| server.net.signals = Some(ours));
        Ok(())
    }

    /// The address of the first TCP listener.
    #[must_use]
    pub fn addr(&mut self) -> Option<SocketAddr> {
        self.body.with(|server| server.net.listeners.iter().find_map(Listener::addr))
    }

    /// Logs that the server is ready.
    pub fn announce(&mut self) {
        self.body.with(|server| {
            let port = server.tcp_port();
            let log = &mut server.log;
            log.notice(format!("Running mode=standalone, port={port}."));
            log.warning("Server initialized");
            log.notice("Ready to accept connections");
            if let Some(path) = server.config.settings().net.unixsocket.clone() {
                log.notice(format!("The server is now ready to accept connections at {path}"));
            }
        });
    }

    /// One turn of the loop. False once the server is to end.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn tick(&mut self) -> io::Result<bool> {
        let el = &mut self.el;
        let shutdown = match &mut self.body {
            Body::Loop(server) => {
                el.tick(server)?;
                server.shutdown
            }
            Body::Blocking(server, blocking) => {
                blocking.turn(el, server)?;
                server.shutdown
            }
            Body::Threads(threads) => threads.turn(el)?,
        };
        Ok(shutdown == Shutdown::No)
    }

    /// Turns until `SHUTDOWN` or a signal; then sends what was executed and closes.
    ///
    /// # Errors
    /// If the backend fails.
    pub fn run(&mut self) -> io::Result<()> {
        while self.tick()? {}
        let el = &mut self.el;
        self.body.with(|server| {
            // Send the replies to all executed commands, as far as the sockets take them now.
            write::flush_pending(el, server);
            server.log.warning("User requested shutdown...");
            server.log.warning("Redis is now ready to exit, bye bye...");
            // Freeing ten million keys one by one would take seconds; the kernel frees the memory at once.
            std::mem::forget(std::mem::take(&mut server.dbs));
        });
        Ok(())
    }
}

/// Whether a server writes a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Nothing is logged.
    Yes,
    /// As configured.
    No,
}

fn on_signal(el: &mut EventLoop<Server>, server: &mut Server, _: RawFd, _: u64, _: Mask) {
    // Busy polling calls this whether or not a signal arrived.
    let came = |pipe: &UnixStream| matches!((&*pipe).read(&mut [0; 16]), Ok(count) if count > 0);
    if !server.net.signals.as_ref().is_some_and(came) {
        return;
    }
    server.log.warning("Received a signal, scheduling shutdown...");
    server.shutdown = Shutdown::Requested;
    el.stop();
}

/// Runs before every sleep.
fn before_sleep(el: &mut EventLoop<Server>, server: &mut Server) {
    let model = server.config.settings().io.io_model;
    // With busy polling, time without requests is spent in reading.
    let since = if model == IoModel::BusyPoll { Phase::Read } else { Phase::Other };
    server.observe.meter.charge(since, el.clock().now());
    while_blocked::watch_accepted(el, server);
    // Clients that are no longer blocked continue in this turn.
    blocking::expire_deadlines(server);
    blocking::end_pause(server);
    // Replies to what these two execute are sent in this tick.
    net::read_pending(el, server);
    read::execute_batch(server, el.clock().now());
    // Before replies are written, so that the cost of a fast cycle does not count as the write phase.
    cron::expire(server, Cycle::Fast);
    server.observe.meter.charge(Phase::Expire, el.clock().now());
    dispatch::resume(server);
    evict::schedule(el, server);
    if model != IoModel::Blocking {
        write::flush_pending(el, server);
        server.observe.meter.charge(Phase::Write, el.clock().now());
    }
    // After the writes: they find closed connections, and clients whose last reply is sent.
    free_queued_clients(el, server);
    let setsize = server.config.settings().clients.maxclients + FDSET_EXTRA;
    if setsize > el.setsize() && el.resize(setsize).is_err() {
        // The backend cannot grow: further clients will be refused.
        server.log.warning_per_second(server.now_s(), "The backend cannot watch so many clients");
    }
    server.observe.meter.sleep(el.clock().now(), || el.clock().thread_cpu());
}

/// Runs after every sleep, before any handler.
fn after_sleep(el: &mut EventLoop<Server>, server: &mut Server) {
    let now = el.now();
    // Busy polling fires every event, and models without the loop fire none: the count means nothing.
    let events = match server.config.settings().io.io_model {
        IoModel::Ae => el.fired_count(),
        _ => 0,
    };
    server.observe.meter.wake(now, events);
    server.observe.timeline.woke(now, events);
    server.synchronise_time(now);
}

/// Frees the clients on the free queue, outside of all handlers.
fn free_queued_clients(el: &mut EventLoop<Server>, server: &mut Server) {
    while let Some(key) = server.net.free_queue.pop() {
        let Some(client) = server.clients.get(key) else { continue };
        debug_assert_eq!(client.life, Life::Closing);
        el.del_file(client.fd.as_raw_fd(), Mask::BOTH);
        if let Socket::Shared(fd) = &client.fd {
            // Its thread may be in a system call on the socket; this makes the call return.
            let _ = sys::shutdown(fd, sys::Side::Both);
        }
        server.remove_client(key);
    }
}

fn start_io_threads(server: &mut Server) -> Result<(), String> {
    let settings = server.config.settings();
    let count = settings.io.io_threads;
    if count > 1 {
        let io = IoThreads::start(settings, &server.clock)
            .map_err(|e| format!("Can't start {count} I/O threads: {e}; ask for fewer"))?;
        server.net.io_threads = Some(Box::new(io));
    }
    Ok(())
}

/// The backend can watch descriptors below `limit` only.
fn lower_maxclients(server: &mut Server, limit: usize) {
    let (asked, possible) = (server.config.settings().clients.maxclients, limit - FDSET_EXTRA);
    if asked > possible {
        server.config.lower_maxclients(possible);
        server.log.warning(format!(
            "You requested maxclients of {asked}, but this ae-backend can watch {limit} file \
             descriptors. maxclients has been reduced to {possible}."
        ));
    }
}

/// This server keeps its data in memory only. Files of another server's data are neither read nor written.
fn warn_of_persistence(server: &mut Server) {
    server.log.notice("Data is kept in memory only: there is no persistence and no replication.");
    let names = ["dbfilename", "appenddirname"].map(|name| server.config.text(name).to_owned());
    for name in names.iter().filter(|name| !name.is_empty() && Path::new(name).exists()) {
        server.log.warning(format!(
            "WARNING: {name} in this folder is not loaded: ae-server has no persistence. Its data \
             stays as it is."
        ));
    }
}

fn warn_of_backlog(server: &mut Server) {
    let backlog = i64::from(server.config.settings().net.tcp_backlog);
    let Ok(mut file) = std::fs::File::open("/proc/sys/net/core/somaxconn") else { return };
    let mut text = String::new();
    let limit = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<i64>().ok());
    if let Some(limit) = limit.filter(|&limit| limit < backlog) {
        server.log.warning(format!(
            "WARNING: The TCP backlog setting of {backlog} cannot be enforced because \
             /proc/sys/net/core/somaxconn is set to the lower value of {limit}."
        ));
    }
}
