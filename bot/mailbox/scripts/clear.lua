-- Withdraw a chat's waiting messages and forget its history. Returns how many messages were withdrawn.
-- With an outbox, a stream of dead letters and the members among KEYS, the chat goes from these too; that reads both
-- streams whole.
-- With `seen_ttl` the update is noted in `seen`, and has no effect when it stands there already.
local seen, ready, mail, chat, history, backlog, outbox, dead, members = unpack(KEYS)
local address, seen_ttl = unpack(ARGV)

local function entries_of_chat(stream)
  local ids, from, page = {}, '-', nil
  repeat
    page = redis.call('XRANGE', stream, from, '+', 'COUNT', 500)
    for _, found in ipairs(page) do
      if found[2][2] == address then
        table.insert(ids, found[1])
      end
      from = '(' .. found[1]
    end
  until #page < 500
  return ids
end

if seen_ttl ~= '' and not redis.call('SET', seen, 1, 'EX', seen_ttl, 'NX') then
  return 0
end

-- Without its entry a claim is void, so what a worker is decoding now will not be committed.
local entry = redis.call('HGET', chat, 'entry')
if entry then
  redis.call('XACK', ready, 'workers', entry)
  redis.call('XDEL', ready, entry)
end
local withdrawn = redis.call('LLEN', mail)
redis.call('DEL', mail, chat, history)
redis.call('DECRBY', backlog, withdrawn)
if outbox then
  for _, id in ipairs(entries_of_chat(outbox)) do
    redis.call('XDEL', outbox, id)
  end
  shred(dead, entries_of_chat(dead))
  redis.call('HDEL', members, address)
end
return withdrawn
