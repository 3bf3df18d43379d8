//! No multiplexer: every watched descriptor is always reported as ready.
//!
//! This is busy polling: each handler tries its system call, which returns `EAGAIN` if there is nothing
//! to read, and the thread uses 100 % of a core. It is not a [`super::Backend`], because it does not wait
//! for readiness: it is an I/O model of its own.

use super::api::{Api, Fired, Mask};
use crate::clock::Nanos;
use std::io;
use std::os::fd::RawFd;

/// See the module's text.
#[derive(Default)]
pub struct Sweep {
    /// By descriptor: what it is watched for.
    masks: Vec<Mask>,
}

impl Api for Sweep {
    fn name(&self) -> &'static str {
        "none"
    }

    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()> {
        let index = fd as usize;
        if index >= self.masks.len() {
            self.masks.resize(index + 1, Mask::NONE);
        }
        self.masks[index] = mask.with(before).only(Mask::BOTH);
        Ok(())
    }

    fn del(&mut self, fd: RawFd, _: Mask, remaining: Mask) {
        if let Some(mask) = self.masks.get_mut(fd as usize) {
            *mask = remaining.only(Mask::BOTH);
        }
    }

    /// Never waits.
    fn poll(&mut self, _: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()> {
        let watched = self.masks.iter().enumerate().filter(|(_, mask)| !mask.is_empty());
        fired.extend(watched.map(|(fd, &mask)| Fired::new(fd as RawFd, mask)));
        Ok(())
    }

    fn resize(&mut self, _: usize) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_watched_fires_every_time_and_nothing_else() {
        let mut sweep = Sweep::default();
        sweep.add(4, Mask::READABLE, Mask::NONE).expect("added");
        sweep.add(2, Mask::READABLE, Mask::NONE).expect("added");
        sweep.add(2, Mask::WRITABLE.with(Mask::BARRIER), Mask::READABLE).expect("added");
        for _ in 0..2 {
            let mut fired = Vec::new();
            sweep.poll(None, &mut fired).expect("polled");
            assert_eq!(fired, [Fired::new(2, Mask::BOTH), Fired::new(4, Mask::READABLE)]);
        }
        sweep.del(2, Mask::BOTH, Mask::NONE);
        sweep.del(4, Mask::READABLE, Mask::NONE);
        let mut fired = Vec::new();
        sweep.poll(Some(Nanos::ZERO), &mut fired).expect("polled");
        assert!(fired.is_empty());
    }
}
