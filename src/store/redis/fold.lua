-- Moves counts of a day's roll-up from one field to another: all of them or none.
--
-- KEYS  roll-up hash
-- ARGV  the fields to empty, then for each the field its count goes to
--
-- Gives { commands sent from here }. Moves what is there now, so a repeated call moves
-- nothing. HSET comes first: the only one a server can turn down.

local rollup, n = KEYS[1], #ARGV / 2
local from = redis.call('HMGET', rollup, unpack(ARGV, 1, n))

local sums, names = {}, {}
for i = 1, n do
  if from[i] then
    local to = ARGV[n + i]
    if not sums[to] then
      sums[to] = 0
      names[#names + 1] = to
    end
    sums[to] = sums[to] + tonumber(from[i])
  end
end
if #names == 0 then
  return { 1 }
end

local before = redis.call('HMGET', rollup, 'version', unpack(names))
local writes = { 'version', string.format('%.0f', tonumber(before[1] or 0) + 1) }
for i, to in ipairs(names) do
  writes[#writes + 1] = to
  writes[#writes + 1] = string.format('%.0f', tonumber(before[i + 1] or 0) + sums[to])
end
redis.call('HSET', rollup, unpack(writes))
redis.call('HDEL', rollup, unpack(ARGV, 1, n))
return { 4 }
