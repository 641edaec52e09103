-- Claim one entry that its consumer has not renewed for so long. Returns {entry, address}, or nothing.
-- XAUTOCLAIM looks at ten entries for each that it may claim: go on until one is found or all have been seen.
local ready = KEYS[1]
local consumer, claim_ttl = unpack(ARGV)

local cursor = '0-0'
repeat
  local answer = redis.call('XAUTOCLAIM', ready, 'workers', consumer, claim_ttl, cursor, 'COUNT', 1)
  cursor = answer[1]
  local found = answer[2][1]
  if found then
    return {found[1], found[2][2]}
  end
until cursor == '0-0'
return false
