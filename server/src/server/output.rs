//! Output buffers: lent to the reply that is being written, kept for reuse, held to their limits.

use super::{STATIC_BUFFER_BYTES, Server};
use crate::client::{ClientKey, Life, Sending};
use crate::config::ClientClass;
use crate::reply::Reply;

/// Output buffers kept for reuse; more clients than this rarely get replies in one tick.
const SPARE_BUFFERS_MAX: usize = 128;
/// A larger output buffer is freed rather than kept.
const SPARE_BUFFER_BYTES_MAX: usize = 64 * 1024;
/// Sent bytes at the front of a long-lived output buffer are removed from this size on.
const COMPACT_BYTES: usize = 1024 * 1024;
/// Error codes counted one by one in `INFO errorstats`, as in later versions of Redis.
const ERROR_CODES_MAX: usize = 128;
/// The name under which all further codes are counted.
const OTHER_CODES: &str = "ERRORSTATS_OVERFLOW";

impl Server {
    /// The client's output buffer as a [`Reply`]; give it back with [`Server::return_reply`].
    pub(crate) fn lend_reply(&mut self, key: ClientKey) -> Option<Reply> {
        let client = self.clients.get_mut(key)?;
        let mut buf = std::mem::take(&mut client.output.buf);
        if buf.capacity() == 0 {
            buf = self.net.spare.pop().unwrap_or_default();
        }
        Some(Reply::new(buf, client.protocol))
    }

    /// Takes the output buffer back. Puts the client on the list of pending writes if it has a reply.
    pub(crate) fn return_reply(&mut self, key: ClientKey, reply: Reply) {
        let Some(client) = self.clients.get_mut(key) else { return };
        let buf = reply.into_bytes();
        if buf.is_empty() {
            // Its reply may be suppressed: then no write follows that would close it.
            let ends = client.life == Life::CloseAfterReply && client.output.waiting() == 0;
            if ends {
                self.free_later(key);
            }
            return self.recycle(buf);
        }
        let output = &mut client.output;
        output.buf = buf;
        if output.state == Sending::Idle && output.pending() > 0 {
            output.state = Sending::Queued;
            self.net.pending_writes.push(key);
        }
        if output.sent >= COMPACT_BYTES && output.sent * 2 > output.buf.len() {
            output.buf.drain(..output.sent);
            output.sent = 0;
        }
        if output.pending() > STATIC_BUFFER_BYTES {
            self.account_client(key);
            self.enforce_output_limit(key);
        }
    }

    /// Keeps a buffer for the next reply.
    pub(crate) fn recycle(&mut self, mut buf: Vec<u8>) {
        let useful = 0 < buf.capacity() && buf.capacity() <= SPARE_BUFFER_BYTES_MAX;
        if useful && self.net.spare.len() < SPARE_BUFFERS_MAX {
            buf.clear();
            self.net.spare.push(buf);
        }
    }

    /// Appends to the output of a client that is not the one executing. A client that closes after its
    /// reply gets nothing more: messages could keep it open for ever.
    pub(crate) fn deliver(&mut self, key: ClientKey, write: impl FnOnce(&mut Reply)) {
        if self.clients.get(key).is_none_or(|client| client.life != Life::Open) {
            return;
        }
        if let Some(mut reply) = self.lend_reply(key) {
            write(&mut reply);
            self.return_reply(key, reply);
        }
    }

    /// Closes a client whose unsent replies exceed its class's limit. True if it does.
    pub(crate) fn enforce_output_limit(&mut self, key: ClientKey) -> bool {
        let now_s = self.now_s();
        let Some(client) = self.clients.get_mut(key) else { return false };
        let class = match client.subscription_count() {
            0 => ClientClass::Normal,
            _ => ClientClass::Pubsub,
        };
        let limit = self.config.settings().output_limit(class);
        let used = client.output.waiting().saturating_sub(STATIC_BUFFER_BYTES);
        let hard = limit.hard_bytes != 0 && used >= limit.hard_bytes;
        let soft = limit.soft_bytes != 0 && used >= limit.soft_bytes;
        let since = match (soft, client.output.soft_since_s) {
            (true, None) => Some(now_s),
            (true, since) => since,
            (false, _) => None,
        };
        client.output.soft_since_s = since;
        let soft_for_too_long = since.is_some_and(|since| now_s - since > limit.soft_s as i64);
        if client.life == Life::Closing || !(hard || soft_for_too_long) {
            return false;
        }
        let text = format!(
            "Client id={} scheduled to be closed ASAP for overcoming of output buffer limits.",
            client.id
        );
        self.log.warning(text);
        self.observe.stats.output_buffer_limit_disconnections += 1;
        self.free_later(key);
        true
    }

    /// Counts the error that was just written to `out`, if any, under its code.
    pub(crate) fn count_error(&mut self, out: &mut Reply) {
        if let Some(text) = out.take_error() {
            let code = text.split(|&b| b == b' ').next().unwrap_or_default();
            let code = String::from_utf8_lossy(code).into_owned();
            self.observe.stats.error_replies += 1;
            let errors = &mut self.observe.stats.errors;
            // Scripts choose their codes: what is new beyond the bound is counted together.
            let full = errors.len() >= ERROR_CODES_MAX && !errors.contains_key(&code);
            *errors.entry(if full { OTHER_CODES.to_owned() } else { code }).or_default() += 1;
        }
    }
}
