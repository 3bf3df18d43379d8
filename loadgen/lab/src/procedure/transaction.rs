//! Who gets in between: a pipeline, MULTI/EXEC and a script beside another client's writes; and what a failing command leaves (B6).
//!
//! A writer counts a key up in a closed loop. The observer reads that key many times: in one pipeline, in one MULTI/EXEC, in one
//! script. If the first and the last reading differ, the writer got in between. A pipeline has to be longer than what a server
//! reads from one client at a time (16 KiB in Redis): a shorter one is executed in one go by accident of the buffer, not by
//! promise, and shows nothing. Invariant: attempts in which the writer wrote nothing meanwhile are not counted.

use crate::procedure::raw_client::{Peer, command};
use crate::procedure::{Findings, Site};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Readings in one pipeline, transaction or script.
    pub readings: usize,
    /// Attempts of each.
    pub attempts: usize,
}

/// The key that the writer counts up, and the keys of the failing commands.
const COUNTER: &str = "aelab:between:counter";
const TEXT: &str = "aelab:between:text";
const BEFORE: &str = "aelab:between:before";
const AFTER: &str = "aelab:between:after";

/// Plays it.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(site: &Site<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let mut peer = Peer::connect(&site.target)?;
    peer.ask(&["DEL", COUNTER, TEXT, BEFORE, AFTER])?;
    let has_scripts = matches!(peer.ask(&["EVAL", "return 1", "0"])?, Value::Integer(1));
    if !has_scripts {
        findings.notes.push("the server runs no scripts: EVAL was left out".to_owned());
    }
    let writer = Writer::default();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let writing = scope.spawn(|| writer.write(site));
        let observed = observe(site, params, &writer, &mut peer, has_scripts, &mut findings);
        writer.stop.store(true, Relaxed);
        let wrote =
            writing.join().unwrap_or_else(|_| Err(Failure::invalid("the writer ended early")));
        observed.and(wrote)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
    findings.add("writes", writer.written.load(Relaxed) as f64);
    failures(&mut peer, has_scripts, &mut findings)?;
    peer.ask(&["DEL", COUNTER, TEXT, BEFORE, AFTER])?;
    Ok(findings)
}

/// The other client.
#[derive(Debug, Default)]
struct Writer {
    stop: AtomicBool,
    written: AtomicU64,
}

impl Writer {
    fn write(&self, site: &Site<'_>) -> Result<(), Failure> {
        let mut peer = Peer::connect(&site.target)?;
        while !self.stop.load(Relaxed) {
            peer.ask(&["INCR", COUNTER])?;
            self.written.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

/// How often somebody was seen in between.
#[derive(Debug, Default)]
struct Seen {
    /// Attempts during which the writer wrote something.
    tried: usize,
    /// Attempts in which it was seen.
    between: usize,
    /// Most writes seen within one attempt.
    most: i64,
}

impl Seen {
    fn note(&mut self, first: i64, last: i64, wrote: bool) {
        if wrote || first != last {
            self.tried += 1;
            self.between += usize::from(first != last);
            self.most = self.most.max(last - first);
        }
    }

    fn report(&self, name: &str, findings: &mut Findings) {
        findings.add_count(format!("{name}_attempts"), self.tried);
        findings.add_count(format!("{name}_interleaved"), self.between);
        findings.add(format!("{name}_most_writes_between"), self.most as f64);
    }
}

fn observe(
    site: &Site<'_>,
    params: &Params,
    writer: &Writer,
    peer: &mut Peer,
    has_scripts: bool,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let reads = command(&["GET", COUNTER]).repeat(params.readings);
    let transaction = [command(&["MULTI"]), reads.clone(), command(&["EXEC"])].concat();
    let script = format!(
        "local first = redis.call('GET', KEYS[1]) local last = first \
         for i = 2, {} do last = redis.call('GET', KEYS[1]) end return {{first, last}}",
        params.readings
    );
    let script = command(&["EVAL", &script, "1", COUNTER]);
    let (mut piped, mut queued, mut scripted) = (Seen::default(), Seen::default(), Seen::default());
    for _ in 0..params.attempts {
        site.go_on()?;
        let before = writer.written.load(Relaxed);
        let wrote = || writer.written.load(Relaxed) != before;
        peer.send(&reads)?;
        let (first, last) = ends(peer, params.readings)?;
        piped.note(first, last, wrote());

        let before = writer.written.load(Relaxed);
        let wrote = || writer.written.load(Relaxed) != before;
        peer.send(&transaction)?;
        for _ in 0..=params.readings {
            peer.reply()?;
        }
        let (first, last) = ends_of(&peer.reply()?)?;
        queued.note(first, last, wrote());

        if has_scripts {
            let before = writer.written.load(Relaxed);
            peer.send(&script)?;
            let (first, last) = ends_of(&peer.reply()?)?;
            scripted.note(first, last, writer.written.load(Relaxed) != before);
        }
    }
    piped.report("pipeline", findings);
    queued.report("multi", findings);
    if has_scripts {
        scripted.report("script", findings);
    }
    findings.add_count("pipeline_bytes", reads.len());
    Ok(())
}

/// First and last of so many replies.
fn ends(peer: &mut Peer, replies: usize) -> Result<(i64, i64), Failure> {
    let first = number(&peer.reply()?);
    let mut last = first;
    for _ in 1..replies {
        last = number(&peer.reply()?);
    }
    Ok((first, last))
}

/// First and last of an array of readings.
fn ends_of(reply: &Value) -> Result<(i64, i64), Failure> {
    let readings = reply.as_slice().unwrap_or_default();
    let ends = readings.first().zip(readings.last());
    let (first, last) = ends.ok_or_else(|| {
        Failure::invalid(format!("a transaction or script of readings was answered with {reply:?}"))
    })?;
    Ok((number(first), number(last)))
}

/// A reading; a key that is not there yet counts as zero.
fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// A write, a command that fails (INCR of a text), another write: what of it stays?
fn failures(peer: &mut Peer, has_scripts: bool, findings: &mut Findings) -> Result<(), Failure> {
    let steps = || {
        [command(&["SET", BEFORE, "1"]), command(&["INCR", TEXT]), command(&["SET", AFTER, "1"])]
            .concat()
    };
    prepare(peer)?;
    peer.send(&steps())?;
    for _ in 0..3 {
        peer.reply()?;
    }
    let (before, after) = stayed(peer)?;
    findings.add("pipeline_write_before_failure_stays", before);
    findings.add("pipeline_write_after_failure_runs", after);

    prepare(peer)?;
    peer.send(&[command(&["MULTI"]), steps(), command(&["EXEC"])].concat())?;
    for _ in 0..5 {
        peer.reply()?;
    }
    let (before, after) = stayed(peer)?;
    findings.add("multi_write_before_failure_stays", before);
    findings.add("multi_write_after_failure_runs", after);

    // A command that is wrong as such is refused while queueing, and EXEC then runs nothing.
    prepare(peer)?;
    let wrong = [command(&["MULTI"]), command(&["SET", BEFORE, "1"]), command(&["INCR"])];
    peer.send(&[wrong.concat(), command(&["SET", AFTER, "1"]), command(&["EXEC"])].concat())?;
    for _ in 0..4 {
        peer.reply()?;
    }
    let refused = peer.reply()?;
    let (before, after) = stayed(peer)?;
    findings.add("multi_refused_writes_stay", before + after);
    if let Value::Error(text) = refused {
        findings.notes.push(format!(
            "EXEC after a command that was refused while queueing: {}",
            String::from_utf8_lossy(&text)
        ));
    }
    if has_scripts {
        prepare(peer)?;
        let script = "redis.call('SET', KEYS[1], '1') redis.call('INCR', KEYS[2]) \
                      redis.call('SET', KEYS[3], '1') return 1";
        peer.ask(&["EVAL", script, "3", BEFORE, TEXT, AFTER])?;
        let (before, after) = stayed(peer)?;
        findings.add("script_write_before_failure_stays", before);
        findings.add("script_write_after_failure_runs", after);
    }
    Ok(())
}

fn prepare(peer: &mut Peer) -> Result<(), Failure> {
    peer.ask(&["DEL", BEFORE, AFTER])?;
    peer.ask(&["SET", TEXT, "no number"])?;
    Ok(())
}

/// Whether the writes before and after the failing command are there: 1 or 0 each.
fn stayed(peer: &mut Peer) -> Result<(f64, f64), Failure> {
    let mut is_there = |key: &str| -> Result<f64, Failure> {
        Ok(if peer.ask(&["EXISTS", key])?.as_i64() == Some(1) { 1.0 } else { 0.0 })
    };
    Ok((is_there(BEFORE)?, is_there(AFTER)?))
}
