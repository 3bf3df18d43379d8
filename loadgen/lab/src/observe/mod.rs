//! Observation during a run: the server's process, and the bundled server's own figures (`AE`).
//!
//! Observations are made when a phase begins, on a separate thread. Invariant: for a server without `AE`, or on another
//! machine, only these figures are missing.

pub mod cpu_wait;
pub mod environment;
pub mod memory;
pub(crate) mod pauses;
pub mod proc;
pub mod stall_cause;
pub(crate) mod sys;

use crate::control::Control;
use crate::observe::proc::ProcessView;

use aelab_engine::Phase;
use aelab_engine::plan::Target;
use aelab_resp::value::Value;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Records of `AE TRACE` asked for: all that the server keeps.
const TRACE_RECORDS: &[u8] = b"1000000";
/// Connections whose TCP_INFO is kept: enough to see what is common to all of them.
const SOCKETS: usize = 16;

/// The server's process at four moments.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessCourse {
    /// Before the connections were opened.
    pub before: Option<ProcessView>,
    /// When they were open.
    pub connected: Option<ProcessView>,
    /// When the measurement began.
    pub begun: Option<ProcessView>,
    /// When it ended.
    pub ended: Option<ProcessView>,
}

/// What was observed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// The process.
    pub process: ProcessCourse,
    /// Numbers of `AE STATS`, by the path to them, as the server gives them.
    pub ae: BTreeMap<String, f64>,
    /// Records of `AE TRACE`, newest first: numbers by name, and the command.
    pub trace: Vec<TraceRecord>,
    /// When the newest iterations of the loop began to sleep (`AE LOOP`), in rising order and on the clock of the trace.
    pub sleeps: Vec<f64>,
    /// The kernel's figures of some of the load generator's connections during the measurement (TCP_INFO).
    pub tcp: Vec<BTreeMap<String, u64>>,
}

/// The trace of one request through the bundled server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TraceRecord {
    /// The command.
    pub command: String,
    /// Its numbers by name; instants in nanoseconds of the server's clock.
    pub numbers: BTreeMap<String, f64>,
}

/// Whether the server's own figures (`AE`) are requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Account {
    /// No: no connection is made during the load.
    Unasked,
    /// Yes.
    Asked {
        /// Trace one request in so many; 0 traces none.
        trace: u32,
    },
}

/// Observes a server during a run.
#[derive(Debug)]
pub struct ServerObserver {
    pid: Option<u32>,
    target: Target,
    account: Account,
    seen: Mutex<Observed>,
}

impl ServerObserver {
    /// Makes the first observation, and switches tracing on if it is requested.
    #[must_use]
    pub fn before(target: &Target, pid: Option<u32>, account: Account) -> Self {
        let before = pid.map(proc::look);
        let process = ProcessCourse { before, ..ProcessCourse::default() };
        let seen = Mutex::new(Observed { process, ..Observed::default() });
        let observer = Self { pid, target: target.clone(), account, seen };
        if let Account::Asked { trace: trace @ 1.. } = account {
            observer.ask(&[b"AE", b"LOOP", b"ON"]);
            observer.ask(&[b"AE", b"TRACE", b"ON", b"SAMPLE", trace.to_string().as_bytes()]);
        }
        observer
    }

    /// A phase has begun.
    pub fn on_phase(&self, phase: Phase) {
        match phase {
            Phase::Connect | Phase::Done => {}
            Phase::Warmup => {
                let view = self.pid.map(proc::look_closely);
                self.note(|seen| seen.process.connected = view);
            }
            Phase::Measure => {
                self.ask(&[b"AE", b"RESET"]);
                let view = self.pid.map(proc::look);
                let tcp = self.sockets();
                self.note(|seen| (seen.process.begun, seen.tcp) = (view, tcp));
            }
            Phase::Drain => {
                let view = self.pid.map(proc::look);
                let tcp = self.sockets();
                let ae = self.ask(&[b"AE", b"STATS"]).map(|reply| numbers(&reply));
                self.note(|seen| {
                    seen.process.ended = view;
                    seen.ae = ae.unwrap_or_default();
                    // The connections may be closed at the end: then the figures of the start are kept.
                    if !tcp.is_empty() {
                        seen.tcp = tcp;
                    }
                });
            }
        }
    }

    /// The kernel's figures of some of the load generator's connections.
    fn sockets(&self) -> Vec<BTreeMap<String, u64>> {
        let server = self.target.endpoint.addr();
        server.map(|server| sys::connections_to(server, SOCKETS)).unwrap_or_default()
    }

    /// Everything observed; reads the trace.
    #[must_use]
    pub fn into_seen(self) -> Observed {
        let asked = matches!(self.account, Account::Asked { trace: 1.. });
        let all_of = |what: &[u8]| {
            let _ = self.ask(&[b"AE", what, b"OFF"]).filter(|_| asked)?;
            self.ask(&[b"AE", what, b"GET", TRACE_RECORDS])
        };
        let (trace, turns) = (all_of(b"TRACE"), all_of(b"LOOP"));
        let mut seen = self.seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        seen.trace = trace.as_ref().map(trace_records).unwrap_or_default();
        seen.sleeps = turns.as_ref().map(sleeps).unwrap_or_default();
        seen
    }

    fn note(&self, change: impl FnOnce(&mut Observed)) {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The reply; `None` if figures are not requested, the connection breaks, or the server does not know the command.
    fn ask(&self, words: &[&[u8]]) -> Option<Value> {
        if self.account == Account::Unasked {
            return None;
        }
        match Control::open(&self.target).ok()?.command(words) {
            Ok(Value::Error(_)) | Err(_) => None,
            Ok(value) => Some(value),
        }
    }
}

/// The pairs of a map, in either protocol version.
fn pairs(value: &Value) -> Vec<(&str, &Value)> {
    let items = value.as_slice().unwrap_or_default();
    items
        .chunks_exact(2)
        .filter_map(|pair| match pair {
            [name, value] => Some((name.as_str()?, value)),
            _ => None,
        })
        .collect()
}

/// All numbers of nested maps, by the path of names, joined by dots.
pub(crate) fn numbers(value: &Value) -> BTreeMap<String, f64> {
    fn walk(prefix: &str, value: &Value, out: &mut BTreeMap<String, f64>) {
        for (name, value) in pairs(value) {
            let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
            match value.as_i64() {
                #[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of one run")]
                Some(number) => {
                    out.insert(path, number as f64);
                }
                None => walk(&path, value, out),
            }
        }
    }
    let mut out = BTreeMap::new();
    walk("", value, &mut out);
    out
}

/// When the iterations in the loop log began to sleep.
fn sleeps(value: &Value) -> Vec<f64> {
    let turns = value.as_slice().unwrap_or_default();
    turns.iter().filter_map(|turn| numbers(turn).get("polled").copied()).collect()
}

fn trace_records(value: &Value) -> Vec<TraceRecord> {
    let records = value.as_slice().unwrap_or_default();
    records
        .iter()
        .map(|record| {
            let command = pairs(record).into_iter().find(|(name, _)| *name == "command");
            TraceRecord {
                command: command
                    .and_then(|(_, value)| value.as_str())
                    .unwrap_or_default()
                    .to_owned(),
                numbers: numbers(record),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_maps_become_paths() {
        let text = |t: &str| Value::Bulk(t.as_bytes().to_vec());
        let inner = Value::Array(vec![text("p99"), Value::Integer(7), text("name"), text("x")]);
        let reply = Value::Array(vec![text("cycles"), Value::Integer(3), text("wake"), inner]);
        let numbers = numbers(&reply);
        assert_eq!(numbers.get("cycles"), Some(&3.0));
        assert_eq!(numbers.get("wake.p99"), Some(&7.0));
        assert_eq!(numbers.len(), 2);
    }
}
