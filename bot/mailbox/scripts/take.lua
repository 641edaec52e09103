-- Begin a try of each claimed entry. Returns for each {tries, messages, history}, or nothing where the claim is void.
-- KEYS: ready, then mail, chat and history of each; ARGV: consumer, then the entries.
local ready, consumer = KEYS[1], ARGV[1]

local turns = {}
for i = 2, #ARGV do
  local entry = ARGV[i]
  local mail, chat, history = unpack(KEYS, 3 * i - 4, 3 * i - 2)
  local tries = redis.call('HGET', chat, 'tries')
  if tries and held(ready, chat, consumer, entry, tries) then
    -- The claim's time starts here. Also, a full server would refuse HINCRBY as a first write, and never be drained.
    redis.call('XCLAIM', ready, 'workers', consumer, 0, entry, 'JUSTID')
    turns[i - 1] = {
      redis.call('HINCRBY', chat, 'tries', 1),
      redis.call('LRANGE', mail, 0, -1),
      redis.call('LRANGE', history, 0, -1),
    }
  else
    turns[i - 1] = false
  end
end
return turns
