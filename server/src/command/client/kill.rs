//! CLIENT KILL: closing connections, by address or by filters.

use crate::args::parse_integer;
use crate::client::ClientKey;
use crate::client::Life;
use crate::command::client::{type_arg, type_name};
use crate::server::Call;
use crate::server::Server;

/// The filters of `CLIENT KILL`; all that are given must match.
#[derive(Default)]
struct Filter {
    id: Option<u64>,
    kind: Option<&'static str>,
    addr: Option<Vec<u8>>,
    laddr: Option<Vec<u8>>,
    skip_me: bool,
}

impl Filter {
    fn matches(&self, server: &Server, key: ClientKey, me: ClientKey) -> bool {
        let client = &server.clients[key];
        let is = |wanted: &Option<Vec<u8>>, actual: &dyn Fn() -> String| {
            wanted.as_ref().is_none_or(|wanted| *wanted == actual().as_bytes())
        };
        self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind == type_name(client))
            && is(&self.addr, &|| server.peer_text(client))
            && is(&self.laddr, &|| server.local_text(client))
            && !(self.skip_me && key == me)
    }
}

/// Closes the connections that match an address (old form) or all given filters. O(N) for N
/// clients.
pub(super) fn kill(call: &mut Call<'_>) {
    if call.args.len() == 3 {
        let filter = Filter { addr: Some(call.args.at(2).to_vec()), ..Filter::default() };
        return match kill_matching(call, &filter) {
            0 => call.out.error("ERR No such client"),
            _ => call.out.ok(),
        };
    }
    let Some(filter) = parse_filter(call) else { return };
    let count = kill_matching(call, &filter);
    call.out.count(count);
}

/// Reads the filters of the new form; replies with the error if they are wrong.
fn parse_filter(call: &mut Call<'_>) -> Option<Filter> {
    let mut filter = Filter { skip_me: true, ..Filter::default() };
    let mut at = 2;
    while at < call.args.len() {
        let Some(value) = call.args.get(at + 1) else {
            call.out.syntax_error();
            return None;
        };
        if call.args.is(at, "id") {
            let id = parse_integer(value).filter(|&id| id > 0);
            let Some(id) = id else {
                call.out.error("ERR client-id should be greater than 0");
                return None;
            };
            filter.id = Some(id as u64);
        } else if call.args.is(at, "type") {
            filter.kind = Some(type_arg(call, at + 1)?);
        } else if call.args.is(at, "addr") {
            filter.addr = Some(value.to_vec());
        } else if call.args.is(at, "laddr") {
            filter.laddr = Some(value.to_vec());
        } else if call.args.is(at, "user") {
            if value != b"default" {
                let mut text = b"ERR No such user '".to_vec();
                text.extend_from_slice(value);
                text.push(b'\'');
                call.out.error(text);
                return None;
            }
        } else if call.args.is(at, "skipme") && call.args.is(at + 1, "yes") {
            filter.skip_me = true;
        } else if call.args.is(at, "skipme") && call.args.is(at + 1, "no") {
            filter.skip_me = false;
        } else {
            call.out.syntax_error();
            return None;
        }
        at += 2;
    }
    Some(filter)
}

fn kill_matching(call: &mut Call<'_>, filter: &Filter) -> usize {
    let me = call.client;
    let keys: Vec<ClientKey> =
        call.server.clients.keys().filter(|&key| filter.matches(call.server, key, me)).collect();
    for &key in &keys {
        if key != me {
            call.server.free_later(key);
        } else if let Some(client) = call.server.clients.get_mut(key) {
            // The caller's own reply must still be sent.
            client.life = Life::CloseAfterReply;
        }
    }
    keys.len()
}
