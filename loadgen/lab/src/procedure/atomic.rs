//! Whether commands stay whole while many clients write at once (A17).
//!
//! Every writer counts two keys up in one transaction; what EXEC gives back must be the same number twice, and in the end no
//! count may be missing. Threads that read and write sockets must not be seen in this; threads that executed commands would be.

use crate::procedure::raw_client::{Peer, command};
use crate::procedure::{Findings, Site};
use aelab_engine::clock;
use aelab_engine::error::Failure;
use aelab_resp::value::Value;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Connections, each with a thread.
    pub writers: usize,
    /// Transactions of each.
    pub transactions: usize,
    /// Transactions that one writer has under way at a time.
    pub pipeline: usize,
}

/// The two keys that must never differ.
const KEYS: [&str; 2] = ["aelab:atomic:a", "aelab:atomic:b"];

/// Plays it.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut peer = Peer::connect(&site.target)?;
    peer.ask(&["DEL", KEYS[0], KEYS[1]])?;
    let from = clock::now();
    let torn = std::thread::scope(|scope| {
        let writers: Vec<_> =
            (0..params.writers).map(|_| scope.spawn(|| write(site, params))).collect();
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
        let count = peer.ask(&["GET", key])?;
        let count = count.as_str().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        lost = lost.max(wanted.abs_diff(count));
    }
    peer.ask(&["DEL", KEYS[0], KEYS[1]])?;
    let mut findings = Findings::default();
    findings.add_count("transactions", wanted);
    findings.add_count("torn", torn);
    findings.add_count("lost", lost);
    #[expect(clippy::cast_precision_loss, reason = "transactions of some seconds")]
    findings.add("transactions_per_s", wanted as f64 / took.max(1e-9));
    Ok(findings)
}

/// One writer's transactions; gives how many saw two different numbers.
fn write(site: &Site<'_>, params: &Params) -> Result<usize, Failure> {
    let mut peer = Peer::connect(&site.target)?;
    let one = [
        command(&["MULTI"]),
        command(&["INCR", KEYS[0]]),
        command(&["INCR", KEYS[1]]),
        command(&["EXEC"]),
    ]
    .concat();
    let (mut torn, mut left) = (0, params.transactions);
    while left > 0 {
        site.go_on()?;
        let some = params.pipeline.clamp(1, left);
        peer.send(&one.repeat(some))?;
        for _ in 0..some {
            for _ in 0..3 {
                peer.reply()?;
            }
            let same = match peer.reply()? {
                Value::Array(counts) => matches!(&counts[..], [a, b] if a == b),
                _ => false,
            };
            torn += usize::from(!same);
        }
        left -= some;
    }
    Ok(torn)
}
