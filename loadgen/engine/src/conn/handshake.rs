//! What a connection says before it takes requests: AUTH or HELLO, SELECT, and always one PING.
//!
//! Not measured. The PING shows that something on the other side speaks RESP and lets us in, before anything is timed.
//! Invariant: one reply per step, in order.

use crate::plan::{Protocol, Target};
use aelab_resp::{ReplyKind, ScannedReply, encode};
use aelab_results::text::secret;

/// The first bytes of every connection of a group, and what the replies must be.
#[derive(Clone, Debug)]
pub(crate) struct Handshake {
    bytes: Vec<u8>,
    steps: Vec<&'static str>,
    /// Where the PING begins.
    ping_at: usize,
    /// What a refusal must not repeat.
    password: Option<String>,
}

/// How much of a handshake is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Greeting {
    /// All of it.
    Full,
    /// What the server needs, without the PING: for a connection that replaces an earlier one.
    Short,
}

impl Handshake {
    /// The handshake for a target.
    pub(crate) fn new(target: &Target) -> Self {
        Self::with(target, (target.db != 0).then_some(target.db))
    }

    /// The handshake of a connection that must be in this database, whichever it is.
    pub(crate) fn into_database(target: &Target, db: u16) -> Self {
        Self::with(target, Some(db.into()))
    }

    fn with(target: &Target, db: Option<u32>) -> Self {
        let mut bytes = Vec::new();
        let mut steps = Vec::new();
        let user = target.user.as_deref().unwrap_or("default");
        match (target.protocol, &target.password) {
            (Protocol::Resp3, Some(password)) => {
                let args =
                    [b"HELLO", b"3".as_slice(), b"AUTH", user.as_bytes(), password.as_bytes()];
                encode::command(&mut bytes, &args);
                steps.push("HELLO");
            }
            (Protocol::Resp3, None) => {
                encode::command(&mut bytes, &[b"HELLO", b"3"]);
                steps.push("HELLO");
            }
            (Protocol::Resp2, Some(password)) => {
                match &target.user {
                    Some(user) => encode::command(
                        &mut bytes,
                        &[b"AUTH".as_slice(), user.as_bytes(), password.as_bytes()],
                    ),
                    None => encode::command(&mut bytes, &[b"AUTH".as_slice(), password.as_bytes()]),
                }
                steps.push("AUTH");
            }
            (Protocol::Resp2, None) => {}
        }
        if let Some(db) = db {
            encode::command(&mut bytes, &[b"SELECT".as_slice(), db.to_string().as_bytes()]);
            steps.push("SELECT");
        }
        let ping_at = bytes.len();
        encode::command(&mut bytes, &[b"PING"]);
        steps.push("PING");
        Self { bytes, steps, ping_at, password: target.password.clone() }
    }

    /// What to write.
    pub(crate) fn bytes(&self, greeting: Greeting) -> &[u8] {
        match greeting {
            Greeting::Full => &self.bytes,
            Greeting::Short => &self.bytes[..self.ping_at],
        }
    }

    /// How many replies to expect.
    pub(crate) fn steps(&self, greeting: Greeting) -> usize {
        match greeting {
            Greeting::Full => self.steps.len(),
            Greeting::Short => self.steps.len() - 1,
        }
    }

    /// Judges the reply of a step.
    ///
    /// # Errors
    /// The server's refusal, with the command it refused.
    pub(crate) fn judge(
        &self,
        step: usize,
        reply: &ScannedReply,
        head: &[u8],
    ) -> Result<(), String> {
        let name = self.steps.get(step).copied().unwrap_or("PING");
        if reply.kind != ReplyKind::Error {
            if name != "PING" || may_answer_ping(reply.kind, head) {
                return Ok(());
            }
            let what = String::from_utf8_lossy(head);
            return Err(format!("what came for PING was {}", out_of_step(&what)));
        }
        // A user without permission for PING may still send other commands.
        if name == "PING" && head.starts_with(b"NOPERM") {
            return Ok(());
        }
        let text = secret::reply(&String::from_utf8_lossy(head), self.password.as_deref());
        Err(format!("{name} was answered with '{text}'"))
    }
}

/// Whether this may be the answer to PING. Anything else answers no request, or another command, and every reply after
/// it would be matched to the request before its own. Some servers say OK, some a string of their own.
pub fn may_answer_ping(kind: ReplyKind, head: &[u8]) -> bool {
    match kind {
        ReplyKind::Simple => [&b"PONG"[..], b"OK"].iter().any(|w| head.eq_ignore_ascii_case(w)),
        kind => kind == ReplyKind::Bulk,
    }
}

/// What to say of an answer that is none to what was asked.
pub fn out_of_step(what: &str) -> String {
    let what = if what.is_empty() { "another answer".to_owned() } else { format!("'{what}'") };
    format!("{what}, so something is said there before it is asked, or answers are mixed up")
}
