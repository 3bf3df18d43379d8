//! The interface between the loop and its backends.

#[cfg(target_os = "linux")]
use super::epoll_backend::EpollBackend;
use super::mio_backend::MioBackend;
use super::poll_backend::PollBackend;
use super::select_backend::{FD_SETSIZE, SelectBackend, SetLimit};
use crate::clock::Nanos;
use std::io;
use std::os::fd::RawFd;

/// A set of readable, writable and barrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mask(u8);

impl Mask {
    /// Nothing.
    pub const NONE: Mask = Mask(0);
    /// Bytes, a connection, the end of the stream or an error can be read.
    pub const READABLE: Mask = Mask(1);
    /// Bytes can be written.
    pub const WRITABLE: Mask = Mask(2);
    /// Write before reading when both fire in one turn.
    pub const BARRIER: Mask = Mask(4);
    /// Both directions.
    pub const BOTH: Mask = Mask(3);

    /// Whether all of `other` is in this set.
    #[must_use]
    pub const fn contains(self, other: Mask) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether any of `other` is in this set.
    #[must_use]
    pub const fn intersects(self, other: Mask) -> bool {
        self.0 & other.0 != 0
    }

    /// The union.
    #[must_use]
    pub const fn with(self, other: Mask) -> Mask {
        Mask(self.0 | other.0)
    }

    /// The difference.
    #[must_use]
    pub const fn without(self, other: Mask) -> Mask {
        Mask(self.0 & !other.0)
    }

    /// The intersection.
    #[must_use]
    pub const fn only(self, other: Mask) -> Mask {
        Mask(self.0 & other.0)
    }

    /// Whether nothing is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// One descriptor that a poll found ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fired {
    /// The descriptor.
    pub fd: RawFd,
    /// Ready for what. Errors and hang-ups count as both, so that some handler is called.
    pub mask: Mask,
    /// Generation of the descriptor's number; filled in by the loop.
    pub generation: u32,
}

impl Fired {
    /// `fd` is ready for `mask`.
    #[must_use]
    pub fn new(fd: RawFd, mask: Mask) -> Self {
        Fired { fd, mask, generation: 0 }
    }
}

/// A way to wait for readiness.
///
/// Contract: every descriptor occurs at most once in `fired`; and what a handler has not drained is
/// reported again by the next poll, either because the backend is level-triggered or because it
/// remembers [`Api::not_drained`].
pub trait Api {
    /// What `INFO` calls it.
    fn name(&self) -> &'static str;

    /// Watches `fd` for `mask` as well as for `before`, which is watched already.
    ///
    /// # Errors
    /// The error of the system call.
    fn add(&mut self, fd: RawFd, mask: Mask, before: Mask) -> io::Result<()>;

    /// Stops watching `fd` for `mask`; `remaining` is still watched.
    fn del(&mut self, fd: RawFd, mask: Mask, remaining: Mask);

    /// Waits at most `timeout` (`None`: no limit) and appends what is ready.
    ///
    /// # Errors
    /// `Interrupted` counts as no event; anything else ends the loop.
    fn poll(&mut self, timeout: Option<Nanos>, fired: &mut Vec<Fired>) -> io::Result<()>;

    /// A handler did not drain `fd`. Only edge-triggered backends need this call.
    fn not_drained(&mut self, _fd: RawFd, _mask: Mask) {}

    /// Descriptors below `setsize` may be added from now on.
    ///
    /// # Errors
    /// If the backend cannot watch so many.
    fn resize(&mut self, setsize: usize) -> io::Result<()>;
}

/// The backends that can be chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// mio: epoll or kqueue, edge-triggered.
    #[default]
    Mio,
    /// epoll as ae uses it, level-triggered.
    #[cfg(target_os = "linux")]
    Epoll,
    /// poll: O(descriptors) per wake-up.
    Poll,
    /// select: O(highest descriptor) per wake-up, and none at or above 1024.
    Select,
    /// select with bitmaps larger than an `fd_set`, so that its cost can be shown beyond 1024.
    SelectOversize,
}

impl Backend {
    /// All backends of this platform.
    pub const ALL: &'static [Backend] = &[
        Backend::Mio,
        #[cfg(target_os = "linux")]
        Backend::Epoll,
        Backend::Poll,
        Backend::Select,
        Backend::SelectOversize,
    ];

    /// Its names, as `--ae-backend` takes them.
    pub const NAMES: &'static [&'static str] = &[
        "mio",
        #[cfg(target_os = "linux")]
        "epoll",
        "poll",
        "select",
    ];

    /// The backend called `name`.
    #[must_use]
    pub fn named(name: &str) -> Option<Backend> {
        match name {
            "mio" => Some(Backend::Mio),
            #[cfg(target_os = "linux")]
            "epoll" => Some(Backend::Epoll),
            "poll" => Some(Backend::Poll),
            "select" => Some(Backend::Select),
            _ => None,
        }
    }

    /// The same, with select's limit lifted (`--select-oversize yes`).
    #[must_use]
    pub fn oversize(self) -> Backend {
        if self == Backend::Select { Backend::SelectOversize } else { self }
    }

    /// The first descriptor that it refuses to watch, if there is one.
    #[must_use]
    pub fn descriptor_limit(self) -> Option<usize> {
        (self == Backend::Select).then_some(FD_SETSIZE)
    }

    /// Makes one for descriptors below `setsize`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn create(self, setsize: usize) -> io::Result<Box<dyn Api>> {
        Ok(match self {
            Backend::Mio => Box::new(MioBackend::new(setsize)?),
            #[cfg(target_os = "linux")]
            Backend::Epoll => Box::new(EpollBackend::new(setsize)?),
            Backend::Poll => Box::new(PollBackend::default()),
            Backend::Select => Box::new(SelectBackend::new(SetLimit::FdSetSize)),
            Backend::SelectOversize => Box::new(SelectBackend::new(SetLimit::None)),
        })
    }
}
