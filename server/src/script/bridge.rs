//! The bridge from a running script to the server: its commands, and questions of the library.

use super::busy;
use crate::args::Args;
use crate::client::ClientKey;
use crate::clock::Nanos;
use crate::dispatch;
use crate::lua::raised::number;
use crate::lua::{Host, Progress, Question};
use crate::reply::{Protocol, Reply};
use crate::server::Server;
use mlua::{MultiValue, Result, Value};
use std::cell::{Cell, RefCell};

/// One script's access to the server.
pub(super) struct Bridge<'a, 's> {
    /// Borrowed for the length of one command, never across Lua code.
    pub(super) server: &'a RefCell<&'s mut Server>,
    pub(super) client: ClientKey,
    /// What the script gets replies in.
    pub(super) protocol: &'a Cell<Protocol>,
}

impl Host for Bridge<'_, '_> {
    fn execute(&self, words: Args<'_>, out: &mut Reply) -> Nanos {
        dispatch::call_from_script(&mut self.server.borrow_mut(), self.client, words, out)
    }

    fn may_go_on(&self) -> bool {
        busy::look(&mut self.server.borrow_mut()) != Progress::Killed
    }

    fn answer(&self, args: &MultiValue) -> Result<bool> {
        let what = args.front().and_then(Value::as_i64).unwrap_or_default();
        let server = &mut **self.server.borrow_mut();
        if what == Question::Protocol as i64 {
            let resp3 = args.get(1).and_then(number) == Some(3.0);
            self.protocol.set(if resp3 { Protocol::Resp3 } else { Protocol::Resp2 });
        } else if what == Question::Known as i64 {
            let name = args.get(1).and_then(Value::as_string);
            return Ok(name.is_some_and(|name| server.commands.find(&name.as_bytes()).is_some()));
        } else if let (Some(level), Some(text)) =
            (args.get(1).and_then(number), args.get(2).and_then(Value::as_string))
        {
            server.log.at_level(level as u8, text.to_string_lossy());
        }
        Ok(true)
    }

    fn before_reply(&self, out: &mut Reply) {
        if let Some(running) = &self.server.borrow().scripting.running {
            out.raw(&running.own_messages);
        }
    }

    fn protocol(&self) -> Protocol {
        self.protocol.get()
    }
}
