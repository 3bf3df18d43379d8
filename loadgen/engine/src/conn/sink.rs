//! What a connection reports about its requests.
//!
//! Not the recording. Invariant: each request is reported once as finished, or handed back to be sent elsewhere.

use crate::conn::request::InFlight;
use crate::conn::routed_request::RoutedRequest;
use crate::plan::cluster_slots::Redirect;
use crate::workload::reply_shape::Shape;
use aelab_resp::ScannedReply;

/// What a connection reports about its requests.
pub(crate) trait Sink {
    /// Answered, not with an error.
    fn ok(&mut self, request: &InFlight, reply: &ScannedReply);
    /// Answered with this error.
    fn error(&mut self, request: &InFlight, text: &[u8]);
    /// A whole reply of so many bytes came for a request of this command.
    fn received(&mut self, command: u16, bytes: u64);
    /// How the replies of a command are to be read.
    fn shape(&self, command: u16) -> Shape;
    /// Whether messages may come that answer no request.
    fn takes_messages(&self) -> bool;
    /// A further call follows a reply.
    fn cursor_step(&mut self);
    /// Answered by a cluster with where to ask instead.
    fn redirected(&mut self, routed: RoutedRequest, redirect: Redirect);
    /// A request to a cluster is over.
    fn recycle(&mut self, routed: RoutedRequest);
}
