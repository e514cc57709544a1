-- Writes a chunk into the log that nodes share, if it is the next.
--
-- KEYS  log, marks
-- ARGV  its number, the item
--
-- Gives { 1 if it was, commands sent from here }.

local have = tonumber(redis.call('HGET', KEYS[2], 'chunk') or 0)
if have + 1 ~= tonumber(ARGV[1]) then
  return { 0, 1 }
end
redis.call('XADD', KEYS[1], '*', 'i', ARGV[2])
redis.call('HSET', KEYS[2], 'chunk', ARGV[1])
return { 1, 3 }
