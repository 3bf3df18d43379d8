//! BITFIELD BITFIELD_RO: strings as arrays of integers of any width up to 64 bits.
//!
//! Numbers are counted in 128 bits until it is known whether they fit.

use crate::args::parse_integer;
use crate::db::Value;
use crate::server::flags::{DENYOOM, FAST, READONLY, WRITE};
use crate::server::{Call, CommandSpec, Group, command, keys};

const ONE_KEY: crate::server::Keys = keys(1, 1, 1);
const COST: &str = "O(1) for each subcommand specified";

/// The commands of this file.
pub(crate) const TABLE: &[CommandSpec] = &[
    command("bitfield", -2, WRITE | DENYOOM, ONE_KEY, bitfield).docs(
        Group::Bitmap,
        "3.2.0",
        COST,
        "Reads and changes integers of any width in a string.",
    ),
    command("bitfield_ro", -2, READONLY | FAST, ONE_KEY, bitfield).docs(
        Group::Bitmap,
        "6.0.0",
        COST,
        "Reads integers of any width in a string.",
    ),
];

/// Width and sign of an integer: at most 64 bits with a sign, 63 without.
#[derive(Clone, Copy)]
enum Kind {
    Signed(u32),
    Unsigned(u32),
}

impl Kind {
    /// `i16`, `u8` and the like.
    fn parse(text: &[u8]) -> Option<Kind> {
        let (&sign, digits) = text.split_first()?;
        let bits = u32::try_from(parse_integer(digits)?).ok()?;
        match sign {
            b'i' if (1..=64).contains(&bits) => Some(Kind::Signed(bits)),
            b'u' if (1..=63).contains(&bits) => Some(Kind::Unsigned(bits)),
            _ => None,
        }
    }

    const fn bits(self) -> u32 {
        match self {
            Kind::Signed(bits) | Kind::Unsigned(bits) => bits,
        }
    }

    fn bounds(self) -> (i128, i128) {
        match self {
            Kind::Signed(bits) => (-(1 << (bits - 1)), (1 << (bits - 1)) - 1),
            Kind::Unsigned(bits) => (0, (1 << bits) - 1),
        }
    }

    /// The number in the lowest bits of `raw`.
    fn value(self, raw: u64) -> i128 {
        let raw = i128::from(raw) & ((1 << self.bits()) - 1);
        let (_, highest) = self.bounds();
        if raw > highest { raw - (1 << self.bits()) } else { raw }
    }

    /// The argument of SET as Redis reads it: as an unsigned number, a negative one is very large.
    fn given(self, number: i64) -> i128 {
        match self {
            Kind::Signed(_) => number.into(),
            Kind::Unsigned(_) => (number as u64).into(),
        }
    }
}

/// What happens to a number that does not fit.
#[derive(Clone, Copy)]
enum Overflow {
    Wrap,
    Saturate,
    Fail,
}

impl Overflow {
    /// The number that is stored; `None` if none is.
    fn fit(self, number: i128, kind: Kind) -> Option<i128> {
        let (lowest, highest) = kind.bounds();
        match self {
            _ if (lowest..=highest).contains(&number) => Some(number),
            Overflow::Wrap => Some(kind.value(number as u64)),
            Overflow::Saturate => Some(number.clamp(lowest, highest)),
            Overflow::Fail => None,
        }
    }
}

#[derive(Clone, Copy)]
enum Action {
    Get,
    Set(i64, Overflow),
    Increment(i64, Overflow),
}

struct Step {
    kind: Kind,
    offset: usize,
    action: Action,
}

/// The offset at `index`, in bits, or with `#` in integers of that width; replies with the error.
fn offset_arg(call: &mut Call<'_>, index: usize, kind: Kind) -> Option<usize> {
    let limit = call.server.config.settings().clients.request.bulk_max_bytes;
    let text = call.args.at(index);
    let offset = match text.strip_prefix(b"#") {
        Some(digits) => parse_integer(digits).and_then(|n| n.checked_mul(kind.bits().into())),
        None => parse_integer(text),
    };
    let offset = offset.and_then(|offset| usize::try_from(offset).ok());
    let offset = offset.filter(|offset| offset / 8 < limit);
    if offset.is_none() {
        call.out.error("ERR bit offset is not an integer or out of range");
    }
    offset
}

/// Reads all subcommands; `None` after an error.
fn parse(call: &mut Call<'_>) -> Option<Vec<Step>> {
    let args = call.args;
    let (mut steps, mut overflow, mut at) = (Vec::new(), Overflow::Wrap, 2);
    while at < args.len() {
        let (word, left) = (args.at(at).to_ascii_lowercase(), args.len() - at - 1);
        match (word.as_slice(), left) {
            (b"overflow", 1..) => {
                overflow = match args.at(at + 1).to_ascii_lowercase().as_slice() {
                    b"wrap" => Overflow::Wrap,
                    b"sat" => Overflow::Saturate,
                    b"fail" => Overflow::Fail,
                    _ => {
                        call.out.error("ERR Invalid OVERFLOW type specified");
                        return None;
                    }
                };
                at += 2;
                continue;
            }
            (b"get", 2..) | (b"set" | b"incrby", 3..) => {}
            _ => {
                call.out.syntax_error();
                return None;
            }
        }
        let Some(kind) = Kind::parse(args.at(at + 1)) else {
            call.out.error(
                "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not \
                 supported but i64 is.",
            );
            return None;
        };
        let offset = offset_arg(call, at + 2, kind)?;
        let action = match word.as_slice() {
            b"get" => Action::Get,
            b"set" => Action::Set(call.integer_arg(at + 3)?, overflow),
            _ => Action::Increment(call.integer_arg(at + 3)?, overflow),
        };
        steps.push(Step { kind, offset, action });
        at += if matches!(action, Action::Get) { 3 } else { 4 };
    }
    Some(steps)
}

/// The bytes that hold the bits from `offset` on, as one number, and how far it is shifted up.
fn window(bytes: &[u8], offset: usize, bits: u32) -> (u128, u32) {
    let first = offset / 8;
    let count = (offset % 8 + bits as usize).div_ceil(8);
    let byte = |at| bytes.get(first + at).copied().unwrap_or(0);
    let number = (0..count).fold(0, |sum: u128, at| sum << 8 | u128::from(byte(at)));
    (number, (count * 8 - offset % 8) as u32 - bits)
}

fn read(bytes: &[u8], offset: usize, kind: Kind) -> i128 {
    let (number, shift) = window(bytes, offset, kind.bits());
    kind.value((number >> shift) as u64)
}

/// The bytes reach far enough.
fn write(bytes: &mut [u8], offset: usize, kind: Kind, value: i128) {
    let (number, shift) = window(bytes, offset, kind.bits());
    let mask = ((1_u128 << kind.bits()) - 1) << shift;
    let number = number & !mask | ((value as u128) << shift) & mask;
    let first = offset / 8;
    let count = (offset % 8 + kind.bits() as usize).div_ceil(8);
    for (at, byte) in bytes[first..first + count].iter_mut().enumerate() {
        *byte = (number >> (8 * (count - 1 - at))) as u8;
    }
}

/// BITFIELD key [GET type offset] [OVERFLOW WRAP|SAT|FAIL] [SET|INCRBY type offset value] …: what each
/// GET and INCRBY gives and each SET replaced. O(1) for each.
fn bitfield(call: &mut Call<'_>) {
    let Some(steps) = parse(call) else { return };
    let (key, now_ms, read_only) = (call.args.at(1), call.now_ms(), call.spec.has(READONLY));
    let writes = steps.iter().filter(|step| !matches!(step.action, Action::Get));
    let needed = writes.map(|step| (step.offset + step.kind.bits() as usize).div_ceil(8)).max();
    if read_only && needed.is_some() {
        return call.out.error("ERR BITFIELD_RO only supports the GET subcommand");
    }
    let (db, out) = call.db_and_out();
    let Some(needed) = needed else {
        let mut digits = itoa::Buffer::new();
        let bytes = match db.lookup_read(key, now_ms).map(|value| value.bytes(&mut digits)) {
            None => &[][..],
            Some(Some(bytes)) => bytes,
            Some(None) => return out.wrong_type(),
        };
        out.array(steps.len());
        return steps
            .iter()
            .for_each(|step| out.integer(read(bytes, step.offset, step.kind) as i64));
    };
    let value = db.get_or_insert(key, now_ms, || Value::Raw(Vec::new()));
    let Some(bytes) = value.make_raw() else { return out.wrong_type() };
    let mut changed = bytes.len() < needed;
    if changed {
        bytes.resize(needed, 0);
    }
    out.array(steps.len());
    for Step { kind, offset, action } in steps {
        let old = read(bytes, offset, kind);
        let new = match action {
            Action::Get => {
                out.integer(old as i64);
                continue;
            }
            Action::Set(number, overflow) => overflow.fit(kind.given(number), kind),
            Action::Increment(by, overflow) => overflow.fit(old + i128::from(by), kind),
        };
        let Some(new) = new else {
            out.null();
            continue;
        };
        write(bytes, offset, kind, new);
        changed |= old != new;
        out.integer(if matches!(action, Action::Set(..)) { old as i64 } else { new as i64 });
    }
    if changed {
        call.touched(key);
    }
}
