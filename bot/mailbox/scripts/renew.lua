-- Restart the clock of each claim that is still held. Returns 1 or 0 for each.
-- KEYS: ready, then the chats; ARGV: consumer, then entry and tries of each.
local ready, consumer = KEYS[1], ARGV[1]

local kept = {}
for i = 2, #KEYS do
  local entry, tries = ARGV[2 * i - 2], ARGV[2 * i - 1]
  kept[i - 1] = 0
  if held(ready, KEYS[i], consumer, entry, tries) then
    redis.call('XCLAIM', ready, 'workers', consumer, 0, entry, 'JUSTID')
    kept[i - 1] = 1
  end
end
return kept
