//! `--prometheus ADDRESS`: the live counters of a run over HTTP, while it is on.
//!
//! A responder for scrapers, not a web server: one request per connection, `GET /metrics`. Invariant: whatever a peer sends or
//! does not send costs a thread of its own for two seconds at most, and no engine thread ever waits for it.

mod text;

use aelab_engine::Live;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::sys;
use std::borrow::Cow;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Peers served at a time; more wait until one is done, two seconds at most.
const PEERS_MAX: usize = 16;
/// Longest request: a scraper's head is some hundred bytes.
const REQUEST_BYTES_MAX: usize = 8 << 10;
/// How long a peer may take, in all, to ask and to read.
const PEER_TIME: Nanos = Nanos::from_secs(2);
/// How long a read or write may take before the time is looked at again.
const STEP: Duration = Duration::from_millis(200);
/// How often a free place is looked for.
const PLACE_WAIT: Duration = Duration::from_millis(20);
/// The format that scrapers of every version know.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// How often an end by the user is looked for while the endpoint stays.
const LINGER_STEP: Duration = Duration::from_millis(50);

/// The run that is served.
#[derive(Debug, Clone)]
struct ShownRun {
    /// Of the scenario; empty for a run of its own.
    scenario: String,
    title: String,
    live: Arc<Live>,
}

/// What is served; nothing before the first run.
type Shown = Arc<Mutex<Option<ShownRun>>>;

/// An address that answers scrapers until it is dropped.
#[derive(Debug)]
pub struct Exporter {
    shown: Shown,
    over: Arc<AtomicBool>,
    address: SocketAddr,
    acceptor: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Listens.
    ///
    /// # Errors
    /// The address is none, or taken (exit 2).
    pub fn start(address: &str) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| {
            Failure::usage(format!(
                "--prometheus cannot listen on {address}: {error}; give an address of this machine with a free port, such as \
                 127.0.0.1:9121"
            ))
        };
        let listener = TcpListener::bind(&*whole(address)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (shown, over) = (Shown::default(), Arc::new(AtomicBool::new(false)));
        let (for_peers, until) = (Arc::clone(&shown), Arc::clone(&over));
        let acceptor = thread::Builder::new()
            .name("prometheus".to_owned())
            .spawn(move || accept(&listener, &for_peers, &until))
            .map_err(failed)?;
        Ok(Self { shown, over, address, acceptor: Some(acceptor) })
    }

    /// From now on this run is shown; `scenario` is empty if it belongs to none.
    pub fn show(&self, scenario: &str, title: &str, live: &Arc<Live>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let (scenario, title) = (scenario.to_owned(), title.to_owned());
        *shown = Some(ShownRun { scenario, title, live: Arc::clone(live) });
    }

    /// Whether any run was shown.
    #[must_use]
    pub fn has_run(&self) -> bool {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Serves what was shown last for this time, or until `cancel` is set.
    pub fn linger(self, span: Duration, cancel: &AtomicBool) {
        let until = clock::now().saturating_add(span.into());
        while clock::now() < until && !cancel.load(Relaxed) {
            thread::sleep(LINGER_STEP);
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.over.store(true, Relaxed);
        // It waits in accept(): a connection of our own wakes it.
        let woken = TcpStream::connect_timeout(&wake_address(self.address), STEP).is_ok();
        if let Some(acceptor) = self.acceptor.take().filter(|_| woken) {
            let _ = acceptor.join();
        }
    }
}

/// A port alone, `9121` or `:9121`, is one of this machine: there is no password, so only it should reach the address.
fn whole(address: &str) -> Cow<'_, str> {
    let port = address.strip_prefix(':').unwrap_or(address);
    match port.parse::<u16>() {
        Ok(port) => Cow::Owned(format!("127.0.0.1:{port}")),
        Err(_) => Cow::Borrowed(address),
    }
}

/// An address that listens everywhere is reached through the loopback.
fn wake_address(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        match &mut address {
            SocketAddr::V4(v4) => v4.set_ip(std::net::Ipv4Addr::LOCALHOST),
            SocketAddr::V6(v6) => v6.set_ip(std::net::Ipv6Addr::LOCALHOST),
        }
    }
    address
}

fn accept(listener: &TcpListener, shown: &Shown, over: &AtomicBool) {
    sys::step_back();
    let peers = Arc::new(AtomicUsize::new(0));
    while !over.load(Relaxed) {
        // A silent peer keeps its place until its time limit; later peers wait.
        if peers.load(Relaxed) >= PEERS_MAX {
            thread::sleep(PLACE_WAIT);
            continue;
        }
        let Ok((stream, _)) = listener.accept() else {
            // Usually out of file descriptors; the run needs them more.
            thread::sleep(STEP);
            continue;
        };
        peers.fetch_add(1, Relaxed);
        let (shown, count) = (Arc::clone(shown), Arc::clone(&peers));
        let served = thread::Builder::new().spawn(move || {
            sys::step_back();
            serve(stream, &shown);
            count.fetch_sub(1, Relaxed);
        });
        if served.is_err() {
            peers.fetch_sub(1, Relaxed);
        }
    }
}

/// Answers one peer; an error ends only its connection.
fn serve(mut stream: TcpStream, shown: &Shown) {
    let until = clock::now().saturating_add(PEER_TIME);
    let timeouts =
        stream.set_read_timeout(Some(STEP)).and_then(|()| stream.set_write_timeout(Some(STEP)));
    if timeouts.is_err() {
        return;
    }
    let Some(request) = read_head(&mut stream, until) else { return };
    let (status, body) = match asked(&request) {
        Asked::Metrics => {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let run = shown.as_ref().map(|run| {
                let (scenario, title) = (run.scenario.as_str(), run.title.as_str());
                text::Run { scenario, title, live: &run.live }
            });
            ("200 OK", text::text(run))
        }
        Asked::Elsewhere => ("404 Not Found", "the metrics are at /metrics\n".to_owned()),
        Asked::Otherwise => ("405 Method Not Allowed", "only GET and HEAD\n".to_owned()),
        Asked::Nonsense => ("400 Bad Request", "this is HTTP\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let body = if request.starts_with(b"HEAD ") { "" } else { &body };
    write_until(&mut stream, format!("{head}{body}").as_bytes(), until);
    let _ = stream.shutdown(Shutdown::Write);
}

/// A request's head, possibly incomplete; `None` if the peer left or took too long.
fn read_head(stream: &mut TcpStream, until: Nanos) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; 1024];
    while clock::now() < until {
        match stream.read(&mut chunk) {
            Ok(0) => return None,
            Ok(count) => head.extend_from_slice(&chunk[..count]),
            Err(error) if is_pause(&error) => continue,
            Err(_) => return None,
        }
        let is_whole = head.windows(4).any(|end| end == b"\r\n\r\n")
            || head.windows(2).any(|end| end == b"\n\n");
        if is_whole || head.len() > REQUEST_BYTES_MAX {
            return Some(head);
        }
    }
    None
}

fn write_until(stream: &mut TcpStream, mut bytes: &[u8], until: Nanos) {
    while !bytes.is_empty() && clock::now() < until {
        match stream.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = &bytes[count..],
            Err(error) if is_pause(&error) => {}
            Err(_) => return,
        }
    }
}

fn is_pause(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), Interrupted | TimedOut | WouldBlock)
}

/// What a request is for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Metrics,
    /// Another path.
    Elsewhere,
    /// Another method.
    Otherwise,
    /// No HTTP.
    Nonsense,
}

fn asked(request: &[u8]) -> Asked {
    let line = request.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else { return Asked::Nonsense };
    let mut words = line.split_whitespace();
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next())
    else {
        return Asked::Nonsense;
    };
    let path = target.split('?').next().unwrap_or_default();
    match (version.starts_with("HTTP/1"), method, path) {
        (false, ..) => Asked::Nonsense,
        (true, "GET" | "HEAD", "/metrics" | "/") => Asked::Metrics,
        (true, "GET" | "HEAD", _) => Asked::Elsewhere,
        (true, ..) => Asked::Otherwise,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_one_of_this_machine() {
        for text in ["9121", ":9121"] {
            assert_eq!(whole(text), "127.0.0.1:9121");
        }
        for text in ["0.0.0.0:9121", "[::]:9121", "host:1", "99999"] {
            assert_eq!(whole(text), text);
        }
    }

    #[test]
    fn requests_are_told_apart() {
        for (request, want) in [
            (&b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"[..], Asked::Metrics),
            (b"GET /metrics?name=x HTTP/1.0\n\n", Asked::Metrics),
            (b"HEAD / HTTP/1.1\r\n\r\n", Asked::Metrics),
            (b"GET /favicon.ico HTTP/1.1\r\n\r\n", Asked::Elsewhere),
            (b"POST /metrics HTTP/1.1\r\n\r\n", Asked::Otherwise),
            (b"*1\r\n$4\r\nPING\r\n\r\n", Asked::Nonsense),
            (b"\xff\xfe\r\n\r\n", Asked::Nonsense),
            (b"", Asked::Nonsense),
        ] {
            assert_eq!(asked(request), want, "{:?}", String::from_utf8_lossy(request));
        }
    }
}
