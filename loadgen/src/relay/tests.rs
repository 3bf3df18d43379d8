//! The pure parts in virtual time: what goes onto a link comes off it, whole, in order and not early; and whoever asks gets
//! the answer, whoever else leaves.

use super::line::{DelayLine, End};
use super::share::{Broken, ClientId, Fate, Share, Touched};
use super::wire::{Shape, Wire};
use super::{Credentials, Options, parse_endpoint};
use crate::clock::Nanos;
use crate::engine::plan::Endpoint;
use aelab_resp::{Parsed, RequestLimits, RequestParser, encode, value};
use proptest::prelude::*;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;

const US: u64 = 1_000;
const WINDOW: usize = 4096;

fn shape(delay_us: u64, jitter_us: u64, bandwidth: Option<u64>) -> Shape {
    Shape {
        delay: Nanos(delay_us * US),
        jitter: Nanos(jitter_us * US),
        bandwidth: bandwidth.and_then(NonZeroU64::new),
    }
}

#[test]
fn without_jitter_and_bandwidth_the_delay_is_exact() {
    let mut wire = Wire::new(shape(500, 0, None), 1);
    let mut line = DelayLine::new(WINDOW, Nanos::ZERO);
    line.push(&mut wire, Nanos(1_000), b"one");
    line.push(&mut wire, Nanos(2_000), b"two");
    assert_eq!(line.next_due(), Some(Nanos(501_000)));
    assert_eq!(line.due(Nanos(500_999)), b"");
    assert_eq!(line.due(Nanos(501_000)), b"one");
    assert_eq!(line.due(Nanos(502_000)), b"onetwo");
    line.consume(4);
    assert_eq!(line.next_due(), Some(Nanos(502_000)));
    assert_eq!(line.due(Nanos(502_000)), b"wo");
}

#[test]
fn bandwidth_clocks_segments_out_one_after_another() {
    // 1448 bytes take 1 ms.
    let mut wire = Wire::new(shape(0, 0, Some(1_448_000)), 1);
    let mut line = DelayLine::new(1 << 20, Nanos::ZERO);
    line.push(&mut wire, Nanos::ZERO, &[7; 1448 * 2 + 724]);
    for (at_us, bytes) in [(999, 0), (1_000, 1448), (2_000, 1448 * 2), (2_500, 1448 * 2 + 724)] {
        assert_eq!(line.due(Nanos(at_us * US)).len(), bytes, "at {at_us} us");
    }
    // An idle link owes nothing to the past.
    assert_eq!(wire.carry(Nanos(10_000 * US), 1448), Nanos(11_000 * US));
}

#[test]
fn a_link_that_is_behind_takes_no_more_until_it_has_caught_up() {
    let mut wire = Wire::new(shape(0, 0, Some(1_000_000)), 1);
    assert_eq!(wire.opens_at(Nanos::ZERO), None);
    wire.carry(Nanos::ZERO, 6_000);
    assert_eq!(wire.opens_at(Nanos::ZERO), Some(Nanos(1_000 * US)));
    assert_eq!(wire.opens_at(Nanos(1_000 * US)), None);
}

#[test]
fn jitter_spreads_evenly_around_the_delay() {
    let mut wire = Wire::new(shape(500, 100, None), 3);
    let delays: Vec<u64> = (0..10_000).map(|_| wire.carry(Nanos::ZERO, 1).0).collect();
    let mean = delays.iter().sum::<u64>() / 10_000;
    let (least, most) = (delays.iter().min().copied(), delays.iter().max().copied());
    assert!((495 * US..505 * US).contains(&mean), "{mean}");
    assert!(least.is_some_and(|least| (400 * US..402 * US).contains(&least)), "{least:?}");
    assert!(most.is_some_and(|most| (598 * US..=600 * US).contains(&most)), "{most:?}");
}

#[test]
fn a_line_takes_nothing_while_the_receiver_takes_nothing() {
    let mut wire = Wire::new(shape(100, 0, None), 1);
    let mut line = DelayLine::new(10, Nanos::ZERO);
    assert_eq!(line.room_bytes(Nanos::ZERO), 10);
    line.push(&mut wire, Nanos::ZERO, b"1234567");
    assert_eq!(line.room_bytes(Nanos::ZERO), 3, "the window");
    assert_eq!(line.room_bytes(Nanos(101 * US)), 0, "overdue");
    line.consume(7);
    assert_eq!(line.room_bytes(Nanos(101 * US)), 10);
}

#[test]
fn a_close_waits_for_the_bytes_and_a_reset_does_not() {
    let mut wire = Wire::new(shape(100, 0, None), 1);
    let mut line = DelayLine::new(10, Nanos::ZERO);
    line.push(&mut wire, Nanos::ZERO, b"x");
    line.push_end(&mut wire, Nanos(50 * US), End::Closed);
    let later = Nanos(1_000 * US);
    assert_eq!(line.end_due(later), None);
    line.consume(1);
    assert_eq!(line.end_due(Nanos(149 * US)), None);
    assert_eq!(line.end_due(Nanos(150 * US)), Some(End::Closed));
    line.take_end();
    assert!(line.is_over() && line.next_due().is_none());

    line.push_end(&mut wire, later, End::Reset);
    line.push_end(&mut wire, later, End::Closed);
    assert!(!line.is_over());
    assert_eq!(line.end_due(Nanos(1_100 * US)), Some(End::Reset));
}

/// One step of two streams that share a link.
#[derive(Clone, Debug)]
enum Step {
    /// After this pause in µs, a stream sends this many bytes, as far as there is room.
    Send(u64, usize, usize),
    /// After this pause, a stream's receiver takes at most this many of the bytes that are due.
    Take(u64, usize, usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..400_u64, 0..2_usize, 1..3_000_usize).prop_map(|(a, b, c)| Step::Send(a, b, c)),
        (0..400_u64, 0..2_usize, 1..3_000_usize).prop_map(|(a, b, c)| Step::Take(a, b, c)),
    ]
}

/// A stream with all it has sent (byte and arrival) and how much of it was taken.
struct Stream {
    line: DelayLine,
    sent: Vec<(u8, Nanos)>,
    taken: usize,
}

impl Stream {
    fn send(&mut self, wire: &mut Wire, now: Nanos, count: usize) {
        let count = count.min(self.line.room_bytes(now));
        let from = self.sent.len();
        let bytes: Vec<u8> = (from..from + count).map(|at| (at % 251) as u8).collect();
        self.line.push(wire, now, &bytes);
        self.sent.extend(bytes.iter().map(|byte| (*byte, now)));
    }

    fn take(&mut self, now: Nanos, most: usize, least_delay: Nanos) {
        let due = self.line.due(now).to_vec();
        let count = due.len().min(most);
        for byte in &due[..count] {
            let (sent, arrived) = self.sent[self.taken];
            assert_eq!(*byte, sent, "byte {} is out of order", self.taken);
            assert!(now >= arrived + least_delay, "byte {} is early", self.taken);
            self.taken += 1;
        }
        self.line.consume(count);
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_reordered_or_early(
        delay_us in 0..2_000_u64,
        jitter_share in 0..=100_u64,
        bandwidth in prop::option::of(100_000..50_000_000_u64),
        steps in prop::collection::vec(step(), 1..120),
        seed: u64,
    ) {
        let shape = shape(delay_us, delay_us * jitter_share / 100, bandwidth);
        let least_delay = shape.delay - shape.jitter;
        let mut wire = Wire::new(shape, seed);
        let stream = || Stream { line: DelayLine::new(WINDOW, Nanos::ZERO), sent: Vec::new(), taken: 0 };
        let mut streams = [stream(), stream()];
        let mut now = Nanos::ZERO;
        for step in steps {
            match step {
                Step::Send(pause, which, count) => {
                    now = now + Nanos(pause * US);
                    streams[which].send(&mut wire, now, count);
                }
                Step::Take(pause, which, most) => {
                    now = now + Nanos(pause * US);
                    streams[which].take(now, most, least_delay);
                }
            }
            if let Some(rate) = bandwidth {
                let taken: usize = streams.iter().map(|stream| stream.taken).sum();
                let carried = now.0.saturating_sub(least_delay.0) as f64 / 1e9 * rate as f64;
                prop_assert!(taken as f64 <= carried + 1.0, "{taken} bytes of at most {carried}");
            }
        }
        for stream in &mut streams {
            stream.line.push_end(&mut wire, now, End::Closed);
            // Follow the line's own times: everything comes out without anything else happening.
            while let Some(at) = stream.line.next_due() {
                now = now.max(at);
                if stream.line.end_due(now).is_some() {
                    break;
                }
                let before = stream.taken;
                stream.take(now, usize::MAX, least_delay);
                prop_assert!(stream.taken > before, "a due time with nothing due");
            }
            prop_assert_eq!(stream.taken, stream.sent.len());
            prop_assert_eq!(stream.line.end_due(now), Some(End::Closed));
        }
    }
}

/// Clients around shared connections, with a server that answers `ECHO x` with `x` when it is told to.
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
fn words_that_nobody_asked_for_end_a_connection() {
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
    /// It leaves without a word.
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

#[test]
fn values_that_make_no_sense_are_refused_in_one_line() {
    let plain = || {
        let addr = |port: u16| Endpoint::Tcp(([127, 0, 0, 1], port).into());
        Options::new(addr(0), addr(6379))
    };
    plain().check().expect("a relay that adds nothing");
    let cases: [(Options, &str); 6] = [
        (Options { rtt: Nanos::from_secs(61), ..plain() }, "--rtt: 61s is too long"),
        (Options { jitter: Nanos(1), ..plain() }, "--jitter: 1ns exceeds the round-trip time"),
        (Options { bandwidth: Some(0), ..plain() }, "--bandwidth: 0 bytes per second"),
        (Options { share: Some(0), ..plain() }, "--share: 0 connections"),
        (Options { window_bytes: 1, ..plain() }, "--window: 1 bytes"),
        (Options { listen: plain().upstream, ..plain() }, "--upstream: 127.0.0.1:6379 is where"),
    ];
    for (options, expected) in cases {
        let text = options.check().expect_err(expected).to_string();
        assert!(text.starts_with(expected) && !text.contains('\n'), "{text}");
    }
}

#[test]
fn endpoints_are_read_as_people_write_them() {
    let read = |text| parse_endpoint("--listen", text).map_err(|error| error.to_string());
    assert_eq!(read("7000"), Ok(Endpoint::Tcp(([127, 0, 0, 1], 7000).into())));
    assert_eq!(read("0.0.0.0:7000"), Ok(Endpoint::Tcp(([0, 0, 0, 0], 7000).into())));
    assert_eq!(read("unix:/tmp/x"), Ok(Endpoint::Unix("/tmp/x".into())));
    assert_eq!(read("unix:///tmp/x"), Ok(Endpoint::Unix("/tmp/x".into())));
    for bad in ["", "unix:", "localhost", "localhost:99999"] {
        let text = read(bad).expect_err(bad);
        assert!(text.starts_with("--listen: ") && text.contains("HOST:PORT"), "{text}");
    }
}
