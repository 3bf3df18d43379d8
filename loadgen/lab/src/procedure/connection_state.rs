//! State that belongs to one connection and must not be visible on another, and the order of replies (B2).
//!
//! Two connections: one changes its state, the other checks that its own has not changed. Then many connections send a long
//! mixed pipeline at the same time; every expected reply is known in advance. Invariant: every check has one expected reply,
//! and each deviation is counted and named.

use crate::procedure::raw_client::{RawClient, Sender, command};
use crate::procedure::{Findings, ServerUnderTest};
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_resp::value::Value;

/// The parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Commands in each connection's pipeline.
    pub commands: usize,
    /// Connections that send such a pipeline at the same time.
    pub connections: usize,
}

/// What every key of this procedure starts with.
const PREFIX: &str = "aelab:state:";

/// Runs the procedure.
///
/// # Errors
/// The server cannot be reached or goes away.
pub fn run(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<Findings, Failure> {
    let mut checks = Checks::default();
    // A new connection begins in database 0, whichever the target names.
    let under_test = &ServerUnderTest {
        target: Target { db: 0, ..under_test.target.clone() },
        ..under_test.clone()
    };
    databases(under_test, &mut checks)?;
    transactions(under_test, &mut checks)?;
    subscriptions(under_test, &mut checks)?;
    identities(under_test, &mut checks)?;
    let in_order = pipelines(under_test, params)?;

    let mut findings = Findings::default();
    findings.add_count("checks", checks.done);
    findings.add_count("leaks", checks.failed.len());
    findings.add_count("replies", in_order.replies);
    findings.add_count("out_of_order", in_order.wrong);
    findings.notes.extend(checks.failed);
    findings.notes.extend(in_order.first_wrong);
    Ok(findings)
}

/// Expected answers, counted.
#[derive(Debug, Default)]
struct Checks {
    done: usize,
    failed: Vec<String>,
}

impl Checks {
    fn expect(&mut self, what: &str, found: &Value, right: impl FnOnce(&Value) -> bool) {
        self.done += 1;
        if !right(found) {
            self.failed.push(format!("{what}: the reply was {found:?}"));
        }
    }

    fn text(&mut self, what: &str, found: &Value, wanted: &str) {
        self.expect(what, found, |value| value.as_str() == Some(wanted));
    }

    fn null(&mut self, what: &str, found: &Value) {
        self.expect(what, found, |value| *value == Value::Null);
    }
}

fn two(under_test: &ServerUnderTest<'_>) -> Result<(RawClient, RawClient), Failure> {
    Ok((RawClient::connect(&under_test.target)?, RawClient::connect(&under_test.target)?))
}

/// SELECT changes the database of its own connection.
fn databases(under_test: &ServerUnderTest<'_>, checks: &mut Checks) -> Result<(), Failure> {
    let (mut one, mut other) = two(under_test)?;
    checks.text("SELECT 1", &one.ask(&["SELECT", "1"])?, "OK");
    checks.text("SET in database 1", &one.ask(&["SET", "aelab:state:db", "one"])?, "OK");
    checks.null("the other connection reads database 0", &other.ask(&["GET", "aelab:state:db"])?);
    checks.text("SET in database 0", &other.ask(&["SET", "aelab:state:db", "zero"])?, "OK");
    checks.text("the first still reads database 1", &one.ask(&["GET", "aelab:state:db"])?, "one");
    let (mut late, _) = two(under_test)?;
    checks.text(
        "a new connection begins in database 0",
        &late.ask(&["GET", "aelab:state:db"])?,
        "zero",
    );
    one.ask(&["DEL", "aelab:state:db"])?;
    other.ask(&["DEL", "aelab:state:db"])?;
    Ok(())
}

/// MULTI queues the commands of its own connection, and ends with it.
fn transactions(under_test: &ServerUnderTest<'_>, checks: &mut Checks) -> Result<(), Failure> {
    let (mut one, mut other) = two(under_test)?;
    checks.text("MULTI", &one.ask(&["MULTI"])?, "OK");
    checks.text("a command is queued", &one.ask(&["SET", "aelab:state:tx", "queued"])?, "QUEUED");
    checks.null("the other connection runs at once", &other.ask(&["GET", "aelab:state:tx"])?);
    checks.text("and writes at once", &other.ask(&["SET", "aelab:state:tx", "now"])?, "OK");
    checks.expect("EXEC without MULTI", &other.ask(&["EXEC"])?, |v| matches!(v, Value::Error(_)));
    let ran = one.ask(&["EXEC"])?;
    checks
        .expect("EXEC runs what was queued", &ran, |v| v.as_slice().is_some_and(|v| v.len() == 1));
    checks.text("now it is seen", &other.ask(&["GET", "aelab:state:tx"])?, "queued");
    // WATCH guards its own connection's transaction only.
    one.ask(&["WATCH", "aelab:state:tx"])?;
    other.ask(&["SET", "aelab:state:tx", "moved"])?;
    other.ask(&["MULTI"])?;
    other.ask(&["GET", "aelab:state:tx"])?;
    let ran = other.ask(&["EXEC"])?;
    checks.expect("another's WATCH does not stop EXEC", &ran, |v| v.as_slice().is_some());
    one.ask(&["MULTI"])?;
    one.ask(&["GET", "aelab:state:tx"])?;
    checks.null("one's own WATCH does", &one.ask(&["EXEC"])?);
    // A connection that is closed takes its open transaction with it.
    one.ask(&["MULTI"])?;
    one.ask(&["SET", "aelab:state:tx", "lost"])?;
    drop(one);
    let (mut late, _) = two(under_test)?;
    checks.text(
        "a queued command dies with its connection",
        &late.ask(&["GET", "aelab:state:tx"])?,
        "moved",
    );
    checks.expect("a new connection is in no MULTI", &late.ask(&["EXEC"])?, |v| {
        matches!(v, Value::Error(_))
    });
    other.ask(&["DEL", "aelab:state:tx"])?;
    Ok(())
}

/// SUBSCRIBE restricts and feeds its own connection.
fn subscriptions(under_test: &ServerUnderTest<'_>, checks: &mut Checks) -> Result<(), Failure> {
    let (mut one, mut other) = two(under_test)?;
    let said = one.ask(&["SUBSCRIBE", "aelab:state:channel"])?;
    checks.expect("SUBSCRIBE", &said, |v| v.as_slice().is_some_and(|v| v.len() == 3));
    checks.expect("a subscriber may not GET", &one.ask(&["GET", "aelab:state:x"])?, |v| {
        matches!(v, Value::Error(_))
    });
    checks.null("the other connection may", &other.ask(&["GET", "aelab:state:x"])?);
    let heard = other.ask(&["PUBLISH", "aelab:state:channel", "hello"])?;
    checks.expect("one connection hears it", &heard, |v| v.as_i64() == Some(1));
    let message = one.reply()?;
    checks.expect("the subscriber", &message, |v| {
        v.as_slice().and_then(|v| v.get(2)).and_then(Value::as_str) == Some("hello")
    });
    checks.text("and no other does", &other.ask(&["PING"])?, "PONG");
    one.ask(&["UNSUBSCRIBE", "aelab:state:channel"])?;
    checks.null("after UNSUBSCRIBE it may GET again", &one.ask(&["GET", "aelab:state:x"])?);
    Ok(())
}

/// Name and protocol version belong to their connection.
fn identities(under_test: &ServerUnderTest<'_>, checks: &mut Checks) -> Result<(), Failure> {
    let (mut one, mut other) = two(under_test)?;
    one.ask(&["CLIENT", "SETNAME", "state-one"])?;
    checks.text("one's own name", &one.ask(&["CLIENT", "GETNAME"])?, "state-one");
    checks.expect("the other has none", &other.ask(&["CLIENT", "GETNAME"])?, |v| {
        *v == Value::Null || v.as_str() == Some("")
    });
    let (own, others) = (one.ask(&["CLIENT", "ID"])?, other.ask(&["CLIENT", "ID"])?);
    checks.expect("identifiers differ", &own, |v| v.as_i64().is_some() && *v != others);
    one.ask(&["HELLO", "3"])?;
    one.ask(&["HSET", "aelab:state:hash", "f", "v"])?;
    let map = one.ask(&["HGETALL", "aelab:state:hash"])?;
    checks.expect("RESP3 on the one", &map, |v| matches!(v, Value::Map(_)));
    let list = other.ask(&["HGETALL", "aelab:state:hash"])?;
    checks.expect("RESP2 on the other", &list, |v| matches!(v, Value::Array(_)));
    other.ask(&["DEL", "aelab:state:hash"])?;
    Ok(())
}

/// What the long pipelines gave.
#[derive(Debug, Default)]
struct InOrder {
    replies: usize,
    wrong: usize,
    first_wrong: Option<String>,
}

/// All connections send their pipeline at the same time, each on its own keys.
fn pipelines(under_test: &ServerUnderTest<'_>, params: &Params) -> Result<InOrder, Failure> {
    let clients = (0..params.connections)
        .map(|index| {
            let client = RawClient::connect(&under_test.target)?;
            Ok((index, client.sender()?, client))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let results: Vec<Result<InOrder, Failure>> = std::thread::scope(|scope| {
        let running: Vec<_> = clients
            .into_iter()
            .map(|(index, sender, client)| {
                scope.spawn(move || one_pipeline(index, sender, client, params.commands))
            })
            .collect();
        let lost = || Err(Failure::invalid("a thread of the procedure ended early"));
        running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| lost())).collect()
    });
    let mut all = InOrder::default();
    for result in results {
        let one = result?;
        all.replies += one.replies;
        all.wrong += one.wrong;
        all.first_wrong = all.first_wrong.or(one.first_wrong);
    }
    Ok(all)
}

/// Sends from a separate thread: replies must be read at the same time, or both sides would wait for each other's buffers.
fn one_pipeline(
    index: usize,
    mut sender: Sender,
    mut client: RawClient,
    commands: usize,
) -> Result<InOrder, Failure> {
    let script: Vec<(Vec<u8>, Value)> = (0..commands).map(|step| step_of(index, step)).collect();
    std::thread::scope(|scope| {
        let script = &script;
        let sent = scope.spawn(move || -> Result<(), Failure> {
            script.chunks(100).try_for_each(|part| {
                let bytes: Vec<u8> = part.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
                sender.send(&bytes)
            })
        });
        let mut result = InOrder::default();
        for (step, (_, wanted)) in script.iter().enumerate() {
            let found = client.reply()?;
            result.replies += 1;
            if !is_same_reply(&found, wanted) {
                result.wrong += 1;
                let what =
                    || format!("connection {index}, command {step}: {found:?} for {wanted:?}");
                result.first_wrong.get_or_insert_with(what);
            }
        }
        sent.join().unwrap_or_else(|_| Err(Failure::invalid("the sending thread ended early")))?;
        client.ask(&["DEL", &key(index, "n"), &key(index, "s"), &key(index, "l")])?;
        Ok(result)
    })
}

fn key(index: usize, name: &str) -> String {
    format!("{PREFIX}{index}:{name}")
}

/// The command at a step and its reply: fast ones, slower ones, and errors, so that a server that sends replies out of order is
/// detected.
fn step_of(index: usize, step: usize) -> (Vec<u8>, Value) {
    /// Kinds of commands, used in rotation.
    const KINDS: usize = 7;
    let (round, text) = (step / KINDS, format!("{index}-{step}"));
    let number = |n: usize| Value::Integer(i64::try_from(n).unwrap_or(i64::MAX));
    let bulk = |text: &str| Value::Bulk(text.as_bytes().to_vec());
    let (n, s, l) = (key(index, "n"), key(index, "s"), key(index, "l"));
    match step % KINDS {
        0 => (command(&["ECHO", &text]), bulk(&text)),
        1 => (command(&["INCR", &n]), number(round + 1)),
        2 => (command(&["SET", &s, &text]), Value::Simple(b"OK".to_vec())),
        3 => (command(&["GET", &s]), bulk(&format!("{index}-{}", step - 1))),
        4 => (command(&["RPUSH", &l, &text]), number(round + 1)),
        5 => (command(&["STATE-NO-SUCH-COMMAND", &text]), Value::Error(b"ERR".to_vec())),
        _ => (command(&["LINDEX", &l, "-1"]), bulk(&format!("{index}-{}", step - 2))),
    }
}

/// The same value; of errors only the first word is compared, because the rest differs between servers.
fn is_same_reply(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Error(found), Value::Error(wanted)) => found.starts_with(wanted),
        _ => found == wanted,
    }
}
