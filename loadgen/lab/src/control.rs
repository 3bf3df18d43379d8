//! A control connection: one request, one reply, blocking, with a time limit.
//!
//! For INFO, CONFIG, SLOWLOG and filling; never for measured traffic. Invariant: a peer that is no Redis, sends
//! nothing, or closes the connection gives an error, and the program never hangs.

use aelab_engine::error::{Failure, absence_remedy, refusal_id, refusal_remedy};
use aelab_engine::plan::{Endpoint, Target};
use aelab_engine::tls;
use aelab_engine::{may_answer_ping, out_of_step};
use aelab_resp::value::{Value, decode};
use aelab_resp::{ReplyKind, encode};
use aelab_results::text::secret;
use rustls::{ClientConnection, StreamOwned};
use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// How long a connection may take to open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the first replies may take: a peer that sends nothing for this long is no Redis, or is stuck.
const GREETING_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a reply may take afterwards: a server may just be executing KEYS on ten million keys.
pub const REPLY_TIMEOUT: Duration = Duration::from_secs(60);
/// The first byte of a TLS alert.
const TLS_ALERT: u8 = 0x15;
/// Read size; INFO is about 6 KiB.
const READ_BYTES: usize = 16 << 10;

/// A blocking connection that has logged in.
pub struct Control {
    stream: Stream,
    endpoint: String,
    /// What the server must not say back.
    password: Option<String>,
    received: Vec<u8>,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Unix(UnixStream),
}

fn connect_tcp(addr: &SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(addr, CONNECT_TIMEOUT)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

impl Stream {
    fn open(endpoint: &Endpoint) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp(addr) => Ok(Self::Tcp(connect_tcp(addr)?)),
            Endpoint::Tls(endpoint) => {
                let mut stream = connect_tcp(&endpoint.addr)?;
                stream.set_read_timeout(Some(GREETING_TIMEOUT))?;
                stream.set_write_timeout(Some(GREETING_TIMEOUT))?;
                let mut tls = endpoint.connection()?;
                while tls.is_handshaking() {
                    tls.complete_io(&mut stream).map_err(tls::explain)?;
                }
                Ok(Self::Tls(Box::new(StreamOwned::new(tls, stream))))
            }
            Endpoint::Unix(path) => Ok(Self::Unix(UnixStream::connect(path)?)),
        }
    }

    fn set_timeout(&self, timeout: Duration) -> io::Result<()> {
        let tcp = match self {
            Self::Tcp(stream) => stream,
            Self::Tls(stream) => &stream.sock,
            Self::Unix(stream) => {
                stream.set_read_timeout(Some(timeout))?;
                return stream.set_write_timeout(Some(timeout));
            }
        };
        tcp.set_read_timeout(Some(timeout))?;
        tcp.set_write_timeout(Some(timeout))
    }

    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buf),
            Self::Tls(stream) => stream.read(buf).map_err(tls::explain),
            Self::Unix(stream) => stream.read(buf),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.write_all(bytes),
            Self::Tls(stream) => stream.write_all(bytes).map_err(tls::explain),
            Self::Unix(stream) => stream.write_all(bytes),
        }
    }
}

impl Control {
    /// Connects, sends AUTH and SELECT as the target says, and checks with PING that commands are accepted.
    ///
    /// # Errors
    /// One line with a remedy, exit 6: no server listens, the password is wrong, or the peer does not speak RESP.
    pub fn open(target: &Target) -> Result<Self, Failure> {
        let mut control = Self::connect(target).map_err(|error| {
            let is_tls = matches!(target.endpoint, Endpoint::Tls(_));
            let (why, remedy) = match error.kind() {
                // The TLS error has its own remedy.
                io::ErrorKind::InvalidData => {
                    (error.to_string(), "TLS was asked for with --tls or rediss://")
                }
                io::ErrorKind::WouldBlock | io::ErrorKind::UnexpectedEof if is_tls => (
                    "it did not answer the TLS handshake".to_owned(),
                    "check that this port speaks TLS, or leave out --tls",
                ),
                _ => (error.to_string(), absence_remedy(&target.endpoint.to_string())),
            };
            Failure::unreachable(format!("cannot connect to {}: {why}; {remedy}", target.endpoint))
                .with_id("connect-failed")
        })?;
        control.set_timeout(GREETING_TIMEOUT)?;
        for words in introduction(target) {
            let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
            match control.command(&words)? {
                Value::Error(text) => return Err(control.refused(&text)),
                Value::Simple(text)
                    if words == [b"PING"] && !may_answer_ping(ReplyKind::Simple, &text) =>
                {
                    let said = out_of_step(&String::from_utf8_lossy(&text));
                    let said = format!("the reply to PING was {said}");
                    return Err(control.refused(said.as_bytes()));
                }
                _ => {}
            }
        }
        control.set_timeout(REPLY_TIMEOUT)?;
        Ok(control)
    }

    fn connect(target: &Target) -> io::Result<Self> {
        let stream = Stream::open(&target.endpoint)?;
        let (endpoint, password) = (target.endpoint.to_string(), target.password.clone());
        Ok(Self { stream, endpoint, password, received: Vec::new() })
    }

    /// Connects and sends PING only, with a short time limit: to check whether a server is up.
    ///
    /// # Errors
    /// The system's error, or the server's while it is loading.
    pub(crate) fn knock(target: &Target, timeout: Duration) -> Result<(), String> {
        let mut control = Self::connect(target).map_err(|error| error.to_string())?;
        control.stream.set_timeout(timeout).map_err(|error| error.to_string())?;
        match control.command(&[b"PING"]) {
            Ok(Value::Error(text)) if !text.starts_with(b"NOAUTH") => {
                Err(String::from_utf8_lossy(&text).into_owned())
            }
            Ok(_) => Ok(()),
            Err(failure) => Err(failure.message),
        }
    }

    fn set_timeout(&self, timeout: Duration) -> Result<(), Failure> {
        self.stream.set_timeout(timeout).map_err(|error| self.broken(&error))
    }

    fn refused(&self, text: &[u8]) -> Failure {
        let text = secret::reply(&String::from_utf8_lossy(text), self.password.as_deref());
        Failure::unreachable(format!(
            "{} refused us: {text}; {}",
            self.endpoint,
            refusal_remedy(&text)
        ))
        .with_id(refusal_id(&text))
    }

    /// Sends one command and waits for its reply; an error reply is a value here.
    ///
    /// # Errors
    /// The connection broke, the time limit passed, or the peer does not speak RESP (exit 6).
    pub fn command(&mut self, words: &[&[u8]]) -> Result<Value, Failure> {
        let mut request = Vec::new();
        encode::command(&mut request, words);
        self.send(&request)?;
        let reply = self.reply()?;
        // A server greeting that was taken for the reply to PING is detected at the next reply.
        match &reply {
            Value::Simple(text) if text == b"PONG" && !words[0].eq_ignore_ascii_case(b"PING") => {
                let name = String::from_utf8_lossy(words[0]);
                let said = format!("the reply to {name} was {}", out_of_step("PONG"));
                Err(self.refused(said.as_bytes()))
            }
            _ => Ok(reply),
        }
    }

    /// Sends prepared requests.
    ///
    /// # Errors
    /// As for [`Self::command`].
    pub(crate) fn send(&mut self, requests: &[u8]) -> Result<(), Failure> {
        self.stream.write_all(requests).map_err(|error| self.broken(&error))
    }

    /// Waits for the next reply.
    ///
    /// # Errors
    /// As for [`Self::command`].
    pub(crate) fn reply(&mut self) -> Result<Value, Failure> {
        let mut chunk = [0; READ_BYTES];
        loop {
            match decode(&self.received) {
                Ok(Some((value, used))) => {
                    self.received.drain(..used);
                    return Ok(value);
                }
                Ok(None) => {}
                Err(error) => {
                    let remedy = match self.received.first() {
                        Some(&TLS_ALERT) => "this looks like TLS: add --tls",
                        _ => refusal_remedy(""),
                    };
                    return Err(Failure::unreachable(format!(
                        "{} does not speak the Redis protocol: {error}; {remedy}",
                        self.endpoint,
                    ))
                    .with_id("not-redis"));
                }
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    let error = io::Error::from(io::ErrorKind::UnexpectedEof);
                    return Err(self.broken(&error));
                }
                Ok(count) => self.received.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.broken(&error)),
            }
        }
    }

    fn broken(&self, error: &io::Error) -> Failure {
        let (id, why) = match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                ("connection-closed", "it closed the connection".to_owned())
            }
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                ("no-answer", "it did not answer".to_owned())
            }
            _ => ("connection-broken", error.to_string()),
        };
        // A TLS server that receives plain text may close the connection without an alert.
        let hung_up =
            matches!(error.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof);
        let tls = match &self.stream {
            Stream::Tcp(_) if hung_up => ", and add --tls if it wants TLS",
            _ => "",
        };
        Failure::unreachable(format!("{}: {why}; {}{tls}", self.endpoint, refusal_remedy("")))
            .with_id(id)
    }

    /// INFO, all sections that the server gives by default plus its command statistics, and the bundled server's event loop.
    ///
    /// # Errors
    /// As for [`Self::command`]; a server that does not know INFO gives an empty text.
    pub fn info(&mut self) -> Result<String, Failure> {
        let text = |value: &Value| match value {
            Value::Error(_) => None,
            other => other.as_str().map(str::to_owned),
        };
        if let Some(mut all) = text(&self.command(&[b"INFO", b"all"])?) {
            // The bundled server's own section; other servers return nothing for an unknown name.
            all.extend(text(&self.command(&[b"INFO", b"eventloop"])?));
            return Ok(all);
        }
        Ok(text(&self.command(&[b"INFO"])?).unwrap_or_default())
    }
}

/// The first commands of a connection, ending with a PING that must not fail. They use RESP2 whatever the load uses, because
/// INFO and SLOWLOG are simpler there.
fn introduction(target: &Target) -> Vec<Vec<Vec<u8>>> {
    let words = |list: &[&str]| list.iter().map(|w| w.as_bytes().to_vec()).collect::<Vec<_>>();
    let mut list = Vec::new();
    if let Some(password) = &target.password {
        list.push(match &target.user {
            Some(user) => words(&["AUTH", user, password]),
            None => words(&["AUTH", password]),
        });
    }
    if target.db != 0 {
        list.push(words(&["SELECT", &target.db.to_string()]));
    }
    list.push(words(&["PING"]));
    list
}
