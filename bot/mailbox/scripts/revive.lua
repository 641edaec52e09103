-- Take a dead letter up again: its messages stand before all that waits of the chat, and are answered with that.
-- Returns 1, or 0 if the letter is gone: another was faster, or the chat was forgotten.
-- KEYS as named; ARGV: the letter's entry, the address, then the messages, oldest first.
local dead, ready, mail, chat, backlog = unpack(KEYS)
local letter, address = ARGV[1], ARGV[2]

if shred(dead, {letter}) == 0 then
  return 0
end
for i = #ARGV, 3, -1 do
  redis.call('LPUSH', mail, ARGV[i])
end
redis.call('INCRBY', backlog, #ARGV - 2)

-- Without its entry a claim is void; held on, it would take as many messages off the beginning as it had claimed there.
local entry = redis.call('HGET', chat, 'entry')
if entry then
  redis.call('XACK', ready, 'workers', entry)
  redis.call('XDEL', ready, entry)
end
redis.call('HSET', chat, 'entry', redis.call('XADD', ready, '*', 'address', address), 'tries', 0)
return 1
