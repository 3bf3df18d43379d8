//! Filling a server with a data set, over several connections at once, in pipelined MSETs.
//!
//! The same commands for every server, so that what is measured afterwards starts from the same state
//! (DEBUG POPULATE names keys differently and is not allowed everywhere). Invariant: when [`fill`] returns, every key is there.

pub mod collections;
pub mod refusal;

use crate::control::Control;
use aelab_engine::error::Failure;
use aelab_engine::plan::Target;
use aelab_engine::plan::cluster_slots::slot_of;
use aelab_resp::encode;
use aelab_resp::value::Value;
use rand::{Rng as _, SeedableRng as _};
use rand_xoshiro::Xoshiro256PlusPlus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Keys of one MSET: large enough that replies cost nothing, small enough to stay below a millisecond of the server.
const KEYS_PER_MSET: u64 = 100;
/// MSETs sent before the first reply is awaited.
const MSETS_IN_FLIGHT: u64 = 16;
/// Bytes sent before replies are awaited: below what two sockets buffer, so that the two sides never wait for each other.
const BYTES_IN_FLIGHT: u64 = 4 << 20;
/// Connections; the server is one thread, so two keep it busy while the other generates.
const FILL_CONNECTIONS: u64 = 4;
/// Digits of a key's number, as redis-benchmark writes them.
pub const KEY_DIGITS: usize = 12;

/// What to fill in: `count` keys `prefix` + a number, values of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FillPlan {
    /// Number of keys.
    pub count: u64,
    /// What every key starts with.
    pub prefix: String,
    /// Digits of the number behind it, filled with zeros; 0 writes it as it is.
    pub digits: usize,
    /// The lowest number; with `count` more it must fit in 64 bits.
    pub first: u64,
    /// Size of each value.
    pub value_bytes: usize,
    /// Seed of the values' bytes.
    pub seed: u64,
    /// Only the keys of one node of a cluster.
    pub part: Option<Part>,
}

/// The keys whose slots a node of a cluster serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The node of each slot.
    pub slots: Arc<[u16]>,
    /// The node.
    pub node: u16,
}

impl Part {
    fn has(&self, key: &[u8]) -> bool {
        self.slots.get(usize::from(slot_of(key))) == Some(&self.node)
    }
}

/// Writes the data set; `done` counts keys as they are confirmed, for a progress bar.
///
/// # Errors
/// The server refuses (out of memory, say) or the connection breaks, or the user interrupted.
pub fn fill(
    target: &Target,
    plan: &FillPlan,
    done: &AtomicU64,
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    let share = plan.count.div_ceil(FILL_CONNECTIONS);
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..FILL_CONNECTIONS)
            .map(|worker| (worker * share, ((worker + 1) * share).min(plan.count)))
            .filter(|(from, to)| from < to)
            .map(|(from, to)| scope.spawn(move || fill_range(target, plan, from..to, done, cancel)))
            .collect();
        let mut outcome = Ok(());
        for worker in workers {
            let result = worker
                .join()
                .unwrap_or_else(|_| Err(Failure::invalid("a thread that filled the server broke")));
            outcome = outcome.and(result);
        }
        outcome
    })
}

fn fill_range(
    target: &Target,
    plan: &FillPlan,
    range: std::ops::Range<u64>,
    done: &AtomicU64,
    cancel: &AtomicBool,
) -> Result<(), Failure> {
    let mut control = Control::open(target)?;
    let mut value = vec![0_u8; plan.value_bytes];
    let mut random = Xoshiro256PlusPlus::seed_from_u64(plan.seed ^ range.start);
    let mset_bytes = KEYS_PER_MSET * (plan.value_bytes as u64 + 64);
    let in_flight = (BYTES_IN_FLIGHT / mset_bytes).clamp(1, MSETS_IN_FLIGHT);
    let mut next = range.start;
    let mut requests = Vec::new();
    while next < range.end {
        if cancel.load(Relaxed) {
            return Err(Failure::invalid("interrupted while the server was being filled"));
        }
        requests.clear();
        let mut sizes = Vec::new();
        let mut batches = 0;
        while batches < in_flight && next < range.end {
            batches += 1;
            let count = KEYS_PER_MSET.min(range.end - next);
            let keys = next..next + count;
            match &plan.part {
                None => {
                    put_mset(&mut requests, plan, keys, &mut value, &mut random);
                    sizes.push(count);
                }
                Some(part) => {
                    let own = put_sets(&mut requests, plan, part, keys, &mut value, &mut random);
                    sizes.extend(std::iter::repeat_n(1, own));
                    done.fetch_add(count - own as u64, Relaxed);
                }
            }
            next += count;
        }
        control.send(&requests)?;
        for size in sizes {
            if let Value::Error(text) = control.reply()? {
                let text = String::from_utf8_lossy(&text);
                let needs = refusal::Needs {
                    commands: "+mset +set".to_owned(),
                    keys: format!("~{}*", plan.prefix),
                };
                return Err(Failure::unreachable(format!(
                    "{} refused to be filled after {} of {} keys: {text}; {}",
                    target.endpoint,
                    done.load(Relaxed),
                    plan.count,
                    refusal::remedy(&text, &needs)
                )));
            }
            done.fetch_add(size, Relaxed);
        }
    }
    Ok(())
}

fn put_mset(
    out: &mut Vec<u8>,
    plan: &FillPlan,
    keys: std::ops::Range<u64>,
    value: &mut [u8],
    random: &mut Xoshiro256PlusPlus,
) {
    let items = usize::try_from(keys.end - keys.start).unwrap_or(usize::MAX);
    encode::array(out, 1 + 2 * items);
    encode::bulk(out, b"MSET");
    for key in keys {
        encode::bulk(out, &key_name(plan, key));
        encode::bulk(out, letters(value, random));
    }
}

/// One SET for each key of the node: a cluster takes no MSET of several slots. How many there are.
fn put_sets(
    out: &mut Vec<u8>,
    plan: &FillPlan,
    part: &Part,
    keys: std::ops::Range<u64>,
    value: &mut [u8],
    random: &mut Xoshiro256PlusPlus,
) -> usize {
    let names = keys.map(|key| key_name(plan, key)).filter(|name| part.has(name));
    names.map(|name| encode::command(out, &[b"SET", &name, letters(value, random)])).count()
}

fn key_name(plan: &FillPlan, key: u64) -> Vec<u8> {
    let number = plan.first + key;
    format!("{}{number:0width$}", plan.prefix, width = plan.digits).into_bytes()
}

/// Letters, so that a value reads well in a terminal and no server stores it as an integer.
fn letters<'a>(value: &'a mut [u8], random: &mut Xoshiro256PlusPlus) -> &'a [u8] {
    for byte in value.iter_mut() {
        *byte = b'a' + (random.next_u32() % 26) as u8;
    }
    value
}
