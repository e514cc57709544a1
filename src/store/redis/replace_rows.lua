-- Puts blocks of rows that were built beside a list in the place of some of its own, at once.
--
-- KEYS  list, what was built, roll-up hash of the day
-- ARGV  place of the first block to replace, how many, the first of them, the last of them
--
-- Gives { 1 if they were put, commands sent from here }. What stands before and behind the old blocks
-- joins the new ones beside the list, which stays as it is until all of it can be renamed: so a server
-- that turns a write down (out of memory, read-only) has lost nothing.

local commands = 0
local function call(...)
  commands = commands + 1
  return redis.call(...)
end

local list, built = KEYS[1], KEYS[2]
local from, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local last = from + count - 1
if call('LINDEX', list, from) ~= ARGV[3] or call('LINDEX', list, last) ~= ARGV[4] then
  call('UNLINK', built)
  return { 0, commands }
end

-- `unpack` carries at most about 8,000 values.
local function push(how, blocks)
  for i = 1, #blocks, 1000 do
    call(how, built, unpack(blocks, i, math.min(i + 999, #blocks)))
  end
end

push('RPUSH', call('LRANGE', list, last + 1, -1))
if from > 0 then
  local before = call('LRANGE', list, 0, from - 1)
  local reversed = {}
  for i = #before, 1, -1 do
    reversed[#reversed + 1] = before[i]
  end
  push('LPUSH', reversed)
end
call('PERSIST', built)
call('RENAME', built, list)
call('HINCRBY', KEYS[3], 'version', 1)
return { 1, commands }
