//! `io-model thread-per-connection`: one thread per client with blocking reads and writes, and a lock
//! around everything that commands touch.
//!
//! A thread reads without the lock, executes all complete commands under it (so a pipeline is as atomic
//! as in the loop), and writes the replies without the lock. The first thread keeps the loop: it
//! accepts, runs cron, frees clients, and sends messages from one client to another (`PUBLISH`,
//! `MONITOR`). Threads wake it when there is such work ([`Waker`]).
//!
//! Invariant: a client's replies are in the client, or with its thread. In the second case the client's
//! state is [`crate::client::Sending::Lent`] if other clients may append to them.

use crate::ae::{EventLoop, Mask};
use crate::client::Life;
use crate::client::{ClientKey, READ_QUANTUM_BYTES};
use crate::clock::{Clock, Nanos};
use crate::net::read;
use crate::net::write::{self, OutgoingReplies};
use crate::server::Waker;
use crate::server::{Server, Shutdown};
use crate::sys::{self, Transfer, Wait};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Address space for a thread's stack; only the used part takes memory. A script's tables may be nested
/// a thousand deep, and converting each level takes a kilobyte of stack.
const STACK_BYTES: usize = 4 * 1024 * 1024;
/// At shutdown, longest wait for clients to read their replies.
const DRAIN_TIMEOUT: Duration = Duration::from_millis(500);

/// What all threads share.
struct Shared {
    server: Mutex<Server>,
    clock: Clock,
}

impl Shared {
    /// The server; `None` if a thread panicked while it had it.
    fn lock(&self) -> Option<MutexGuard<'_, Server>> {
        self.server.lock().ok()
    }
}

/// The server and the threads of its clients.
pub(crate) struct Threads {
    shared: Arc<Shared>,
    /// Every thread has a sender, so that the receiver knows when the last has ended.
    alive: Option<Sender<()>>,
    ended: Receiver<()>,
}

fn woken(_: &mut EventLoop<Server>, server: &mut Server, _: RawFd, _: u64, _: Mask) {
    if let Some(waker) = &mut server.net.waker {
        waker.told = false;
        // Each call of `wake` has written one byte. If some are left, the event fires again.
        let _ = waker.receiver.read(&mut [0; 64]);
    }
}

impl Threads {
    /// Starts the model with this server.
    ///
    /// # Errors
    /// If the pipe to the loop cannot be made.
    pub(crate) fn new(el: &mut EventLoop<Server>, mut server: Server) -> io::Result<Threads> {
        let waker = Waker::new()?;
        el.add_file(waker.receiver.as_raw_fd(), Mask::READABLE, woken, 0)?;
        server.net.waker = Some(waker);
        // Turns belong to different threads, whose CPU times cannot be compared.
        server.observe.meter.without_cpu_time();
        let clock = server.clock.clone();
        let (alive, ended) = mpsc::channel();
        let shared = Arc::new(Shared { server: Mutex::new(server), clock });
        Ok(Threads { shared, alive: Some(alive), ended })
    }

    /// The server, even after a panic of a thread that held the lock.
    pub(crate) fn server(&self) -> MutexGuard<'_, Server> {
        self.shared.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One turn of the loop; it sleeps without the lock.
    ///
    /// # Errors
    /// If the backend fails, or a client's thread panicked.
    pub(crate) fn turn(&mut self, el: &mut EventLoop<Server>) -> io::Result<Shutdown> {
        let broken = || io::Error::other("the thread of a client panicked");
        let timeout = el.before(&mut *self.shared.lock().ok_or_else(broken)?);
        el.wait(timeout)?;
        let mut server = self.shared.lock().ok_or_else(broken)?;
        el.react(&mut server);
        while let Some(key) = server.net.accepted.pop_front() {
            self.begin(&mut server, key);
        }
        Ok(server.shutdown)
    }

    /// Starts the thread of a client.
    fn begin(&self, server: &mut Server, key: ClientKey) {
        let Some(client) = server.clients.get(key) else { return };
        let (Some(socket), Some(alive)) = (client.fd.shared(), self.alive.clone()) else { return };
        let shared = Arc::clone(&self.shared);
        let thread = thread::Builder::new().name(format!("client {}", client.id));
        let started = thread.stack_size(STACK_BYTES).spawn(move || {
            serve(&shared, key, &socket);
            drop(alive);
        });
        if let Err(error) = started {
            let text = format!("No thread can be started for a new client: {error}");
            server.log.warning_per_second(server.now_s(), text);
            let _ = sys::write(&client.fd, b"-ERR no thread can be started for this client\r\n");
            server.observe.stats.rejected_connections += 1;
            server.free_later(key);
        }
    }
}

impl Drop for Threads {
    /// Ends all threads. Each may first send the replies it has.
    fn drop(&mut self) {
        self.alive = None;
        let close = |how| {
            for client in self.server().clients.values() {
                let _ = sys::shutdown(&client.fd, how);
            }
        };
        close(sys::Side::Reading);
        if self.ended.recv_timeout(DRAIN_TIMEOUT) == Err(RecvTimeoutError::Timeout) {
            close(sys::Side::Both);
            let _ = self.ended.recv();
        }
    }
}

/// What a thread does next.
enum Next {
    Read,
    Send(OutgoingReplies),
    Leave,
}

/// Serves one client until it leaves or is closed.
fn serve(shared: &Shared, key: ClientKey, socket: &OwnedFd) {
    let mut buf = Vec::with_capacity(READ_QUANTUM_BYTES);
    let mut spare = Vec::new();
    loop {
        let mut next = match sys::receive(socket, &mut buf, Wait::Yes) {
            Transfer::Bytes(count) if count > 0 => {
                let ready = shared.clock.now();
                execute(shared, key, &mut buf, (ready, std::mem::take(&mut spare)))
            }
            // A signal.
            Transfer::WouldBlock => continue,
            Transfer::Bytes(_) | Transfer::Failed => Next::Leave,
        };
        while let Next::Send(mut replies) = next {
            let began = shared.clock.now();
            let sent = send(socket, &replies);
            next = match (sent, replies.is_awaited()) {
                (true, true) => deliver(shared, key, replies, began),
                (true, false) => {
                    spare = replies.take_bytes();
                    Next::Read
                }
                (false, _) => Next::Leave,
            };
        }
        if matches!(next, Next::Leave) {
            return leave(shared, key);
        }
    }
}

/// Writes all replies, however long the client takes. False if the connection is closed.
fn send(socket: &OwnedFd, replies: &OutgoingReplies) -> bool {
    let mut rest = replies.unsent();
    while !rest.is_empty() {
        match sys::write_waiting(socket, rest, Wait::Yes) {
            Transfer::Bytes(count) => rest = &rest[count..],
            Transfer::WouldBlock => {}
            Transfer::Failed => return false,
        }
    }
    true
}

/// Executes what was read; `ready` is when the read returned.
fn execute(
    shared: &Shared,
    key: ClientKey,
    bytes: &mut [u8],
    (ready, spare): (Nanos, Vec<u8>),
) -> Next {
    let Some(mut server) = shared.lock() else { return Next::Leave };
    let server = &mut *server;
    // No command starts after a shutdown request.
    if server.shutdown != Shutdown::No {
        return Next::Leave;
    }
    begin_turn(server, shared, ready);
    server.recycle(spare);
    read::bytes_received(server, key, bytes, shared.clock.now());
    let next = next(server, key);
    end_turn(server, shared);
    next
}

/// Replies have been written that the server keeps account of.
fn deliver(shared: &Shared, key: ClientKey, replies: OutgoingReplies, began: Nanos) -> Next {
    let ended = shared.clock.now();
    let Some(mut server) = shared.lock() else { return Next::Leave };
    let server = &mut *server;
    begin_turn(server, shared, ended);
    write::replies_written(server, key, replies, (began, ended));
    let next = next(server, key);
    end_turn(server, shared);
    next
}

/// The next step for a client whose commands have been executed.
fn next(server: &mut Server, key: ClientKey) -> Next {
    if let Some(replies) = write::take_replies(server, key) {
        return Next::Send(replies);
    }
    match server.clients.get(key).map(|client| client.life) {
        // A client that closes after its reply is read on, without executing anything: the loop may
        // still be sending to it, and the end of the stream must be noticed. The loop closes it.
        Some(Life::Open | Life::CloseAfterReply) => Next::Read,
        Some(Life::Closing) | None => Next::Leave,
    }
}

/// The thread's work is done: the loop frees the client.
fn leave(shared: &Shared, key: ClientKey) {
    let Some(mut server) = shared.lock() else { return };
    let server = &mut *server;
    begin_turn(server, shared, shared.clock.now());
    server.free_later(key);
    end_turn(server, shared);
}

/// Called after taking the lock: time before that is not charged.
fn begin_turn(server: &mut Server, shared: &Shared, ready: Nanos) {
    let now = shared.clock.now();
    server.observe.meter.wake(now, 0);
    server.observe.timeline.woke(ready, 0);
    server.synchronise_time(now);
}

/// Called before releasing the lock: wakes the loop if it has work.
fn end_turn(server: &mut Server, shared: &Shared) {
    let work = !server.net.pending_writes.is_empty()
        || !server.net.free_queue.is_empty()
        || server.memory.evictor.unfinished
        || !server.blocking.released.is_empty()
        || server.shutdown != Shutdown::No;
    if let Some(waker) = server.net.waker.as_mut().filter(|_| work) {
        waker.wake();
    }
    server.observe.meter.sleep(shared.clock.now(), || Nanos::ZERO);
}
