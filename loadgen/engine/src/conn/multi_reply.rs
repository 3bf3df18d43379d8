//! Requests that take more than one reply: operations of several commands, followed cursors, redirections of a cluster.
//!
//! Plain requests end in the parent module. Invariant: each of these requests is reported to the sink once, at its end.

use crate::conn::Conn;
use crate::conn::request::{InFlight, Iteration, Mark};
use crate::conn::routed_request::REDIRECTS_MAX;
use crate::conn::sink::Sink;
use crate::error::TOO_MANY_REDIRECTS;
use crate::plan::cluster_slots::Redirect;
use crate::workload::reply_shape::Next;
use aelab_resp::{ReplyKind, ScannedReply};

/// First words of what a channel sends to its subscribers.
const MESSAGES: [&[u8]; 3] = [b"message", b"pmessage", b"smessage"];

impl Conn {
    /// One of several replies to the request at the front has come; whether it is the last.
    pub(crate) fn is_last_part(
        &mut self,
        request: &InFlight,
        reply: &ScannedReply,
        head: &[u8],
        sink: &impl Sink,
    ) -> bool {
        // Messages may come between the confirmations of two channels.
        if sink.takes_messages() && MESSAGES.contains(&head) {
            return false;
        }
        self.parts += 1;
        if self.failure.is_none() && (reply.kind == ReplyKind::Error || reply.errors > 0) {
            // The first error is the cause; those after it (EXECABORT) only follow from it.
            self.failure = Some(head.into());
        }
        let is_last = self.parts >= sink.shape(request.command).replies();
        if is_last {
            self.parts = 0;
        }
        is_last
    }

    /// A call was answered: the request is over, or its next call goes out.
    pub(crate) fn on_call_reply(
        &mut self,
        mut request: InFlight,
        reply: &ScannedReply,
        head: &[u8],
        sink: &mut impl Sink,
    ) {
        let iteration = self.calls.iterations.pop_front();
        if request.is_gone {
            return;
        }
        if reply.kind == ReplyKind::Error || reply.errors > 0 {
            sink.error(&request, head);
            return;
        }
        let position = iteration.as_ref().map_or(0, |iteration| iteration.position);
        match (sink.shape(request.command).next(position, reply, head), iteration) {
            (Next::Call(position), Some(iteration)) => {
                self.calls.iterations.push_back(Iteration { position, ..iteration });
                self.calls.unrendered += 1;
                request.start = 0;
                self.ring.push_back(request);
                self.unrendered += 1;
                sink.cursor_step();
            }
            (Next::Wrong(text), _) => sink.error(&request, text),
            (Next::Done | Next::Call(_), _) => sink.ok(&request, reply),
        }
    }

    /// A node of a cluster answered, to the ASKING before a request or to the request itself.
    pub(crate) fn on_routed_reply(
        &mut self,
        request: InFlight,
        reply: &ScannedReply,
        head: &[u8],
        sink: &mut impl Sink,
    ) {
        if request.mark == Mark::Asking {
            self.ring.push_front(InFlight { mark: Mark::Routed, ..request });
            return;
        }
        let Some(mut routed) = self.routed.pop_front() else { return };
        let is_error = reply.kind == ReplyKind::Error;
        let redirect = if is_error && !request.is_gone { Redirect::parse(head) } else { None };
        let is_redirected = redirect.is_some();
        if let Some(redirect) = redirect
            && routed.redirects < REDIRECTS_MAX
        {
            routed.sent = request.sent;
            sink.redirected(routed, redirect);
            return;
        }
        match request.is_gone {
            true => {}
            false if is_redirected => sink.error(&request, &too_many_redirects(head)),
            false if is_error => sink.error(&request, head),
            false => sink.ok(&request, reply),
        }
        sink.recycle(routed);
    }
}

/// An error of ours, with the last of the server's words.
#[cold]
fn too_many_redirects(head: &[u8]) -> Vec<u8> {
    [TOO_MANY_REDIRECTS.as_bytes(), b" ", head].concat()
}
