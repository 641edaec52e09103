-- Take a token out of every bucket, if each holds one. Returns what the update may do: 'told', 'passed' or 'limited'.
-- A bucket is kept as the time at which it will be full; one that is full has no key. An update that took effect before
-- pays nothing. KEYS: told, seen, then the buckets; ARGV: of each bucket its size, and milliseconds for one token.
local told, seen = unpack(KEYS)

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
  local size, token = tonumber(ARGV[2 * i - 5]), tonumber(ARGV[2 * i - 4])
  -- Never later than if it were empty now: the server's clock may have been set back.
  local at = math.min(tonumber(redis.call('GET', KEYS[i]) or now), now + size * token)
  full_at[i] = math.max(at, now) + token
  if full_at[i] > now + size * token then
    return 'limited'
  end
end
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], string.format('%.0f', full_at[i]), 'PX', string.format('%.0f', full_at[i] - now))
end
return 'passed'
