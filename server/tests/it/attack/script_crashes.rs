//! Every library function of scripts with edge values. The server must survive all of them, and each
//! call must come to an end.

use super::process::Process;

/// Calls every function that a script can reach with up to three of the edge values, and returns how
/// many calls were made.
const EDGES: &str = r"
    local deep = {} for i = 1, 100 do deep = {deep} end
    local values = {0, 1, -1, 2, 2^31 - 1, 2^31, -2^31, -2^31 - 1, 2^32, 2^53, -2^53, 1e308, 0/0, 1/0,
        -1/0, 0.5, '', 'x', '%', '[', '.-b', '%d', string.rep('xy', 5000), {}, {1, 2, 3}, {a = 1},
        deep, true, function() end, cjson.null}
    local skipped = {call = 1, pcall = 1, log = 1, collectgarbage = 1, yield = 1}
    local calls = 0
    local function try(f, ...)
        calls = calls + 1
        pcall(f, ...)
    end
    local function all(f, two_only)
        try(f)
        for _, a in ipairs(values) do
            try(f, a)
            for _, b in ipairs(values) do
                try(f, a, b)
                -- What is changed here must not change the values.
                local list = {5, 4, 3, 2, 1}
                try(f, list, a, b)
                try(f, list, ',', a, b)
                try(f, string.rep('ab', 20), a, b)
                if not two_only then for _, c in ipairs(values) do try(f, a, b, c) end end
            end
        end
    end
    for name, item in pairs(_G) do
        if type(item) == 'function' and not skipped[name] then all(item, name == 'pcall') end
        if type(item) == 'table' and name ~= '_G' and name ~= 'KEYS' and name ~= 'ARGV' then
            for inner, f in pairs(item) do
                if type(f) == 'function' and not skipped[inner] then all(f, true) end
            end
        end
    end
    return calls";

/// Single calls that crashed a server or came near it.
const CRASHES: [(&str, &str); 26] = [
    ("local t = {} for i = 1, 100 do t[i] = i end return unpack(t)", ":1"),
    ("return select('#', pcall(unpack, {}, 1, 100))", ":101"),
    ("return select('#', pcall(pcall, unpack, {}, 1, 7000))", ":7002"),
    ("return unpack({}, 0, 2147483647)", "too many results to unpack"),
    ("return unpack({}, -2147483648, 2147483647)", "too many results to unpack"),
    ("return unpack({}, 1, 2^53)", "too many results to unpack"),
    ("return unpack({}, -2^53, 2^53)", "too many results to unpack"),
    ("return unpack({}, 0/0, 1)", "too many results to unpack"),
    ("return unpack({}, 1, 1/0)", "too many results to unpack"),
    ("return unpack({}, 1, 8000)", "too many results to unpack"),
    ("return #{unpack({}, 1, 0)} + 7", ":7"),
    ("return select(2147483647, unpack({1, 2})) or 7", ":7"),
    ("table.insert({}, -2147483648, 1)", "position out of bounds"),
    ("table.insert({}, -2^53, 1)", "position out of bounds"),
    ("table.insert({}, 0/0, 1)", "position out of bounds"),
    ("local t = {} table.insert(t, 10, 7) return t[10]", ":7"),
    ("local t = {1, 2} table.insert(t, 1, 7) return t[1]", ":7"),
    ("return table.remove({}, 2^53) or 7", "position out of bounds"),
    ("return #string.rep('', 2147483647) + 7", ":7"),
    ("return string.rep('x', 2^53)", "resulting string too large"),
    ("return string.rep('xx', 2147483647)", "resulting string too large"),
    ("return #string.rep('x', -2^31) + 7", ":7"),
    ("return table.concat({}, ',', -2147483648, 2147483647)", "invalid value"),
    ("return string.byte('x', -2^53, 2^53)", ":120"),
    ("return #string.sub('x', -2^31, 2^31) + 6", ":"),
    // 400 GB.
    (
        "local s, t = string.rep('x', 100000000), {} for i = 1, 4000 do t[i] = s end return t",
        "The reply of the script is too long",
    ),
];

#[test]
fn calls_beyond_every_bound_are_errors() {
    for flags in [&[][..], &["--io-model", "thread-per-connection"]] {
        let server = Process::start(flags);
        let mut client = server.connect();
        for (script, expected) in CRASHES {
            let reply = client.eval(script, &[]);
            assert!(reply.contains(expected), "{flags:?}: {script}: {reply}");
        }
        assert_eq!(client.eval("return 'alive'", &[]), "alive");
    }
}

#[test]
fn every_library_function_takes_every_edge_value() {
    let flags = ["--lua-memory-limit", "200mb"];
    for more in [&[][..], &["--io-model", "thread-per-connection"]] {
        let mut server = Process::start(&[&flags[..], more].concat());
        let mut client = server.connect();
        let reply = client.eval(EDGES, &[]);
        let calls: u64 = reply.trim_start_matches(':').parse().unwrap_or(0);
        assert!(calls > 100_000, "{more:?}: {reply}");
        assert_eq!(client.eval("return 'alive'", &[]), "alive");
        assert!(server.ended().is_none());
    }
}
