-- Applies one numbered batch to one (site, day): all of it or nothing, once.
--
-- KEYS  roll-up hash, visitors, confirmed visitors, lists of people's and of others' event rows
--       (instead of a list to which the batch appends nothing: the roll-up hash)
-- ARGV  marker field, batch number, how many fields, visitors, confirmed visitors, blocks of
--       people's rows and of others'; then the field names, what to add to each, the visitors, the
--       confirmed visitors, the blocks
--
-- Gives { verdict, detail, commands sent from here }. The detail of a batch that was applied is the
-- lengths of people's and of others' list (0: it did not append to it).
--
-- Reads come first and find every reason to refuse. The first write is the last that a server can
-- turn down (out of memory, read-only), so nothing is ever applied by half. `unpack` carries at
-- most 2,006 values, far below its limit.

local commands = 0

local function call(...)
  commands = commands + 1
  return redis.pcall(...)
end

local function verdict(name, detail)
  return { name, detail or '', commands }
end

local function refused(reply)
  return type(reply) == 'table' and reply.err
end

local function blame(message, key)
  if message:find('WRONGTYPE', 1, true) then
    return verdict('wrongtype', key)
  end
  return verdict('error', message)
end

local rollup, visitors, confirmed, people, others = unpack(KEYS)
local marker, number = ARGV[1], tonumber(ARGV[2])

-- Where each section of ARGV begins; a section of none is empty.
local n_fields, n_visitors = tonumber(ARGV[3]), tonumber(ARGV[4])
local n_confirmed, n_people, n_others = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local at_names = 8
local at_counts = at_names + n_fields
local at_visitors = at_counts + n_fields
local at_confirmed = at_visitors + n_visitors
local at_people = at_confirmed + n_confirmed
local at_others = at_people + n_people

local stored = call('HMGET', rollup, marker, 'version', unpack(ARGV, at_names, at_counts - 1))
if refused(stored) then
  return blame(stored.err, rollup)
end

local have = tonumber(stored[1] or 0)
if have >= number then
  return verdict('before')
elseif have + 1 < number then
  return verdict('gap', string.format('%.0f', have))
end

-- One PFCOUNT judges both sketches; which one is at fault is asked only if one is. Always of two
-- keys, if need be the same: that of one key writes its result into it.
local sketches = {}
if n_visitors > 0 then sketches[#sketches + 1] = visitors end
if n_confirmed > 0 then sketches[#sketches + 1] = confirmed end
if #sketches > 0 and refused(call('PFCOUNT', sketches[1], sketches[#sketches])) then
  for _, key in ipairs(sketches) do
    local reply = call('PFCOUNT', key, key)
    if refused(reply) then
      return blame(reply.err, key)
    end
  end
end
for list, blocks in pairs({ [people] = n_people, [others] = n_others }) do
  local reply = blocks > 0 and call('LLEN', list)
  if refused(reply) then
    return blame(reply.err, list)
  end
end

-- Lua counts in doubles: exact to 2^53, which '%.0f' writes without an exponent.
local sums = {}
for i = 0, n_fields - 1 do
  local name = ARGV[at_names + i]
  local before = tonumber(stored[i + 3] or 0)
  if not before then
    return verdict('error', 'ERR ' .. rollup .. ' holds no number in ' .. name)
  end
  sums[#sums + 1] = name
  sums[#sums + 1] = string.format('%.0f', before + tonumber(ARGV[at_counts + i]))
end
sums[#sums + 1] = 'version'
sums[#sums + 1] = string.format('%.0f', tonumber(stored[2] or 0) + 1)
sums[#sums + 1] = marker
sums[#sums + 1] = ARGV[2]

-- What may be repeated without harm first, the marker last.
local writes = {}
if n_visitors > 0 then
  writes[#writes + 1] = { 'PFADD', visitors, unpack(ARGV, at_visitors, at_confirmed - 1) }
end
if n_confirmed > 0 then
  writes[#writes + 1] = { 'PFADD', confirmed, unpack(ARGV, at_confirmed, at_people - 1) }
end
if n_people > 0 then
  writes[#writes + 1] = { 'RPUSH', people, unpack(ARGV, at_people, at_others - 1) }
end
if n_others > 0 then
  writes[#writes + 1] = { 'RPUSH', others, unpack(ARGV, at_others, at_others + n_others - 1) }
end
writes[#writes + 1] = { 'HSET', rollup, unpack(sums) }

local lengths = { [people] = 0, [others] = 0 }
for _, write in ipairs(writes) do
  local reply = call(unpack(write))
  if refused(reply) then
    return verdict('error', reply.err)
  end
  if write[1] == 'RPUSH' then
    lengths[write[2]] = reply
  end
end
return verdict('now', string.format('%.0f %.0f', lengths[people], lengths[others]))
