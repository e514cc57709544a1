-- Takes the lease on counting, or renews it, unless another node holds it.
--
-- KEYS  marks
-- ARGV  who, for how long (ms; 0: lets it go), what is counted (empty: it is not known here)
--
-- Gives { 1 if it is theirs, 1 if it was before, the server's time (ms), the last chunk agreed on,
-- commands sent from here }. A lease that has ended still says whose it was.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local marks = redis.call('HMGET', KEYS[1], 'lease', 'chunk')
local chunk = marks[2] or '0'
local who, till = string.match(marks[1] or '', '^(%S+) (%d+)$')
if who and who ~= ARGV[1] and tonumber(till) > now then
  return { 0, 0, now, chunk, 2 }
end
local lease = string.format('%s %.0f', ARGV[1], now + tonumber(ARGV[2]))
if ARGV[3] == '' then
  redis.call('HSET', KEYS[1], 'lease', lease)
else
  redis.call('HSET', KEYS[1], 'lease', lease, 'done', ARGV[3])
end
return { 1, who == ARGV[1] and 1 or 0, now, chunk, 3 }
