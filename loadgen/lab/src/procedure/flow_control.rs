//! A server that falls behind, a client that keeps sending, and what TCP does between them (B4).
//!
//! The server is paused. The client writes commands as long as the kernel accepts them, and asks the kernel every few
//! milliseconds for the server's announced window, the bytes in flight and the bytes that wait on this side. After the pause
//! the client stops, and every command must have a reply. Invariant: nothing is inferred from timing alone; windows and queues
//! are the kernel's own figures (TCP_INFO).

use crate::observe::sys;
use crate::procedure::pause_server::Pause;
use crate::procedure::raw_client::{RawClient, broken, command};
use crate::procedure::{Findings, ServerUnderTest, Table};
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::plan::Endpoint;
use aelab_resp::value::Value;
use aelab_results::record::{Curve, Point};
use std::io;
use std::os::fd::AsFd as _;
use std::time::Duration;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// How long the server is paused.
    pub stall: Duration,
    /// Interval between two observations of the connection.
    pub sample_every: Duration,
    /// Size of each value that is sent.
    pub value_bytes: usize,
}

/// How long the client sends before the pause, and after it.
const AWAKE: Duration = Duration::from_millis(200);
/// Commands are made and written in parts of about this size.
const PART_BYTES: usize = 64 << 10;
/// The same key again and again: the server's memory must not grow with what is sent.
const KEY: &str = "aelab:flow:value";
const COUNTER: &str = "aelab:flow:counter";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached, does not listen for TCP, or does not allow DEBUG SLEEP.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    if !matches!(under_test.target.endpoint, Endpoint::Tcp(_)) {
        return Err(Failure::usage("flow control is TCP's: give a server that listens on a port"));
    }
    let mut other = RawClient::connect(&under_test.target)?;
    other.ask(&["DEL", KEY, COUNTER])?;
    let mut flood = Flood::new(under_test, params)?;
    flood.push_for(under_test, AWAKE, params)?;
    let awake = flood.samples.len();
    let pause = Pause::begin(under_test, params.stall)?;
    let slept_from = pause.from;
    while !pause.is_over() {
        flood.turn(under_test, params)?;
    }
    let slept_until = pause.end()?;
    flood.push_for(under_test, AWAKE, params)?;
    flood.finish(under_test)?;
    let counted = other.ask(&["GET", COUNTER])?.as_i64().unwrap_or(0);
    other.ask(&["DEL", KEY, COUNTER])?;
    Ok(flood.findings(awake, slept_from, slept_until, counted))
}

/// One observation of the connection.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Nanos,
    tcp: sys::TcpState,
    written_bytes: u64,
    replies: u64,
}

/// The client that keeps sending.
struct Flood {
    raw_client: RawClient,
    began: Nanos,
    /// One part of commands: alternating SET and INCR, and their number.
    part: Vec<u8>,
    commands_per_part: u64,
    /// How much of the current part is written.
    at: usize,
    parts_begun: u64,
    written_bytes: u64,
    /// Writes that the kernel refused because its buffer was full.
    refused_writes: u64,
    replies: u64,
    errors: u64,
    samples: Vec<Sample>,
}

impl Flood {
    fn new(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Self, Failure> {
        let raw_client = RawClient::connect(&under_test.target)?;
        raw_client.set_nonblocking(true).map_err(|error| broken(&error))?;
        let value = "v".repeat(params.value_bytes);
        let pair = [command(&["SET", KEY, &value]), command(&["INCR", COUNTER])].concat();
        let pairs = (PART_BYTES / pair.len()).max(1);
        Ok(Self {
            raw_client,
            began: clock::now(),
            part: pair.repeat(pairs),
            commands_per_part: 2 * pairs as u64,
            at: 0,
            parts_begun: 0,
            written_bytes: 0,
            refused_writes: 0,
            replies: 0,
            errors: 0,
            samples: Vec::new(),
        })
    }

    fn push_for(
        &mut self,
        under_test: &ServerUnderTest<'_>,
        span: Duration,
        params: &Params,
    ) -> Result<(), Failure> {
        let from = clock::now();
        while Duration::from(clock::now().since(from)) < span {
            self.turn(under_test, params)?;
        }
        Ok(())
    }

    /// Writes what the kernel accepts, reads what has arrived, and observes the connection when it is time.
    fn turn(&mut self, under_test: &ServerUnderTest<'_>, params: &Params) -> Result<(), Failure> {
        under_test.go_on()?;
        let took = self.write_some()?;
        self.read_some()?;
        let last = self.samples.last().map_or(Nanos::ZERO, |sample| sample.at);
        if Duration::from(clock::now().since(last)) >= params.sample_every {
            self.look()?;
        }
        if !took {
            // Nothing fits: wait a little instead of trying again at once.
            std::thread::sleep(params.sample_every / 4);
        }
        Ok(())
    }

    fn look(&mut self) -> Result<(), Failure> {
        let tcp = sys::tcp_state(self.raw_client.as_fd()).map_err(|error| {
            Failure::usage(format!(
                "the kernel does not report TCP windows ({error}); Linux 5.4 and later do"
            ))
        })?;
        let (written_bytes, replies) = (self.written_bytes, self.replies);
        self.samples.push(Sample { at: clock::now(), tcp, written_bytes, replies });
        Ok(())
    }

    /// Whether anything was taken.
    fn write_some(&mut self) -> Result<bool, Failure> {
        if self.at == 0 {
            self.parts_begun += 1;
        }
        match self.raw_client.send_some(&self.part[self.at..]) {
            Ok(count) => {
                self.written_bytes += count as u64;
                self.at = (self.at + count) % self.part.len();
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if self.at == 0 {
                    self.parts_begun -= 1;
                }
                self.refused_writes += 1;
                Ok(false)
            }
            Err(error) => Err(broken(&error)),
        }
    }

    fn read_some(&mut self) -> Result<(), Failure> {
        while let Some(reply) = self.raw_client.reply_now()? {
            self.replies += 1;
            self.errors += u64::from(matches!(reply, Value::Error(_)));
        }
        Ok(())
    }

    /// Completes the part that was begun and waits for all replies.
    fn finish(&mut self, under_test: &ServerUnderTest<'_>) -> Result<(), Failure> {
        let from = clock::now();
        while self.at != 0 || self.replies < self.asked() {
            under_test.go_on()?;
            let before = (self.written_bytes, self.replies);
            if self.at != 0 {
                self.write_some()?;
            }
            self.read_some()?;
            if before == (self.written_bytes, self.replies) {
                if Duration::from(clock::now().since(from)) > crate::procedure::raw_client::PATIENCE
                {
                    // Replies missing then are lost: that is a figure, not a failure.
                    return Ok(());
                }
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.look()
    }

    fn asked(&self) -> u64 {
        self.parts_begun * self.commands_per_part
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes and counts of a minute are below 2^53")]
    fn findings(&self, awake: usize, from: Nanos, until: Nanos, counted: i64) -> Findings {
        let mut findings = Findings::default();
        let asleep = || self.samples.iter().filter(|s| s.at > from && s.at < until);
        let after = || self.samples.iter().filter(|s| s.at >= until);
        let window = |sample: &Sample| sample.tcp.peer_window_bytes as f64;
        let most = |value: &dyn Fn(&Sample) -> f64| asleep().map(value).fold(0.0, f64::max);
        let open = self.samples[..awake].iter().map(window).fold(0.0, f64::max);
        findings.add("stall_s", until.since(from).as_secs_f64());
        findings.add("window_open_bytes", open);
        findings.add("window_min_bytes", asleep().map(window).fold(f64::INFINITY, f64::min));
        findings.add("in_flight_max_bytes", most(&|s| s.tcp.in_flight_bytes as f64));
        findings.add(
            "over_window_bytes",
            most(&|s| s.tcp.in_flight_bytes as f64 - s.tcp.peer_window_bytes as f64),
        );
        findings.add("queued_at_sender_bytes", most(&|s| s.tcp.not_sent_bytes as f64));
        let limited = |s: Option<&Sample>| s.map_or(0.0, |s| s.tcp.window_limited_us as f64 / 1e6);
        let before = self.samples.iter().take_while(|s| s.at <= from).last();
        findings.add("window_limited_s", limited(asleep().next_back()) - limited(before));
        findings.add("refused_writes", self.refused_writes as f64);
        if let Some(shut) = asleep().find(|sample| sample.tcp.peer_window_bytes == 0) {
            findings.add("window_shut_after_s", shut.at.since(from).as_secs_f64());
        }
        // How long the client could write although the server read nothing.
        if let Some((first, last)) = asleep().next().zip(asleep().next_back()) {
            findings
                .add("written_in_stall_bytes", (last.written_bytes - first.written_bytes) as f64);
        }
        let looks: Vec<&Sample> = asleep().collect();
        if !looks.is_empty() {
            // Small amounts that the kernel accepts now and then do not count as progress.
            let idle =
                looks.windows(2).filter(|pair| pair[0].written_bytes == pair[1].written_bytes);
            let idle = idle.map(|pair| pair[1].at.since(pair[0].at).as_secs_f64()).sum::<f64>();
            findings.add("throttled_s", idle);
        }
        if let Some(opened) = after().find(|sample| sample.tcp.peer_window_bytes > 0) {
            findings.add("recovery_s", opened.at.since(until).as_secs_f64());
        }
        findings.add("requests", self.asked() as f64);
        findings.add("lost", self.asked().saturating_sub(self.replies) as f64);
        findings.add("errors", self.errors as f64);
        findings.add("executed_twice_or_never", (self.asked() as f64 / 2.0 - counted as f64).abs());
        findings.curve = Some(self.curve());
        findings.tables.push(self.table());
        findings
    }

    /// The window and what waits for it, over time.
    #[expect(clippy::cast_precision_loss, reason = "bytes of a minute are below 2^53")]
    fn curve(&self) -> Curve {
        /// Points that fit a chart.
        const POINTS_MAX: usize = 400;
        let step = self.samples.len().div_ceil(POINTS_MAX).max(1);
        let shown = || self.samples.iter().step_by(step);
        let time = |s: &Sample| s.at.since(self.began).as_secs_f64();
        let line = |series: &'static str, of: fn(&Sample) -> u64| {
            shown().map(move |s| Point { series: series.to_owned(), x: time(s), y: of(s) as f64 })
        };
        let points = line("the server's window", |s| s.tcp.peer_window_bytes)
            .chain(line("in flight", |s| s.tcp.in_flight_bytes))
            .chain(line("waiting at the client", |s| s.tcp.not_sent_bytes));
        Curve {
            title: "A server that does not read: its window closes, and bytes wait at the client"
                .to_owned(),
            x: "seconds".to_owned(),
            y: "bytes".to_owned(),
            y_unit: "B".to_owned(),
            log: false,
            points: points.collect(),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes and counts of a minute are below 2^53")]
    fn table(&self) -> Table {
        let columns = [
            "time_s",
            "window_bytes",
            "in_flight_bytes",
            "not_sent_bytes",
            "written_bytes",
            "replies",
        ];
        let row = |s: &Sample| {
            let tcp = &s.tcp;
            let (window, flight) = (tcp.peer_window_bytes as f64, tcp.in_flight_bytes as f64);
            let (waiting, written) = (tcp.not_sent_bytes as f64, s.written_bytes as f64);
            let time = s.at.since(self.began).as_secs_f64();
            vec![time, window, flight, waiting, written, s.replies as f64]
        };
        Table {
            title: "the client's connection over time".to_owned(),
            columns: columns.map(str::to_owned).to_vec(),
            rows: self.samples.iter().map(row).collect(),
        }
    }
}
