-- Give the shard a mark, unless it has one. Returns the one that it has. KEYS: the mark.
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
