-- Put before every other script.
-- A claim is held while the chat stands at this very entry, nobody began a later try, and the consumer owns the entry.
local function held(ready, chat, consumer, entry, tries)
  local now = redis.call('HMGET', chat, 'entry', 'tries')
  return now[1] == entry and now[2] == tries
    and #redis.call('XPENDING', ready, 'workers', entry, entry, 1, consumer) == 1
end
