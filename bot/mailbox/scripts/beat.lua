-- Note a worker's sign of life, and clear away workers that have been silent for too long.
-- One that still owns claims stays in the group until they are taken over: deleting it would lose them.
local ready, workers = unpack(KEYS)
local consumer, ttl, info = unpack(ARGV)

local now = tonumber(redis.call('TIME')[1])
redis.call('HSET', workers, consumer, string.format('%d %s', now + ttl, info))

local beats = redis.call('HGETALL', workers)
for i = 1, #beats, 2 do
  local expired = tonumber(string.match(beats[i + 1], '^%d+')) <= now
  if expired and #redis.call('XPENDING', ready, 'workers', '-', '+', 1, beats[i]) == 0 then
    redis.call('XGROUP', 'DELCONSUMER', ready, 'workers', beats[i])
    redis.call('HDEL', workers, beats[i])
  end
end
