-- Delete a dead letter. Returns 1, or 0 if it is gone already.
return shred(KEYS[1], {ARGV[1]})
