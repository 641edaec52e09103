"""One holder at a time, over all processes."""

import asyncio
from contextlib import suppress
from secrets import token_hex

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.mailbox.keys import Keys
from bot.mailbox.server import run_script


class Lease:
    """`poll:<token hash>` or `deliver:<channel>`: who holds the lease does the work, the others stand by.

    A holder that dies is followed after `ttl` seconds. One that cannot renew learns it before another can take over.
    """

    def __init__(self, redis: Redis, name: str, *, ttl: float = 15, shard: int = 0) -> None:
        self.lost = asyncio.Event()  # set once the lease can no longer be trusted: stop the work
        self._redis = redis
        self._key = Keys(shard).lease(name)
        self._ttl = ttl
        self._holder = token_hex(16)
        self._deadline = 0.0  # on the loop's clock: until then nobody else can hold it
        self._renewal: asyncio.Task[None] | None = None

    async def try_acquire(self) -> bool:
        """Take the lease if nobody holds it, and renew it in the background until released or lost."""
        if not await self._hold():
            return False
        self.lost.clear()
        self._renewal = asyncio.create_task(self._renew(), name=f"renew {self._key}")
        return True

    async def acquire(self) -> None:
        """Wait for the lease; notices within a second that it is free."""
        while not await self.try_acquire():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(min(1.0, self._ttl / 3))

    async def release(self) -> None:
        """Stop renewing, and give the lease back if it is still held."""
        if self._renewal is None:
            return
        self._renewal.cancel()
        with suppress(asyncio.CancelledError):
            await self._renewal
        self._renewal = None
        await run_script(self._redis, "yield", [self._key], [self._holder])

    @property
    def held(self) -> bool:
        """Whether nobody else can have it by now. After a standstill of this process it knows before `lost` is set."""
        return asyncio.get_running_loop().time() < self._deadline

    async def _hold(self) -> bool:
        asked = asyncio.get_running_loop().time()
        held = await run_script(self._redis, "hold", [self._key], [self._holder, round(self._ttl * 1000)])
        if held:
            self._deadline = asked + self._ttl
        return bool(held)

    async def _renew(self) -> None:
        # A lease that is free while ours has not run out means that the server came back empty: then take it again.
        with suppress(TimeoutError):
            async with asyncio.timeout_at(self._deadline) as limit:
                held = True
                while held:
                    await asyncio.sleep(self._ttl / 3)
                    with suppress(RedisError):
                        held = await self._hold()
                        limit.reschedule(self._deadline)
        self.lost.set()
