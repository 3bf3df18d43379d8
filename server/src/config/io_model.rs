//! `io-model`: how the server waits for clients. The models themselves are in `crate::io_model`.

/// How I/O threads change the request timeline.
pub(super) const IO_THREADS_NOTE: &str = "with io-threads, parse is the time in the thread that parsed; \
waiting for threads counts as wait_in_batch; the phases read and write are the first thread's share plus its \
waiting for the others; replies of different clients are sent in no fixed order";

/// `io-model`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum IoModel {
    /// Redis's event loop.
    #[default]
    Ae,
    /// One client at a time, until it leaves.
    Blocking,
    /// A thread for each client.
    ThreadPerConnection,
    /// The loop without a multiplexer: it polls every client with `read`.
    BusyPoll,
}

impl IoModel {
    /// Their names, as `--io-model` takes them.
    pub(crate) const NAMES: &'static [&'static str] =
        &["ae", "blocking", "thread-per-connection", "busy-poll"];

    /// The model called `name`.
    pub(crate) fn named(name: &str) -> IoModel {
        match name {
            "blocking" => IoModel::Blocking,
            "thread-per-connection" => IoModel::ThreadPerConnection,
            "busy-poll" => IoModel::BusyPoll,
            _ => IoModel::Ae,
        }
    }

    /// The name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            IoModel::Ae => "ae",
            IoModel::Blocking => "blocking",
            IoModel::ThreadPerConnection => "thread-per-connection",
            IoModel::BusyPoll => "busy-poll",
        }
    }

    /// Whether the loop reads and writes the clients' sockets. If not, it only accepts them, as blocking
    /// sockets.
    pub(crate) const fn loop_serves(self) -> bool {
        matches!(self, IoModel::Ae | IoModel::BusyPoll)
    }

    /// How this model changes the request timeline; empty for ae.
    pub(crate) const fn timeline_note(self) -> &'static str {
        match self {
            IoModel::Ae => "",
            IoModel::Blocking => {
                "no events_per_wake, because one client is served at a time; ready is the return of \
                 read; the wait for the previous session is not included"
            }
            IoModel::ThreadPerConnection => {
                "no events_per_wake; no phases read and write, because they are outside of the lock; \
                 ready is the return of read; wait_in_batch is the wait for the lock; a cycle is the \
                 time from taking the lock to releasing it"
            }
            IoModel::BusyPoll => {
                "no events_per_wake, because there are no wake-ups; ready is the beginning of the \
                 sweep that found the request"
            }
        }
    }
}
