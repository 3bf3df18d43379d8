//! `io-model blocking`: accept one client, serve it with blocking reads and writes until it leaves,
//! then the next. Everybody else waits in the listeners' queues for the whole session.
//!
//! Cron and signals have their turn between two requests, and while nothing comes: the socket's
//! timeouts end each wait after one period of cron. Only the wait for the next client uses the loop's
//! backend, since there may be several listeners.

use crate::ae::EventLoop;
use crate::client::{ClientKey, READ_QUANTUM_BYTES};
use crate::clock::Nanos;
use crate::metrics::Phase;
use crate::net::{listener, read, write};
use crate::server::Server;
use crate::sys::{self, Transfer, Wait};
use std::io;
use std::time::Duration;

/// A busy client must not keep signals away for longer.
const LOOK_AROUND_EVERY: Nanos = Nanos::from_ms(100);

/// Whom the server is serving.
pub(crate) struct Blocking {
    client: Option<ClientKey>,
    buf: Vec<u8>,
    /// What the socket's timeouts are set to.
    patience: Duration,
    looked_around: Nanos,
}

impl Default for Blocking {
    fn default() -> Self {
        Blocking {
            client: None,
            buf: Vec::with_capacity(READ_QUANTUM_BYTES),
            patience: Duration::ZERO,
            looked_around: Nanos::ZERO,
        }
    }
}

impl Blocking {
    /// One turn: wait for a client, or send what it is due, read once and execute.
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
                    self.patience = Duration::ZERO;
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
        self.set_patience(server, key);
        // A timer that is due must not wait for the socket's timeout.
        let wait = if el.timer_is_due() { Wait::No } else { Wait::Yes };
        write::send_all(server, key, wait);
        server.observe.meter.charge(Phase::Write, el.clock().now());
        el.before(server);
        let Some(client) = server.clients.get(key) else {
            self.client = None;
            return listener::watch(el, server);
        };
        let got = if client.output.pending() > 0 {
            // It does not read its replies: nothing more is read from it.
            Transfer::WouldBlock
        } else {
            sys::receive(&client.fd, &mut self.buf, wait)
        };
        el.woke_elsewhere(server);
        match got {
            Transfer::Bytes(count) if count > 0 => {
                read::arrived(server, key, &mut self.buf, el.now());
            }
            Transfer::WouldBlock => self.looked_around = Nanos::ZERO,
            Transfer::Bytes(_) | Transfer::Failed => server.free_later(key),
        }
        if el.now() - self.looked_around >= LOOK_AROUND_EVERY {
            self.looked_around = el.now();
            el.look_around(server)?;
        }
        el.run_timers(server);
        Ok(())
    }

    /// Lets the socket's blocking calls return once per period of cron.
    fn set_patience(&mut self, server: &Server, key: ClientKey) {
        let period = Duration::from_secs(1) / server.observe.cron.hz.max(1);
        if self.patience == period {
            return;
        }
        self.patience = period;
        if let Some(client) = server.clients.get(key) {
            // A socket that is gone says so at the next read.
            let _ = sys::set_timeouts(&client.fd, period);
        }
    }
}
