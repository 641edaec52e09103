-- Put an answer that needed no worker into the outbox, once for each update. Returns 1, or 0 if it was there before.
-- Further KEYS are marks that last for `every` seconds: 0 also where one of them stands.
local told, outbox = unpack(KEYS)
local address, reply, told_ttl, every = unpack(ARGV)

for i = 3, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then
    return 0
  end
end
if not redis.call('SET', told, 1, 'EX', told_ttl, 'NX') then
  return 0
end
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], 1, 'EX', every)
end
redis.call('XADD', outbox, '*', 'address', address, 'reply', reply)
return 1
