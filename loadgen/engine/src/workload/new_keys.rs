//! The new keys of a group: which numbers they get, and up to which number they are known to be in the server.
//!
//! As in YCSB's acknowledged counter: a key may be asked for when the request that inserts it is over, on whatever thread.
//! Invariant: a number is drawn once; the latest key is one whose insertion is over.
//!
//! Share `s` of `n` draws the numbers s, s + n, s + 2n, …, so that threads need not agree on them.

use crate::plan::share::Share;
use crate::workload::order::Seat;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// A request that inserts no new key.
pub(crate) const NO_KEY: u64 = u64::MAX;

/// What the threads of a group share.
#[derive(Debug)]
pub(crate) struct NewKeys {
    /// Per share, how many of its first insertions are over.
    over: Box<[AtomicU64]>,
}

impl NewKeys {
    /// For a group of so many shares.
    pub(crate) fn new(shares: usize) -> Self {
        Self { over: (0..shares.max(1)).map(|_| AtomicU64::new(0)).collect() }
    }

    fn over(&self, share: usize) -> u64 {
        self.over[share].load(Ordering::Acquire)
    }

    /// How many numbers there are up to the newest whose insertion is over.
    pub(crate) fn len(&self) -> u64 {
        let shares = self.over.len() as u64;
        let end = |share: u64| match self.over(share as usize) {
            0 => 0,
            over => share + (over - 1) * shares + 1,
        };
        (0..shares).map(end).max().unwrap_or(0)
    }

    fn is_over(&self, number: u64) -> bool {
        let shares = self.over.len() as u64;
        self.over((number % shares) as usize) > number / shares
    }

    /// The key `back` before the newest, where `count` old keys come before the new ones. A key whose insertion is not over
    /// makes room for the one before it.
    pub(crate) fn latest(&self, count: u64, back: u64) -> u64 {
        let mut key = count.saturating_add(self.len()).saturating_sub(1).saturating_sub(back);
        // One thread's keys lie between those of the others, so this takes as many steps as there are threads at most.
        while key >= count && !self.is_over(key - count) {
            key = key.saturating_sub(1);
            if key == 0 {
                break;
            }
        }
        key
    }
}

/// The numbers that one share draws.
#[derive(Debug)]
pub(crate) struct Growth {
    keys: Arc<NewKeys>,
    share: Share,
    drawn: u64,
    /// The first number drawn since [`Growth::take_fresh`].
    fresh: u64,
    /// The connection that numbers are drawn for.
    pub(crate) seat: Seat,
}

impl Growth {
    /// For one share.
    pub(crate) fn new(keys: Arc<NewKeys>, share: Share) -> Self {
        Self { keys, share, drawn: 0, fresh: NO_KEY, seat: Seat::default() }
    }

    /// The number of a new key.
    pub(crate) fn draw(&mut self) -> u64 {
        let place = self.drawn;
        self.drawn += 1;
        if self.fresh == NO_KEY {
            self.fresh = place;
        }
        self.share.index + place * self.share.of
    }

    /// Which of this share's numbers the request that was just written inserts first; [`NO_KEY`] for none.
    #[inline]
    pub(crate) const fn take_fresh(&mut self) -> u64 {
        std::mem::replace(&mut self.fresh, NO_KEY)
    }

    /// What the threads know together.
    pub(crate) fn keys(&self) -> &NewKeys {
        &self.keys
    }
}

/// Which insertions of one share are over.
#[derive(Debug)]
pub(crate) struct Insertions {
    keys: Arc<NewKeys>,
    share: usize,
    /// New keys of each command's requests.
    per_request: Vec<u64>,
    /// All before this one are over.
    over: u64,
    /// Whether those from there on are.
    ahead: VecDeque<bool>,
}

impl Insertions {
    /// For one share, whose commands insert so many keys each.
    pub(crate) fn new(keys: Arc<NewKeys>, share: Share, per_request: Vec<u64>) -> Self {
        let share = share.index as usize;
        Self { keys, share, per_request, over: 0, ahead: VecDeque::new() }
    }

    /// The request that inserted the key `first` is over: answered, refused or lost. YCSB, too, counts a failed insertion, so
    /// that the ones after it are not waited for in vain.
    #[inline]
    pub(crate) fn end(&mut self, first: u64, command: u16) {
        if first != NO_KEY {
            self.end_keys(first, command);
        }
    }

    fn end_keys(&mut self, first: u64, command: u16) {
        let count = self.per_request.get(usize::from(command)).copied().unwrap_or(1);
        // What timed out may be answered later.
        for place in (first..first + count).filter_map(|key| key.checked_sub(self.over)) {
            let place = place as usize;
            if self.ahead.len() <= place {
                self.ahead.resize(place + 1, false);
            }
            self.ahead[place] = true;
        }
        while self.ahead.front() == Some(&true) {
            self.ahead.pop_front();
            self.over += 1;
        }
        self.keys.over[self.share].store(self.over, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn a_key_counts_when_all_before_it_on_its_thread_are_over() {
        let keys = Arc::new(NewKeys::new(2));
        let share = |index| Share { index, of: 2 };
        let mut second = Insertions::new(Arc::clone(&keys), share(1), vec![1, 2]);
        let (count, newest) = (100, |keys: &NewKeys| keys.latest(100, 0));
        assert_eq!(newest(&keys), 99);
        second.end(1, 0);
        assert_eq!(newest(&keys), 99, "key 101 is not there yet");
        second.end(0, 0);
        // 101 and 103 are there, 100 and 102 are not.
        assert_eq!((newest(&keys), keys.latest(count, 1), keys.latest(count, 2)), (103, 101, 101));
        assert_eq!((keys.latest(count, 3), keys.latest(count, 4)), (99, 99));
        let mut first = Insertions::new(Arc::clone(&keys), share(0), vec![1]);
        first.end(0, 0);
        assert_eq!(keys.latest(count, 3), 100);
        // Twice, and for a request of two keys.
        second.end(0, 0);
        second.end(2, 1);
        assert_eq!(newest(&keys), 107);
        assert_eq!(keys.latest(0, 1_000), 0);
    }

    proptest! {
        /// In whatever order the threads' insertions end, only keys that are there are drawn.
        #[test]
        fn only_keys_whose_insertion_is_over_are_drawn(
            ends in proptest::collection::vec((0..3_u64, 0..20_u64), 0..100),
            back in any::<u8>(),
        ) {
            let keys = Arc::new(NewKeys::new(3));
            let share = |index| Share { index, of: 3 };
            let mut shares: Vec<Insertions> = (0..3)
                .map(|index| Insertions::new(Arc::clone(&keys), share(index), vec![1]))
                .collect();
            let mut over = std::collections::BTreeSet::new();
            for (share, place) in ends {
                shares[share as usize].end(place, 0);
                over.insert(10 + share + 3 * place);
                let key = keys.latest(10, back.into());
                prop_assert!(key < 10 || over.contains(&key), "{key} of {over:?}");
            }
            if keys.len() > 0 {
                prop_assert_eq!(keys.latest(10, 0), 9 + keys.len());
            }
        }
    }
}
