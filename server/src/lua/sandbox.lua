-- What scripts see of Lua: runs once when the Lua state is made, and returns what Rust needs of it.
-- Every table of the environment stands behind an empty one that refuses writes, since plain Lua 5.1
-- knows no read-only tables. Errors raised by Rust are userdata; scripts get what Redis gives them.
local plain, place, look, killed, behind, make_pcall = ...
local real = getfenv(0)
local error, type, next, setmetatable, getmetatable = error, type, next, setmetatable, getmetatable
local rawget, rawset, raw_next, raw_pairs, raw_ipairs = rawget, rawset, next, pairs, ipairs
local raw_pcall, raw_xpcall, compile, concat = pcall, xpcall, loadstring, table.concat
local resume, tostring, sub = coroutine.resume, tostring, string.sub

local kept = { assert = 1, collectgarbage = 1, coroutine = 1, error = 1, gcinfo = 1, getmetatable = 1,
  ipairs = 1, load = 1, loadstring = 1, math = 1, next = 1, pairs = 1, pcall = 1, rawequal = 1,
  rawget = 1, rawset = 1, select = 1, setmetatable = 1, string = 1, table = 1, tonumber = 1,
  tostring = 1, type = 1, unpack = 1, xpcall = 1, _VERSION = 1, os = 1, redis = 1, cjson = 1, bit = 1 }
for name in raw_pairs(real) do
  if not kept[name] then real[name] = nil end
end

-- `behind`: from the empty table that scripts hold to the one behind it. Functions that change tables
-- without metamethods refuse the tables that are its keys; those of Lua's libraries are checked in Rust.
local READ_ONLY = 'Attempt to modify a readonly table'

local function guard(target, index)
  local proxy = {}
  behind[proxy] = target
  local shown = {}
  behind[shown] = {}
  setmetatable(shown, { __newindex = function() error(READ_ONLY, 2) end, __metatable = shown })
  return setmetatable(proxy, {
    __index = index or target,
    __newindex = function() error(READ_ONLY, 2) end,
    __metatable = shown,
  })
end

-- What a script gets of an error that is no string.
real.pcall = make_pcall(function(err)
  -- A script that is ended cannot catch that.
  if err == killed then error(err, 0) end
  err = plain(err)
  if type(err) == 'table' then
    local text = err.err
    if type(text) == 'string' or type(text) == 'number' then err = text end
  end
  return err
end)

-- The handler runs after the error has left the protected code, not inside it: there a full C stack or
-- an error of the handler would replace the error.
local function handled(on_error, ok, ...)
  if ok then return ok, ... end
  if (...) == killed then error(killed, 0) end
  local fine, result = raw_pcall(on_error, (plain((...))))
  if fine then return false, result end
  if result == killed then error(killed, 0) end
  return false, 'error in error handling'
end

function real.xpcall(run, on_error) return handled(on_error, raw_pcall(run)) end

local function resumed(ok, err, ...)
  if ok then return ok, err, ... end
  if err == killed then error(err, 0) end
  return false, plain(err)
end

function coroutine.resume(...) return resumed(resume(...)) end

-- The instructions until the next look at the time are counted anew in each coroutine: many short ones
-- would never come to it.
local COROUTINES_PER_LOOK = 16
local coroutines = 0

local function counted(make, name)
  return function(body)
    coroutines = coroutines + 1
    if coroutines % COROUTINES_PER_LOOK == 0 then look() end
    if type(body) ~= 'function' then
      error("bad argument #1 to '" .. name .. "' (Lua function expected)", 2)
    end
    return make(body)
  end
end

coroutine.create = counted(coroutine.create, 'create')
coroutine.wrap = counted(coroutine.wrap, 'wrap')

-- Settings of the collector would stay for the next script. A full collection takes time.
local collect = collectgarbage
local UNCHANGED = { stop = 0, restart = 0, setpause = 200, setstepmul = 200 }
function real.collectgarbage(option, value)
  if UNCHANGED[option] then return UNCHANGED[option] end
  look()
  return collect(option, value)
end

function real.rawset(t, k, v)
  if behind[t] then error(READ_ONLY, 0) end
  return rawset(t, k, v)
end

function real.rawget(t, k) return rawget(behind[t] or t, k) end

function real.setmetatable(t, meta)
  if behind[t] then error(READ_ONLY, 0) end
  return setmetatable(t, meta)
end

local function guarded_next(t, k) return raw_next(behind[t] or t, k) end
real.next = guarded_next

function real.pairs(t)
  if behind[t] then return guarded_next, t, nil end
  return raw_pairs(t)
end

-- Byte code could be anything: only text is compiled.
local function text_only(chunk, name)
  if sub(chunk, 1, 1) == '\27' then
    return nil, '[string "' .. sub(chunk, 1, 5) .. '"]:1: unexpected symbol near \'char(27)\''
  end
  return compile(chunk, name)
end

function real.loadstring(chunk, name)
  if type(chunk) ~= 'string' and type(chunk) ~= 'number' then return compile(chunk, name) end
  chunk = tostring(chunk)
  return text_only(chunk, name or chunk)
end

function real.load(reader, name)
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == '' then break end
    if type(part) ~= 'string' then return nil, 'reader function must return a string' end
    parts[#parts + 1] = part
  end
  return text_only(concat(parts), name or '=(load)')
end

for _, name in raw_ipairs({ 'string', 'math', 'table', 'coroutine', 'os', 'redis', 'cjson', 'bit' }) do
  real[name] = guard(real[name])
end
local strings = getmetatable('')
strings.__metatable = guard({ __index = real.string })

setmetatable(real, {
  __index = function(_, name)
    error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
  end,
})
local environment = guard(real)
rawset(real, '_G', environment)

-- The last word on an error: what it says, and where in the script it came up.
local function handler(err)
  err = plain(err)
  local source, line = place()
  if type(err) ~= 'table' then return { err = 'ERR ' .. tostring(err), source = source, line = line } end
  local counted = rawget(err, 'ignore_error_stats_update')
  return { err = rawget(err, 'err'), counted = counted, source = source, line = line }
end

return environment, function(run) return raw_xpcall(run, handler) end
