//! Which connection each captured command goes to: databases selected where they change, transactions in one piece.
//!
//! Not the reading of captures. Invariant: a command is sent in the database it was captured in, and between a MULTI and its
//! EXEC a connection carries no other client's commands.

use crate::replay::Entry;
use std::collections::HashMap;

/// What a command means for others on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing.
    Plain,
    /// Commands after it are queued.
    Begin,
    /// What was queued is done, or dropped.
    End,
    /// Decides what becomes of the connection's next transaction.
    Watch,
}

impl Kind {
    /// Of the command with this name, in capitals.
    pub(crate) fn of(name: &[u8]) -> Self {
        match name {
            b"MULTI" => Self::Begin,
            b"EXEC" | b"DISCARD" => Self::End,
            b"WATCH" | b"UNWATCH" => Self::Watch,
            _ => Self::Plain,
        }
    }
}

/// A command before connections are dealt out: the connection of its entry is its client's number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub(crate) entry: Entry,
    pub(crate) db: u16,
    pub(crate) kind: Kind,
}

/// How they are to be dealt out.
pub(crate) struct Wanted {
    pub(crate) clients: usize,
    /// Connections; clients beyond share.
    pub(crate) connections: u32,
    /// Everything goes to this database, which the connections are in from their beginning.
    pub(crate) only_db: Option<u16>,
    /// Label of what is added.
    pub(crate) select: u16,
}

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Dealt {
    pub(crate) entries: Vec<Entry>,
    /// One per entry, if there were any.
    pub(crate) times: Vec<u64>,
    /// Name, reason and count of what cannot be sent on shared connections.
    pub(crate) left_out: Vec<(&'static str, &'static str, u64)>,
}

const UNFINISHED: &str = "began a transaction whose EXEC is not in the capture";
const WATCHES: &str = "would watch for all clients that share its connection";

/// Where a connection stands.
#[derive(Clone, Copy, Debug)]
struct State {
    /// `None`: not known, as it depends on whether a transaction was done.
    db: Option<u16>,
    transaction: Transaction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transaction {
    None,
    Open,
    /// Open, with a SELECT in it.
    Selecting,
}

/// Deals them out; `times` has one per command, or none at all.
///
/// Where clients share a connection, a transaction is sent in one piece where its EXEC stood (MONITOR shows its commands there
/// anyway; only the MULTI is moved), and WATCH is left out.
pub(crate) fn deal(found: Vec<Found>, times: &[u64], wanted: &Wanted) -> Dealt {
    let begin = State { db: Some(wanted.only_db.unwrap_or(0)), transaction: Transaction::None };
    let mut dealer = Dealer {
        states: vec![begin; wanted.connections as usize],
        wanted,
        dealt: Dealt { entries: Vec::with_capacity(found.len()), ..Dealt::default() },
    };
    let is_shared = wanted.clients > wanted.connections as usize;
    let mut open: HashMap<u32, Vec<Found>> = HashMap::new();
    let (mut unfinished, mut watches) = (0, 0);
    for (number, one) in found.into_iter().enumerate() {
        let at = times.get(number).copied();
        let client = one.entry.connection;
        match one.kind {
            _ if !is_shared => dealer.put(one, at),
            Kind::Watch => watches += 1,
            Kind::Begin => {
                let before = open.insert(client, vec![one]);
                unfinished += before.map_or(0, |before| before.len() as u64);
            }
            Kind::End => {
                let queued = open.remove(&client).into_iter().flatten();
                queued.chain([one]).for_each(|one| dealer.put(one, at));
            }
            Kind::Plain => match open.get_mut(&client) {
                Some(queued) => queued.push(one),
                None => dealer.put(one, at),
            },
        }
    }
    unfinished += open.values().map(|queued| queued.len() as u64).sum::<u64>();
    let left_out = [("MULTI", UNFINISHED, unfinished), ("WATCH", WATCHES, watches)];
    dealer.dealt.left_out.extend(left_out.into_iter().filter(|(.., count)| *count > 0));
    dealer.dealt
}

struct Dealer<'a> {
    states: Vec<State>,
    wanted: &'a Wanted,
    dealt: Dealt,
}

impl Dealer<'_> {
    /// The next command of its connection, after a SELECT if it is for another database than the one before.
    fn put(&mut self, one: Found, at: Option<u64>) {
        let number = one.entry.connection % self.wanted.connections;
        let state = &mut self.states[number as usize];
        let db = self.wanted.only_db.unwrap_or(one.db);
        if state.db != Some(db) {
            state.db = Some(db);
            if state.transaction == Transaction::Open {
                state.transaction = Transaction::Selecting;
            }
            let label = self.wanted.select;
            self.dealt.entries.push(Entry {
                place: u64::from(db),
                len: 0,
                connection: number,
                label,
            });
            self.dealt.times.extend(at);
        }
        match (one.kind, state.transaction) {
            (Kind::Begin, Transaction::None) => state.transaction = Transaction::Open,
            (Kind::End, Transaction::Selecting) => {
                *state = State { db: None, transaction: Transaction::None };
            }
            (Kind::End, _) => state.transaction = Transaction::None,
            _ => {}
        }
        self.dealt.entries.push(Entry { connection: number, ..one.entry });
        self.dealt.times.extend(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `CLIENT:DB:NAME` words, dealt out; entries as `CONNECTION:NAME`, times in the order of the words.
    fn dealt(words: &str, clients: usize, connections: u32) -> (Vec<String>, Vec<u64>, u64) {
        let names: Vec<&str> = words.split(' ').collect();
        let found = names.iter().enumerate().map(|(number, word)| {
            let parts: Vec<&str> = word.split(':').collect();
            let connection = parts[0].parse().expect("a client");
            let entry = Entry { place: number as u64, len: 1, connection, label: 0 };
            Found {
                entry,
                db: parts[1].parse().expect("a database"),
                kind: Kind::of(parts[2].as_bytes()),
            }
        });
        let times: Vec<u64> = (0..names.len() as u64).collect();
        let wanted = Wanted { clients, connections, only_db: None, select: 9 };
        let dealt = deal(found.collect(), &times, &wanted);
        let text = |entry: &Entry| match entry.len {
            0 => format!("{}:SELECT{}", entry.connection, entry.place),
            _ => format!("{}:{}", entry.connection, names[entry.place as usize]),
        };
        let left_out = dealt.left_out.iter().map(|(.., count)| count).sum();
        (dealt.entries.iter().map(text).collect(), dealt.times, left_out)
    }

    #[test]
    fn a_shared_connection_carries_a_transaction_in_one_piece() {
        let words = "0:0:MULTI 1:0:GET 0:0:SET 0:0:EXEC 1:0:WATCH 1:0:MULTI 0:0:GET";
        let (entries, times, left_out) = dealt(words, 2, 1);
        assert_eq!(entries, ["0:1:0:GET", "0:0:0:MULTI", "0:0:0:SET", "0:0:0:EXEC", "0:0:0:GET"]);
        assert_eq!(times, [1, 3, 3, 3, 6]);
        assert_eq!(left_out, 2, "a WATCH, and a MULTI without its EXEC");
        let (entries, ..) = dealt(words, 2, 2);
        assert_eq!(entries.len(), 7, "connections of their own: as captured");
    }

    #[test]
    fn databases_are_selected_where_they_change() {
        let (entries, ..) = dealt("0:0:GET 0:3:GET 1:0:GET 0:3:GET", 2, 2);
        assert_eq!(entries, ["0:0:0:GET", "0:SELECT3", "0:0:3:GET", "1:1:0:GET", "0:0:3:GET"]);
        // Whether a transaction was done, and with it the SELECT inside, is known to the server only.
        let (entries, ..) = dealt("0:0:MULTI 0:2:SET 0:2:EXEC 0:2:GET", 1, 1);
        assert_eq!(
            entries,
            ["0:0:0:MULTI", "0:SELECT2", "0:0:2:SET", "0:0:2:EXEC", "0:SELECT2", "0:0:2:GET"]
        );
    }
}
