"""What was given up, and what an operator may do with it."""

import re
from typing import Any

from redis.asyncio import Redis

from bot.mailbox import codec
from bot.mailbox.keys import Keys, Shards
from bot.mailbox.letters import DeadLetter
from bot.mailbox.server import run_script


class DeadLetters:
    """The turns that no worker could answer. A letter's id stays the same; each ends once, by `retry` or by `drop`."""

    def __init__(self, redis: Redis, *, shards: int = 1) -> None:
        self._redis = redis
        self._shards = Shards(shards)

    async def all(self) -> list[DeadLetter]:
        """Oldest first."""
        letters = [letter for keys in self._shards.all for letter in await self._between(keys, "-", "+")]
        return sorted(letters, key=lambda letter: letter.order)

    async def get(self, letter_id: str) -> DeadLetter | None:
        """None if there is none of that id."""
        named = re.fullmatch(r"(?:(\d{1,4}):)?(\d{1,15}-\d{1,15})", letter_id)
        if not named or int(named[1] or 0) >= len(self._shards):
            return None
        return next(iter(await self._between(self._shards.all[int(named[1] or 0)], named[2], named[2])), None)

    async def _between(self, keys: Keys, first: str, last: str) -> list[DeadLetter]:
        entries: Any = await self._redis.xrange(keys.dead, first, last)
        return [codec.read_dead_letter(_name(keys.shard, entry), fields) for entry, fields in entries]

    async def retry(self, letter: DeadLetter) -> bool:
        """Put the turn back, before all that waits of its chat; it is answered once. False if the letter is gone.

        Tries are counted anew. What a worker is decoding for the chat just now becomes part of the same turn.
        """
        address = letter.address
        keys = self._shards.of(address)
        revived = await run_script(
            self._redis,
            "revive",
            [keys.dead, keys.ready, keys.mail(address), keys.chat(address), keys.backlog],
            [_entry(letter), str(address), *map(codec.write_message, letter.messages)],
        )
        return bool(revived)

    async def drop(self, letter: DeadLetter) -> bool:
        """Delete it; False if it is gone already."""
        return bool(await run_script(self._redis, "drop", [self._shards.of(letter.address).dead], [_entry(letter)]))


def _name(shard: int, entry: str) -> str:
    # Two shards may number alike.
    return f"{shard}:{entry}" if shard else entry


def _entry(letter: DeadLetter) -> str:
    return letter.id.rpartition(":")[2]
