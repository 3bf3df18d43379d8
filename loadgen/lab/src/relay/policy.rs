//! What a command means to a connection that many clients share: pass it on, answer it here, or refuse it with the reason.
//!
//! Not a command table: a command that is not named here is passed on, and the server judges it. Invariant: nothing that
//! changes the state of a connection, or holds it up, reaches one that others use too.

/// What to do with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Any shared connection will do.
    Forward,
    /// The relay replies itself, as a connection of the client's own would.
    Local(Local),
    /// It cannot work over a shared connection.
    Refuse(Reason),
}

/// Commands about the client's own connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Local {
    /// `AUTH`
    Auth,
    /// `HELLO`
    Hello,
    /// `QUIT`
    Quit,
    /// `RESET`
    Reset,
    /// `CLIENT ID`
    ClientId,
    /// `SELECT 0`, `CLIENT SETNAME`, `CLIENT SETINFO`: agreed to, without effect.
    Ok,
}

/// Why a command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It would block the other clients of the connection.
    Blocks,
    /// Its messages arrive without a request, so the relay cannot match them to a client.
    Pushes,
    /// A transaction belongs to one connection; others' commands would get into it.
    Transaction,
    /// It would change the connection for all clients.
    ConnectionState,
    /// Shared connections stay in database 0.
    Database,
}

impl Reason {
    /// The end of the sentence "this command … over a shared connection because it …".
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Blocks => "it would make every other client wait",
            Self::Pushes => "its messages could not be told from other clients' replies",
            Self::Transaction => "other clients' commands would get into the transaction",
            Self::ConnectionState => "it would change the connection for every other client",
            Self::Database => "every other client uses database 0",
        }
    }
}

/// Commands that are refused whatever their arguments.
const REFUSED: &[(&str, Reason)] = &[
    ("SUBSCRIBE", Reason::Pushes),
    ("PSUBSCRIBE", Reason::Pushes),
    ("SSUBSCRIBE", Reason::Pushes),
    ("UNSUBSCRIBE", Reason::Pushes),
    ("PUNSUBSCRIBE", Reason::Pushes),
    ("SUNSUBSCRIBE", Reason::Pushes),
    ("MONITOR", Reason::Pushes),
    ("SYNC", Reason::Pushes),
    ("PSYNC", Reason::Pushes),
    ("REPLCONF", Reason::Pushes),
    ("MULTI", Reason::Transaction),
    ("EXEC", Reason::Transaction),
    ("DISCARD", Reason::Transaction),
    ("WATCH", Reason::Transaction),
    ("UNWATCH", Reason::Transaction),
    ("BLPOP", Reason::Blocks),
    ("BRPOP", Reason::Blocks),
    ("BLMOVE", Reason::Blocks),
    ("BLMPOP", Reason::Blocks),
    ("BRPOPLPUSH", Reason::Blocks),
    ("BZPOPMIN", Reason::Blocks),
    ("BZPOPMAX", Reason::Blocks),
    ("BZMPOP", Reason::Blocks),
    ("WAIT", Reason::Blocks),
    ("WAITAOF", Reason::Blocks),
    ("READONLY", Reason::ConnectionState),
    ("READWRITE", Reason::ConnectionState),
    ("ASKING", Reason::ConnectionState),
];

/// Subcommands of CLIENT that are about the connection they arrive on. The others (LIST, KILL, PAUSE …) are about the
/// server and are passed on.
const CLIENT_REFUSED: &[(&str, Reason)] = &[
    ("REPLY", Reason::ConnectionState),
    ("TRACKING", Reason::ConnectionState),
    ("TRACKINGINFO", Reason::ConnectionState),
    ("CACHING", Reason::ConnectionState),
    ("GETREDIR", Reason::ConnectionState),
    ("NO-EVICT", Reason::ConnectionState),
    ("NO-TOUCH", Reason::ConnectionState),
    ("GETNAME", Reason::ConnectionState),
    ("INFO", Reason::ConnectionState),
];

/// Decides on the command with these arguments, name first.
pub(crate) fn decide<'a>(mut args: impl Iterator<Item = &'a [u8]>) -> Decision {
    let name = args.next().unwrap_or_default();
    if let Some(reason) = reason_for(REFUSED, name) {
        return Decision::Refuse(reason);
    }
    if let Some(local) = local_for(name) {
        return Decision::Local(local);
    }
    if is(name, "SELECT") {
        // Redis reads any spelling of the number; the ones that are not plainly zero are not worth the risk.
        let is_zero = args.next() == Some(b"0") && args.next().is_none();
        return if is_zero {
            Decision::Local(Local::Ok)
        } else {
            Decision::Refuse(Reason::Database)
        };
    }
    if is(name, "CLIENT") {
        return decide_client(args.next().unwrap_or_default());
    }
    let is_stream_read = is(name, "XREAD") || is(name, "XREADGROUP");
    if is_stream_read && has_block(args) {
        return Decision::Refuse(Reason::Blocks);
    }
    Decision::Forward
}

fn decide_client(subcommand: &[u8]) -> Decision {
    if let Some(reason) = reason_for(CLIENT_REFUSED, subcommand) {
        return Decision::Refuse(reason);
    }
    if is(subcommand, "SETNAME") || is(subcommand, "SETINFO") {
        return Decision::Local(Local::Ok);
    }
    if is(subcommand, "ID") { Decision::Local(Local::ClientId) } else { Decision::Forward }
}

fn local_for(name: &[u8]) -> Option<Local> {
    let table = [
        ("AUTH", Local::Auth),
        ("HELLO", Local::Hello),
        ("QUIT", Local::Quit),
        ("RESET", Local::Reset),
    ];
    table.iter().find(|(word, _)| is(name, word)).map(|(_, local)| *local)
}

/// Whether the options before the keys of XREAD and XREADGROUP ask to wait. A group may be called BLOCK.
fn has_block<'a>(mut args: impl Iterator<Item = &'a [u8]>) -> bool {
    while let Some(arg) = args.next() {
        if is(arg, "BLOCK") {
            return true;
        }
        if is(arg, "STREAMS") {
            return false;
        }
        if is(arg, "GROUP") {
            // Its name and the consumer's.
            args.next();
            args.next();
        }
    }
    false
}

fn reason_for(table: &[(&str, Reason)], name: &[u8]) -> Option<Reason> {
    table.iter().find(|(word, _)| is(name, word)).map(|(_, reason)| *reason)
}

fn is(word: &[u8], name: &str) -> bool {
    word.eq_ignore_ascii_case(name.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{Decision, Local, Reason, decide};

    #[test]
    fn what_belongs_to_one_connection_is_kept_off_shared_ones() {
        let cases: &[(&str, Decision)] = &[
            ("GET k", Decision::Forward),
            ("nosuchcommand", Decision::Forward),
            ("client LIST", Decision::Forward),
            ("client", Decision::Forward),
            ("subscribe ch", Decision::Refuse(Reason::Pushes)),
            ("Multi", Decision::Refuse(Reason::Transaction)),
            ("BLPOP k 0", Decision::Refuse(Reason::Blocks)),
            ("monitor", Decision::Refuse(Reason::Pushes)),
            ("CLIENT REPLY OFF", Decision::Refuse(Reason::ConnectionState)),
            ("CLIENT setname x", Decision::Local(Local::Ok)),
            ("SELECT 0", Decision::Local(Local::Ok)),
            ("SELECT 1", Decision::Refuse(Reason::Database)),
            ("SELECT", Decision::Refuse(Reason::Database)),
            ("HELLO 3", Decision::Local(Local::Hello)),
            ("XREAD COUNT 1 STREAMS block 0", Decision::Forward),
            ("XREAD COUNT 1 BLOCK 0 STREAMS s 0", Decision::Refuse(Reason::Blocks)),
            ("XREADGROUP GROUP block c STREAMS s >", Decision::Forward),
            ("XREADGROUP GROUP g c block 0 STREAMS s >", Decision::Refuse(Reason::Blocks)),
        ];
        for (line, expected) in cases {
            let args = line.split(' ').map(str::as_bytes);
            assert_eq!(decide(args), *expected, "{line}");
        }
    }
}
