//! Commands about the client's own connection, which it does not have: the relay replies as Redis would.
//!
//! Not the decision which those are (see [`crate::relay::share::policy`]). Invariant: nothing here is sent upstream.

use crate::relay::policy::Local;
use crate::relay::share::{ClientId, Share, limits};
use aelab_resp::encode;

impl Share {
    pub(crate) fn run_local(&mut self, id: ClientId, local: Local, args: &[&[u8]]) {
        match local {
            Local::Ok => self.answer(id, |out| encode::simple(out, b"OK")),
            Local::ClientId => self.answer(id, |out| encode::integer(out, id as i64)),
            Local::Quit => {
                self.answer(id, |out| encode::simple(out, b"OK"));
                self.end_input(id);
            }
            Local::Reset => {
                self.set_stranger(id, self.credentials.is_some());
                self.answer(id, |out| encode::simple(out, b"RESET"));
            }
            Local::Auth => self.authenticate(id, &args[1..], |out| encode::simple(out, b"OK")),
            Local::Hello => self.hello(id, &args[1..]),
        }
    }

    /// `HELLO [2 [AUTH user password] [SETNAME name]]`. The shared connections speak RESP2.
    fn hello(&mut self, id: ClientId, args: &[&[u8]]) {
        match args.first() {
            None | Some(&b"2") => {}
            Some(&b"3") => {
                let text = b"NOPROTO the relay shares RESP2 connections; use RESP2, or run it without --share";
                return self.answer(id, |out| encode::error(out, text));
            }
            Some(_) => {
                return self.answer(id, |out| {
                    encode::error(out, b"NOPROTO unsupported protocol version");
                });
            }
        }
        let mut options = args.get(1..).unwrap_or_default();
        let mut login: Option<&[&[u8]]> = None;
        while let Some(option) = options.first() {
            let is = |word: &str| option.eq_ignore_ascii_case(word.as_bytes());
            let taken = if is("AUTH") && options.len() >= 3 {
                login = Some(&options[1..3]);
                3
            } else if is("SETNAME") && options.len() >= 2 {
                2
            } else {
                return self
                    .answer(id, |out| encode::error(out, b"ERR Syntax error in HELLO option"));
            };
            options = &options[taken..];
        }
        match login {
            Some(login) => self.authenticate(id, login, |out| write_hello(out, id)),
            None if self.is_stranger(id) => {
                self.answer(id, |out| {
                    encode::error(out, b"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option can be used to authenticate the client");
                });
            }
            None => self.answer(id, |out| write_hello(out, id)),
        }
    }

    fn authenticate(&mut self, id: ClientId, login: &[&[u8]], granted: impl FnOnce(&mut Vec<u8>)) {
        let refusal: &[u8] = match (&self.credentials, login) {
            (_, []) | (_, [_, _, _, ..]) => b"ERR wrong number of arguments for 'auth' command",
            (None, _) => {
                b"ERR AUTH called without any password given to the relay; start it with --password, or do not authenticate"
            }
            (Some(credentials), login) if credentials.admit(login) => {
                self.set_stranger(id, false);
                return self.answer(id, granted);
            }
            _ => b"WRONGPASS invalid username-password pair or user is disabled.",
        };
        self.answer(id, |out| encode::error(out, refusal));
    }

    pub(crate) fn is_stranger(&self, id: ClientId) -> bool {
        self.clients
            .get(&id)
            .is_some_and(|client| client.limits.trust == aelab_resp::Trust::Unauthenticated)
    }

    fn set_stranger(&mut self, id: ClientId, is_stranger: bool) {
        if let Some(client) = self.clients.get_mut(&id) {
            client.limits = limits(is_stranger);
        }
    }
}

/// The reply to HELLO in RESP2.
fn write_hello(out: &mut Vec<u8>, id: ClientId) {
    let texts = [
        ("server", "aelab-relay"),
        ("version", env!("CARGO_PKG_VERSION")),
        ("mode", "standalone"),
        ("role", "master"),
    ];
    // Name and value of each, then proto, id and modules.
    encode::array(out, (texts.len() + 3) * 2);
    for (name, value) in texts {
        encode::bulk(out, name.as_bytes());
        encode::bulk(out, value.as_bytes());
    }
    encode::bulk(out, b"proto");
    encode::integer(out, 2);
    encode::bulk(out, b"id");
    encode::integer(out, id as i64);
    encode::bulk(out, b"modules");
    encode::array(out, 0);
}
