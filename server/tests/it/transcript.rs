//! Transcripts: the same commands to our server and to a real redis-server, replies compared byte by byte.
//!
//! The cases are in `tests/transcripts`; README.md there explains their lines and the comparisons. Each
//! case runs on empty databases, an empty slow log and fresh connections, once in RESP2 and once in RESP3.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aelab_resp::value::{Value, decode};

use crate::transcript_cases;

/// Long enough for a busy machine; a missing reply is an error after it.
const REPLY_TIMEOUT: Duration = Duration::from_secs(10);
/// How often a starting server is tried, 20 ms apart.
const CONNECT_TRIES: usize = 500;
/// Differences that are shown before the rest is only counted.
const SHOWN_MAX: usize = 60;

/// A server process that ends with the test.
struct ServerProcess {
    child: Child,
    port: u16,
}

impl ServerProcess {
    /// `None` if there is no such program.
    fn start(program: &str, extra: &[String]) -> Option<Self> {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let child = Command::new(program)
            .args(["--port", &port.to_string(), "--save", "", "--enable-debug-command", "yes"])
            .args(["--bind", "127.0.0.1"])
            .args(extra)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let server = Self { child, port };
        for _ in 0..CONNECT_TRIES {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("{program} does not listen on port {port}");
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("the server listens");
        stream.set_read_timeout(Some(REPLY_TIMEOUT)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: Vec::new() }
    }

    fn send(&mut self, bytes: &[u8]) {
        // A server that has closed the connection already is found out by the next read.
        let _ = self.stream.write_all(bytes);
    }

    /// The bytes of one whole reply, or what happened instead.
    fn reply(&mut self) -> Vec<u8> {
        loop {
            match decode(&self.buffer) {
                Ok(Some((_, used))) => return self.buffer.drain(..used).collect(),
                Ok(None) => {}
                Err(error) => return format!("<not RESP: {error}>").into_bytes(),
            }
            let mut chunk = [0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return b"<closed>".to_vec(),
                Ok(count) => self.buffer.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return b"<no reply>".to_vec();
                }
                Err(_) => return b"<closed>".to_vec(),
            }
        }
    }
}

/// What is compared of two replies.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Compare {
    /// Every byte.
    Exact,
    /// Arrays and sets, nested ones too, in any order.
    Unordered,
    /// An array of pairs (a map in RESP2), in any order; nested as in HSCAN.
    Pairs,
    /// The kind of the reply, and the number of its elements.
    Kind,
    /// Integers that differ by no more than this.
    Near(i64),
    /// The names of `name=value` or `name:value` in a text; ours may have more.
    Fields,
    /// COMMAND INFO: name, arity, flags, key positions, categories and tips, in any order.
    Command,
    /// Nothing; the command is there for its effect.
    Nothing,
}

impl Compare {
    fn parse(text: &str) -> Self {
        match text.split_once(' ') {
            Some(("near", by)) => Self::Near(by.parse().expect("a number after near")),
            _ => match text {
                "unordered" => Self::Unordered,
                "pairs" => Self::Pairs,
                "kind" => Self::Kind,
                "fields" => Self::Fields,
                "command" => Self::Command,
                "nothing" => Self::Nothing,
                other => panic!("unknown comparison [{other}]"),
            },
        }
    }

    fn same(self, ours: &[u8], theirs: &[u8]) -> bool {
        let (ours_value, theirs_value) = (decode(ours), decode(theirs));
        let (Ok(Some((a, _))), Ok(Some((b, _)))) = (ours_value, theirs_value) else {
            return ours == theirs;
        };
        match self {
            Self::Exact => ours == theirs,
            Self::Nothing => true,
            Self::Unordered => format!("{:?}", sorted(&a, 1)) == format!("{:?}", sorted(&b, 1)),
            Self::Pairs => format!("{:?}", sorted(&a, 2)) == format!("{:?}", sorted(&b, 2)),
            Self::Kind => ours[0] == theirs[0] && element_count(&a) == element_count(&b),
            Self::Near(by) => match (a, b) {
                (Value::Integer(a), Value::Integer(b)) => (a - b).abs() <= by,
                _ => false,
            },
            Self::Fields => {
                let ours = field_names(&a);
                field_names(&b).iter().all(|name| ours.contains(name))
            }
            Self::Command => command_rows(&a) == command_rows(&b),
        }
    }
}

fn element_count(value: &Value) -> usize {
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => items.len(),
        Value::Map(pairs) => pairs.len(),
        _ => 0,
    }
}

/// The value with all its arrays in order of the elements' text, taken `group` at a time.
fn sorted(value: &Value, group: usize) -> Vec<String> {
    let mut parts: Vec<String> = match value {
        Value::Array(items) | Value::Set(items) | Value::Push(items) => {
            let texts: Vec<String> =
                items.iter().map(|item| sorted(item, group).join(" ")).collect();
            // A SCAN reply is a cursor and an array: the order of those two is fixed.
            texts.chunks(group).map(|chunk| chunk.join(" ")).collect()
        }
        Value::Map(pairs) => pairs.iter().map(|pair| format!("{pair:?}")).collect(),
        other => vec![format!("{other:?}")],
    };
    parts.sort();
    parts
}

/// The first eight fields of each command's row; key specifications are not compared.
fn command_rows(value: &Value) -> Vec<Vec<Vec<String>>> {
    let Value::Array(rows) = value else { return Vec::new() };
    let fields = |row: &Value| match row {
        Value::Array(fields) => fields.iter().take(8).map(|field| sorted(field, 1)).collect(),
        other => vec![sorted(other, 1)],
    };
    rows.iter().map(fields).collect()
}

fn field_names(value: &Value) -> Vec<String> {
    let text = match value {
        Value::Bulk(text) | Value::Simple(text) | Value::Verbatim(text) => {
            String::from_utf8_lossy(text).into_owned()
        }
        other => return vec![format!("{other:?}")],
    };
    text.split([' ', '\r', '\n'])
        .filter_map(|word| word.split(['=', ':']).next())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Splits a line into words; a quoted one may hold anything, with `\r \n \t \" \\ \xHH`.
fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start().as_bytes();
    while !rest.is_empty() {
        let mut word = Vec::new();
        if rest[0] == b'"' {
            rest = &rest[1..];
            while rest[0] != b'"' {
                let (byte, used) = match rest {
                    [b'\\', b'x', high, low, ..] => {
                        let digits = [*high, *low];
                        let digits = std::str::from_utf8(&digits).expect("hexadecimal");
                        (u8::from_str_radix(digits, 16).expect("hexadecimal"), 4)
                    }
                    [b'\\', b'r', ..] => (b'\r', 2),
                    [b'\\', b'n', ..] => (b'\n', 2),
                    [b'\\', b't', ..] => (b'\t', 2),
                    [b'\\', other, ..] => (*other, 2),
                    [byte, ..] => (*byte, 1),
                    [] => panic!("no closing quote in {line}"),
                };
                word.push(byte);
                rest = &rest[used..];
            }
            rest = &rest[1..];
        } else {
            let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
            word.extend_from_slice(&rest[..end]);
            rest = &rest[end..];
        }
        words.push(word);
        rest = rest.trim_ascii_start();
    }
    words
}

fn encode(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    aelab_resp::encode::command(&mut bytes, &words);
    bytes
}

/// One step with its replies, from one server.
struct Step {
    line: String,
    compare: Compare,
    replies: Vec<Vec<u8>>,
}

/// Runs a case on one server.
fn run_case(port: u16, script: &[String], resp3: bool) -> Vec<Step> {
    let mut connections = BTreeMap::new();
    let open = |name: &str, connections: &mut BTreeMap<String, Connection>| {
        connections.entry(name.to_owned()).or_insert_with(|| {
            let mut connection = Connection::open(port);
            if resp3 {
                connection.send(&encode(&words("HELLO 3")));
                connection.reply();
            }
            connection
        });
    };
    let mut clean = Connection::open(port);
    for command in ["FLUSHALL", "SLOWLOG RESET"] {
        clean.send(&encode(&words(command)));
        assert_eq!(clean.reply(), b"+OK\r\n");
    }
    drop(clean);
    let mut steps = Vec::new();
    for line in script {
        let mut rest = line.as_str();
        let mut name = "a";
        if let Some(after) = rest.strip_prefix('@') {
            (name, rest) = after.split_once(' ').expect("a command after the connection");
        }
        let mut compare = Compare::Exact;
        if let Some(after) = rest.strip_prefix('[') {
            let (text, after) = after.split_once("] ").expect("a bracket and a command");
            (compare, rest) = (Compare::parse(text), after);
        }
        open(name, &mut connections);
        let connection = connections.get_mut(name).expect("it was opened");
        let replies = step(connection, rest);
        steps.push(Step { line: line.clone(), compare, replies });
    }
    steps
}

fn step(connection: &mut Connection, text: &str) -> Vec<Vec<u8>> {
    let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
    match first {
        "<" => vec![connection.reply()],
        "!sleep" => {
            std::thread::sleep(Duration::from_millis(rest.parse().expect("milliseconds")));
            Vec::new()
        }
        "!send" => {
            connection.send(&encode(&words(rest)));
            Vec::new()
        }
        "!close" => vec![connection.reply()],
        "!raw" => {
            connection.send(&words(rest).concat());
            vec![connection.reply()]
        }
        "!times" => {
            let (count, command) = rest.split_once(' ').expect("a count and a command");
            let count: usize = count.parse().expect("a count");
            let commands =
                (0..count).map(|i| encode(&words(&command.replace("{i}", &i.to_string()))));
            connection.send(&commands.collect::<Vec<_>>().concat());
            (0..count).map(|_| connection.reply()).collect()
        }
        _ => {
            connection.send(&encode(&words(text)));
            vec![connection.reply()]
        }
    }
}

/// Compares one case in one protocol and describes the differences.
fn differences(ours: u16, theirs: u16, name: &str, script: &[String], resp3: bool) -> Vec<String> {
    let (ours, theirs) = std::thread::scope(|scope| {
        let ours = scope.spawn(|| run_case(ours, script, resp3));
        let theirs = run_case(theirs, script, resp3);
        (ours.join().expect("the script plays"), theirs)
    });
    let protocol = if resp3 { "RESP3" } else { "RESP2" };
    let mut found = Vec::new();
    for (ours, theirs) in ours.iter().zip(&theirs) {
        for (a, b) in ours.replies.iter().zip(&theirs.replies) {
            assert!(b != b"<no reply>", "{name}: redis-server does not answer {}", theirs.line);
            if !ours.compare.same(a, b) {
                let mut text = format!("{name} ({protocol}): {}\n", ours.line);
                let _ = writeln!(text, "    ae-server:    {}", shown(a));
                let _ = write!(text, "    redis-server: {}", shown(b));
                found.push(text);
            }
        }
    }
    found
}

fn shown(reply: &[u8]) -> String {
    let text = reply.escape_ascii().to_string();
    if text.len() > 300 { format!("{}… ({} bytes)", &text[..300], reply.len()) } else { text }
}

/// The whole suite can be run on another backend: AELAB_TEST_BACKEND names it.
fn backend_flags() -> Vec<String> {
    let flags = [
        ("AELAB_TEST_BACKEND", "--ae-backend"),
        ("AELAB_TEST_SELECT_OVERSIZE", "--select-oversize"),
    ];
    flags
        .iter()
        .filter_map(|(variable, flag)| Some([(*flag).to_owned(), std::env::var(variable).ok()?]))
        .flatten()
        .collect()
}

/// `select` lowers maxclients to what its bitmap has room for: then both servers get the same lower one.
fn room_of_select() -> Vec<String> {
    let select = std::env::var("AELAB_TEST_BACKEND").is_ok_and(|backend| backend == "select");
    if select { vec!["--maxclients".into(), "800".into()] } else { Vec::new() }
}

#[test]
fn every_reply_equals_redis_servers() {
    let Some(theirs) = ServerProcess::start("redis-server", &room_of_select()) else {
        let required = std::env::var("AELAB_REQUIRE_REDIS").is_ok_and(|value| value == "1");
        assert!(!required, "AELAB_REQUIRE_REDIS=1, but there is no redis-server on PATH");
        println!("skipped: no redis-server on PATH to compare with");
        return;
    };
    let flags = [backend_flags(), room_of_select()].concat();
    let ours = ServerProcess::start(env!("CARGO_BIN_EXE_ae-server"), &flags)
        .expect("our own server starts");
    let only = std::env::var("AELAB_TRANSCRIPT").ok();
    let mut found = Vec::new();
    let mut count = 0;
    for case in transcript_cases::read() {
        if only.as_ref().is_some_and(|only| !case.name.contains(only.as_str())) {
            continue;
        }
        for resp3 in [false, true] {
            count += case.lines.len();
            found.extend(differences(ours.port, theirs.port, &case.name, &case.lines, resp3));
        }
    }
    println!("{count} lines compared with redis-server");
    let shown: Vec<&str> = found.iter().take(SHOWN_MAX).map(String::as_str).collect();
    assert!(found.is_empty(), "{} replies differ:\n{}", found.len(), shown.join("\n"));
}
