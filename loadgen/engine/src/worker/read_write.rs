//! Reading from and writing to a worker's connections; replies go to the recorder.
//!
//! Not their life (see `connections`) and not the turn (see `worker`).
//! Invariant: a read stamps all its replies with one time, taken after it; a write stamps its requests with one, taken before.

use crate::clock::Nanos;
use crate::conn::state::{Fault, Parting, Progress, State};
use crate::error::reason;
use crate::group::ReplyParts;
use crate::io::{Ready, Token, Wire};
use crate::record::live::Phase;
use crate::tls;
use crate::worker::replies::Replies;
use crate::worker::state::{Timer, Worker};
use crate::worker::touched::touch;
use std::cmp::Reverse;
use std::io;

/// Reads per connection and turn: a long reply may take this share of a turn, then the others have theirs.
const READS_PER_TURN: usize = 16;
/// Writes per turn: after some milliseconds of writing, replies are looked after again.
const WRITES_PER_TURN: usize = 256;
/// What moves over connections.
impl<W: Wire> Worker<'_, W> {
    /// Deals with what happened while waiting, and goes on with reads that were cut off.
    pub(crate) fn read_ready(&mut self) {
        for token in std::mem::take(&mut self.again) {
            self.read(token, ReadUntil::Short);
        }
        let ready = std::mem::take(&mut self.buffers.ready);
        for event in &ready {
            self.on_ready(event);
        }
        self.buffers.ready = ready;
    }

    fn on_ready(&mut self, event: &Ready) {
        let token = event.token;
        let Some(conn) = self.conns.get_mut(token as usize) else { return };
        match conn.state {
            State::Connecting { .. } => {
                self.finish_connect(token);
            }
            State::Handshaking { .. } | State::Ready => {
                if event.writable && conn.wants_write() {
                    touch(&mut self.touched, token, conn);
                }
                if event.hung_up {
                    self.read(token, ReadUntil::End);
                } else if event.readable {
                    self.read(token, ReadUntil::Short);
                }
            }
            _ => {}
        }
    }

    /// Reads what is there, of a connection that is open.
    pub(crate) fn read_all(&mut self, token: Token) {
        if matches!(self.conns[token as usize].state, State::Handshaking { .. } | State::Ready) {
            self.read(token, ReadUntil::End);
        }
    }

    /// Reads what is there. A short read is the end of it under edge triggering, unless the other side has hung up.
    fn read(&mut self, token: Token, until: ReadUntil) {
        let mut buffer = std::mem::take(&mut self.buffers.receive);
        for count in 0.. {
            if count == READS_PER_TURN {
                self.again.push(token);
                break;
            }
            match self.wire.read(token, &mut buffer) {
                Ok(0) => {
                    self.lose(token, "closed by the server");
                    break;
                }
                Ok(len) => {
                    let now = self.wire.now();
                    if let Err(fault) = self.deliver(token, &buffer[..len], now) {
                        self.fault(token, &fault);
                        break;
                    }
                    if self.retire(token, now) {
                        break;
                    }
                    if len < buffer.len() && until == ReadUntil::Short {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if tls::is_broken(&error) => {
                    self.part(token, Parting::Unreadable, &error.to_string());
                    break;
                }
                Err(error) => {
                    self.lose(token, &reason(&error));
                    break;
                }
            }
        }
        self.buffers.receive = buffer;
    }

    /// Bytes that came at `now` go to their connection; its free slots are filled again.
    #[inline]
    fn deliver(&mut self, token: Token, bytes: &[u8], now: Nanos) -> Result<(), Fault> {
        if self.phases.interval_is_over(now) {
            self.close_interval(now);
        }
        let before = self.watched();
        let conn = &mut self.conns[token as usize];
        let group = &mut self.groups[conn.group as usize];
        if self.phases.phase == Phase::Measure {
            group.recorder.traffic.received_bytes += bytes.len() as u64;
        }
        if let Some(since) = conn.dialled.take() {
            group.connections.opening.first_reply.saturating_record(now.since(since).0);
        }
        if let Some(receiver) = group.inbox.receiver(token - group.tokens.start) {
            group.recorder.receive(receiver, bytes, now);
        }
        let arrived = if W::STAMPED { self.wire.arrived(now) } else { None };
        let ReplyParts { handshake, recorder, router, insertions } = group.reply_parts();
        let outcome = if W::STAMPED {
            let mut replies = Replies::<true> { recorder, now, arrived, router, insertions };
            conn.on_bytes(bytes, handshake, &mut self.scanner, &mut replies)
        } else {
            let mut replies = Replies::<false> { recorder, now, arrived, router, insertions };
            conn.on_bytes(bytes, handshake, &mut self.scanner, &mut replies)
        };
        group.recorder.flush(now);
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(fault) => {
                // Replies may have come before the bytes that were wrong.
                let after = self.watched();
                if after != before {
                    self.watch.on_replies(now, before, after);
                }
                return Err(fault);
            }
        };
        match outcome {
            Progress::Partial => {}
            Progress::Ready { since } => self.on_handshaken(token, since, now),
            Progress::Replies => {
                self.fill_slots(token, now, now);
                let after = self.watched();
                self.watch.on_replies(now, before, after);
            }
        }
        Ok(())
    }

    /// Writes to touched connections, in the order they were touched.
    pub(crate) fn flush(&mut self) {
        for _ in 0..WRITES_PER_TURN {
            let Some(token) = self.touched.pop_front() else { break };
            self.conns[token as usize].listed.touched = false;
            self.write(token);
        }
    }

    fn write(&mut self, token: Token) {
        let mut scratch = std::mem::take(&mut self.buffers.scratch);
        loop {
            let conn = &mut self.conns[token as usize];
            let group = &mut self.groups[conn.group as usize];
            group.generator.turn_to(token - group.tokens.start);
            if let Some(sender) = group.generator.sender() {
                sender.turn_to(token - group.tokens.start, self.wire.not_before(self.now));
            }
            let bytes = conn.next_write(&mut group.generator, &mut scratch);
            if bytes.is_empty() {
                break;
            }
            let len = bytes.len();
            // A request that was prepared ahead waits for its due time here.
            let now = self.wire.not_before(self.now);
            let (taken, failure) = match self.wire.write(token, bytes) {
                Ok(taken) => (taken, None),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (0, None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => (0, None),
                Err(error) => (0, Some(reason(&error))),
            };
            conn.on_written(taken, now, &scratch);
            if self.phases.phase == Phase::Measure {
                group.recorder.traffic.sent_bytes += taken as u64;
            }
            if let Some(timeout) = group.timeout
                && !conn.listed.timer
                && conn.in_flight() > 0
            {
                conn.listed.timer = true;
                self.timers.push(Reverse((now.saturating_add(timeout), token, Timer::Request)));
            }
            if let Some(failure) = failure {
                self.lose(token, &failure);
                break;
            }
            if taken < len {
                break;
            }
        }
        self.buffers.scratch = scratch;
    }
}

/// When a read may stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadUntil {
    /// At a read that leaves room in the buffer.
    Short,
    /// At the end of the stream.
    End,
}
