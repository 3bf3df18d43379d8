//! The matcher that can be interrupted, and the loops on top of it, against those of Lua.

use super::sys;
use mlua::{Function, Lua};

/// Compares both with patterns and subjects that are put together at random, and returns how many calls
/// matched and how many failed. The first difference is an error.
const COMPARISON: &str = r"
    local find, match, gsub, gmatch = ...
    local pieces = {'a', 'b', '.', '%a', '%d', '%W', '%S', '[ab]', '[^a]', '[a-c]', '[%d-]', '[]a]', '%b()',
        '%f[%a]', '%f', '%b(', '(', ')', '()', '(a)', '(.-)', '%1', '%2', '%0', '*', '+', '-', '?', '^',
        '$', '%', '%%', '[', ']', '\0', '%z', '%x', '%p', ' '}
    local letters = {'a', 'b', 'c', '1', '(', ')', ' ', '-', '%', '\0', '\200', 'A', '.'}
    local by = {'%0', '%1', 'x%2y', '%', '<%%>', '', 7, function(a, b) return b end,
        function() return false end, function() return {} end, {a = 'A', ab = 1}, {a = true}}
    local function text(of, most)
        local parts = {}
        for i = 1, math.random(0, most) do parts[i] = of[math.random(#of)] end
        return table.concat(parts)
    end
    local function said(ok, ...)
        local parts = {tostring(ok)}
        for i = 1, select('#', ...) do
            local part = tostring((select(i, ...)))
            -- Without the place of the call.
            if not ok then part = string.gsub(part, '^[^:]*:%d+: ', '') end
            parts[i + 1] = type((select(i, ...))) .. part
        end
        return table.concat(parts, '|')
    end
    local function all(each, ...)
        local found = {}
        for a, b in each(...) do
            found[#found + 1] = tostring(a) .. ':' .. tostring(b)
            if #found > 100 then break end
        end
        return table.concat(found, ',')
    end
    local matched, failed = 0, 0
    local function compare(name, ours, theirs, ...)
        local new, old = said(pcall(ours, ...)), said(pcall(theirs, ...))
        -- Lua's gsub does not notice a capture without an end if the replacement has no captures.
        local lax = name == 'gsub' and string.find(new, 'unfinished capture', 1, true)
        if new ~= old and not lax then
            local given = {}
            for i = 1, select('#', ...) do given[i] = string.format('%q', tostring((select(i, ...)))) end
            local text = name .. '(' .. table.concat(given, ', ') .. '): ' .. new .. ' instead of ' .. old
            error((string.gsub(text, '%z', '<0>')))
        end
        if string.sub(new, 1, 5) == 'false' then failed = failed + 1
        elseif new ~= 'true|nilnil' then matched = matched + 1 end
    end
    math.randomseed(1)
    for i = 1, 40000 do
        local s, p = text(letters, 12), text(pieces, 6)
        local from = math.random(-14, 14)
        compare('find', find, string.find, s, p)
        compare('find', find, string.find, s, p, from)
        compare('find', find, string.find, s, text(letters, 2), from, true)
        compare('match', match, string.match, s, p, from)
        compare('gsub', gsub, string.gsub, s, p, by[math.random(#by)])
        compare('gsub', gsub, string.gsub, s, p, by[math.random(#by)], math.random(-1, 6) / 2)
        compare('gmatch', function(...) return all(gmatch, ...) end,
            function(...) return all(string.gmatch, ...) end, s, p)
    end
    return matched, failed
";

#[test]
fn long_searches_find_what_lua_finds() {
    let lua = Lua::new();
    let string: mlua::Table = lua.globals().get("string").expect("Lua has its libraries");
    let (find, matching) = sys::long_searches(&lua).expect("there is memory");
    let concat: Function = lua
        .globals()
        .get::<mlua::Table>("table")
        .and_then(|table| table.get("concat"))
        .expect("as above");
    let sub: Function = string.get("sub").expect("as above");
    let loops = lua.load(include_str!("loops.lua")).set_name("=sandbox");
    let (gsub, gmatch): (Function, Function) = loops
        .call((sys::pattern_search(&lua).expect("there is memory"), sub, concat))
        .expect("the file must compile");
    let (matched, failed): (u32, u32) = lua
        .load(COMPARISON)
        .set_name("=comparison")
        .call((find, matching, gsub, gmatch))
        .expect("both must say the same");
    assert!(matched > 50_000 && failed > 20_000, "{matched} matched, {failed} failed");
}
