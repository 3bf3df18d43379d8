//! Shared connections without sockets: each client gets its own replies, whichever others disconnect.

use crate::relay::Credentials;
use crate::relay::share::{Broken, ClientId, Fate, Share, Touched};
use aelab_resp::{Parsed, RequestLimits, RequestParser, encode, value};
use proptest::prelude::*;
use std::collections::{HashMap, VecDeque};

/// Clients around shared connections, with a server that answers `ECHO x` with `x` when the test says so.
struct Bench {
    share: Share,
    /// Per connection: the server's parser, what it has not understood yet, and the answers it still owes.
    servers: Vec<(RequestParser, Vec<u8>, VecDeque<Vec<u8>>)>,
    got: HashMap<ClientId, Vec<u8>>,
}

impl Bench {
    fn new(count: usize, password: Option<&str>) -> Self {
        let credentials =
            password.map(|password| Credentials { user: None, password: password.to_owned() });
        Self {
            share: Share::new(count, credentials),
            servers: (0..count).map(|_| Default::default()).collect(),
            got: HashMap::new(),
        }
    }

    fn open(&mut self) -> ClientId {
        let id = self.share.open_client();
        self.got.insert(id, Vec::new());
        id
    }

    fn say(&mut self, id: ClientId, bytes: &[u8]) {
        self.share.client_bytes(id, bytes);
        self.look();
    }

    /// Carries bytes as the driver does.
    fn look(&mut self) {
        for touched in self.share.take_touched() {
            match touched {
                Touched::Client(id) => {
                    if let Some(out) = self.share.client_out(id) {
                        let bytes = out.pending().to_vec();
                        out.take(bytes.len());
                        self.got.entry(id).or_default().extend(bytes);
                    }
                }
                Touched::Upstream(index) => {
                    let out = self.share.upstream_out(index);
                    self.servers[index].1.extend_from_slice(out.pending());
                    let count = out.len();
                    out.take(count);
                }
            }
        }
    }

    /// The server of a connection understands what it was sent. Returns the commands, arguments joined by blanks.
    fn serve(&mut self, index: usize) -> Vec<String> {
        let (parser, buffer, owed) = &mut self.servers[index];
        let (mut args, mut commands) = (Vec::new(), Vec::new());
        while !buffer.is_empty() {
            let parsed = parser.parse(buffer, &RequestLimits::default(), &mut args);
            let Ok(Parsed::Command { consumed }) = parsed else { panic!("{parsed:?}") };
            let words: Vec<_> = args.iter().map(|arg| arg.of(buffer).to_vec()).collect();
            let mut reply = Vec::new();
            match words[0].as_slice() {
                b"AUTH" => encode::simple(&mut reply, b"OK"),
                _ => encode::bulk(&mut reply, words.last().map_or(b"", Vec::as_slice)),
            }
            owed.push_back(reply);
            commands.push(String::from_utf8_lossy(&words.join(&b' ')).into_owned());
            buffer.drain(..consumed);
        }
        commands
    }

    /// The server of a connection answers in pieces of at most `piece` bytes.
    fn answer(&mut self, index: usize, piece: usize) -> Result<(), Broken> {
        self.serve(index);
        let bytes: Vec<u8> = self.servers[index].2.drain(..).flatten().collect();
        for part in bytes.chunks(piece) {
            self.share.upstream_bytes(index, part)?;
        }
        self.look();
        Ok(())
    }

    #[track_caller]
    fn check(&mut self, id: ClientId, said: &str, expected: &str) {
        self.say(id, said.as_bytes());
        for index in 0..self.servers.len() {
            self.answer(index, 3).expect("a good connection");
        }
        let got = std::mem::take(self.got.entry(id).or_default());
        assert_eq!(String::from_utf8_lossy(&got), expected, "{said:?}");
    }
}

#[test]
fn commands_are_passed_on_answered_or_refused_in_order() {
    let mut bench = Bench::new(1, None);
    let id = bench.open();
    bench.check(id, "ECHO a\r\n", "$1\r\na\r\n");
    bench.check(id, "\r\n*0\r\n", "");
    bench.check(id, "*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n", "$3\r\na\r\n\r\n");
    bench.check(id, "ECHO \"two words\"\r\nCLIENT ID\r\n", "$9\r\ntwo words\r\n:1\r\n");
    bench.check(id, "SELECT 0\r\nECHO b\r\nCLIENT SETNAME me\r\n", "+OK\r\n$1\r\nb\r\n+OK\r\n");
    bench.check(
        id,
        "ECHO a\r\nsubscribe news\r\nECHO b\r\n",
        "$1\r\na\r\n-ERR SUBSCRIBE does not work over a shared connection: its messages could not be told from other \
         clients' replies. Connect to the server itself, or run the relay without --share\r\n$1\r\nb\r\n",
    );
    bench.check(
        id,
        "HELLO 3\r\n",
        "-NOPROTO the relay shares RESP2 connections; use RESP2, or run it without --share\r\n",
    );
    bench.check(
        id,
        "AUTH x\r\n",
        "-ERR AUTH called without any password given to the relay; start it with --password, or do not authenticate\r\n",
    );
    let stats = bench.share.stats;
    assert_eq!((stats.commands_forwarded, stats.commands_refused), (6, 1));
    assert_eq!(bench.share.fate(id), Fate::Open);
    bench.check(id, "ECHO a\r\nQUIT\r\nECHO never\r\n", "$1\r\na\r\n+OK\r\n");
    assert_eq!(bench.share.fate(id), Fate::Finish);
}

#[test]
fn a_client_that_is_not_understood_is_told_so_behind_what_it_is_owed() {
    let mut bench = Bench::new(1, None);
    let id = bench.open();
    bench.check(
        id,
        "ECHO a\r\n*1\r\nx\r\n",
        "$1\r\na\r\n-ERR Protocol error: expected '$', got 'x'\r\n",
    );
    assert_eq!(bench.share.fate(id), Fate::Finish);
}

#[test]
fn with_a_password_nothing_passes_before_it_is_shown() {
    let mut bench = Bench::new(1, Some("secret"));
    let id = bench.open();
    bench.check(id, "ECHO a\r\n", "-NOAUTH Authentication required.\r\n");
    bench.check(id, "MULTI\r\n", "-NOAUTH Authentication required.\r\n");
    let wrong = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";
    bench.check(id, "AUTH nonsense\r\n", wrong);
    bench.check(id, "AUTH other secret\r\n", wrong);
    assert_eq!(bench.share.stats.commands_forwarded, 0);
    bench.check(id, "AUTH default secret\r\n", "+OK\r\n");
    bench.say(id, b"ECHO a\r\n");
    assert_eq!(bench.serve(0), ["AUTH secret", "ECHO a"], "the relay logs in first");
    bench.check(id, "RESET\r\n", "$1\r\na\r\n+RESET\r\n");
    bench.check(id, "ECHO a\r\n", "-NOAUTH Authentication required.\r\n");

    let other = bench.open();
    bench.say(other, b"HELLO 2 AUTH default secret SETNAME me\r\n");
    let (hello, _) = value::decode(&bench.got[&other]).expect("RESP").expect("a whole reply");
    assert!(matches!(hello, value::Value::Array(fields) if fields.len() == 14));
}

#[test]
fn a_refused_login_ends_the_connection() {
    let mut bench = Bench::new(1, Some("secret"));
    let id = bench.open();
    bench.say(id, b"AUTH secret\r\nECHO a\r\n");
    let broken = bench.share.upstream_bytes(0, b"-WRONGPASS no\r\n");
    assert_eq!(broken, Err(Broken::Login("WRONGPASS no".to_owned())));
}

#[test]
fn losing_a_connection_costs_only_those_who_wait_on_it() {
    let mut bench = Bench::new(2, None);
    let (one, two) = (bench.open(), bench.open());
    bench.say(one, b"ECHO 1\r\n");
    bench.say(two, b"ECHO 2\r\n");
    bench.share.lose_upstream(0);
    bench.look();
    assert_eq!((bench.share.fate(one), bench.share.fate(two)), (Fate::Drop, Fate::Open));
    bench.servers[0] = Default::default();
    bench.check(two, "", "$1\r\n2\r\n");
    // The lost connection is used again.
    let three = bench.open();
    bench.check(three, "ECHO 3\r\n", "$1\r\n3\r\n");
    assert_eq!(bench.share.stats.clients_dropped, 1);
}

#[test]
fn a_reply_without_a_request_ends_a_connection() {
    let mut bench = Bench::new(1, None);
    let said = bench.share.upstream_bytes(0, b"-ERR max number of clients reached\r\n");
    assert_eq!(said, Err(Broken::Unasked("-ERR max number of clients reached".to_owned())));
}

#[test]
fn a_client_that_is_far_ahead_is_not_read() {
    let mut bench = Bench::new(1, None);
    let id = bench.open();
    assert!(bench.share.wants_client_bytes(id));
    let mut big = Vec::new();
    encode::command(&mut big, &[b"ECHO", &vec![b'x'; 2 << 20]]);
    bench.share.client_bytes(id, &big);
    assert!(!bench.share.wants_client_bytes(id), "the connection is behind");
    bench.look();
    assert!(bench.share.wants_client_bytes(id));
    bench.serve(0);
    let reply: Vec<u8> = bench.servers[0].2.drain(..).flatten().collect();
    bench.share.upstream_bytes(0, &reply).expect("a good connection");
    assert!(!bench.share.wants_client_bytes(id), "the client is behind");
}

/// One step of several clients.
#[derive(Clone, Debug)]
enum Act {
    Open,
    /// The client at this place says this many commands, in pieces of so many bytes.
    Say(prop::sample::Index, usize, usize),
    /// It disconnects.
    Leave(prop::sample::Index),
    /// A server answers all it was asked, in pieces of so many bytes.
    Answer(prop::sample::Index, usize),
    /// A connection is lost.
    Lose(prop::sample::Index),
}

fn act() -> impl Strategy<Value = Act> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        2 => Just(Act::Open),
        8 => (index(), 1..5_usize, 1..40_usize).prop_map(|(a, b, c)| Act::Say(a, b, c)),
        1 => index().prop_map(Act::Leave),
        5 => (index(), 1..20_usize).prop_map(|(a, b)| Act::Answer(a, b)),
        1 => index().prop_map(Act::Lose),
    ]
}

proptest! {
    #[test]
    fn every_client_gets_its_own_answers(
        count in 1..4_usize,
        acts in prop::collection::vec(act(), 1..80),
    ) {
        let mut bench = Bench::new(count, None);
        let mut open: Vec<ClientId> = Vec::new();
        let mut expected: HashMap<ClientId, Vec<u8>> = HashMap::new();
        let mut said = 0_u64;
        for act in acts {
            match act {
                Act::Open => open.push(bench.open()),
                Act::Say(at, commands, piece) if !open.is_empty() => {
                    let id = *at.get(&open);
                    let (mut bytes, answers) = (Vec::new(), expected.entry(id).or_default());
                    for _ in 0..commands {
                        said += 1;
                        if said.is_multiple_of(5) {
                            bytes.extend(b"CLIENT ID\r\n");
                            encode::integer(answers, id as i64);
                        } else {
                            let text = format!("{id}:{said}");
                            encode::command(&mut bytes, &[b"ECHO", text.as_bytes()]);
                            encode::bulk(answers, text.as_bytes());
                        }
                    }
                    for part in bytes.chunks(piece) {
                        bench.say(id, part);
                    }
                }
                Act::Leave(at) if !open.is_empty() => {
                    let id = open.swap_remove(at.index(open.len()));
                    bench.share.close_client(id);
                }
                Act::Answer(at, piece) => {
                    bench.answer(at.index(count), piece).expect("a good connection");
                }
                Act::Lose(at) => {
                    let index = at.index(count);
                    bench.share.lose_upstream(index);
                    bench.look();
                    bench.servers[index] = Default::default();
                    open.retain(|id| bench.share.fate(*id) == Fate::Open);
                }
                Act::Say(..) | Act::Leave(_) => {}
            }
            for id in &open {
                let (got, all) = (&bench.got[id], expected.entry(*id).or_default());
                prop_assert!(all.starts_with(got), "client {} got another's answer", id);
            }
        }
        for index in 0..count {
            bench.answer(index, 7).expect("a good connection");
        }
        for id in &open {
            prop_assert_eq!(&bench.got[id], &expected[id]);
        }
    }
}
