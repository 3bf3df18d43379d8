//! The flags that the vendored Lua is built with. The sandbox guards its functions as well; this is
//! the Lua below the guards.

use std::process::Command;

/// Functions of Lua 5.1 that compute with indices near the limits of `int`, and what they must say.
const OVERFLOWS: &str = r"
    local function fails(expected, f, ...)
        local ok, message = pcall(f, ...)
        assert(not ok and string.find(message, expected, 1, true), tostring(message))
    end
    fails('too many results to unpack', unpack, {}, 0, 2147483647)
    fails('too many results to unpack', unpack, {}, -2147483648, 2147483647)
    fails('too many results to unpack', unpack, {}, -2, 2147483647)
    assert(select('#', unpack({}, 2147483647, -2147483648)) == 0)
    assert(string.sub('abc', -2147483648, 2147483647) == 'abc')
";

/// Runs in a process of its own, because a Lua built without the flag ends the process.
#[test]
#[ignore = "started by `signed_overflow_wraps_in_the_lua_that_is_built`"]
fn overflows_in_bare_lua() {
    let lua = mlua::Lua::new();
    lua.load(OVERFLOWS).exec().expect("each call must fail with its own error");
}

#[test]
fn signed_overflow_wraps_in_the_lua_that_is_built() {
    let tests = std::env::current_exe().expect("the path of this test program");
    let output = Command::new(tests)
        .args(["--exact", "attack::lua_build::overflows_in_bare_lua", "--ignored"])
        .output()
        .expect("this test program must start");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.contains("1 passed"),
        "build the C code with -fwrapv (.cargo/config.toml), after `cargo clean -p mlua-sys`: {}\n{text}",
        output.status
    );
}
