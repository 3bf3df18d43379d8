//! Whether transactions stay atomic while many clients write at the same time (A17).
//!
//! Every writer increments two keys in one transaction. EXEC must return the same number twice, and at the end no increment may
//! be missing. Threads that only read and write sockets make no difference here; threads that executed commands would.

use crate::procedure::raw_client::{RawClient, command};
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Connections, each with a thread.
    pub writers: usize,
    /// Transactions of each.
    pub transactions: usize,
    /// Transactions that one writer has in flight.
    pub pipeline: usize,
}

/// The two keys that must never differ.
const KEYS: [&str; 2] = ["aelab:atomic:a", "aelab:atomic:b"];

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut client = RawClient::connect(&under_test.target)?;
    client.ask(&["DEL", KEYS[0], KEYS[1]])?;
    let from = clock::now();
    let torn = std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..params.writers).map(|_| scope.spawn(|| write(under_test, params))).collect();
        let mut torn = Ok(0);
        for writer in writers {
            let one = writer
                .join()
                .unwrap_or_else(|_| Err(Failure::invalid("the thread of a writer broke")));
            torn = torn.and_then(|sum: usize| one.map(|more| sum + more));
        }
        torn
    })?;
    let took = clock::now().since(from).as_secs_f64();
    let wanted = params.writers * params.transactions;
    let mut lost = 0;
    for key in KEYS {
        let count = client.ask(&["GET", key])?;
        let count = count.as_str().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        lost = lost.max(wanted.abs_diff(count));
    }
    client.ask(&["DEL", KEYS[0], KEYS[1]])?;
    let mut findings = Findings::default();
    findings.add_count("transactions", wanted);
    findings.add_count("torn", torn);
    findings.add_count("lost", lost);
    #[expect(clippy::cast_precision_loss, reason = "transactions of some seconds")]
    findings.add("transactions_per_s", wanted as f64 / took.max(1e-9));
    Ok(findings)
}

/// Runs one writer's transactions; returns how many gave two different numbers.
fn write(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<usize, Failure> {
    let mut client = RawClient::connect(&under_test.target)?;
    let one = [
        command(&["MULTI"]),
        command(&["INCR", KEYS[0]]),
        command(&["INCR", KEYS[1]]),
        command(&["EXEC"]),
    ]
    .concat();
    let (mut torn, mut left) = (0, params.transactions);
    while left > 0 {
        under_test.go_on()?;
        let some = params.pipeline.clamp(1, left);
        client.send(&one.repeat(some))?;
        for _ in 0..some {
            for _ in 0..3 {
                client.reply()?;
            }
            let same = match client.reply()? {
                Value::Array(counts) => matches!(&counts[..], [a, b] if a == b),
                _ => false,
            };
            torn += usize::from(!same);
        }
        left -= some;
    }
    Ok(torn)
}
