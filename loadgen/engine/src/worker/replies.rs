//! From a connection's replies to the recorder of its group.
//!
//! Not the parsing (see `conn`). Invariant: all replies of one read are recorded with the time of that read.

use crate::clock::Nanos;
use crate::conn::request::InFlight;
use crate::conn::routed_request::RoutedRequest;
use crate::conn::sink::Sink;
use crate::group::router::Router;
use crate::plan::Reception;
use crate::plan::cluster_slots::Redirect;
use crate::record::Recorder;
use crate::workload::new_keys::Insertions;
use crate::workload::reply_shape::Shape;
use aelab_resp::ScannedReply;

/// Hands what a connection completes to the recorder, with the time of the read it came in.
pub(crate) struct Replies<'a, const STAMPED: bool> {
    pub(crate) recorder: &'a mut Recorder,
    pub(crate) now: Nanos,
    /// When the kernel got it, if it says.
    pub(crate) arrived: Option<Nanos>,
    pub(crate) router: Option<&'a mut Router>,
    pub(crate) insertions: Option<&'a mut Insertions>,
}

impl<const STAMPED: bool> Replies<'_, STAMPED> {
    #[inline]
    fn end_insertion(&mut self, request: &InFlight) {
        if let Some(insertions) = &mut self.insertions {
            insertions.end(request.new_key, request.command);
        }
    }
}

impl<const STAMPED: bool> Sink for Replies<'_, STAMPED> {
    #[inline]
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply) {
        if reply.holds_nothing {
            self.recorder.nothing(request, reply.kind);
        }
        self.recorder.ok(request, self.now);
        self.end_insertion(request);
        if STAMPED {
            self.recorder.stamped(request, self.arrived, self.now);
        }
    }

    fn error(&mut self, request: &InFlight, text: &[u8]) {
        self.recorder.error(request, text, self.now);
        self.end_insertion(request);
    }

    #[inline]
    fn received(&mut self, command: u16, bytes: u64) {
        self.recorder.received(command, bytes);
    }

    fn shape(&self, command: u16) -> Shape {
        self.recorder.shape(command)
    }

    fn takes_messages(&self) -> bool {
        self.recorder.reception() == Reception::Messages
    }

    fn cursor_step(&mut self) {
        self.recorder.cursor_steps += 1;
    }

    fn redirected(&mut self, routed: RoutedRequest, redirect: Redirect) {
        if let Some(router) = &mut self.router {
            router.redirect(routed, redirect);
        }
    }

    fn recycle(&mut self, routed: RoutedRequest) {
        if let Some(router) = &mut self.router {
            router.recycle(routed);
        }
    }
}
