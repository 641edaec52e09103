-- Take a token out of every bucket, if each holds one. Returns what the update may do: 'told', 'passed' or 'limited'.
-- A bucket is kept as the time at which it will be full, and the update that paid last; one that is full has no key.
-- An update that took effect before, or paid last, pays nothing: it is brought again, or the call repeated since its
-- answer was lost. KEYS: told, seen, then the buckets; ARGV: the update's id, then of each bucket its size, and
-- milliseconds for one token.
local told, seen = unpack(KEYS)
local update = ARGV[1]

if redis.call('EXISTS', told) == 1 then
  return 'told'
end
if redis.call('EXISTS', seen) == 1 then
  return 'passed'
end

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local full_at = {}
for i = 3, #KEYS do
  local size, token = tonumber(ARGV[2 * i - 4]), tonumber(ARGV[2 * i - 3])
  local at, payer = string.match(redis.call('GET', KEYS[i]) or '', '^(%d+) ?(.*)$')
  -- Never later than if it were empty now: the server's clock may have been set back.
  at = math.max(math.min(tonumber(at or now), now + size * token), now)
  full_at[i] = payer == update and at or at + token
  if full_at[i] > now + size * token then
    return 'limited'
  end
end
for i = 3, #KEYS do
  local left = math.max(full_at[i] - now, 1)
  redis.call('SET', KEYS[i], string.format('%.0f %s', full_at[i], update), 'PX', string.format('%.0f', left))
end
return 'passed'
