"""What was given up, and what an operator may do with it."""

import re
from typing import Any

from redis.asyncio import Redis

from bot.mailbox import codec
from bot.mailbox.keys import Keys
from bot.mailbox.letters import DeadLetter
from bot.mailbox.server import run_script


class DeadLetters:
    """The turns that no worker could answer. A letter's id stays the same; each ends once, by `retry` or by `drop`."""

    def __init__(self, redis: Redis, *, shard: int = 0) -> None:
        self._redis = redis
        self._keys = Keys(shard)

    async def all(self) -> list[DeadLetter]:
        """Oldest first."""
        return await self._between("-", "+")

    async def get(self, letter_id: str) -> DeadLetter | None:
        """None if there is none of that id."""
        if not re.fullmatch(r"\d{1,15}-\d{1,15}", letter_id):
            return None
        return next(iter(await self._between(letter_id, letter_id)), None)

    async def _between(self, first: str, last: str) -> list[DeadLetter]:
        entries: Any = await self._redis.xrange(self._keys.dead, first, last)
        return [codec.read_dead_letter(entry, fields) for entry, fields in entries]

    async def retry(self, letter: DeadLetter) -> bool:
        """Put the turn back, before all that waits of its chat; it is answered once. False if the letter is gone.

        Tries are counted anew. What a worker is decoding for the chat just now becomes part of the same turn.
        """
        keys, address = self._keys, letter.address
        revived = await run_script(
            self._redis,
            "revive",
            [keys.dead, keys.ready, keys.mail(address), keys.chat(address), keys.backlog],
            [letter.id, str(address), *map(codec.write_message, letter.messages)],
        )
        return bool(revived)

    async def drop(self, letter: DeadLetter) -> bool:
        """Delete it; False if it is gone already."""
        return bool(await run_script(self._redis, "drop", [self._keys.dead], [letter.id]))
