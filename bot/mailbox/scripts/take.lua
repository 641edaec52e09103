-- Begin a try of each claimed entry. Returns for each {tries, messages, history}, or nothing where the claim is void.
-- A call that is repeated, since its answer was lost, begins no other try: it bears the same mark.
-- KEYS: ready, then mail, chat and history of each; ARGV: consumer, mark, then the entries.
local ready, consumer, mark = KEYS[1], ARGV[1], ARGV[2]

local turns = {}
for i = 3, #ARGV do
  local entry = ARGV[i]
  local mail, chat, history = unpack(KEYS, 3 * i - 7, 3 * i - 5)
  local tries = redis.call('HGET', chat, 'tries')
  if tries and held(ready, chat, consumer, entry, tries) then
    -- The claim's time starts here. Also, a full server would refuse HINCRBY as a first write, and never be drained.
    redis.call('XCLAIM', ready, 'workers', consumer, 0, entry, 'JUSTID')
    if redis.call('HGET', chat, 'taken') ~= mark then
      redis.call('HINCRBY', chat, 'tries', 1)
      redis.call('HSET', chat, 'taken', mark)
    end
    turns[i - 2] = {
      tonumber(redis.call('HGET', chat, 'tries')),
      redis.call('LRANGE', mail, 0, -1),
      redis.call('LRANGE', history, 0, -1),
    }
  else
    turns[i - 2] = false
  end
end
return turns
