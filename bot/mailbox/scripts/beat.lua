-- Note a worker's sign of life, and clear away workers that have been silent, and dead letters kept, for too long.
-- One that still owns claims stays in the group until they are taken over: deleting it would lose them.
local ready, workers, dead = unpack(KEYS)
local consumer, ttl, info, letter_ttl = unpack(ARGV)

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

local old = {}
for _, letter in ipairs(redis.call('XRANGE', dead, '-', string.format('%d', (now - letter_ttl) * 1000), 'COUNT', 500)) do
  table.insert(old, letter[1])
end
shred(dead, old)
