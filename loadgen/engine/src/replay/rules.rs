//! Which captured commands are not sent again, and why.
//!
//! Not a judgement of their cost: what is slow is replayed like everything else. Invariant: what would take the protocol out of
//! step (pushed messages, suppressed replies, closed connections) is never sent.

/// What becomes of a captured command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Sent.
    Send,
    /// Left out for this reason, unless everything is asked for.
    Skip(&'static str),
    /// Never sent, for this reason.
    Never(&'static str),
}

const DESTROYS: &str = "would destroy data";
const BLOCKS: &str = "would block its connection";
const CONFIGURES: &str = "would change or stop the server";
const PROTOCOL: &str = "would change how replies come";
const GREETS: &str = "belongs to the captured connection's greeting";

/// The rule for a command with this name (in capitals) and these arguments.
pub(crate) fn judge<'a>(name: &[u8], mut args: impl Iterator<Item = &'a [u8]>) -> Rule {
    match name {
        b"FLUSHALL" | b"FLUSHDB" | b"SWAPDB" => Rule::Skip(DESTROYS),
        b"BLPOP" | b"BRPOP" | b"BRPOPLPUSH" | b"BLMOVE" | b"BLMPOP" | b"BZPOPMIN" | b"BZPOPMAX"
        | b"BZMPOP" | b"WAIT" | b"WAITAOF" => Rule::Skip(BLOCKS),
        b"XREAD" | b"XREADGROUP" if args.any(|arg| arg.eq_ignore_ascii_case(b"BLOCK")) => {
            Rule::Skip(BLOCKS)
        }
        b"SHUTDOWN" | b"DEBUG" | b"REPLICAOF" | b"SLAVEOF" | b"FAILOVER" | b"CLUSTER" | b"ACL"
        | b"MODULE" | b"SAVE" | b"BGSAVE" | b"BGREWRITEAOF" | b"LATENCY" | b"SLOWLOG" => {
            Rule::Skip(CONFIGURES)
        }
        b"CONFIG" | b"SCRIPT" | b"FUNCTION" => match args.next() {
            Some(sub) if is_reading(sub) => Rule::Send,
            _ => Rule::Skip(CONFIGURES),
        },
        b"MONITOR" | b"SUBSCRIBE" | b"PSUBSCRIBE" | b"SSUBSCRIBE" | b"UNSUBSCRIBE"
        | b"PUNSUBSCRIBE" | b"SUNSUBSCRIBE" | b"CLIENT" | b"QUIT" | b"RESET" | b"SYNC"
        | b"PSYNC" | b"REPLCONF" => Rule::Never(PROTOCOL),
        b"HELLO" | b"AUTH" => Rule::Never(GREETS),
        _ => Rule::Send,
    }
}

/// Sub-commands that load or look, and change no setting.
fn is_reading(sub: &[u8]) -> bool {
    let known: [&[u8]; 6] = [b"GET", b"LOAD", b"EXISTS", b"LIST", b"STATS", b"DUMP"];
    known.iter().any(|known| sub.eq_ignore_ascii_case(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dangerous_is_left_out() {
        let rule = |line: &str| {
            let words: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
            judge(words[0], words[1..].iter().copied())
        };
        for line in [
            "GET a",
            "CONFIG GET *",
            "XREAD COUNT 1 STREAMS a 0",
            "SCRIPT LOAD x",
            "KEYS *",
            "EVAL x 0",
        ] {
            assert_eq!(rule(line), Rule::Send, "{line}");
        }
        for line in [
            "FLUSHALL",
            "CONFIG SET a b",
            "DEBUG SLEEP 1",
            "SHUTDOWN",
            "BLPOP a 0",
            "XREAD block 0 STREAMS a 0",
        ] {
            assert!(matches!(rule(line), Rule::Skip(_)), "{line}");
        }
        for line in ["SUBSCRIBE a", "MONITOR", "CLIENT REPLY OFF", "QUIT", "AUTH x"] {
            assert!(matches!(rule(line), Rule::Never(_)), "{line}");
        }
    }
}
