//! `io-model blocking`: accept one client, serve it with blocking reads and writes until it leaves,
//! then the next. All other clients wait in the listeners' queues for the whole session.
//!
//! Cron and signals are handled between two requests, and while the server waits for one: the socket's
//! timeout ends each wait after one period of cron. Only the wait for the next client uses the loop's
//! backend, because there may be several listeners.

use crate::ae::EventLoop;
use crate::client::{ClientKey, READ_QUANTUM_BYTES};
use crate::clock::Nanos;
use crate::metrics::Phase;
use crate::net::{listener, read, write};
use crate::server::Server;
use crate::sys::{self, Transfer, Wait};
use std::io;
use std::time::Duration;

/// Timers and signals are handled at least this often, even with a busy client.
const TIMERS_EVERY: Nanos = Nanos::from_ms(100);

/// The client that is being served.
pub(crate) struct Blocking {
    client: Option<ClientKey>,
    buf: Vec<u8>,
    /// The socket's current timeout.
    timeout: Duration,
    timers_ran: Nanos,
}

impl Default for Blocking {
    fn default() -> Self {
        Blocking {
            client: None,
            buf: Vec::with_capacity(READ_QUANTUM_BYTES),
            timeout: Duration::ZERO,
            timers_ran: Nanos::ZERO,
        }
    }
}

impl Blocking {
    /// One turn: wait for a client, or send its replies, read once and execute.
    ///
    /// # Errors
    /// If the backend fails.
    pub(crate) fn turn(
        &mut self,
        el: &mut EventLoop<Server>,
        server: &mut Server,
    ) -> io::Result<()> {
        match self.client {
            Some(key) => self.serve(el, server, key),
            None => {
                self.client = server.net.accepted.pop_front();
                if self.client.is_some() {
                    listener::unwatch(el, server);
                    self.timeout = Duration::ZERO;
                    return Ok(());
                }
                el.tick(server)
            }
        }
    }

    fn serve(
        &mut self,
        el: &mut EventLoop<Server>,
        server: &mut Server,
        key: ClientKey,
    ) -> io::Result<()> {
        self.set_timeout(server, key);
        // Timers that are due run first, not after the socket's timeout.
        let wait = if el.timer_is_due() { Wait::No } else { Wait::Yes };
        write::send_all(server, key, wait);
        server.observe.meter.charge(Phase::Write, el.clock().now());
        el.before(server);
        let Some(client) = server.clients.get(key) else {
            self.client = None;
            return listener::watch(el, server);
        };
        let got = if client.output.pending() > 0 {
            // The client does not read its replies, so the server does not read its requests.
            Transfer::WouldBlock
        } else {
            sys::receive(&client.fd, &mut self.buf, wait)
        };
        el.woke_elsewhere(server);
        match got {
            Transfer::Bytes(count) if count > 0 => {
                read::bytes_received(server, key, &mut self.buf, el.now());
            }
            Transfer::WouldBlock => self.timers_ran = Nanos::ZERO,
            Transfer::Bytes(_) | Transfer::Failed => server.free_later(key),
        }
        if el.now() - self.timers_ran >= TIMERS_EVERY {
            self.timers_ran = el.now();
            el.look_around(server)?;
        }
        el.run_timers(server);
        Ok(())
    }

    /// Lets the socket's blocking calls return once per period of cron.
    fn set_timeout(&mut self, server: &Server, key: ClientKey) {
        let period = Duration::from_secs(1) / server.observe.cron.hz.max(1);
        if self.timeout == period {
            return;
        }
        self.timeout = period;
        if let Some(client) = server.clients.get(key) {
            // If the socket is closed, the next read reports it.
            let _ = sys::set_timeouts(&client.fd, period);
        }
    }
}
