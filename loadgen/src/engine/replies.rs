//! From a connection's replies to the books of its group.
//!
//! Not the parsing (see `conn`). Invariant: all replies of one read are recorded with the time of that read.

use super::recorder::Recorder;
use super::request::{InFlight, Shape, Sink};
use crate::clock::Nanos;
use aelab_resp::{ReplyKind, ScannedReply};

/// Hands what a connection completes to the recorder, with the time of the read it came in.
pub(super) struct Replies<'a> {
    pub(super) recorder: &'a mut Recorder,
    pub(super) now: Nanos,
}

impl Sink for Replies<'_> {
    #[inline]
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply) {
        if reply.kind == ReplyKind::Null {
            self.recorder.null(request);
        }
        self.recorder.ok(request, self.now);
    }

    fn error(&mut self, request: &InFlight, text: &[u8]) {
        self.recorder.error(request, text, self.now);
    }

    fn shape(&self, command: u16) -> Shape {
        self.recorder.shape(command)
    }

    fn cursor_step(&mut self) {
        self.recorder.cursor_steps += 1;
    }
}
