-- Take or renew a lease: it is ours if nobody holds it, or if we do. Returns 1, or 0 if another holds it.
local holder, ttl = unpack(ARGV)

local current = redis.call('GET', KEYS[1])
if current and current ~= holder then
  return 0
end
-- A full server refuses SET as a first write, and without a lease nothing would be sent that makes room again.
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[1], holder, 'PX', ttl)
return 1
