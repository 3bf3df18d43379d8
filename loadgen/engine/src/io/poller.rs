//! Sockets, readiness and pacing: the only file of this crate that names mio.
//!
//! Not the engine: it knows tokens and bytes, no requests. Another way to do I/O would replace this file alone.
//! Invariant: a socket is registered once, edge-triggered; reading stops at a short read or at the end of the stream,
//! writing stops at a short write, and an event says when to go on.
//!
//! The wait for a due time is an absolute kernel timer in the poll set: mio's own time-out counts whole milliseconds.

use crate::clock::KernelClock;
use crate::clock::{self, Nanos};
use crate::io::kernel_timestamps::{KernelTimestamps, StampedSocket, receive};
use crate::io::margin::Margin;
use crate::io::tls_stream::{CIPHER_BYTES, Secure};
use crate::io::{Ready, Token, Wait, Wire};
use crate::plan::{Endpoint, Pacing};
use crate::sys::{self, Timer};
use crate::tls::TlsClients;
use mio::net::{TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry};
use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::time::Duration;

/// Events taken per wait: a full pass over a common number of connections, and few enough that what the kernel keeps of each
/// is still in the second-level cache when it is read and written (10,000 connections: some 5 % less CPU time).
const EVENTS_PER_WAIT: usize = 64;
/// Sleeps by which a thread learns how late it wakes, and how long each is: 50 ms in all, enough for a 99th percentile.
const TRIAL_SLEEPS: usize = 300;
const TRIAL_SPAN: Nanos = Nanos::from_micros(100);
/// How long before its due time a request is prepared. After a pause of 10 ms that takes 5 to 10 µs, not one, as neither code
/// nor data are in the caches.
const LEAD: Nanos = Nanos::from_micros(30);
/// The timer's token: no thread has that many connections.
const TIMER: mio::Token = mio::Token(usize::MAX >> 1);

/// The sockets of one thread.
#[derive(Debug)]
pub(crate) struct Poller<const STAMPED: bool> {
    poll: Poll,
    events: Events,
    timer: Timer,
    /// What the timer is set to.
    timer_at: Nanos,
    waking: Waking,
    /// How long it has spun.
    spun: Nanos,
    streams: Vec<Option<Stream>>,
    tls: TlsClients,
    /// Encrypted bytes just read; empty until a TLS connection is opened.
    cipher: Vec<u8>,
    /// The kernel's time stamps, if `STAMPED`.
    kernel_timestamps: Option<KernelTimestamps>,
}

/// How to wait for a time.
#[derive(Clone, Copy, Debug)]
enum Waking {
    /// Sleep until this long before it, then spin.
    Sleep { margin: Nanos },
    /// The same, and go on learning how long that is.
    Learn(Margin),
    /// Never sleep.
    Spin,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    /// With the kernel's time stamps.
    Stamped(TcpStream),
    Tls(Box<(TcpStream, Secure)>),
    /// With whether it is registered for writing: a Unix socket signals every byte the other side takes, so it is only
    /// when a write was cut.
    Unix(UnixStream, Writing),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Writing {
    Unwatched,
    Watched,
}

impl<const STAMPED: bool> Poller<STAMPED> {
    /// For `connections` tokens from 0 on.
    ///
    /// # Errors
    /// The kernel gives no poll set or timer.
    pub(crate) fn new(connections: usize, pacing: Pacing, tls: TlsClients) -> io::Result<Self> {
        let poll = Poll::new()?;
        let timer = Timer::new()?;
        poll.registry().register(&mut SourceFd(&timer.raw_fd()), TIMER, Interest::READABLE)?;
        let waking = match pacing {
            Pacing::Auto | Pacing::Timerfd | Pacing::Precise { margin: None } => {
                Waking::Sleep { margin: Nanos::ZERO }
            }
            Pacing::Precise { margin: Some(margin) } => Waking::Sleep { margin },
            Pacing::Spin => Waking::Spin,
        };
        let mut poller = Self {
            poll,
            events: Events::with_capacity(EVENTS_PER_WAIT),
            timer,
            timer_at: Nanos::MAX,
            waking,
            spun: Nanos::ZERO,
            streams: (0..connections).map(|_| None).collect(),
            tls,
            cipher: Vec::new(),
            kernel_timestamps: STAMPED.then(KernelTimestamps::new),
        };
        if pacing == (Pacing::Precise { margin: None }) {
            poller.waking = Waking::Learn(Margin::learn(poller.wakeup_lags()?));
        }
        Ok(poller)
    }

    /// How long before each due time it stops sleeping; `None` if it sleeps until then, or never.
    pub(crate) fn margin(&self) -> Option<Nanos> {
        match self.waking {
            Waking::Sleep { margin } => (margin > Nanos::ZERO).then_some(margin),
            Waking::Learn(margin) => Some(margin.length()),
            Waking::Spin => None,
        }
    }

    /// How well the kernel's time stamps could be used, if there were any.
    pub(crate) fn kernel_clock(&self) -> Option<KernelClock> {
        self.kernel_timestamps.as_ref().map(KernelTimestamps::clock)
    }

    /// How late this thread wakes from some sleeps.
    fn wakeup_lags(&mut self) -> io::Result<Vec<Nanos>> {
        let mut late = Vec::with_capacity(TRIAL_SLEEPS);
        let mut ready = Vec::new();
        for _ in 0..TRIAL_SLEEPS {
            let at = clock::now().saturating_add(TRIAL_SPAN);
            let mut now = clock::now();
            while now < at {
                self.wait(Wait::Until(at), &mut ready)?;
                now = clock::now();
            }
            late.push(now.since(at));
        }
        Ok(late)
    }

    /// Whether to sleep until `at`, and if so, sets the timer for it.
    fn may_sleep(&mut self, at: Nanos) -> io::Result<bool> {
        let now = clock::now();
        let margin = match self.waking {
            Waking::Sleep { margin } => margin,
            Waking::Learn(margin) => margin.before(at.since(now)),
            Waking::Spin => return Ok(false),
        };
        let at = Nanos(at.0.saturating_sub(margin.0));
        // A timer that is set to this time may have fired: then there is nothing to wake us.
        if now >= at || at == self.timer_at {
            return Ok(now < at);
        }
        self.timer.set(at.0)?;
        self.timer_at = at;
        Ok(true)
    }

    /// Sleeps until something happens, or the timer fires.
    fn sleep(&mut self) -> io::Result<()> {
        self.poll.poll(&mut self.events, None)?;
        if let Waking::Learn(margin) = &mut self.waking
            && self.events.iter().any(|event| event.token() == TIMER)
        {
            margin.note(clock::now().since(self.timer_at));
        }
        Ok(())
    }

    /// Looks again and again until something happens, or it is `at`; at least once.
    fn spin(&mut self, at: Nanos) -> io::Result<()> {
        let begin = clock::now();
        loop {
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
            let now = clock::now();
            if now >= at || self.events.iter().any(|event| event.token() != TIMER) {
                if begin < at {
                    self.spun = self.spun.saturating_add(now.min(at).since(begin));
                }
                return Ok(());
            }
        }
    }
}

/// An open stream.
#[inline]
fn stream(streams: &mut [Option<Stream>], token: Token) -> io::Result<&mut Stream> {
    let stream = streams.get_mut(token as usize).and_then(Option::as_mut);
    stream.ok_or_else(|| io::ErrorKind::NotConnected.into())
}

/// Begins to connect.
fn connect_tcp(registry: &Registry, id: mio::Token, addr: SocketAddr) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    registry.register(&mut stream, id, Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

/// Whether it is connected by now, or why it never will be.
fn is_connected(stream: &TcpStream) -> io::Result<bool> {
    if let Some(error) = stream.take_error()? {
        return Err(error);
    }
    match stream.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

impl<const STAMPED: bool> Wire for Poller<STAMPED> {
    const STAMPED: bool = STAMPED;

    fn arrived(&self, now: Nanos) -> Option<Nanos> {
        self.kernel_timestamps.as_ref()?.arrived(now)
    }

    fn compare_clocks(&mut self) {
        if let Some(kernel_timestamps) = &mut self.kernel_timestamps {
            kernel_timestamps.compare_clocks();
        }
    }

    #[inline]
    fn now(&mut self) -> Nanos {
        clock::now()
    }

    fn cpu(&self) -> Nanos {
        clock::thread_cpu()
    }

    fn spun(&self) -> Nanos {
        self.spun
    }

    fn lead(&self) -> Nanos {
        match self.waking {
            Waking::Sleep { margin: Nanos::ZERO } => Nanos::ZERO,
            Waking::Sleep { .. } | Waking::Learn(_) | Waking::Spin => LEAD,
        }
    }

    #[inline]
    fn not_before(&mut self, at: Nanos) -> Nanos {
        let begin = clock::now();
        let mut now = begin;
        while now < at {
            std::hint::spin_loop();
            now = clock::now();
        }
        self.spun = self.spun.saturating_add(now.min(at).since(begin));
        now
    }

    fn wait(&mut self, wait: Wait, ready: &mut Vec<Ready>) -> io::Result<()> {
        let waited = match wait {
            Wait::Look => self.poll.poll(&mut self.events, Some(Duration::ZERO)),
            Wait::Until(at) if self.may_sleep(at)? => self.sleep(),
            Wait::Until(at) => self.spin(at),
        };
        if let Err(error) = waited {
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
            Endpoint::Tcp(addr) if STAMPED => {
                let stream = connect_tcp(registry, id, *addr)?;
                sys::stamp_arrivals(stream.as_fd())?;
                Stream::Stamped(stream)
            }
            Endpoint::Tcp(addr) => Stream::Tcp(connect_tcp(registry, id, *addr)?),
            Endpoint::Tls(endpoint) => {
                self.cipher.resize(CIPHER_BYTES, 0);
                let stream = connect_tcp(registry, id, endpoint.addr)?;
                if STAMPED {
                    sys::stamp_arrivals(stream.as_fd())?;
                }
                Stream::Tls(Box::new((stream, Secure::new(self.tls.connection(endpoint)?))))
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
        match stream(&mut self.streams, token)? {
            Stream::Unix(..) => Ok(true),
            Stream::Tcp(stream) | Stream::Stamped(stream) => is_connected(stream),
            Stream::Tls(both) => {
                let (stream, tls) = &mut **both;
                Ok(is_connected(stream)? && tls.handshake(stream)?)
            }
        }
    }

    #[inline]
    fn read(&mut self, token: Token, buffer: &mut [u8]) -> io::Result<usize> {
        match stream(&mut self.streams, token)? {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream, _) => stream.read(buffer),
            Stream::Stamped(stream) => receive(&mut self.kernel_timestamps, stream, buffer),
            Stream::Tls(both) => {
                let (stream, tls) = &mut **both;
                if STAMPED {
                    let mut socket =
                        StampedSocket { stream, kernel_timestamps: &mut self.kernel_timestamps };
                    return tls.read(&mut socket, buffer, &mut self.cipher);
                }
                tls.read(stream, buffer, &mut self.cipher)
            }
        }
    }

    #[inline]
    fn write(&mut self, token: Token, bytes: &[u8]) -> io::Result<usize> {
        match stream(&mut self.streams, token)? {
            Stream::Tcp(stream) | Stream::Stamped(stream) => stream.write(bytes),
            Stream::Tls(both) => both.1.write(&mut both.0, bytes),
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

impl<const STAMPED: bool> Poller<STAMPED> {
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
