-- Puts a state that was built beside the stored one in its place, and lets go what of the log it
-- makes needless.
--
-- KEYS  state, the one that was built, log, marks
-- ARGV  the chunk it goes up to, where the log is still needed from (empty: all of it), when to forget
--       the state (ms from now), whether it only begins (1) or makes the store go on from here (2)
--
-- Gives { 1 if it was put, commands sent from here }. An older state never replaces a newer one.

local have, chunk = redis.call('HGET', KEYS[1], 'chunk'), tonumber(ARGV[1])
local late = have and (ARGV[4] == '1' or tonumber(have) > chunk)
if late and ARGV[4] ~= '2' then
  redis.call('UNLINK', KEYS[2])
  return { 0, 2 }
end
redis.call('RENAME', KEYS[2], KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local commands = 3
if ARGV[4] == '2' then
  redis.call('HSET', KEYS[4], 'chunk', ARGV[1])
  commands = commands + 1
end
if ARGV[2] ~= '' then
  redis.call('XTRIM', KEYS[3], 'MINID', ARGV[2])
  commands = commands + 1
end
return { 1, commands }
