-- Puts a month's roll-up, built beside it, in its place; one that is frozen stays.
--
-- KEYS  month, what was built
-- ARGV  1 to freeze it
--
-- Gives { 1 if it was put, commands sent from here }.

local old = redis.call('HMGET', KEYS[1], 'frozen', 'version')
if old[1] then
  redis.call('UNLINK', KEYS[2])
  return { 0, 2 }
end
local version = string.format('%.0f', tonumber(old[2] or 0) + 1)
redis.call('HSET', KEYS[2], 'version', version)
if ARGV[1] == '1' then
  redis.call('HSET', KEYS[2], 'frozen', '1')
end
redis.call('PERSIST', KEYS[2])
redis.call('RENAME', KEYS[2], KEYS[1])
return { 1, ARGV[1] == '1' and 5 or 4 }
