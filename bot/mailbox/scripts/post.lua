-- Put an answer that needed no worker into the outbox, once for each update. Returns 1, or 0 if it was there before.
-- Further KEYS make it an answer in place of acceptance: 0 also where the update is `seen`, as another gateway, given the
-- same one, has accepted it; and where one of the marks behind that stands. These then last for `every` seconds.
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
for i = 4, #KEYS do
  redis.call('SET', KEYS[i], 1, 'EX', every)
end
redis.call('XADD', outbox, '*', 'address', address, 'reply', reply)
return 1
