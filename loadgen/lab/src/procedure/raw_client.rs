//! A raw connection to a server: the caller sends parts of commands or many at once, and decides when replies are read.
//!
//! Not a client library and not [`crate::control::Control`], which sends whole commands and hides the socket. Invariant: no
//! call waits longer than [`PATIENCE`].

use aelab_engine::error::Failure;
use aelab_engine::plan::{Endpoint, Target};
use aelab_resp::encode;
use aelab_resp::value::{Value, decode};
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Longest wait for a connection, for room to send, and for a reply: longer than any stall that a procedure causes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// Read size: replies of a large pipeline come in few pieces.
const READ_BYTES: usize = 64 << 10;

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A raw connection; see the module.
#[derive(Debug)]
pub(crate) struct RawClient {
    stream: Stream,
    received: Vec<u8>,
    /// How much of `received` was returned already, in bytes.
    at: usize,
}

impl RawClient {
    /// Connects, logs in if the target has a password, and selects its database; sends nothing else.
    ///
    /// # Errors
    /// The server cannot be reached, or the password is wrong.
    pub(crate) fn connect(target: &Target) -> Result<Self, Failure> {
        let mut client = Self::dial(target).map_err(|error| {
            Failure::unreachable(format!("cannot connect to {}: {error}", target.endpoint))
        })?;
        if let Some(password) = &target.password {
            let reply = match &target.user {
                Some(user) => client.ask(&["AUTH", user, password])?,
                None => client.ask(&["AUTH", password])?,
            };
            if let Value::Error(text) = reply {
                let text = String::from_utf8_lossy(&text).into_owned();
                return Err(Failure::unreachable(format!(
                    "{} refused us: {text}",
                    target.endpoint
                )));
            }
        }
        if target.db != 0 {
            client.ask(&["SELECT", &target.db.to_string()])?;
        }
        Ok(client)
    }

    /// Connects and sends nothing.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn dial(target: &Target) -> io::Result<Self> {
        let stream = match &target.endpoint {
            Endpoint::Tcp(addr) => {
                let stream = TcpStream::connect_timeout(addr, PATIENCE)?;
                // A part of a command must be sent at once.
                stream.set_nodelay(true)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Stream::Tcp(stream)
            }
            Endpoint::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Stream::Unix(stream)
            }
            Endpoint::Tls(_) => {
                let why = "this procedure works on the bytes of the connection; give a target without TLS";
                return Err(io::Error::new(io::ErrorKind::Unsupported, why));
            }
        };
        let client = Self { stream, received: Vec::new(), at: 0 };
        client.set_patience(PATIENCE)?;
        Ok(client)
    }

    /// Sets how long a read may wait.
    ///
    /// # Errors
    /// The system's error; none is expected.
    pub(crate) fn set_patience(&self, patience: Duration) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_read_timeout(Some(patience)),
            Stream::Unix(stream) => stream.set_read_timeout(Some(patience)),
        }
    }

    /// Whether calls return at once instead of waiting.
    ///
    /// # Errors
    /// The system's error; none is expected.
    pub(crate) fn set_nonblocking(&self, at_once: bool) -> io::Result<()> {
        match &self.stream {
            Stream::Tcp(stream) => stream.set_nonblocking(at_once),
            Stream::Unix(stream) => stream.set_nonblocking(at_once),
        }
    }

    /// A second handle on the connection's sending side, for another thread.
    ///
    /// # Errors
    /// No descriptor is left.
    pub(crate) fn sender(&self) -> Result<Sender, Failure> {
        let stream = match &self.stream {
            Stream::Tcp(stream) => stream.try_clone().map(Stream::Tcp),
            Stream::Unix(stream) => stream.try_clone().map(Stream::Unix),
        };
        Ok(Sender { stream: stream.map_err(|error| broken(&error))? })
    }

    /// Sends all of these bytes as they are.
    ///
    /// # Errors
    /// The connection broke, or the server did not read for too long.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        write_all(&mut self.stream, bytes)
    }

    /// Sends as much as the kernel accepts; `WouldBlock` if it accepts nothing.
    ///
    /// # Errors
    /// The system's error.
    pub(crate) fn send_some(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    /// Sends one command and waits for its reply; an error reply is a value here.
    ///
    /// # Errors
    /// The connection broke, or no reply came.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Result<Value, Failure> {
        self.send(&command(words))?;
        self.reply()
    }

    /// Waits for the next reply.
    ///
    /// # Errors
    /// The connection broke, or no reply came.
    pub(crate) fn reply(&mut self) -> Result<Value, Failure> {
        loop {
            if let Some(value) = self.take()? {
                return Ok(value);
            }
            self.fill().map_err(|error| broken(&error))?;
        }
    }

    /// The next reply if it has arrived; does not wait. The connection must be [non-blocking](Self::set_nonblocking).
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) fn reply_now(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(value) = self.take()? {
                return Ok(Some(value));
            }
            match self.fill() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(broken(&error)),
            }
        }
    }

    /// Whether a byte has arrived that was not read yet.
    ///
    /// # Errors
    /// The connection broke.
    pub(crate) fn has_answer(&mut self) -> Result<bool, Failure> {
        self.set_nonblocking(true).map_err(|error| broken(&error))?;
        let read = self.fill();
        self.set_nonblocking(false).map_err(|error| broken(&error))?;
        match read {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Ok(self.at < self.received.len())
            }
            Err(error) => Err(broken(&error)),
        }
    }

    /// A reply that was received already.
    fn take(&mut self) -> Result<Option<Value>, Failure> {
        let found = decode(&self.received[self.at..]).map_err(|error| {
            Failure::unreachable(format!("the server does not speak the Redis protocol: {error}"))
        })?;
        Ok(found.map(|(value, used)| {
            self.at += used;
            value
        }))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.received.drain(..self.at);
        self.at = 0;
        let mut chunk = [0; READ_BYTES];
        let count = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut chunk),
            Stream::Unix(stream) => stream.read(&mut chunk),
        }?;
        if count == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        self.received.extend_from_slice(&chunk[..count]);
        Ok(())
    }
}

impl AsFd for RawClient {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match &self.stream {
            Stream::Tcp(stream) => stream.as_fd(),
            Stream::Unix(stream) => stream.as_fd(),
        }
    }
}

/// The sending side of a [`RawClient`], for another thread.
#[derive(Debug)]
pub(crate) struct Sender {
    stream: Stream,
}

impl Sender {
    /// As [`RawClient::send`].
    ///
    /// # Errors
    /// As there.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        write_all(&mut self.stream, bytes)
    }
}

fn write_all(stream: &mut Stream, bytes: &[u8]) -> Result<(), Failure> {
    match stream {
        Stream::Tcp(stream) => stream.write_all(bytes),
        Stream::Unix(stream) => stream.write_all(bytes),
    }
    .map_err(|error| broken(&error))
}

/// A failure of a connection that should have worked.
pub(crate) fn broken(error: &io::Error) -> Failure {
    let why = match error.kind() {
        io::ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            format!("the server did not answer for {} s", PATIENCE.as_secs())
        }
        _ => format!("the connection broke: {error}"),
    };
    Failure::unreachable(format!("{why}; look at its log, and run the scenario again"))
}

/// A command as bytes.
pub(crate) fn command(words: &[&str]) -> Vec<u8> {
    let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
    let mut out = Vec::new();
    encode::command(&mut out, &words);
    out
}
