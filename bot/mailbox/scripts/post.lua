-- Put an answer that needed no worker into the outbox, once for each update. Returns 1, or 0 if it was there before.
local told, outbox = unpack(KEYS)
local address, reply, told_ttl = unpack(ARGV)

if not redis.call('SET', told, 1, 'EX', told_ttl, 'NX') then
  return 0
end
redis.call('XADD', outbox, '*', 'address', address, 'reply', reply)
return 1
