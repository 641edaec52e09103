-- Note a gateway's sign of life, clear away those that are silent for too long, and return how many are alive.
local gateways = KEYS[1]
local name, ttl = unpack(ARGV)

local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', gateways, name, string.format('%d', now + ttl))
local beats, alive = redis.call('HGETALL', gateways), 0
for i = 1, #beats, 2 do
  if tonumber(beats[i + 1]) > now then
    alive = alive + 1
  else
    redis.call('HDEL', gateways, beats[i])
  end
end
return alive
