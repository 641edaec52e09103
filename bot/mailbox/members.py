"""Who came in by the invite code."""

from time import time

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox.keys import Shards


class Members:
    """Remembered until they ask to be forgotten (see Mailbox.forget), or an admin removes them."""

    def __init__(self, redis: Redis, *, shards: int = 1) -> None:
        self._redis = redis
        self._shards = Shards(shards)

    async def has(self, person: Address) -> bool:
        return bool(await self._redis.hexists(self._shards.of(person).members, str(person)))

    async def add(self, person: Address) -> None:
        await self._redis.hsetnx(self._shards.of(person).members, str(person), str(round(time())))

    async def remove(self, person: Address) -> None:
        await self._redis.hdel(self._shards.of(person).members, str(person))

    async def all(self) -> dict[Address, int]:
        """Each with the time of coming in, in seconds since the epoch, the latest first."""
        joined: dict[Address, int] = {}
        for keys in self._shards.all:
            found = await self._redis.hgetall(keys.members)
            joined |= {Address.parse(str(person)): int(since) for person, since in found.items()}
        return dict(sorted(joined.items(), key=lambda item: item[1], reverse=True))
