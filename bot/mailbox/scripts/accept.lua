-- Take a message in, once, if there is room. Returns what became of it.
-- One that was `told` something instead has its answer: another gateway, given the same update, found no room for it.
-- A full server refuses SET, the first write, and so leaves nothing half done.
local seen, told, mail, chat, ready, backlog = unpack(KEYS)
local message, address, max_backlog, max_mailbox, seen_ttl = unpack(ARGV)

if redis.call('EXISTS', seen, told) > 0 then
  return 'duplicate'
end
if redis.call('LLEN', mail) >= tonumber(max_mailbox) then
  return 'mailbox_full'
end
if tonumber(redis.call('GET', backlog) or 0) >= tonumber(max_backlog) then
  return 'backlog_full'
end

redis.call('SET', seen, 1, 'EX', seen_ttl)
redis.call('RPUSH', mail, message)
redis.call('INCR', backlog)
if redis.call('EXISTS', chat) == 0 then
  redis.call('HSET', chat, 'entry', redis.call('XADD', ready, '*', 'address', address), 'tries', 0)
end
return 'accepted'
