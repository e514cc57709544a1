-- Writes a secret if what is stored is what the writer expects, and gives back what is stored then.
--
-- KEYS  the secret
-- ARGV  new value, when to forget it (ms since the epoch), expected value (left out: none)
--
-- Gives { value, commands sent from here }.

local stored = redis.call('GET', KEYS[1])
if stored ~= (ARGV[3] or false) then
  return { stored or '', 1 }
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return { ARGV[1], 2 }
