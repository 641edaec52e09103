-- Hand a turn back, if its claim is still held: a new entry, which a waiting worker gets at once, and one try less.
local ready, chat = unpack(KEYS)
local consumer, entry, tries, address = unpack(ARGV)

if held(ready, chat, consumer, entry, tries) then
  redis.call('XACK', ready, 'workers', entry)
  redis.call('XDEL', ready, entry)
  redis.call('HSET', chat, 'entry', redis.call('XADD', ready, '*', 'address', address), 'tries', tries - 1)
end
