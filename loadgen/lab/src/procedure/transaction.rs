//! Isolation of a pipeline, MULTI/EXEC and a script from another client's writes, and what stays after a failing command (B6).
//!
//! A writer increments a key in a closed loop. A reader reads that key many times: in one pipeline, in one MULTI/EXEC, in one
//! script. If the first and the last value differ, a write was executed in between. The pipeline must be longer than the
//! server's read size (16 KiB in Redis): a shorter one is executed without interruption only because it fits the buffer, which
//! shows nothing. Invariant: attempts during which the writer wrote nothing are not counted.

use crate::procedure::raw_client::{RawClient, command};
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::error::Failure;
use aelab_resp::value::Value;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Reads in one pipeline, transaction or script.
    pub readings: usize,
    /// Attempts of each.
    pub attempts: usize,
}

/// The key that the writer increments, and the keys of the failing commands.
const COUNTER: &str = "aelab:between:counter";
const TEXT: &str = "aelab:between:text";
const BEFORE: &str = "aelab:between:before";
const AFTER: &str = "aelab:between:after";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut findings = Findings::default();
    let mut client = RawClient::connect(&under_test.target)?;
    client.ask(&["DEL", COUNTER, TEXT, BEFORE, AFTER])?;
    let has_scripts = matches!(client.ask(&["EVAL", "return 1", "0"])?, Value::Integer(1));
    if !has_scripts {
        findings.notes.push("the server has no EVAL; the script was skipped".to_owned());
    }
    let writer = Writer::default();
    std::thread::scope(|scope| -> Result<(), Failure> {
        let writing = scope.spawn(|| writer.write(under_test));
        let observed =
            observe(under_test, params, &writer, &mut client, has_scripts, &mut findings);
        writer.stop.store(true, Relaxed);
        let wrote =
            writing.join().unwrap_or_else(|_| Err(Failure::invalid("the writer ended early")));
        observed.and(wrote)
    })?;
    #[expect(clippy::cast_precision_loss, reason = "counts of an experiment are far below 2^53")]
    findings.add("writes", writer.written.load(Relaxed) as f64);
    failures(&mut client, has_scripts, &mut findings)?;
    client.ask(&["DEL", COUNTER, TEXT, BEFORE, AFTER])?;
    Ok(findings)
}

/// The other client.
#[derive(Debug, Default)]
struct Writer {
    stop: AtomicBool,
    written: AtomicU64,
}

impl Writer {
    fn write(&self, under_test: &ServerUnderTest<'_>) -> Result<(), Failure> {
        let mut client = RawClient::connect(&under_test.target)?;
        while !self.stop.load(Relaxed) {
            client.ask(&["INCR", COUNTER])?;
            self.written.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}

/// How often a write was seen in between.
#[derive(Debug, Default)]
struct Seen {
    /// Attempts during which the writer wrote something.
    tried: usize,
    /// Attempts in which a write was seen in between.
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
    under_test: &ServerUnderTest<'_>,
    params: &Params,
    writer: &Writer,
    client: &mut RawClient,
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
        under_test.go_on()?;
        let before = writer.written.load(Relaxed);
        let wrote = || writer.written.load(Relaxed) != before;
        client.send(&reads)?;
        let (first, last) = ends(client, params.readings)?;
        piped.note(first, last, wrote());

        let before = writer.written.load(Relaxed);
        let wrote = || writer.written.load(Relaxed) != before;
        client.send(&transaction)?;
        for _ in 0..=params.readings {
            client.reply()?;
        }
        let (first, last) = ends_of(&client.reply()?)?;
        queued.note(first, last, wrote());

        if has_scripts {
            let before = writer.written.load(Relaxed);
            client.send(&script)?;
            let (first, last) = ends_of(&client.reply()?)?;
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
fn ends(client: &mut RawClient, replies: usize) -> Result<(i64, i64), Failure> {
    let first = number(&client.reply()?);
    let mut last = first;
    for _ in 1..replies {
        last = number(&client.reply()?);
    }
    Ok((first, last))
}

/// First and last of an array of readings.
fn ends_of(reply: &Value) -> Result<(i64, i64), Failure> {
    let readings = reply.as_slice().unwrap_or_default();
    let ends = readings.first().zip(readings.last());
    let (first, last) = ends.ok_or_else(|| {
        Failure::invalid(format!("unexpected reply to a transaction or script of reads: {reply:?}"))
    })?;
    Ok((number(first), number(last)))
}

/// A value that was read; a missing key counts as zero.
fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or(0)
}

/// A write, a command that fails (INCR of a text), another write: which of the writes stay?
fn failures(
    client: &mut RawClient,
    has_scripts: bool,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let steps = || {
        [command(&["SET", BEFORE, "1"]), command(&["INCR", TEXT]), command(&["SET", AFTER, "1"])]
            .concat()
    };
    prepare(client)?;
    client.send(&steps())?;
    for _ in 0..3 {
        client.reply()?;
    }
    let (before, after) = stayed(client)?;
    findings.add("pipeline_write_before_failure_stays", before);
    findings.add("pipeline_write_after_failure_runs", after);

    prepare(client)?;
    client.send(&[command(&["MULTI"]), steps(), command(&["EXEC"])].concat())?;
    for _ in 0..5 {
        client.reply()?;
    }
    let (before, after) = stayed(client)?;
    findings.add("multi_write_before_failure_stays", before);
    findings.add("multi_write_after_failure_runs", after);

    // An invalid command is refused while it is queued, and EXEC then runs nothing.
    prepare(client)?;
    let wrong = [command(&["MULTI"]), command(&["SET", BEFORE, "1"]), command(&["INCR"])];
    client.send(&[wrong.concat(), command(&["SET", AFTER, "1"]), command(&["EXEC"])].concat())?;
    for _ in 0..4 {
        client.reply()?;
    }
    let refused = client.reply()?;
    let (before, after) = stayed(client)?;
    findings.add("multi_refused_writes_stay", before + after);
    if let Value::Error(text) = refused {
        findings.notes.push(format!(
            "EXEC after a command that was refused while it was queued: {}",
            String::from_utf8_lossy(&text)
        ));
    }
    if has_scripts {
        prepare(client)?;
        let script = "redis.call('SET', KEYS[1], '1') redis.call('INCR', KEYS[2]) \
                      redis.call('SET', KEYS[3], '1') return 1";
        client.ask(&["EVAL", script, "3", BEFORE, TEXT, AFTER])?;
        let (before, after) = stayed(client)?;
        findings.add("script_write_before_failure_stays", before);
        findings.add("script_write_after_failure_runs", after);
    }
    Ok(())
}

fn prepare(client: &mut RawClient) -> Result<(), Failure> {
    client.ask(&["DEL", BEFORE, AFTER])?;
    client.ask(&["SET", TEXT, "no number"])?;
    Ok(())
}

/// Whether the writes before and after the failing command stayed: 1 or 0 each.
fn stayed(client: &mut RawClient) -> Result<(f64, f64), Failure> {
    let mut is_there = |key: &str| -> Result<f64, Failure> {
        Ok(if client.ask(&["EXISTS", key])?.as_i64() == Some(1) { 1.0 } else { 0.0 })
    };
    Ok((is_there(BEFORE)?, is_there(AFTER)?))
}
