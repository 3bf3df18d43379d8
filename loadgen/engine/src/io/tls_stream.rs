//! A TLS connection between plain bytes and a socket: encrypts what is written, decrypts what is read.
//!
//! Not a connection of the engine (see `conn`) and no certificate. Invariants: a write reports a request's bytes as taken
//! when the kernel has taken the first byte of the record that holds them, neither before nor later; a read that leaves room
//! in the buffer has seen the socket empty, as the poller promises its users.

use crate::tls;
use rustls::ClientConnection;
use std::io::{self, Read, Write};

/// Encrypted bytes read at a time: three full records. Several connections share one such buffer.
pub(crate) const CIPHER_BYTES: usize = 48 * 1024;
/// Most plain bytes in a record.
const RECORD_BYTES: usize = 16 * 1024;

/// The TLS side of a stream.
#[derive(Debug)]
pub(crate) struct Secure {
    tls: ClientConnection,
    /// Plain bytes that are in a record already and not reported as taken: they will be offered again.
    encrypted: usize,
    /// Encrypted bytes read and not decrypted, as the reader's buffer was full.
    left: Vec<u8>,
    /// What the last read from the socket left behind.
    socket: Socket,
    /// Whether the server has said that it closes (close_notify); what it said before may still lie here.
    is_ending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Socket {
    /// There may be more.
    MayHold,
    /// Nothing, by a short read: readiness will tell of more.
    Empty,
    /// Nothing that matters: the server said that it closes, and all that it said before has been read.
    Closed,
}

impl Secure {
    /// A connection that has not begun its handshake.
    pub(crate) const fn new(tls: ClientConnection) -> Self {
        Self { tls, encrypted: 0, left: Vec::new(), socket: Socket::MayHold, is_ending: false }
    }

    /// Takes the handshake as far as it goes; whether it is over.
    ///
    /// # Errors
    /// The other side hung up, or either does not accept the other.
    pub(crate) fn handshake(&mut self, socket: &mut (impl Read + Write)) -> io::Result<bool> {
        loop {
            self.flush(socket)?;
            if !self.tls.is_handshaking() {
                return Ok(!self.tls.wants_write());
            }
            match self.tls.read_tls(socket) {
                Ok(0) => return Err(hung_up()),
                Ok(_) => self.process(socket)?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads plain bytes; `cipher` is room for encrypted ones.
    ///
    /// # Errors
    /// As a socket's, or the records are not sound.
    pub(crate) fn read(
        &mut self,
        socket: &mut (impl Read + Write),
        buffer: &mut [u8],
        cipher: &mut [u8],
    ) -> io::Result<usize> {
        let mut done = 0;
        let left = std::mem::take(&mut self.left);
        self.decrypt(socket, &left, buffer, &mut done)?;
        // A new call follows a new readiness.
        if done == 0 && self.socket != Socket::Closed {
            self.socket = Socket::MayHold;
        }
        while done < buffer.len() && (done == 0 || self.socket == Socket::MayHold) {
            if self.socket == Socket::Closed {
                return Ok(0);
            }
            match socket.read(cipher) {
                Ok(0) if done == 0 => return Ok(0),
                Ok(0) => break,
                Ok(len) => {
                    self.socket = if len < cipher.len() { Socket::Empty } else { Socket::MayHold };
                    self.decrypt(socket, &cipher[..len], buffer, &mut done)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if done == 0 => return Err(error),
                Err(_) => {
                    self.socket = Socket::Empty;
                    break;
                }
            }
        }
        Ok(done)
    }

    /// Decrypts into `buffer` from `done` on; what it has no room for is kept.
    fn decrypt(
        &mut self,
        socket: &mut impl Write,
        mut bytes: &[u8],
        buffer: &mut [u8],
        done: &mut usize,
    ) -> io::Result<()> {
        loop {
            *done += self.take(&mut buffer[*done..])?;
            if self.is_ending && *done < buffer.len() {
                // What comes after the end is no part of it.
                self.socket = Socket::Closed;
                return Ok(());
            }
            if *done == buffer.len() || bytes.is_empty() {
                break;
            }
            self.tls.read_tls(&mut bytes)?;
            self.process(socket)?;
        }
        self.left.extend_from_slice(bytes);
        Ok(())
    }

    /// Plain bytes that are there.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.tls.reader().read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    fn process(&mut self, socket: &mut impl Write) -> io::Result<()> {
        let explain = if self.tls.is_handshaking() { tls::failure } else { tls::failure_later };
        let processed = self.tls.process_new_packets().map_err(|error| explain(&error));
        if processed.is_err() {
            // Send the reason to the other side; if that fails too, it does not matter any more.
            let _ = self.flush(socket);
        }
        self.is_ending |= processed?.peer_has_closed();
        Ok(())
    }

    /// Writes plain bytes; how many of them are in records of which the kernel has taken the first byte. The bytes not taken
    /// must be offered again, first and unchanged.
    ///
    /// # Errors
    /// As a socket's, or the server has said that it closes; nothing was taken.
    pub(crate) fn write(&mut self, socket: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
        if self.socket == Socket::Closed {
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, "closed by the server"));
        }
        let mut taken = 0;
        loop {
            let offered = &bytes[taken..];
            if self.encrypted == 0 {
                if offered.is_empty() {
                    return Ok(taken);
                }
                let record = &offered[..offered.len().min(RECORD_BYTES)];
                self.encrypted = self.tls.writer().write(record)?;
            }
            let (sent, failure) = match self.flush(socket) {
                Ok(sent) => (sent, None),
                Err(error) => (0, Some(error)),
            };
            if let Some(error) = failure {
                return if taken > 0 { Ok(taken) } else { Err(error) };
            }
            if !self.tls.wants_write() {
                taken += std::mem::take(&mut self.encrypted);
                continue;
            }
            if sent > 0 && self.encrypted > 1 {
                // The rest of the record waits for room. One plain byte is held back, so that the connection knows that there
                // is something to write; no request is that short, so each is known to have left.
                taken += self.encrypted - 1;
                self.encrypted = 1;
            }
            return if taken > 0 { Ok(taken) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
    }

    /// Hands encrypted bytes to the kernel as far as it takes them; how many.
    fn flush(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let mut sent = 0;
        while self.tls.wants_write() {
            match self.tls.write_tls(socket) {
                Ok(0) => break,
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sent)
    }
}

fn hung_up() -> io::Error {
    io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "TLS: the server closed the connection during the handshake (is that its TLS port?)",
    )
}
