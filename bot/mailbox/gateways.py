"""How many gateways there are."""

from secrets import token_hex

from redis.asyncio import Redis

from bot.mailbox.keys import Keys
from bot.mailbox.server import run_script


class Gateways:
    """All that signed in of late, this one among them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._name = token_hex(8)

    async def beat(self, *, ttl: int) -> int:
        """Sign in for `ttl` seconds; returns how many are signed in."""
        return int(await run_script(self._redis, "count", [Keys(0).gateways], [self._name, ttl]))

    async def leave(self) -> None:
        """Count as gone at once."""
        await self.beat(ttl=0)
