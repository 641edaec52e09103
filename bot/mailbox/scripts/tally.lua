-- Add to the counts of an hour. ARGV: seconds to keep it, then names and numbers.
local hour, ttl = KEYS[1], ARGV[1]

for i = 2, #ARGV, 2 do
  redis.call('HINCRBY', hour, ARGV[i], ARGV[i + 1])
end
redis.call('EXPIRE', hour, ttl)
