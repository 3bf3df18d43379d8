//! The set of descriptors that are still ready. It makes an edge-triggered poller level-triggered.
//!
//! The kernel reports an edge once. A handler that reads 16 KiB of 100, accepts 1000 of 3000
//! connections or writes 64 KiB of a megabyte must be called again although no edge comes. It
//! says so ([`super::EventLoop::not_drained`]), and while this set is not empty the loop polls with
//! timeout zero and adds the set to what the kernel found.
//!
//! Invariant: no byte that the kernel has delivered stays unread while the loop sleeps.

use super::api::{Fired, Mask};
use std::os::fd::RawFd;

#[derive(Default)]
pub(super) struct ReadySet {
    /// By descriptor: what it is still ready for, and for what its peer's end was reported.
    slots: Vec<Slot>,
    /// The descriptors whose slot is not empty.
    members: Vec<RawFd>,
}

#[derive(Clone, Copy, Default)]
struct Slot {
    /// Reported by the next poll, then removed.
    once: Mask,
    /// Reported by every poll until the descriptor is removed: the peer has hung up, which a
    /// level-triggered poller would report every time.
    always: Mask,
    listed: bool,
    /// Position of this descriptor in the list being filled, plus one.
    fired_at: u32,
}

impl ReadySet {
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    fn slot(&mut self, fd: RawFd) -> &mut Slot {
        let index = fd as usize;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::default());
        }
        &mut self.slots[index]
    }

    fn list(&mut self, fd: RawFd) {
        let slot = self.slot(fd);
        if !slot.listed {
            slot.listed = true;
            self.members.push(fd);
        }
    }

    /// The handler of `fd` left it ready for `mask`.
    pub(super) fn insert(&mut self, fd: RawFd, mask: Mask) {
        let slot = self.slot(fd);
        slot.once = slot.once.with(mask);
        self.list(fd);
    }

    /// The peer of `fd` hung up: reading does not block any more.
    pub(super) fn insert_hang_up(&mut self, fd: RawFd, mask: Mask) {
        let slot = self.slot(fd);
        slot.always = slot.always.with(mask);
        self.list(fd);
    }

    /// `fd` is no longer watched for `mask`. With nothing left, its state is forgotten before the
    /// number can be reused.
    pub(super) fn remove(&mut self, fd: RawFd, mask: Mask, remaining: Mask) {
        let slot = self.slot(fd);
        slot.once = slot.once.without(mask);
        if remaining.is_empty() {
            slot.once = Mask::NONE;
            slot.always = Mask::NONE;
        }
    }

    /// Adds the set to `fired` (what the kernel found), one entry per descriptor.
    pub(super) fn merge_into(&mut self, fired: &mut Vec<Fired>) {
        if self.members.is_empty() {
            return;
        }
        for (at, entry) in fired.iter().enumerate() {
            self.slot(entry.fd).fired_at = at as u32 + 1;
        }
        let kernel_count = fired.len();
        let mut members = std::mem::take(&mut self.members);
        members.retain(|&fd| {
            let slot = &mut self.slots[fd as usize];
            let mask = slot.once.with(slot.always);
            slot.once = Mask::NONE;
            slot.listed = !slot.always.is_empty();
            if !mask.is_empty() {
                match slot.fired_at {
                    0 => fired.push(Fired::new(fd, mask)),
                    at => fired[at as usize - 1].mask = fired[at as usize - 1].mask.with(mask),
                }
            }
            slot.listed
        });
        self.members = members;
        for entry in &fired[..kernel_count] {
            self.slots[entry.fd as usize].fired_at = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(set: &mut ReadySet, kernel: &[(RawFd, Mask)]) -> Vec<(RawFd, Mask)> {
        let mut fired: Vec<Fired> = kernel.iter().map(|&(fd, m)| Fired::new(fd, m)).collect();
        set.merge_into(&mut fired);
        fired.iter().map(|f| (f.fd, f.mask)).collect()
    }

    #[test]
    fn what_was_left_is_reported_once_and_merged_with_the_kernels_events() {
        let mut set = ReadySet::default();
        set.insert(5, Mask::READABLE);
        set.insert(7, Mask::READABLE);
        set.insert(7, Mask::READABLE);
        let fired = merged(&mut set, &[(5, Mask::WRITABLE), (9, Mask::READABLE)]);
        assert_eq!(fired, [(5, Mask::BOTH), (9, Mask::READABLE), (7, Mask::READABLE)]);
        assert!(set.is_empty());
        assert_eq!(merged(&mut set, &[]), []);
    }

    #[test]
    fn a_hang_up_is_reported_until_the_descriptor_is_removed() {
        let mut set = ReadySet::default();
        set.insert_hang_up(4, Mask::READABLE);
        assert_eq!(merged(&mut set, &[]), [(4, Mask::READABLE)]);
        assert_eq!(merged(&mut set, &[]), [(4, Mask::READABLE)]);
        set.remove(4, Mask::READABLE, Mask::NONE);
        assert_eq!(merged(&mut set, &[]), []);
        assert!(set.is_empty());
    }

    #[test]
    fn a_reused_number_starts_clean() {
        let mut set = ReadySet::default();
        set.insert(4, Mask::BOTH);
        set.remove(4, Mask::BOTH, Mask::NONE);
        set.insert(4, Mask::WRITABLE);
        assert_eq!(merged(&mut set, &[]), [(4, Mask::WRITABLE)]);
    }
}
