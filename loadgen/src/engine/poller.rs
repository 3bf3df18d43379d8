//! Sockets, readiness and pacing: the only file of this crate that names mio.
//!
//! Not the engine: it knows tokens and bytes, no requests. Another way to do I/O would replace this file alone.
//! Invariant: a socket is registered once, edge-triggered; whoever reads stops at a short read or at the end of the stream,
//! whoever writes stops at a short write, and either is told when to go on.
//!
//! The wait for a due time is an absolute kernel timer in the poll set: mio's own time-out counts whole milliseconds.

use super::plan::{Endpoint, Pacing};
use super::wire::{Ready, Token, Wait, Wire};
use crate::clock::{self, Nanos};
use crate::sys::Timer;
use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

/// Events taken per wait: a full pass over a common number of connections.
const EVENTS_PER_WAIT: usize = 256;
/// The timer's token: no thread has that many connections.
const TIMER: mio::Token = mio::Token(usize::MAX >> 1);

/// The sockets of one thread.
#[derive(Debug)]
pub(super) struct Poller {
    poll: Poll,
    events: Events,
    timer: Timer,
    /// What the timer is set to.
    timer_at: Nanos,
    pacing: Pacing,
    streams: Vec<Option<Stream>>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    /// With whether it is registered for writing: a Unix socket signals every byte the other side takes, so it is only
    /// when a write was cut.
    Unix(UnixStream, Writing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Unwatched,
    Watched,
}

impl Poller {
    /// For `connections` tokens from 0 on.
    ///
    /// # Errors
    /// The kernel gives no poll set or timer.
    pub(super) fn new(connections: usize, pacing: Pacing) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        poll.registry().register(&mut SourceFd(&timer.raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            timer,
            timer_at: Nanos::MAX,
            pacing,
            streams: (0..connections).map(|_| None).collect(),
        })
    }

    /// Whether to sleep until `at`, and if so, sets the timer for it.
    fn may_sleep(&mut self, at: Nanos) -> io::Result<bool> {
        let at = match self.pacing {
            Pacing::Timerfd => at,
            Pacing::Precise { margin } => Nanos(at.0.saturating_sub(margin.0)),
            Pacing::Spin => return Ok(false),
        };
        if at == self.timer_at {
            // It may have fired: then there is nothing to wake us.
            return Ok(clock::now() < at);
        }
        if clock::now() >= at {
            return Ok(false);
        }
        self.timer.set(at.0)?;
        self.timer_at = at;
        Ok(true)
    }

    fn stream(&mut self, token: Token) -> io::Result<&mut Stream> {
        let stream = self.streams.get_mut(token as usize).and_then(Option::as_mut);
        stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

impl Wire for Poller {
    #[inline]
    fn now(&mut self) -> Nanos {
        clock::now()
    }

    fn wait(&mut self, wait: Wait, ready: &mut Vec<Ready>) -> io::Result<()> {
        let sleeps = match wait {
            Wait::Look => false,
            Wait::Until(at) => self.may_sleep(at)?,
        };
        let timeout = if sleeps { None } else { Some(Duration::ZERO) };
        if let Err(error) = self.poll.poll(&mut self.events, timeout) {
            return if error.kind() == io::ErrorKind::Interrupted { Ok(()) } else { Err(error) };
        }
        for event in self.events.iter().filter(|event| event.token() != TIMER) {
            ready.push(Ready {
                token: event.token().0 as Token,
                readable: event.is_readable(),
                writable: event.is_writable(),
                hung_up: event.is_read_closed() || event.is_error(),
            });
        }
        Ok(())
    }

    fn connect(&mut self, token: Token, endpoint: &Endpoint) -> io::Result<()> {
        let id = mio::Token(token as usize);
        let registry = self.poll.registry();
        let stream = match endpoint {
            Endpoint::Tcp(addr) => {
                let mut stream = TcpStream::connect(*addr)?;
                stream.set_nodelay(true)?;
                registry.register(&mut stream, id, Interest::READABLE | Interest::WRITABLE)?;
                Stream::Tcp(stream)
            }
            Endpoint::Unix(path) => {
                let mut stream = UnixStream::connect(path)?;
                registry.register(&mut stream, id, Interest::READABLE)?;
                Stream::Unix(stream, Writing::Unwatched)
            }
        };
        let Some(slot) = self.streams.get_mut(token as usize) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        *slot = Some(stream);
        Ok(())
    }

    fn finish_connect(&mut self, token: Token) -> io::Result<bool> {
        match self.stream(token)? {
            Stream::Unix(..) => Ok(true),
            Stream::Tcp(stream) => {
                if let Some(error) = stream.take_error()? {
                    return Err(error);
                }
                match stream.peer_addr() {
                    Ok(_) => Ok(true),
                    Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
                    Err(error) => Err(error),
                }
            }
        }
    }

    #[inline]
    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        match self.stream(token)? {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream, _) => stream.read(buffer),
        }
    }

    #[inline]
    fn write(&mut self, token: Token, bytes: &[u8]) -> io::Result<usize> {
        match self.stream(token)? {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream, _) => {
                let written = stream.write(bytes);
                match &written {
                    Ok(taken) if *taken == bytes.len() => {}
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => {}
                    _ => self.watch_writing(token)?,
                }
                written
            }
        }
    }

    fn close(&mut self, token: Token) {
        // Closing the descriptor takes it out of the poll set.
        if let Some(slot) = self.streams.get_mut(token as usize) {
            *slot = None;
        }
    }
}

impl Poller {
    fn watch_writing(&mut self, token: Token) -> io::Result<()> {
        if let Some(Some(Stream::Unix(stream, writing))) = self.streams.get_mut(token as usize)
            && *writing == Writing::Unwatched
        {
            *writing = Writing::Watched;
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll.registry().reregister(stream, mio::Token(token as usize), both)?;
        }
        Ok(())
    }
}
