//! Scripts that never end and catch what should end them. After `busy-reply-threshold` other clients
//! get BUSY, SCRIPT KILL ends the script, and SIGTERM and SHUTDOWN NOSAVE end the server.

use super::process::{Process, SERVED_BY};

const HANGS: [&str; 37] = [
    "while true do end",
    "while true do pcall(function() while true do end end) end",
    "local function f() while true do pcall(f) end end f()",
    "local function f() while true do xpcall(f, f) end end f()",
    "local function f() xpcall(error, f) return f() end f()",
    "while true do xpcall(function() while true do end end, function() while true do end end) end",
    "local function f() while true do pcall(coroutine.wrap(f)) end end f()",
    "while true do coroutine.resume(coroutine.create(function() while true do end end)) end",
    "while true do local c = coroutine.wrap(function() end) c() end",
    "local t = setmetatable({}, {__index = function(t, k) return pcall(t.x) end}) while true do pcall(function() return t.y end) end",
    "local m = {} m.__add = function(a, b) while true do pcall(function() return a + b end) end end local t = setmetatable({}, m) return t + t",
    "while true do pcall(string.gsub, string.rep('x', 1000), 'x', function() while true do end end) end",
    "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    "while true do pcall(load, function() while true do end end) end",
    "while true do pcall(redis.call, 'get', 'x') redis.pcall('nonsense') end",
    "loadstring('while true do pcall(function() while true do end end) end', '=sandbox\\0x')()",
    "local t = {} for i = 1, 100000 do t[i] = i end while true do pcall(table.insert, t, 1, 1) end",
    "local s = string.rep('x', 1000000) while true do pcall(string.upper, s .. 'x') pcall(string.rep, s, 10) end",
    // A single call that takes longer than a day.
    "string.find(string.rep('a', 100000), string.rep('.-', 20) .. 'b')",
    "string.match(string.rep('a', 100000), string.rep('a*', 20) .. 'b')",
    "string.find(string.rep('a', 60), string.rep('a?', 60) .. string.rep('a', 60) .. 'b')",
    "string.gsub(string.rep('a', 100000), string.rep('(a-)', 20) .. 'b', '%1')",
    "for x in string.gmatch(string.rep('a', 100000), string.rep('a-', 20) .. 'b') do end",
    "string.find(string.rep('(', 10000000), string.rep('%b()', 20))",
    "string.find(string.rep('a', 50000000), string.rep('a', 25000000) .. 'b', 1, true)",
    "string.find(string.rep('a', 50000000), string.rep('a', 25000000) .. 'b')",
    "pcall(pcall, string.find, string.rep('a', 100000), string.rep('.-', 20) .. 'b')",
    "local t = {} for i = 1, 1000000 do t[i] = i % 7 end while true do pcall(table.sort, t) end",
    "local t = {} for i = 1, 1000000 do t[i] = i % 7 end while true do pcall(table.sort, t, rawequal) end",
    "local t = {} for i = 1, 100 do t = {t, t} end cjson.encode(t)",
    "local t = {} for i = 1, 100 do t = {a = t, b = t} end while true do pcall(cjson.encode, t) end",
    "local s = string.rep('[1,', 900) .. '1' .. string.rep(']', 900) s = '[' .. string.rep(s .. ',', 10000) .. '1]' while true do pcall(cjson.decode, s) end",
    // Results that stand for more values than any machine has room for.
    "local t = {} t[1] = t t[2] = t return t",
    "local t = {} for i = 1, 100 do t = {t, t} end return t",
    "local t = {} for i = 1, 100 do t = {map = {[t] = t}} end return t",
    // Commands that take long, of which there are few between two questions.
    "while true do redis.call('command') end",
    "while true do pcall(redis.call, 'info', 'everything') end",
];

fn loop_serves(flags: &[&str]) -> bool {
    !flags.contains(&"thread-per-connection") && !flags.contains(&"blocking")
}

/// Asks until the script has been running for long enough, and then for its end.
fn kill(server: &Process, script: &str) {
    let mut other = server.connect();
    loop {
        let answer = other.ask(&[b"SCRIPT", b"KILL"]);
        if answer == "+OK" {
            return;
        }
        assert!(answer.starts_with("-NOTBUSY"), "{script}: {answer}");
    }
}

#[test]
fn no_script_survives_script_kill() {
    let server = Process::start(&["--busy-reply-threshold", "1", "--lua-memory-limit", "200mb"]);
    for script in HANGS {
        let mut running = server.connect();
        running.send(&[b"EVAL", script.as_bytes(), b"0"]);
        kill(&server, script);
        let end = running.reply();
        assert!(end.starts_with("-ERR Script killed by user"), "{script}: {end}");
    }
    let mut client = server.connect();
    assert_eq!(client.eval("return pcall(error, 'x') and 1 or 2", &[]), ":2");
}

#[test]
fn clients_that_were_connected_before_get_busy() {
    for flags in SERVED_BY.into_iter().filter(|flags| loop_serves(flags)) {
        let server = Process::start(&[flags, &["--busy-reply-threshold", "10"]].concat());
        let (mut running, mut killer) = (server.connect(), server.connect());
        let mut others: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for client in &mut others {
            assert_eq!(client.ask(&[b"PING"]), "+PONG", "{flags:?}");
        }
        // In one turn of the loop with those of the others.
        running.send(&[
            b"EVAL",
            b"while true do pcall(function() while true do end end) end",
            b"0",
        ]);
        for client in &mut others {
            client.send(&[b"GET", b"k"]);
        }
        // Commands that are executed before the script are no matter.
        for client in &mut others {
            let first = client.reply();
            assert!(first.starts_with("-BUSY") || first == "$-1", "{flags:?}: {first}");
            let second = client.ask(&[b"GET", b"k"]);
            assert!(second.starts_with("-BUSY"), "{flags:?}: {second}");
        }
        assert_eq!(killer.ask(&[b"SCRIPT", b"KILL"]), "+OK", "{flags:?}");
        assert!(running.reply().starts_with("-ERR Script killed"), "{flags:?}");
        for client in &mut others {
            assert_eq!(client.ask(&[b"PING"]), "+PONG", "{flags:?}");
        }
    }
}

/// Also if the script has written, so that SCRIPT KILL refuses, and if there is no threshold.
#[test]
fn sigterm_ends_the_server_whatever_a_script_does() {
    let wrote = "redis.call('set', 'k', 'v') local function f() while true do pcall(f) end end f()";
    for flags in SERVED_BY {
        for threshold in ["1", "0"] {
            let more = ["--busy-reply-threshold", threshold];
            let mut server = Process::start(&[flags, &more].concat());
            let mut running = server.connect();
            let script = format!("redis.log(redis.LOG_WARNING, 'it begins') {wrote}");
            running.send(&[b"EVAL", script.as_bytes(), b"0"]);
            assert!(server.log.iter().any(|line| line.ends_with("it begins")), "{flags:?}");
            server.signal("TERM");
            running.rest();
            assert_eq!(server.exit_code(), Some(0), "{flags:?}, threshold {threshold}");
        }
    }
}

#[test]
fn shutdown_ends_the_server_whatever_a_script_does() {
    for flags in SERVED_BY.into_iter().filter(|flags| loop_serves(flags)) {
        let mut server = Process::start(&[flags, &["--busy-reply-threshold", "1"]].concat());
        let (mut running, mut other) = (server.connect(), server.connect());
        let script = "redis.log(redis.LOG_WARNING, 'it begins') redis.call('set', 'k', 'v')
            local function f() while true do pcall(f) end end f()";
        running.send(&[b"EVAL", script.as_bytes(), b"0"]);
        assert!(server.log.iter().any(|line| line.ends_with("it begins")), "{flags:?}");
        other.send(&[b"SHUTDOWN", b"NOSAVE"]);
        assert_eq!(server.exit_code(), Some(0), "{flags:?}");
    }
}
