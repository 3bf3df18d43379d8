//! What one script leaves must not be visible to the next: globals, library tables, metatables,
//! settings of the collector, memory.

use super::process::Process;

/// Everything that a script can reach, as text: names, types and sizes, without addresses.
const VIEW: &str = r"
    local seen, out = {}, {}
    local function show(path, value)
        local kind = type(value)
        if kind ~= 'table' then
            if kind == 'function' then value = 'function' end
            out[#out + 1] = path .. '=' .. tostring(value)
            return
        end
        if seen[value] then return end
        seen[value] = true
        local names = {}
        for name, item in pairs(value) do names[#names + 1] = {tostring(name), item} end
        table.sort(names, function(a, b) return a[1] < b[1] end)
        out[#out + 1] = path .. ' has ' .. #names
        for _, pair in ipairs(names) do show(path .. '.' .. pair[1], pair[2]) end
        for index = 1, 3 do
            local item = rawget(value, index)
            if item ~= nil then out[#out + 1] = path .. '[' .. index .. ']' .. tostring(item) end
        end
        show(path .. '<meta>', getmetatable(value))
    end
    show('_G', _G)
    show('<string>', getmetatable(''))
    out[#out + 1] = 'random ' .. math.random()
    out[#out + 1] = 'null ' .. tostring(redis.call('get', 'missing'))
    out[#out + 1] = 'json ' .. cjson.encode({1, cjson.decode(cjson.encode({'a/b'}))})
    return table.concat(out, '\n')";

/// Each tries to leave something.
const ATTACKS: [&str; 57] = [
    "table.insert(string, ARGV[1])",
    "table.insert(string, 1, ARGV[1])",
    "table.insert(_G, ARGV[1])",
    "table.insert(redis, ARGV[1])",
    "table.insert(getmetatable(string), ARGV[1])",
    "table.insert(getmetatable(getmetatable(string)), ARGV[1])",
    "table.insert(getmetatable(''), ARGV[1])",
    "table.insert(getmetatable('').__index, ARGV[1])",
    "table.insert(getmetatable(_G), ARGV[1])",
    "table.remove(string)",
    "table.remove(string, 1)",
    "table.sort(string)",
    "table.foreach(_G, function(_, t) if type(t) == 'table' then t[1] = 1 end end)",
    "table.setn(string, 5)",
    "rawset(string, 1, ARGV[1])",
    "rawset(_G, 'left', ARGV[1])",
    "rawset(getmetatable(''), 'left', ARGV[1])",
    "rawset(getmetatable(_G), '__index', function() return 1 end)",
    "setmetatable(_G, {__index = function() return ARGV[1] end})",
    "setmetatable(string, {})",
    "setmetatable(getmetatable(string), {})",
    "getmetatable(string).__index = nil",
    "getmetatable('').__index = {}",
    "getmetatable('').left = ARGV[1]",
    "_G.left = ARGV[1]",
    "left = ARGV[1]",
    "function left() return ARGV[1] end",
    "string.left = ARGV[1]",
    "redis.call = function() return 1 end",
    "redis.left = ARGV[1]",
    "cjson.null = ARGV[1]",
    "KEYS.left = ARGV[1] ARGV[2] = 'left'",
    "KEYS = {ARGV[1]}",
    "math.randomseed(7) math.random()",
    "collectgarbage('stop')",
    "collectgarbage('setpause', 100000)",
    "collectgarbage('setstepmul', 1)",
    "setfenv(1, {left = 1})",
    "getfenv(0).left = 1",
    "load('_G.left = 1')()",
    "loadstring('left = 1', '=sandbox\\0x')()",
    "loadstring('rawset(_G, 1, 2)', '=sandbox')()",
    "coroutine.wrap(function() string.left = 1 end)()",
    "for _, lib in pairs(_G) do if type(lib) == 'table' then pcall(table.insert, lib, 1) end end",
    // The protocol, also if the script fails.
    "redis.setresp(3)",
    "redis.setresp(3) error('x')",
    // A text that is only half made or read.
    "cjson.encode({ARGV[1], {ARGV[1], function() end}})",
    "cjson.decode('[\"' .. ARGV[1] .. '\\\\n\", x')",
    "cjson.encode(cjson)",
    "redis.call('nonsense', ARGV[1], {})",
    "redis.call('get', ARGV[1], {})",
    // Functions and threads that outlive the script keep nothing of it.
    "local t = {} for i = 1, 10 do t[i] = coroutine.create(function() coroutine.yield(t) end) coroutine.resume(t[i]) end",
    "coroutine.wrap(function() setmetatable(_G, {}) end)()",
    "local f = string.gmatch('abc', '.') f() f.left = 1",
    "rawset(bit, 'left', ARGV[1])",
    "setmetatable(cjson, {__index = {left = 1}})",
    "cjson.encode_sparse_array(true)",
];

#[test]
fn nothing_is_left_for_the_next_script() {
    for flags in [&[][..], &["--io-model", "thread-per-connection"]] {
        let server = Process::start(flags);
        let (mut first, mut next) = (server.connect(), server.connect());
        next.eval(VIEW, &[]);
        let before = next.eval(VIEW, &[]);
        assert!(before.contains("_G.string"), "{before}");
        for attack in ATTACKS {
            first.eval(attack, &[b"secret of the first"]);
            first.eval(&format!("pcall(function() {attack} end)"), &[b"secret of the first"]);
            let after = next.eval(VIEW, &[]);
            let new = after.lines().find(|line| !before.contains(*line));
            assert_eq!(new, None, "{attack}");
            assert_eq!(after.len(), before.len(), "{attack}");
        }
    }
}

#[test]
fn a_table_of_the_library_refuses_changes_in_redis_words() {
    let server = Process::start(&[]);
    let mut client = server.connect();
    for script in [
        "table.insert(string, ARGV[1])",
        "table.insert(string, 1, ARGV[1])",
        "table.remove(_G)",
        "rawset(string, 1, ARGV[1])",
        "string.x = 1",
    ] {
        let reply = client.eval(script, &[b"x"]);
        assert!(reply.contains("Attempt to modify a readonly table"), "{script}: {reply}");
    }
    assert_eq!(client.eval("local t = {} table.insert(t, 'a') return t[1]", &[]), "a");
}

#[test]
fn memory_that_a_script_held_is_free_after_it() {
    let server = Process::start(&[]);
    let mut client = server.connect();
    let used = |client: &mut super::process::Peer| {
        let info = client.ask(&[b"INFO", b"memory"]);
        let line = info.lines().find_map(|line| line.strip_prefix("used_memory_lua:"));
        line.expect("the field").parse::<u64>().expect("a number")
    };
    client.eval("return 1", &[]);
    let before = used(&mut client);
    for script in [
        "local t = {} for i = 1, 500000 do t[i] = {i} end return #t",
        "local s = string.rep('x', 50000000) return #s",
        "local t = {} for i = 1, 20000 do t[i] = coroutine.create(function() end) end return 1",
        "collectgarbage('stop') local t = {} for i = 1, 500000 do t[i] = {} end return 1",
        "for i = 1, 200000 do ARGV[i] = 'x' .. i end return 1",
        "for i = 1, 300000 do local f = loadstring('return ' .. i % 7) end error('x')",
    ] {
        client.eval(script, &[]);
        let after = used(&mut client);
        assert!(after < before + 12 * 1024 * 1024, "{script}: {before} to {after}");
    }
}

/// What does not fit into the memory limit ends the script in the middle of a reply, a text or a table.
#[test]
fn a_script_that_runs_out_of_memory_leaves_nothing() {
    let server = Process::start(&["--lua-memory-limit", "30mb"]);
    let (mut first, mut next) = (server.connect(), server.connect());
    let big = vec![b'x'; 4 * 1024 * 1024];
    assert_eq!(first.ask(&[b"SET", b"k", &big]), "+OK");
    next.eval(VIEW, &[]);
    let before = next.eval(VIEW, &[]);
    for attack in [
        "local t = {} for i = 1, 100 do t[i] = redis.call('get', 'k') .. i end return t",
        "local t = {} for i = 1, 100 do t[i] = redis.pcall('getrange', 'k', i, -1) end",
        "local s = redis.call('get', 'k') for i = 1, 100 do s = cjson.encode({s, s}) end",
        "local s = '[' .. string.rep('[1],', 1000000) .. '1]' return #cjson.decode(s)",
        "local t = {} for i = 1, 1e9 do t[i] = {i} end",
    ] {
        for _ in 0..3 {
            let reply = first.eval(attack, &[]);
            assert!(reply.starts_with("-ERR not enough memory"), "{attack}: {reply}");
            let after = next.eval(VIEW, &[]);
            assert_eq!(after, before, "{attack}");
        }
    }
}
