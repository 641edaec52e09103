"""One holder at a time, over all processes."""

import asyncio

from redis.asyncio import Redis


class Lease:
    """`poll:<token hash>` or `deliver:<channel>`: who holds the lease does the work, the others stand by."""

    def __init__(self, redis: Redis, name: str, *, ttl: float = 15, shard: int = 0) -> None:
        self.lost = asyncio.Event()  # set once the lease can no longer be trusted: stop the work

    async def try_acquire(self) -> bool:
        """Take the lease if nobody holds it, and renew it in the background until released or lost."""
        raise NotImplementedError

    async def acquire(self) -> None:
        """Wait for the lease."""
        raise NotImplementedError

    async def release(self) -> None:
        """Give the lease back, if it is still held; the next one waiting takes it at once or within a second."""
        raise NotImplementedError
