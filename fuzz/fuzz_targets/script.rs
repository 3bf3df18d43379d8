//! Lua programs that call every library function with edge values, in a server in this process.
//!
//! It checks that there is no panic or crash, that every program gets one reply, and that the reply is
//! RESP. The grammar has no loop without end, because the clock stands still.
//!
//! The input: each statement takes a byte for the function, then a byte for each argument.
#![no_main]

use aelab_resp::{ReplyScanner, encode};
use aelab_server::clock::Clock;
use aelab_server::{Config, Instance, Quiet};
use libfuzzer_sys::fuzz_target;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Turns after which a reply counts as missing.
const TURNS_MAX: usize = 1000;

const FUNCTIONS: [&str; 52] = [
    "unpack", "select", "tonumber", "tostring", "type", "next", "pairs", "ipairs", "rawget", "rawset",
    "rawequal", "setmetatable", "getmetatable", "pcall", "xpcall", "error", "assert", "loadstring",
    "load", "collectgarbage", "string.rep", "string.sub", "string.byte", "string.char", "string.find",
    "string.match", "string.gmatch", "string.gsub", "string.format", "string.reverse", "string.len",
    "table.insert", "table.remove", "table.concat", "table.sort", "table.maxn", "table.getn",
    "math.random", "math.ldexp", "math.fmod", "math.floor", "coroutine.wrap", "coroutine.create",
    "coroutine.resume", "cjson.encode", "cjson.decode", "bit.tohex", "bit.lshift", "redis.sha1hex",
    "redis.pcall", "redis.error_reply", "redis.setresp",
];

const VALUES: [&str; 40] = [
    "0", "1", "-1", "2", "3", "2^31-1", "2^31", "-2^31", "-2^31-1", "2^32", "2^53", "-2^53", "2^63",
    "1e308", "0/0", "1/0", "-1/0", "0.5", "nil", "true", "false", "''", "'x'", "'%'", "'[a'", "'.-b'",
    "'%d%99.9f'", "'GET'", "'SET'", "string.rep('xy', 3000)", "{}", "{1,2,3}", "{a={b={}}}",
    "{map={a={map={b=1}}}}", "function(...) return ... end", "function() error('x') end", "cjson.null",
    "string", "_G", "v",
];

fn program(input: &[u8]) -> String {
    let mut text = String::from("local v, w = 1, 2 ");
    for statement in input.chunks(4) {
        let (&function, arguments) = statement.split_first().expect("chunks are not empty");
        let function = FUNCTIONS[usize::from(function) % FUNCTIONS.len()];
        let values: Vec<&str> =
            arguments.iter().map(|&byte| VALUES[usize::from(byte) % VALUES.len()]).collect();
        text.push_str(&format!("w, v = pcall({function}, {}) ", values.join(", ")));
    }
    text + "return v"
}

fuzz_target!(|input: &[u8]| {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("aelab-fuzz-script-{}-{number}.sock", std::process::id());
    let path = std::env::temp_dir().join(name);
    let socket = path.to_str().expect("UTF-8").to_owned();
    let args = ["--port", "0", "--unixsocket", &socket, "--lua-memory-limit", "64mb"];
    let config = Config::from_args(&args.map(str::to_owned)).expect("a good configuration");
    let time = Arc::new(AtomicU64::new(1_700_000_000_000_000_000));
    let clock = Clock::manual(Arc::clone(&time));
    let mut instance = Instance::start(config, clock, Quiet::Yes).expect("the server starts");
    let mut stream = UnixStream::connect(&path).expect("the server listens");
    stream.set_nonblocking(true).expect("non-blocking");
    let program = program(&input[..input.len().min(256)]);
    let mut command = Vec::new();
    encode::command(&mut command, &[b"EVAL", program.as_bytes(), b"0"]);
    stream.write_all(&command).expect("a small command");
    let (mut scanner, mut reply) = (ReplyScanner::default(), Vec::new());
    for _ in 0..TURNS_MAX {
        time.fetch_add(100_000_000, Ordering::Relaxed);
        instance.tick().expect("the loop turns");
        let mut chunk = [0; 64 * 1024];
        match stream.read(&mut chunk) {
            Ok(0) => panic!("the server has closed the connection: {program}"),
            Ok(count) => reply.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
        let (used, replies) = scanner.scan(&reply).expect("the reply is RESP");
        reply.drain(..used);
        if used > 0 && reply.is_empty() {
            let _ = replies;
            return;
        }
    }
    panic!("no reply: {program}");
});
