//! The reply being built: RESP2 or RESP3 by the client's protocol, appended to its output buffer.
//!
//! This is not a socket and not a buffer manager: `net` owns the bytes before and after a command runs.
//! Invariant: once a command returns, it has appended a whole number of replies.

use aelab_resp::encode;

/// Which of the two protocols the client asked for with `HELLO`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// What every client speaks before `HELLO 3`.
    #[default]
    Resp2,
    /// Maps, sets, pushes, doubles, booleans and one null.
    Resp3,
}

/// A place where a length goes once it is known; see [`Reply::deferred`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Deferred {
    at: usize,
}

/// Where the replies of one client are appended.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    buf: Vec<u8>,
    proto: Protocol,
    last_error: Option<usize>,
    /// The last error came out of a script and was counted when the command in it failed.
    counted: bool,
}

impl Reply {
    /// A reply that appends to `buf`, in the client's protocol.
    pub(crate) fn new(buf: Vec<u8>, proto: Protocol) -> Self {
        Reply { buf, proto, last_error: None, counted: false }
    }

    /// The bytes, given back to the network layer.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.buf
    }

    /// Changes the protocol from here on (`HELLO`, `RESET`).
    pub(crate) fn set_protocol(&mut self, proto: Protocol) {
        self.proto = proto;
    }

    /// Whether the client speaks RESP3.
    pub(crate) fn resp3(&self) -> bool {
        self.proto == Protocol::Resp3
    }

    /// Bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.buf.len()
    }

    /// Removes everything after `len`, for a client that asked for no replies.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.buf.truncate(len);
    }

    /// Takes the text of the last error since the previous call, for `errorstat_*`.
    pub(crate) fn take_error(&mut self) -> Option<&[u8]> {
        let at = self.last_error.take()?;
        if std::mem::take(&mut self.counted) {
            return None;
        }
        let line = self.buf.get(at + 1..)?;
        let end = line.iter().position(|&b| b == b'\r').unwrap_or(line.len());
        Some(&line[..end])
    }

    /// Whether an error was written since [`Reply::take_error`] was last called.
    pub(crate) fn has_error(&self) -> bool {
        self.last_error.is_some()
    }

    /// `+OK`.
    pub(crate) fn ok(&mut self) {
        self.buf.extend_from_slice(b"+OK\r\n");
    }

    /// A status line; `text` holds no line break.
    pub(crate) fn simple(&mut self, text: &[u8]) {
        encode::simple(&mut self.buf, text);
    }

    /// An error, with its code first (`ERR …`, `WRONGTYPE …`). Line breaks become spaces.
    pub(crate) fn error(&mut self, text: impl AsRef<[u8]>) {
        let at = self.buf.len();
        self.last_error = Some(at);
        encode::error(&mut self.buf, text.as_ref());
        let end = self.buf.len() - 2;
        for byte in &mut self.buf[at..end] {
            if *byte == b'\r' || *byte == b'\n' {
                *byte = b' ';
            }
        }
    }

    /// An error that a script returns or ends with; `counted` if `errorstat_*` has it already.
    pub(crate) fn script_error(&mut self, text: &[u8], counted: bool) {
        self.error(text);
        self.counted = counted;
    }

    /// The command does not fit the type of the value.
    pub(crate) fn wrong_type(&mut self) {
        self.error("WRONGTYPE Operation against a key holding the wrong kind of value");
    }

    /// `ERR syntax error`.
    pub(crate) fn syntax_error(&mut self) {
        self.error("ERR syntax error");
    }

    /// `ERR value is not an integer or out of range`.
    pub(crate) fn not_integer(&mut self) {
        self.error("ERR value is not an integer or out of range");
    }

    /// `ERR value is not a valid float`.
    pub(crate) fn not_float(&mut self) {
        self.error("ERR value is not a valid float");
    }

    /// `ERR no such key`.
    pub(crate) fn no_such_key(&mut self) {
        self.error("ERR no such key");
    }

    /// `ERR wrong number of arguments for '…' command`; `name` as in the table, `config|get` for
    /// a subcommand.
    pub(crate) fn wrong_arity(&mut self, name: &str) {
        self.error(format!("ERR wrong number of arguments for '{name}' command"));
    }

    /// An integer.
    pub(crate) fn integer(&mut self, value: i64) {
        encode::integer(&mut self.buf, value);
    }

    /// A count as an integer.
    pub(crate) fn count(&mut self, value: usize) {
        encode::integer(&mut self.buf, value as i64);
    }

    /// A bulk string.
    pub(crate) fn bulk(&mut self, bytes: &[u8]) {
        encode::bulk(&mut self.buf, bytes);
    }

    /// An integer as a bulk string (a value that is stored as a number).
    pub(crate) fn bulk_integer(&mut self, value: i64) {
        encode::bulk(&mut self.buf, itoa::Buffer::new().format(value).as_bytes());
    }

    /// No value: `$-1` or `_`.
    pub(crate) fn null(&mut self) {
        if self.resp3() {
            encode::null3(&mut self.buf);
        } else {
            encode::null_bulk(&mut self.buf);
        }
    }

    /// No array: `*-1` or `_`.
    pub(crate) fn null_array(&mut self) {
        if self.resp3() {
            encode::null3(&mut self.buf);
        } else {
            encode::null_array(&mut self.buf);
        }
    }

    /// The head of an array of `len` items, which follow.
    pub(crate) fn array(&mut self, len: usize) {
        encode::array(&mut self.buf, len);
    }

    /// The head of a map of `len` pairs (an array of twice as many in RESP2).
    pub(crate) fn map(&mut self, len: usize) {
        if self.resp3() {
            encode::map3(&mut self.buf, len);
        } else {
            encode::array(&mut self.buf, len * 2);
        }
    }

    /// The head of a set of `len` items (an array in RESP2).
    pub(crate) fn set(&mut self, len: usize) {
        if self.resp3() {
            encode::set3(&mut self.buf, len);
        } else {
            encode::array(&mut self.buf, len);
        }
    }

    /// The head of an out-of-band message of `len` items (an array in RESP2).
    pub(crate) fn push(&mut self, len: usize) {
        if self.resp3() {
            encode::push3(&mut self.buf, len);
        } else {
            encode::array(&mut self.buf, len);
        }
    }

    /// A double (a bulk string in RESP2).
    pub(crate) fn double(&mut self, value: f64) {
        if self.resp3() {
            encode::double3(&mut self.buf, value);
        } else {
            encode::bulk(&mut self.buf, encode::format_double(value).as_bytes());
        }
    }

    /// A boolean (1 or 0 in RESP2).
    pub(crate) fn boolean(&mut self, value: bool) {
        if self.resp3() {
            encode::boolean3(&mut self.buf, value);
        } else {
            encode::integer(&mut self.buf, i64::from(value));
        }
    }

    /// Text for people (`INFO`, `CLIENT LIST`): a verbatim string of kind `txt` in RESP3.
    pub(crate) fn verbatim(&mut self, text: &[u8]) {
        if self.resp3() {
            encode::verbatim3(&mut self.buf, *b"txt", text);
        } else {
            encode::bulk(&mut self.buf, text);
        }
    }

    /// An integer of any length (a bulk string in RESP2).
    pub(crate) fn big_number(&mut self, digits: &[u8]) {
        if self.resp3() {
            encode::big_number3(&mut self.buf, digits);
        } else {
            encode::bulk(&mut self.buf, digits);
        }
    }

    /// Text of a kind named by three letters (a bulk string in RESP2).
    pub(crate) fn verbatim_as(&mut self, kind: &[u8], text: &[u8]) {
        match <[u8; 3]>::try_from(kind) {
            Ok(kind) if self.resp3() => encode::verbatim3(&mut self.buf, kind, text),
            _ => encode::bulk(&mut self.buf, text),
        }
    }

    /// Bytes that are already RESP.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.buf.extend_from_slice(bytes);
    }

    /// Remembers this place for a length that is not known yet. Finish with exactly one of
    /// [`Reply::end_array`], [`Reply::end_map`].
    pub(crate) fn deferred(&mut self) -> Deferred {
        Deferred { at: self.buf.len() }
    }

    /// What was appended since `place` is an array of `len` items.
    pub(crate) fn end_array(&mut self, place: Deferred, len: usize) {
        self.insert_head(&place, |reply| reply.array(len));
    }

    /// What was appended since `place` is a map of `len` pairs.
    pub(crate) fn end_map(&mut self, place: Deferred, len: usize) {
        self.insert_head(&place, |reply| reply.map(len));
    }

    /// The head is written last and the body is moved once. Even for a reply of hundreds of megabytes
    /// this costs little compared with making the reply.
    fn insert_head(&mut self, place: &Deferred, write: impl FnOnce(&mut Reply)) {
        let body_end = self.buf.len();
        write(self);
        let head_len = self.buf.len() - body_end;
        self.buf[place.at..].rotate_right(head_len);
    }
}
