//! SET with all its options.

use crate::args::Args;
use crate::command::arguments::{ExpireArg, expire_option};
use crate::command::string::reply_string;
use crate::db::{Ttl, Value};
use crate::server::flags::{DENYOOM, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[command("set", -3, WRITE | DENYOOM, keys(1, 1, 1), set)
    .docs(Group::String, "1.0.0", "O(1)", "Sets the string value of a key, whatever it held.")];

/// When SET sets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Always,
    IfAbsent,
    IfPresent,
}

/// What SET does about the deadline.
#[derive(Clone, Copy)]
enum Deadline<'a> {
    Clear,
    Keep,
    At(ExpireArg<'a>),
}

struct Options<'a> {
    condition: Condition,
    deadline: Deadline<'a>,
    returns_old: bool,
}

/// Reads the words after the value; `None` is a syntax error. Of two equal options the last one counts, as in Redis.
fn parse_options(args: Args<'_>) -> Option<Options<'_>> {
    let mut options =
        Options { condition: Condition::Always, deadline: Deadline::Clear, returns_old: false };
    let mut at = 3;
    while let Some(word) = args.get(at) {
        at += 1;
        if word.eq_ignore_ascii_case(b"nx") && options.condition != Condition::IfPresent {
            options.condition = Condition::IfAbsent;
        } else if word.eq_ignore_ascii_case(b"xx") && options.condition != Condition::IfAbsent {
            options.condition = Condition::IfPresent;
        } else if word.eq_ignore_ascii_case(b"get") {
            options.returns_old = true;
        } else if word.eq_ignore_ascii_case(b"keepttl")
            && !matches!(options.deadline, Deadline::At(_))
        {
            options.deadline = Deadline::Keep;
        } else {
            let (unit, base) = expire_option(word)?;
            let text = args.get(at)?;
            at += 1;
            match options.deadline {
                Deadline::Keep => return None,
                Deadline::At(before) if (before.unit, before.base) != (unit, base) => return None,
                _ => options.deadline = Deadline::At(ExpireArg { text, unit, base }),
            }
        }
    }
    Some(options)
}

/// SET key value [NX|XX] [GET] [EX|PX|EXAT|PXAT time | KEEPTTL]. O(1).
fn set(call: &mut Call<'_>) {
    let (args, now_ms) = (call.args, call.now_ms());
    let (key, value) = (args.at(1), args.at(2));
    if args.len() == 3 {
        call.db().set(key, Value::string(value), Ttl::Clear, now_ms);
        call.touched(key);
        return call.out.ok();
    }
    let Some(options) = parse_options(args) else { return call.out.syntax_error() };
    let deadline_ms = match options.deadline {
        Deadline::At(argument) => match call.deadline_arg(argument) {
            Some(deadline_ms) => Some(deadline_ms),
            None => return,
        },
        _ => None,
    };
    let (db, out) = call.db_and_out();
    if options.returns_old && !reply_string(db.lookup_read(key, now_ms), out) {
        return;
    }
    let refused = match options.condition {
        Condition::Always => false,
        Condition::IfAbsent => db.exists(key, now_ms),
        Condition::IfPresent => !db.exists(key, now_ms),
    };
    if refused {
        if !options.returns_old {
            out.null();
        }
        return;
    }
    let ttl = match options.deadline {
        Deadline::Clear => Ttl::Clear,
        Deadline::Keep | Deadline::At(_) => Ttl::Keep,
    };
    // A deadline that has passed must not be kept: the look-up removes the key first.
    if ttl == Ttl::Keep {
        db.exists(key, now_ms);
    }
    db.set(key, Value::string(value), ttl, now_ms);
    if let Some(deadline_ms) = deadline_ms {
        db.set_deadline(key, deadline_ms);
    }
    call.touched(key);
    if !options.returns_old {
        call.out.ok();
    }
}
