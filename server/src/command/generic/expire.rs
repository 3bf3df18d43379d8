//! Expiry: EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST, TTL PTTL EXPIRETIME PEXPIRETIME.

use crate::args::Args;
use crate::args::c_string;
use crate::command::arguments::{Base, Unit, deadline_ms};
use crate::db::Free;
use crate::reply::Reply;
use crate::server::flags::{FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);
const CHANGES: &[&str] = &["nondeterministic_output"];

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("expire", -3, WRITE | FAST, ONE_KEY, expire).docs(
        Group::Generic,
        "1.0.0",
        "O(1)",
        "Lets a key expire after seconds.",
    ),
    command("pexpire", -3, WRITE | FAST, ONE_KEY, pexpire).docs(
        Group::Generic,
        "2.6.0",
        "O(1)",
        "Lets a key expire after milliseconds.",
    ),
    command("expireat", -3, WRITE | FAST, ONE_KEY, expireat).docs(
        Group::Generic,
        "1.2.0",
        "O(1)",
        "Lets a key expire at a unix time.",
    ),
    command("pexpireat", -3, WRITE | FAST, ONE_KEY, pexpireat).docs(
        Group::Generic,
        "2.6.0",
        "O(1)",
        "Lets a key expire at a unix time in milliseconds.",
    ),
    command("persist", 2, WRITE | FAST, ONE_KEY, persist).docs(
        Group::Generic,
        "2.2.0",
        "O(1)",
        "Takes away a key's time to live.",
    ),
    command("ttl", 2, READONLY | FAST, ONE_KEY, ttl)
        .docs(Group::Generic, "1.0.0", "O(1)", "Returns the seconds a key has left to live.")
        .tips(CHANGES),
    command("pttl", 2, READONLY | FAST, ONE_KEY, pttl)
        .docs(Group::Generic, "2.6.0", "O(1)", "Returns the milliseconds a key has left to live.")
        .tips(CHANGES),
    command("expiretime", 2, READONLY | FAST, ONE_KEY, expiretime).docs(
        Group::Generic,
        "7.0.0",
        "O(1)",
        "Returns the unix time at which a key expires.",
    ),
    command("pexpiretime", 2, READONLY | FAST, ONE_KEY, pexpiretime).docs(
        Group::Generic,
        "7.0.0",
        "O(1)",
        "Returns the unix time in milliseconds at which a key expires.",
    ),
];

/// EXPIRE key seconds [NX|XX|GT|LT]: 1 if the time was set. O(1).
fn expire(call: &mut Call<'_>) {
    set_deadline(call, Unit::Seconds, Base::Now);
}

/// PEXPIRE key milliseconds [NX|XX|GT|LT]. O(1).
fn pexpire(call: &mut Call<'_>) {
    set_deadline(call, Unit::Milliseconds, Base::Now);
}

/// EXPIREAT key unix-seconds [NX|XX|GT|LT]. O(1).
fn expireat(call: &mut Call<'_>) {
    set_deadline(call, Unit::Seconds, Base::Epoch);
}

/// PEXPIREAT key unix-milliseconds [NX|XX|GT|LT]. O(1).
fn pexpireat(call: &mut Call<'_>) {
    set_deadline(call, Unit::Milliseconds, Base::Epoch);
}

/// Conditions for changing a deadline; all that are set must hold.
#[derive(Clone, Copy, Default)]
struct Conditions {
    absent: bool,
    present: bool,
    order: Option<Order>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Later,
    Earlier,
}

impl Conditions {
    /// A key without a deadline counts as never expiring.
    fn allow(self, current: Option<i64>, new: i64) -> bool {
        let order_holds = match self.order {
            None => true,
            Some(Order::Later) => current.is_some_and(|current| new > current),
            Some(Order::Earlier) => current.is_none_or(|current| new < current),
        };
        let existence_refuses = match current {
            Some(_) => self.absent,
            None => self.present,
        };
        order_holds && !existence_refuses
    }
}

/// Reads NX, XX, GT and LT; `None` after an error.
fn parse_conditions(args: Args<'_>, out: &mut Reply) -> Option<Conditions> {
    let mut conditions = Conditions::default();
    let (mut later, mut earlier) = (false, false);
    for (at, word) in args.from(3).enumerate() {
        let at = at + 3;
        if args.is(at, "nx") {
            conditions.absent = true;
        } else if args.is(at, "xx") {
            conditions.present = true;
        } else if args.is(at, "gt") {
            later = true;
        } else if args.is(at, "lt") {
            earlier = true;
        } else {
            out.error([b"ERR Unsupported option ", c_string(word)].concat());
            return None;
        }
    }
    if conditions.absent && (conditions.present || later || earlier) {
        out.error("ERR NX and XX, GT or LT options at the same time are not compatible");
        return None;
    }
    if later && earlier {
        out.error("ERR GT and LT options at the same time are not compatible");
        return None;
    }
    conditions.order = if later { Some(Order::Later) } else { earlier.then_some(Order::Earlier) };
    Some(conditions)
}

fn set_deadline(call: &mut Call<'_>, unit: Unit, base: Base) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(conditions) = parse_conditions(call.args, call.out) else { return };
    let Some(time) = call.integer_arg(2) else { return };
    let Some(deadline) = deadline_ms(time, unit, base, now_ms) else {
        return call.invalid_expire_time();
    };
    let db = call.db();
    let Some(current) = db.peek(key, now_ms).map(|entry| entry.deadline_ms()) else {
        return call.out.integer(0);
    };
    if !conditions.allow(current, deadline) {
        return call.out.integer(0);
    }
    if deadline <= now_ms {
        db.remove(key, Free::Now, now_ms);
    } else {
        db.set_deadline(key, deadline);
    }
    call.touched(key);
    call.out.integer(1);
}

/// PERSIST key: 1 if it had a time to live, which is gone now. O(1).
fn persist(call: &mut Call<'_>) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let db = call.db();
    let persisted = db.exists(key, now_ms) && db.clear_deadline(key);
    if persisted {
        call.touched(key);
    }
    call.out.integer(i64::from(persisted));
}

/// TTL key: seconds left, -1 without deadline, -2 without key. O(1).
fn ttl(call: &mut Call<'_>) {
    reply_time(call, Unit::Seconds, Base::Now);
}

/// PTTL key: milliseconds left, -1 without deadline, -2 without key. O(1).
fn pttl(call: &mut Call<'_>) {
    reply_time(call, Unit::Milliseconds, Base::Now);
}

/// EXPIRETIME key: the deadline in unix seconds, -1 without deadline, -2 without key. O(1).
fn expiretime(call: &mut Call<'_>) {
    reply_time(call, Unit::Seconds, Base::Epoch);
}

/// PEXPIRETIME key: the deadline in unix milliseconds, -1 without deadline, -2 without key. O(1).
fn pexpiretime(call: &mut Call<'_>) {
    reply_time(call, Unit::Milliseconds, Base::Epoch);
}

fn reply_time(call: &mut Call<'_>, unit: Unit, base: Base) {
    let (key, now_ms) = (call.args.at(1), call.now_ms());
    let Some(entry) = call.db().peek_read(key, now_ms) else { return call.out.integer(-2) };
    let Some(deadline) = entry.deadline_ms() else { return call.out.integer(-1) };
    let ms = match base {
        Base::Now => (deadline - now_ms).max(0),
        Base::Epoch => deadline,
    };
    // Rounded to the nearest second, as Redis does.
    call.out.integer(match unit {
        Unit::Seconds => ms / 1000 + (ms % 1000 + 500) / 1000,
        Unit::Milliseconds => ms,
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_deadline_is_later_than_any() {
        let later = Conditions { order: Some(Order::Later), ..Conditions::default() };
        let earlier = Conditions { order: Some(Order::Earlier), ..Conditions::default() };
        assert!(!later.allow(None, 5) && earlier.allow(None, 5));
        assert!(later.allow(Some(4), 5) && !later.allow(Some(5), 5) && !earlier.allow(Some(5), 5));
    }
}
