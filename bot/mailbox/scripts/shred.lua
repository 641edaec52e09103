-- Put before every other script.
-- Delete entries of a stream so that nothing of them stays. XDEL alone marks an entry that shares a node with others, and
-- leaves it readable, in memory and in files, until these are gone too: therefore what remains is written anew.
-- Not for a stream with a group. Returns how many were deleted.
local function shred(stream, ids)
  local deleted = 0
  for _, id in ipairs(ids) do
    deleted = deleted + redis.call('XDEL', stream, id)
  end
  if deleted > 0 then
    local rest = redis.call('XRANGE', stream, '-', '+')
    redis.call('DEL', stream)
    for _, entry in ipairs(rest) do
      redis.call('XADD', stream, entry[1], unpack(entry[2]))
    end
  end
  return deleted
end
