//! Lua programs that call every library function with edge values, in a server in this process.
//!
//! It checks that there is no panic or crash, that every program gets one reply, that the reply is RESP,
//! and that a program leaves nothing that the next one could see. Programs that loop are ended.
//!
//! The input: each statement takes a byte for its form, one for the function, then one for each argument.
#![no_main]

mod watchdog;

use aelab_resp::{ProtocolError, ReplyScanner, encode};
use aelab_server::clock::Clock;
use aelab_server::{Config, Instance, Quiet};
use libfuzzer_sys::fuzz_target;
use std::cell::RefCell;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Turns after which a reply counts as missing.
const TURNS_MAX: usize = 1000;
/// Programs that one server runs. It keeps their texts.
const PROGRAMS_PER_SERVER: usize = 500;
/// Bytes of an input that are used.
const INPUT_MAX: usize = 400;

const FUNCTIONS: &[&str] = &[
    "unpack", "select", "tonumber", "tostring", "type", "next", "pairs", "ipairs", "rawget", "rawset",
    "rawequal", "setmetatable", "getmetatable", "pcall", "xpcall", "error", "assert", "loadstring",
    "load", "collectgarbage", "gcinfo", "string.rep", "string.sub", "string.byte", "string.char",
    "string.find", "string.match", "string.gmatch", "string.gfind", "string.gsub", "string.format",
    "string.reverse", "string.len", "string.upper", "string.lower", "table.insert", "table.remove",
    "table.concat", "table.sort", "table.maxn", "table.getn", "table.setn", "table.foreach",
    "table.foreachi", "math.random", "math.randomseed", "math.ldexp", "math.fmod", "math.floor",
    "math.frexp", "math.modf", "math.max", "math.pow", "math.abs", "coroutine.wrap", "coroutine.create",
    "coroutine.resume", "coroutine.status", "coroutine.yield", "coroutine.running", "os.clock",
    "cjson.encode", "cjson.decode", "bit.tobit", "bit.tohex", "bit.lshift", "bit.arshift", "bit.rol",
    "bit.band", "bit.bxor", "bit.bswap", "redis.sha1hex", "redis.call", "redis.pcall",
    "redis.error_reply", "redis.status_reply", "redis.setresp", "redis.log", "redis.set_repl",
    "redis.acl_check_cmd", "redis.replicate_commands", "redis.breakpoint", "redis.debug",
];

const VALUES: &[&str] = &[
    "0", "1", "-1", "2", "3", "10", "2^31-1", "2^31", "-2^31", "-2^31-1", "2^32", "2^53", "-2^53", "2^63",
    "1e308", "0/0", "-(0/0)", "1/0", "-1/0", "0.5", "-0.0", "1e15", "nil", "true", "false", "''", "'x'",
    "'%'", "'[a'", "'.-b'", "'(.*)(.*)(.*)x'", "'%f[a]'", "'%b()'", "'%1'", "'^(()a*)$'", "'%d%99.9f'",
    "'%q%s%c'", "'%5$d'", "'\\0'", "'[1,{\"a\":\"\\\\u00e9\"},1e5,-0]'", "'{\"a\":[}'", "'[[[[1]]]]'",
    "'GET'", "'SET'", "'HGETALL'", "'HSET'", "'LRANGE'", "'RPUSH'", "'INFO'", "'COMMAND'", "'DEL'",
    "'ZRANGE'", "'CONFIG'", "'k'", "'h'", "string.rep('xy', 3000)", "string.rep('a', 100000)", "{}",
    "{1,2,3}", "{a={b={}}}", "{[1]=1,[2^53]=2}", "{[0.5]=1}", "{[100]=1}", "deep", "cycle",
    "{map={a={map={b=1}}}}", "{ok='a\\r\\nb'}", "{err='E x'}", "{double=0/0}", "{set={a=1}}",
    "{big_number='1\\r'}", "{verbatim_string={string='x',format='txt'}}",
    "function(...) return ... end", "function() error('x') end", "function() error({err='y'}) end",
    "function() coroutine.yield(1) end", "function(a, b) return a < b end", "thread", "cjson.null",
    "cjson", "string", "_G", "KEYS", "ARGV", "redis", "v", "w", "list",
];

/// What every program can use.
const START: &str = "local v, w, list = 1, 2, {5, 4, 3, 2, 1} \
    local deep = {} for i = 1, 1100 do deep = {deep} end \
    local cycle = {} cycle.a = cycle cycle[1] = cycle \
    local thread = coroutine.create(function(...) return coroutine.yield(...) end) ";

/// Everything that a program can reach, in one hash.
const VIEW: &str = "local seen, out = {}, {} \
    local function show(path, value) \
      if type(value) ~= 'table' then \
        out[#out + 1] = path .. type(value) .. (type(value) == 'function' and '' or tostring(value)) return \
      end \
      if seen[value] then return end \
      seen[value] = true \
      local names = {} \
      for name, item in pairs(value) do names[#names + 1] = {tostring(name), item} end \
      table.sort(names, function(a, b) return a[1] < b[1] end) \
      for _, pair in ipairs(names) do show(path .. '.' .. pair[1], pair[2]) end \
      show(path .. '<meta>', getmetatable(value)) \
    end \
    show('_G', _G) show('s', getmetatable('')) show('k', KEYS) show('a', ARGV) \
    return redis.sha1hex(table.concat(out, '\\n') .. math.random())";

fn program(input: &[u8]) -> String {
    let mut text = String::from(START);
    for statement in input.chunks(5) {
        let [form, function, arguments @ ..] = statement else { break };
        let function = FUNCTIONS[usize::from(*function) % FUNCTIONS.len()];
        let values: Vec<&str> =
            arguments.iter().map(|&byte| VALUES[usize::from(byte) % VALUES.len()]).collect();
        let values = values.join(", ");
        let comma = if values.is_empty() { "" } else { ", " };
        text.push_str(&match form % 32 {
            0 => format!("w, v = xpcall(function() return {function}({values}) end, tostring) "),
            1 => format!("w, v = coroutine.resume(coroutine.create({function}){comma}{values}) "),
            2 => format!("for i = 1, 20 do w, v = pcall({function}{comma}{values}) end "),
            3 => format!("list[#list + 1] = v w, v = pcall({function}, list{comma}{values}) "),
            4 => format!("w, v = pcall(string.format, '%s', setmetatable({{}}, {{__index = {function}, __tostring = {function}}})) "),
            5 => format!("w, v = pcall(setmetatable({{}}, {{__call = {function}}}){comma}{values}) "),
            6 => format!("w = {{pcall({function}{comma}{values})}} v = w[2] "),
            7 => format!("v = function() return {function}({values}) end "),
            8 => format!("pcall(function() v.x = {function}({values}) end) "),
            // Without protection: the program may end here.
            9 => format!("v = {function}({values}) "),
            10 if *form == 10 => format!("while true do pcall({function}{comma}{values}) end "),
            _ => format!("w, v = pcall({function}{comma}{values}) "),
        });
    }
    text + "return v"
}

struct Server {
    instance: Instance,
    time: Arc<AtomicU64>,
    path: PathBuf,
    stream: UnixStream,
    view: Vec<u8>,
    programs: usize,
}

impl Server {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("aelab-fuzz-script-{}-{number}.sock", std::process::id());
        let path = std::env::temp_dir().join(name);
        let socket = path.to_str().expect("UTF-8").to_owned();
        let args = ["--port", "0", "--unixsocket", &socket, "--lua-memory-limit", "64mb"];
        let config = Config::from_args(&args.map(str::to_owned)).expect("a good configuration");
        let time = Arc::new(AtomicU64::new(1_700_000_000_000_000_000));
        let clock = Clock::manual(Arc::clone(&time));
        let instance = Instance::start(config, clock, Quiet::Yes).expect("the server starts");
        let stream = UnixStream::connect(&path).expect("the server listens");
        stream.set_nonblocking(true).expect("non-blocking");
        let mut server = Server { instance, time, path, stream, view: Vec::new(), programs: 0 };
        server.view = server.run(VIEW).expect("the first program ends");
        assert!(server.view.starts_with(b"$40"), "{}", server.view.escape_ascii());
        server
    }

    /// The reply to a program; `None` if the server is of no use after it.
    fn run(&mut self, program: &str) -> Option<Vec<u8>> {
        let mut command = Vec::new();
        encode::command(&mut command, &[b"EVAL", program.as_bytes(), b"1", b"k", b"x"]);
        self.stream.write_all(&command).expect("a small command");
        let (mut scanner, mut reply, mut scanned) = (ReplyScanner::default(), Vec::new(), 0);
        for _ in 0..TURNS_MAX {
            self.time.fetch_add(100_000_000, Ordering::Relaxed);
            let (path, time) = (self.path.clone(), Arc::clone(&self.time));
            if !watchdog::during(&path, &time, || self.instance.tick()).expect("the loop turns") {
                return None;
            }
            let mut chunk = [0; 64 * 1024];
            match self.stream.read(&mut chunk) {
                Ok(0) => panic!("the server has closed the connection: {program}"),
                Ok(count) => reply.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
            let (used, ended) = match scanner.scan(&reply[scanned..]) {
                Ok(found) => found,
                // A script may return more tables in tables than the scanner follows, as in Redis.
                Err(ProtocolError::NestingTooDeep) => return None,
                Err(error) => panic!("the reply is not RESP: {error}"),
            };
            scanned += used;
            if ended.is_some() {
                assert!(scanned == reply.len(), "more than one reply: {program}");
                return Some(reply);
            }
        }
        panic!("no reply: {program}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

thread_local! {
    static SERVER: RefCell<Option<Server>> = const { RefCell::new(None) };
}

fuzz_target!(|input: &[u8]| {
    SERVER.with_borrow_mut(|slot| {
        let mut server = slot.take().unwrap_or_else(Server::new);
        let program = program(&input[..input.len().min(INPUT_MAX)]);
        if server.run(&program).is_none() {
            return;
        }
        // A script may have changed settings of the protocol, which end with it.
        let after = server.run(VIEW).expect("a short program ends");
        assert!(after == server.view, "visible afterwards: {program}");
        server.programs += 1;
        if server.programs < PROGRAMS_PER_SERVER {
            *slot = Some(server);
        }
    });
});
