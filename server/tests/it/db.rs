//! The keyspace and its table against models: contents, SCAN's guarantee, random choice, expiry in virtual time.

use std::collections::{HashMap, HashSet};

use aelab_server::db::active_expire::{ActiveExpire, Cycle, Settings};
use aelab_server::db::list::{End, List};
use aelab_server::db::small_bytes::SmallBytes;
use aelab_server::db::sorted_set::SortedSet;
use aelab_server::db::table::Table;
use aelab_server::db::{AccessMode, Db, EncodingLimits, Free, LazyFree, Ttl, Value};
use proptest::prelude::*;

fn key(number: u32) -> Vec<u8> {
    // Some keys are longer than what is stored inline.
    if number.is_multiple_of(7) {
        format!("a key too long for a place inside its entry:{number}").into_bytes()
    } else {
        format!("key:{number}").into_bytes()
    }
}

fn text(value: Option<&Value>) -> Option<Vec<u8>> {
    value.map(|value| value.bytes(&mut itoa::Buffer::new()).expect("a string").to_vec())
}

#[derive(Clone, Debug)]
enum Operation {
    Set(u32, u32),
    SetKeepingTtl(u32, u32),
    Remove(u32),
    Expire(u32, i64),
    Persist(u32),
    Wait(i64),
    Rehash(usize),
    Rename(u32, u32),
}

fn operation(key_count: u32) -> impl Strategy<Value = Operation> {
    let key = 0..key_count;
    prop_oneof![
        6 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Operation::Set(key, value)),
        1 => (key.clone(), any::<u32>()).prop_map(|(key, value)| Operation::SetKeepingTtl(key, value)),
        4 => key.clone().prop_map(Operation::Remove),
        2 => (key.clone(), 1..2000_i64).prop_map(|(key, ttl)| Operation::Expire(key, ttl)),
        1 => key.clone().prop_map(Operation::Persist),
        1 => (1..500_i64).prop_map(Operation::Wait),
        1 => (1..50_usize).prop_map(Operation::Rehash),
        1 => (key.clone(), key).prop_map(|(from, to)| Operation::Rename(from, to)),
    ]
}

/// The keyspace in the simplest form: value and deadline by key.
#[derive(Default)]
struct Model(HashMap<u32, (u32, Option<i64>)>);

impl Model {
    fn get(&mut self, key: u32, now_ms: i64) -> Option<(u32, Option<i64>)> {
        let found = self.0.get(&key).copied()?;
        if found.1.is_some_and(|deadline| now_ms > deadline) {
            self.0.remove(&key);
            return None;
        }
        Some(found)
    }
}

fn apply(db: &mut Db, model: &mut Model, operation: &Operation, now_ms: &mut i64) {
    let now = *now_ms;
    match *operation {
        Operation::Set(number, value) => {
            db.set(&key(number), Value::string(value.to_string().as_bytes()), Ttl::Clear, now);
            model.0.insert(number, (value, None));
        }
        Operation::SetKeepingTtl(number, value) => {
            let deadline = model.get(number, now).and_then(|(_, deadline)| deadline);
            db.lookup_write(&key(number), now);
            db.set(&key(number), Value::string(value.to_string().as_bytes()), Ttl::Keep, now);
            model.0.insert(number, (value, deadline));
        }
        Operation::Remove(number) => {
            let there = model.get(number, now).is_some();
            model.0.remove(&number);
            assert_eq!(db.remove(&key(number), Free::Now, now), there);
        }
        Operation::Expire(number, ttl_ms) => {
            let there = model.get(number, now).is_some();
            assert_eq!(db.exists(&key(number), now), there);
            assert_eq!(db.set_deadline(&key(number), now + ttl_ms), there);
            model.0.entry(number).and_modify(|(_, deadline)| *deadline = Some(now + ttl_ms));
        }
        Operation::Persist(number) => {
            let had = model.get(number, now).is_some_and(|(_, deadline)| deadline.is_some());
            db.exists(&key(number), now);
            assert_eq!(db.clear_deadline(&key(number)), had);
            model.0.entry(number).and_modify(|(_, deadline)| *deadline = None);
        }
        Operation::Wait(ms) => *now_ms += ms,
        Operation::Rehash(buckets) => drop(db.rehash_step(buckets)),
        Operation::Rename(from, to) => {
            let moved = model.get(from, now);
            let taken = db.take_value(&key(from), now);
            assert_eq!(taken.is_some(), moved.is_some());
            if let (Some((value, deadline)), Some(model_value)) = (taken, moved) {
                db.set(&key(to), value, Ttl::Clear, now);
                deadline.map(|at| db.set_deadline(&key(to), at));
                model.0.remove(&from);
                model.0.insert(to, model_value);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_keyspace_agrees_with_a_hash_map(
        operations in prop::collection::vec(operation(300), 1..3000),
    ) {
        let (mut db, mut model, mut now_ms) = (Db::default(), Model::default(), 1_000_000);
        for operation in &operations {
            apply(&mut db, &mut model, operation, &mut now_ms);
        }
        prop_assert_eq!(db.used_bytes(), db.counted_bytes());
        for number in 0..300 {
            let expected = model.get(number, now_ms);
            let found = text(db.lookup_read(&key(number), now_ms));
            prop_assert_eq!(found, expected.map(|(value, _)| value.to_string().into_bytes()));
            let deadline = db.peek(&key(number), now_ms).map(|entry| entry.deadline_ms());
            prop_assert_eq!(deadline, expected.map(|(_, deadline)| deadline));
        }
        prop_assert_eq!(db.len(), model.0.len());
        let with_deadline = model.0.values().filter(|(_, deadline)| deadline.is_some()).count();
        prop_assert_eq!(db.expires_len(), with_deadline);
        let mut walked = 0;
        db.for_each(|_| walked += 1);
        prop_assert_eq!(walked, db.len());
    }

    #[test]
    fn scan_returns_whatever_is_there_all_the_time(
        start in 1..4000_u32,
        // Per step of the scan: how many keys come and how many go.
        changes in prop::collection::vec((0..400_u32, 0..400_u32), 0..60),
    ) {
        let mut table = Table::default();
        for number in 0..start {
            table.insert_if_absent(SmallBytes::new(&key(number)));
        }
        let (mut next_new, mut gone, mut seen, mut cursor) = (start, 0, HashSet::new(), 0);
        let mut changes = changes.into_iter();
        loop {
            cursor = table.scan(cursor, |item| { seen.insert(item.to_vec()); });
            if cursor == 0 {
                break;
            }
            let (added, removed) = changes.next().unwrap_or((0, 0));
            for _ in 0..added {
                table.insert_if_absent(SmallBytes::new(&key(next_new)));
                next_new += 1;
            }
            for _ in 0..removed.min(start - gone) {
                prop_assert!(table.remove(&key(gone)).is_some());
                gone += 1;
            }
        }
        for number in gone..start {
            prop_assert!(seen.contains(&key(number)), "key {} was there from start to end", number);
        }
    }

    #[test]
    fn a_sorted_set_agrees_with_a_sorted_vector(
        changes in prop::collection::vec((0..400_u32, -50..50_i32, any::<bool>()), 1..2000),
        ranges in prop::collection::vec((0..400_usize, 0..150_usize), 0..4),
    ) {
        let limits = EncodingLimits::default();
        let (mut set, mut model) = (SortedSet::default(), HashMap::new());
        for (number, score, removes) in changes {
            let member = key(number);
            if removes && number.is_multiple_of(3) {
                prop_assert_eq!(set.remove(&member), model.remove(&member));
            } else {
                set.set(&member, f64::from(score), &limits);
                model.insert(member, f64::from(score));
            }
        }
        let mut sorted: Vec<(f64, Vec<u8>)> = model.into_iter().map(|(key, score)| (score, key)).collect();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        for (start, count) in ranges {
            let range = start.min(sorted.len())..(start + count).min(sorted.len());
            prop_assert_eq!(set.remove_range(start, count), range.len());
            for (_, member) in sorted.drain(range) {
                prop_assert_eq!(set.score(&member), None);
            }
            prop_assert_eq!(set.len(), sorted.len());
        }
        let found: Vec<_> = set.iter().map(|scored| (scored.score, scored.member.to_vec())).collect();
        prop_assert_eq!(&found, &sorted);
        for (rank, (score, member)) in sorted.iter().enumerate() {
            prop_assert_eq!(set.rank(member), Some(rank));
            prop_assert_eq!(set.score(member), Some(*score));
        }
        let from = sorted.len() / 3;
        let up: Vec<_> = set.range(from, 10).map(|scored| scored.member.to_vec()).collect();
        let expected: Vec<_> = sorted.iter().skip(from).take(10).map(|(_, member)| member.clone()).collect();
        prop_assert_eq!(up, expected);
        let down: Vec<_> = set.range_back(from, 10).map(|scored| scored.member.to_vec()).collect();
        let expected: Vec<_> = sorted.iter().rev().skip(from).take(10).map(|(_, member)| member.clone()).collect();
        prop_assert_eq!(down, expected);
    }
}

#[test]
fn a_table_grows_shrinks_and_gives_its_memory_back() {
    let mut table = Table::default();
    for number in 0..200_000 {
        assert!(table.insert_if_absent(SmallBytes::new(&key(number))));
    }
    while table.rehash(100) {}
    assert!(table.bucket_count() >= 200_000 / 5);
    let full_bytes = table.memory_bytes();
    for number in 0..200_000 {
        assert!(table.remove(&key(number)).is_some(), "{number}");
    }
    while table.rehash(100) {}
    assert_eq!(table.len(), 0);
    assert!(table.memory_bytes() < full_bytes / 100, "{} of {full_bytes}", table.memory_bytes());
    assert!(table.insert_if_absent(SmallBytes::new(b"again")));
    assert!(table.contains(b"again"));
}

#[test]
fn random_reaches_every_value_and_only_values() {
    let mut table = Table::default();
    for number in 0..1000 {
        table.insert_if_absent(SmallBytes::new(&key(number)));
    }
    let mut state = 1_u64;
    let mut draw = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let seen: HashSet<Vec<u8>> =
        (0..30_000).map(|_| table.random(&mut draw).expect("not empty").to_vec()).collect();
    assert_eq!(seen.len(), 1000);
    for number in 0..999 {
        table.remove(&key(number));
    }
    assert_eq!(table.random(&mut draw).map(|left| left.to_vec()), Some(key(999)));
}

#[test]
fn active_expiry_removes_an_expired_tenth_within_its_budget() {
    let mut dbs = vec![Db::default(), Db::default()];
    let now_ms = 1_000_000;
    for number in 0..20_000 {
        dbs[1].set(&key(number), Value::string(b"x"), Ttl::Clear, now_ms);
        let ttl_ms = if number.is_multiple_of(2) { 10 } else { 1_000_000 };
        dbs[1].set_deadline(&key(number), now_ms + ttl_ms);
    }
    let settings = Settings { effort: 1, hz: 10 };
    let mut expiry = ActiveExpire::default();
    assert_eq!(expiry.run(&mut dbs, Cycle::Slow, settings, now_ms, || 0), 0, "nothing is due yet");
    assert!(dbs[1].avg_ttl_ms() > 0);
    let later_ms = now_ms + 1000;
    let removed = expiry.run(&mut dbs, Cycle::Slow, settings, later_ms, || 0);
    assert!(removed > 8000, "{removed}");
    let left = dbs[1].count_expired(later_ms);
    assert!(left * 100 / dbs[1].expires_len() < 25, "{left} stayed");
    assert_eq!(dbs[1].stats().expired as usize, removed);
}

#[test]
fn active_expiry_stops_when_its_time_is_up_and_a_fast_cycle_goes_on() {
    let mut dbs = vec![Db::default()];
    for number in 0..50_000 {
        dbs[0].set(&key(number), Value::string(b"x"), Ttl::Clear, 0);
        dbs[0].set_deadline(&key(number), 5);
    }
    let settings = Settings { effort: 1, hz: 10 };
    let mut expiry = ActiveExpire::default();
    // Each look at the clock finds 30 ms gone: over the 25 ms of a slow cycle at the first check, after 16 rounds.
    let mut time_us = 0;
    let mut clock = || {
        time_us += 30_000;
        time_us
    };
    let removed = expiry.run(&mut dbs, Cycle::Slow, settings, 1000, &mut clock);
    assert!((16 * 20..16 * 60).contains(&removed), "{removed}");
    assert_eq!(expiry.time_cap_reached_count(), 1);
    let fast = expiry.run(&mut dbs, Cycle::Fast, settings, 1000, &mut clock);
    assert!(fast > 0, "the slow cycle timed out, so there is reason for a fast one");
    let mut frozen = 90_000; // where the fast cycle began
    let again = expiry.run(&mut dbs, Cycle::Fast, settings, 1000, || {
        frozen += 1;
        frozen
    });
    assert_eq!(again, 0, "no second fast cycle within twice its duration");
}

#[test]
fn lookups_count_hits_misses_and_uses() {
    let mut db = Db::default();
    db.set(b"a", Value::string(b"1"), Ttl::Clear, 5000);
    assert!(db.lookup_read(b"a", 5000).is_some() && db.lookup_read(b"b", 5000).is_none());
    assert_eq!((db.stats().hits, db.stats().misses), (1, 1));
    let clock = db.peek(b"a", 65_000).expect("it is there").clock();
    assert_eq!(AccessMode::idle_seconds(clock, 65_000), 60, "a peek is not a use");
    db.lookup_read(b"a", 65_000);
    let clock = db.peek(b"a", 65_000).expect("it is there").clock();
    assert_eq!(AccessMode::idle_seconds(clock, 65_000), 0);
}

#[test]
fn large_garbage_is_freed_in_the_background() {
    let lazy = LazyFree::default();
    let mut db = Db::new(lazy.clone());
    let mut list = List::default();
    (0..100_000_u32).for_each(|number| list.push(End::Tail, &number.to_le_bytes()));
    db.set(b"list", Value::List(Box::new(list)), Ttl::Clear, 0);
    assert!(db.remove(b"list", Free::Lazily, 0));
    for number in 0..1000 {
        db.set(&key(number), Value::string(b"x"), Ttl::Clear, 0);
    }
    db.clear(Free::Lazily);
    assert!(db.is_empty());
    while lazy.pending() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(lazy.freed(), 1001);
}
