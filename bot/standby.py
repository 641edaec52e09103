"""Work that one process at a time does, while the others stand by."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.mailbox import Lease

_PAUSE = 1.0  # seconds before the next try when Redis doesn't answer

log = structlog.get_logger()


async def while_holding(redis: Redis, name: str, work: Callable[[Lease], Awaitable[None]]) -> None:
    """Run `work`, from its start, whenever this process holds the lease `name`; cancel it when the lease is lost.

    Until cancelled, or until `work` raises: that comes out in an exception group.
    """
    while True:
        lease = Lease(redis, name)
        try:
            if not await lease.try_acquire():
                log.info("standing_by", lease=name.partition(":")[0])
                await lease.acquire()
        except RedisError as error:
            log.warning("lease_unreachable", lease=name.partition(":")[0], error=type(error).__name__)
            await asyncio.sleep(_PAUSE)
            continue
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_until(lease.lost))
                group.create_task(_run(work, lease))
        except* _LeaseLostError:
            log.warning("lease_lost", lease=name.partition(":")[0])
        finally:
            with contextlib.suppress(RedisError):
                await lease.release()


class _LeaseLostError(Exception):
    pass


async def _until(lost: asyncio.Event) -> NoReturn:
    await lost.wait()
    raise _LeaseLostError


async def _run(work: Callable[[Lease], Awaitable[None]], lease: Lease) -> None:
    await work(lease)
