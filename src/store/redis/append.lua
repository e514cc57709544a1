-- Writes an item into the log that nodes share, unless its number there was written before.
--
-- KEYS  log, marks
-- ARGV  the mark with the last number, the number (0: an item without), the item, when to forget the
--       log (ms from now)
--
-- Gives { verdict, the mark, the lease, what is counted, commands sent from here }.

local number = tonumber(ARGV[2])
local marks = redis.call('HMGET', KEYS[2], ARGV[1], 'lease', 'done')
local have = tonumber(marks[1] or 0)

local function verdict(word, commands)
  return { word, string.format('%.0f', have), marks[2] or '', marks[3] or '', commands }
end

if number > 0 and have >= number then
  return verdict('before', 1)
elseif number > 0 and have + 1 < number then
  return verdict('gap', 1)
end
-- The first write is the last that a server can turn down.
redis.call('XADD', KEYS[1], '*', 'i', ARGV[3])
if number > 0 then
  redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
end
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return verdict('now', number > 0 and 4 or 3)
