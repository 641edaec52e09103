-- End a turn, if its claim is still held: the messages leave the mailbox, the reply enters the outbox.
-- With `exchange` the history grows by it; with `letter` the turn is also kept as a dead letter. Returns 1, or 0 if void.
-- The first write frees memory, so that a server that is full can be drained.
local ready, mail, chat, history, outbox, dead, backlog = unpack(KEYS)
local consumer, entry, tries, answered, address, reply, exchange, exchanges, history_ttl, letter = unpack(ARGV)

if not held(ready, chat, consumer, entry, tries) then
  return 0
end

redis.call('XACK', ready, 'workers', entry)
redis.call('XDEL', ready, entry)
redis.call('LTRIM', mail, answered, -1)
redis.call('DECRBY', backlog, answered)
if exchange ~= '' then
  redis.call('RPUSH', history, exchange)
  redis.call('LTRIM', history, -exchanges, -1)
  redis.call('EXPIRE', history, history_ttl)
elseif exchanges == '0' then
  redis.call('DEL', history) -- of a time when one was kept
end
redis.call('XADD', outbox, '*', 'address', address, 'reply', reply)
if letter ~= '' then
  redis.call('XADD', dead, '*', 'address', address, 'letter', letter)
end

if redis.call('EXISTS', mail) == 1 then
  redis.call('HSET', chat, 'entry', redis.call('XADD', ready, '*', 'address', address), 'tries', 0)
else
  redis.call('DEL', chat)
end
return 1
