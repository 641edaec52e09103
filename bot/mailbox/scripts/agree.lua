-- Note of how many shards the mailbox is made, if nobody has. Returns the number that holds.
-- What was there before the number was kept lies in one. KEYS: the number, then what tells that something is there.
local shards = KEYS[1]

if redis.call('EXISTS', unpack(KEYS, 2)) > 0 then
  redis.call('SET', shards, 1, 'NX')
end
redis.call('SET', shards, ARGV[1], 'NX')
return redis.call('GET', shards)
