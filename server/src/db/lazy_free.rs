//! Freeing large values in a thread, so that UNLINK, FLUSHALL ASYNC and expiry do not stall the loop.
//!
//! As in Redis (`lazyfree.c`): values that take more than 64 steps to free go to the thread; smaller ones are freed
//! at once, because sending them would cost more. The thread starts with the first large value and ends with the last
//! handle. It frees values in order and never touches live data.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use super::entry::{Deadline, Entry};
use super::table::Table;
use super::value::Value;
use crate::sys::FreeBlocks;

/// Garbage of more steps than this goes to the thread (LAZYFREE_THRESHOLD).
const BACKGROUND_EFFORT: usize = 64;
/// Handle of the lazy-free thread; clones share it.
#[derive(Clone, Default)]
pub struct LazyFree(Arc<Shared>);

#[derive(Default)]
struct Shared {
    thread: Mutex<Option<Sender<Garbage>>>,
    /// Shared with the thread, which must not keep `Shared` (and with it the sender) alive.
    counters: Arc<Counters>,
}

#[derive(Default)]
struct Counters {
    pending: AtomicU64,
    freed: AtomicU64,
}

/// Something to be dropped, and how many objects it is in INFO's eyes.
struct Garbage {
    objects: u64,
    contents: Contents,
}

enum Contents {
    Value(Value),
    Keyspace(Box<(Table<Box<Entry>>, Table<Deadline>)>),
    /// Free memory whose pages go back to the system.
    Pages(FreeBlocks),
    /// The same for all memory of the allocator, under its locks.
    Trim,
}

impl LazyFree {
    /// Frees a value: at once if it is little work, else in the background.
    pub fn value(&self, value: Value) {
        if value.free_effort() > BACKGROUND_EFFORT {
            self.send(Garbage { objects: 1, contents: Contents::Value(value) });
        }
    }

    /// Frees a whole database in the background.
    pub(super) fn keyspace(&self, keys: Table<Box<Entry>>, expires: Table<Deadline>) {
        if !keys.is_empty() {
            let objects = keys.len() as u64;
            self.send(Garbage { objects, contents: Contents::Keyspace(Box::new((keys, expires))) });
        }
    }

    /// Frees a whole database at once, on the caller's thread.
    pub(super) fn keyspace_now(keys: Table<Box<Entry>>, expires: Table<Deadline>) {
        free_keyspace(keys, expires);
    }

    /// Gives memory that was freed back to the system, in the background. Must be called by the first
    /// thread; `of_threads` is true if other threads have allocated values.
    pub(crate) fn return_memory(&self, of_threads: bool) {
        let contents = if of_threads {
            Contents::Trim
        } else {
            let blocks = FreeBlocks::take();
            if blocks.bytes() == 0 {
                return;
            }
            Contents::Pages(blocks)
        };
        self.send(Garbage { objects: 0, contents });
    }

    /// Objects handed over and not yet freed (`lazyfree_pending_objects`).
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.0.counters.pending.load(Ordering::Relaxed)
    }

    /// Objects freed in the background so far (`lazyfreed_objects`).
    #[must_use]
    pub fn freed(&self) -> u64 {
        self.0.counters.freed.load(Ordering::Relaxed)
    }

    /// CONFIG RESETSTAT.
    pub fn reset_stats(&self) {
        self.0.counters.freed.store(0, Ordering::Relaxed);
    }

    fn send(&self, garbage: Garbage) {
        self.0.counters.pending.fetch_add(garbage.objects, Ordering::Relaxed);
        let mut thread = self.0.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            *thread = start(Arc::clone(&self.0.counters)).ok();
        }
        // Without a thread (the system refused one) the garbage is freed here: slower, but never lost.
        let refused = match thread.as_ref() {
            Some(sender) => sender.send(garbage).err().map(|error| error.0),
            None => Some(garbage),
        };
        if let Some(garbage) = refused {
            free(garbage, &self.0.counters);
        }
    }
}

/// Frees a keyspace from the lowest address to the highest: neighbours are freed one after another, so
/// the allocator merges them at once. In the table's order this would take several times as long.
fn free_keyspace(keys: Table<Box<Entry>>, expires: Table<Deadline>) {
    drop(expires);
    let mut entries = keys.into_values();
    entries.sort_unstable_by_key(|entry| std::ptr::from_ref::<Entry>(entry).addr());
    drop(entries);
}

fn start(counters: Arc<Counters>) -> std::io::Result<Sender<Garbage>> {
    let (sender, receiver) = channel::<Garbage>();
    let work = move || receiver.iter().for_each(|garbage| free(garbage, &counters));
    thread::Builder::new().name("lazy-free".into()).spawn(work)?;
    Ok(sender)
}

fn free(garbage: Garbage, counters: &Counters) {
    let objects = garbage.objects;
    match garbage.contents {
        Contents::Value(value) => drop(value),
        Contents::Keyspace(tables) => free_keyspace(tables.0, tables.1),
        Contents::Pages(blocks) => blocks.give_back(),
        Contents::Trim => crate::sys::trim_memory(),
    }
    counters.pending.fetch_sub(objects, Ordering::Relaxed);
    counters.freed.fetch_add(objects, Ordering::Relaxed);
}
