//! How the program ends: the exit codes that scripts rely on, and the one line that explains a failure.
//!
//! Invariant: every failure has a message of one line that says what, where, and what to do.

use aelab_results::text::escape::escaped;
use std::borrow::Cow;
use std::fmt;
use std::io;

/// The word for requests that were lost with their connection.
pub const DISCONNECTED: &str = "disconnected";
/// The word for requests that were lost because the bytes on their connection could not be understood; the reason follows.
pub(crate) const PROTOCOL_ERROR: &str = "protocol-error";
/// The word for requests that were lost with a connection that was closed because an earlier one had timed out.
pub const CLOSED_AFTER_TIMEOUT: &str = "closed-after-timeout";
/// The word for requests that the nodes of a cluster sent back and forth; the last of their words follow.
pub(crate) const TOO_MANY_REDIRECTS: &str = "too-many-redirects";
/// The word for requests that were sent to a node whose name has not been looked up yet; the server's words follow.
pub(crate) const UNKNOWN_NODE: &str = "unknown-node";
/// The word for requests that a pool had no connection for.
pub const POOL_EXHAUSTED: &str = "pool-exhausted";

/// Why a run could not be made, or had nothing to give.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The plan contradicts itself.
    #[error("{0}")]
    Plan(String),
    /// No connection of a group could be opened.
    #[error("cannot connect to {endpoint} for group '{group}': {reason}")]
    Unreachable {
        /// The group.
        group: String,
        /// Its server.
        endpoint: String,
        /// The most frequent reason.
        reason: String,
    },
    /// The server answered the handshake with an error, or not in RESP.
    #[error("{endpoint} refused group '{group}': {reason}")]
    Refused {
        /// The group.
        group: String,
        /// Its server.
        endpoint: String,
        /// The server's words, or ours if it does not speak RESP.
        reason: String,
    },
    /// The system's limit of descriptors is too low.
    #[error(
        "{needed} open files are needed and {limit} are allowed; raise the limit (ulimit -n {needed}) or ask for fewer connections"
    )]
    Descriptors {
        /// What the plan needs.
        needed: u64,
        /// What the system gives.
        limit: u64,
    },
    /// A system call that must work did not.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// The exit codes of the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Success = 0,
    /// A gate found a regression, or a claim was refuted and that counts as failure.
    Refuted = 1,
    /// Bad input.
    Usage = 2,
    /// The measurement does not decide the question.
    Inconclusive = 3,
    /// The measurement must not be used.
    Invalid = 4,
    /// A stated limit was exceeded.
    LimitExceeded = 5,
    /// The target could not be reached or refused us.
    Unreachable = 6,
}

/// A failure: its exit code, its id, and one line of text.
///
/// The id stays the same when the line is worded better. Scripts and tests look for it; `loadgen` prints it as
/// `loadgen: error[ID]: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// Which failure it is: `connect-failed`, or the id of the caveat behind it.
    pub id: Cow<'static, str>,
    /// What, where, and what to do: one line.
    pub message: String,
}

impl Failure {
    /// Bad input.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "bad-input", message)
    }

    /// A server that cannot be reached, or that refuses the connection or a command.
    pub fn unreachable(message: impl Into<String>) -> Self {
        Self::new(Exit::Unreachable, "unreachable", message)
    }

    /// A measurement that must not be used, or could not be made.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Exit::Invalid, "invalid", message)
    }

    /// A failure with an id of its own.
    pub fn new(exit: Exit, id: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self { exit, id: id.into(), message: one_line(&message.into()) }
    }

    /// The same failure under an id of its own.
    #[must_use]
    pub fn with_id(self, id: impl Into<Cow<'static, str>>) -> Self {
        Self { id: id.into(), ..self }
    }

    /// The same failure with another message.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: one_line(&message.into()), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let message = error.to_string();
        match error {
            EngineError::Plan(_) => Self::usage(message).with_id("bad-plan"),
            EngineError::Descriptors { .. } => Self::usage(message).with_id("too-few-open-files"),
            EngineError::Unreachable { endpoint, .. } => {
                Self::unreachable(format!("{message}; {}", absence_remedy(&endpoint)))
                    .with_id("connect-failed")
            }
            EngineError::Refused { .. } => {
                Self::unreachable(format!("{message}; {}", refusal_remedy(&message)))
                    .with_id(refusal_id(&message))
            }
            EngineError::System { .. } => Self::invalid(message).with_id("system-call"),
        }
    }
}

/// What to do about a server that is not there; a Unix socket is shown as its path.
pub fn absence_remedy(endpoint: &str) -> &'static str {
    match endpoint.parse::<std::net::SocketAddr>() {
        Ok(_) => "check host and port (-h, -p) and that the server runs",
        Err(_) => "check the path (-s) and that the server listens on it, as its unixsocket says",
    }
}

/// Errors by which a server refuses a client: what the message contains, the id, and the remedy.
const REFUSALS: [(&str, &str, &str); 10] = [
    ("LOADING", "loading", "the server loads its data: wait for it with --wait-ready 30s"),
    (
        "BUSY ",
        "busy",
        "the server runs a script: wait for it with --wait-ready 30s, or end it with SCRIPT KILL",
    ),
    (
        "MASTERDOWN",
        "master-down",
        "the replica has no link to its primary: wait for it with --wait-ready 30s, or measure the primary",
    ),
    (
        "WRONGPASS",
        "wrong-password",
        "give the right -a PASSWORD (and --user NAME), or set REDISCLI_AUTH",
    ),
    (
        "invalid password",
        "wrong-password",
        "give the right -a PASSWORD (and --user NAME), or set REDISCLI_AUTH",
    ),
    (
        "NOPERM",
        "no-permission",
        "allow that command to this ACL user, or log in as another user with --user",
    ),
    ("NOAUTH", "password-required", "the server requires a password: -a PASSWORD or REDISCLI_AUTH"),
    (
        "without any password configured",
        "no-password-set",
        "the server has no password: leave out -a",
    ),
    (
        "max number of clients",
        "too-many-clients",
        "use fewer connections (-c), or raise the server's maxclients",
    ),
    ("DB index", "no-such-database", "give a database number that the server has with --dbnum"),
];

fn refusal(message: &str) -> Option<(&'static str, &'static str)> {
    let known = REFUSALS.iter().find(|(part, ..)| message.contains(part));
    known.map(|(_, id, remedy)| (*id, *remedy))
}

/// What to do about the message by which a server refused a connection or a command.
pub fn refusal_remedy(message: &str) -> &'static str {
    let unknown = "check with redis-cli that a Redis-protocol server answers there";
    refusal(message).map_or(unknown, |(_, remedy)| remedy)
}

/// The id of a failure whose reason is such a message.
pub fn refusal_id(message: &str) -> &'static str {
    refusal(message).map_or("refused", |(id, _)| id)
}

/// Line ends become spaces, so that a message stays one line whatever it quotes, and nothing in it moves the cursor.
fn one_line(message: &str) -> String {
    escaped(&message.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// What the system says, without its error number.
pub(crate) fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_stay_on_one_line() {
        assert_eq!(Failure::usage("a\n  b\u{1b}[1m").message, "a b\\u{1b}[1m");
    }

    #[test]
    fn a_path_is_no_host_and_port() {
        for path in ["/none.sock", "./redis:1.sock", "redis.sock"] {
            assert!(absence_remedy(path).contains("-s"), "{path}");
        }
        for address in ["127.0.0.1:6379", "[::1]:6379"] {
            assert!(absence_remedy(address).contains("-p"), "{address}");
        }
    }

    #[test]
    fn a_refusal_has_the_remedy_that_fits_it() {
        let refused = "NOPERM this user has no permissions to run the 'ping' command";
        assert!(refusal_remedy(refused).contains("--user"));
        assert_eq!(refusal_id(refused), "no-permission");
        for (said, id) in [
            ("LOADING Redis is loading the dataset in memory", "loading"),
            ("BUSY Redis is busy running a script.", "busy"),
            ("MASTERDOWN Link with MASTER is down", "master-down"),
        ] {
            assert!(refusal_remedy(said).contains("--wait-ready 30s"), "{said}");
            assert_eq!(refusal_id(said), id);
        }
        assert_eq!(refusal_id("BUSYKEY Target key name already exists."), "refused");
        assert!(refusal_remedy("ERR what").contains("redis-cli"));
        assert_eq!(refusal_id("ERR what"), "refused");
    }
}
