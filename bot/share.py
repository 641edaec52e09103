"""A gateway's fair part of the deliveries, where several gateways serve one bot."""

import asyncio
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.mailbox import Gateways
from bot.pace import Pace

_EVERY = 2.0  # seconds between counts
_TTL = 10  # seconds until a gateway that is silent counts as gone


class Share:
    """The shards whose deliveries are this process's, never more than its part of all.

    What may be sent in all is parted likewise: who holds a third of the shards sends a third of it. So Telegram's limit
    holds for all gateways together, without their asking each other before each message, and one that is alone has the
    whole. A chat's own limit is kept by whoever holds its shard.
    """

    def __init__(self, redis: Redis, shards: int, pace: Pace) -> None:
        self._gateways = Gateways(redis)
        self._shards = shards
        self._pace = pace
        self._most = shards
        self._held: set[int] = set()
        self._changed = asyncio.Condition()

    async def run(self) -> None:
        """Count the gateways until cancelled."""
        try:
            while True:
                with suppress(RedisError):
                    gateways = await self._gateways.beat(ttl=_TTL)
                    async with self._changed:
                        self._most = -(-self._shards // gateways)
                        self._changed.notify_all()
                await asyncio.sleep(_EVERY)
        finally:
            with suppress(RedisError):
                await self._gateways.leave()

    async def room(self) -> None:
        """Wait until there is room for one more."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._held) < self._most)

    async def excess(self, shard: int) -> None:
        """Wait until this one, which is held, is one too many."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._held) > self._most and shard == max(self._held))

    async def enter(self, shard: int) -> bool:
        """Count it as held; False if there is no room for it any more."""
        async with self._changed:
            if len(self._held) >= self._most:
                return False
            self._held.add(shard)
            self._pace.narrow(len(self._held) / self._shards)
            return True

    async def leave(self, shard: int) -> None:
        """Count it as held no longer."""
        async with self._changed:
            self._held.discard(shard)
            self._pace.narrow(len(self._held) / self._shards)
            self._changed.notify_all()
