-- `string.gsub` and `string.gmatch` for calls that could take long: in Lua, where the hook can end them,
-- on top of `find`, which can be interrupted and takes every pattern for a pattern. Results and errors are those of Lua 5.1. The
-- levels of errors count the check that calls these functions.
local find, sub, concat = ...
local error, type, tostring, tonumber, unpack = error, type, tostring, tonumber, unpack

-- The replacement text with its captures: `%0` is the whole match, and so is `%1` without captures.
local function expanded(text, whole, found)
  local parts, at = {}, 1
  while true do
    local sign = find(text, '%%', at)
    if not sign then break end
    parts[#parts + 1] = sub(text, at, sign - 1)
    local name = sub(text, sign + 1, sign + 1)
    if find(name, '^%d') then
      local part = found[tonumber(name) + 2]
      if name == '0' or (name == '1' and not part) then part = whole end
      if not part then error('invalid capture index', 4) end
      parts[#parts + 1] = part
    else
      parts[#parts + 1] = name == '' and '\0' or name
    end
    at = sign + 2
  end
  parts[#parts + 1] = sub(text, at)
  return (concat(parts))
end

local function gsub(s, pattern, by, limit)
  s, pattern = tostring(s), tostring(pattern)
  local kind = type(by)
  if kind == 'number' then by = tostring(by) end
  limit = limit and limit - limit % 1 or #s + 1
  local anchored = sub(pattern, 1, 1) == '^'
  local parts, at, count = {}, 1, 0
  while count < limit do
    local found = { find(s, pattern, at) }
    local first, last = found[1], found[2]
    if not first then break end
    count = count + 1
    parts[#parts + 1] = sub(s, at, first - 1)
    local whole = sub(s, first, last)
    local new
    if kind == 'function' then
      if found[3] then new = by(unpack(found, 3)) else new = by(whole) end
    elseif kind == 'table' then
      new = by[found[3] or whole]
    else
      new = expanded(by, whole, found)
    end
    if not new then
      new = whole
    elseif type(new) ~= 'string' and type(new) ~= 'number' then
      error('invalid replacement value (a ' .. type(new) .. ')', 3)
    end
    parts[#parts + 1] = new
    at = last + 1
    if last < first then
      if first > #s then break end
      parts[#parts + 1] = sub(s, first, first)
      at = first + 1
    end
    if anchored then break end
  end
  parts[#parts + 1] = sub(s, at)
  return concat(parts), count
end

local function gmatch(s, pattern)
  s, pattern = tostring(s), tostring(pattern)
  -- The sign is no anchor here.
  if sub(pattern, 1, 1) == '^' then pattern = '%' .. pattern end
  local at = 1
  return function()
    if at > #s + 1 then return end
    local found = { find(s, pattern, at) }
    local first, last = found[1], found[2]
    if not first then
      at = #s + 2
      return
    end
    at = last < first and first + 1 or last + 1
    if found[3] then return unpack(found, 3) end
    return sub(s, first, last)
  end
end

return gsub, gmatch
