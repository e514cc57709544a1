-- Puts a day that was built beside the stored one in its place: counts and both sketches, at once.
--
-- KEYS  roll-up hash, visitors, confirmed visitors; then the three that were built
-- ARGV  the version the day must still have, 1 if the stored sketches stay
--
-- Gives { 1 if it was put, commands sent from here }. Markers move over, so that every node's
-- batches go on where they are; a day that was changed since it was read is left alone.

local commands = 0
local function call(...)
  commands = commands + 1
  return redis.call(...)
end

local live, built = KEYS[1], KEYS[4]
if (call('HGET', live, 'version') or '0') ~= ARGV[1] then
  return { 0, commands }
end

local fields = call('HGETALL', live)
local carried = { 'version', string.format('%.0f', tonumber(ARGV[1]) + 1) }
for i = 1, #fields, 2 do
  if fields[i]:sub(1, 7) == 'marker\31' then
    carried[#carried + 1] = fields[i]
    carried[#carried + 1] = fields[i + 1]
  end
end
for from = 1, #carried, 2000 do
  call('HSET', built, unpack(carried, from, math.min(from + 1999, #carried)))
end

for i = 1, ARGV[2] == '1' and 1 or 3 do
  if i == 1 or call('EXISTS', KEYS[i + 3]) == 1 then
    call('PERSIST', KEYS[i + 3])
    call('RENAME', KEYS[i + 3], KEYS[i])
  else
    call('UNLINK', KEYS[i])
  end
end
return { 1, commands }
