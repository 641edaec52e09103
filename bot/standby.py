"""Work that one process at a time does, while the others stand by."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NoReturn

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.mailbox import Lease
from bot.share import Share

_PAUSE = 1.0  # seconds before the next try when another holds the lease, or Redis doesn't answer

log = structlog.get_logger()


async def while_holding(
    redis: Redis,
    name: str,
    work: Callable[[Lease], Awaitable[None]],
    *,
    shard: int = 0,
    share: Share | None = None,
) -> None:
    """Run `work`, from its start, whenever this process holds the lease `name`; cancel it when the lease is lost.

    Until cancelled, or until `work` raises: that comes out in an exception group. With a share the lease is not taken
    while this process holds its part of them, and handed on when it holds more.
    """
    while True:
        lease = Lease(redis, name, shard=shard)
        try:
            if share:
                await _take_share(lease, share, shard)
            elif not await lease.try_acquire():
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
                if share:
                    group.create_task(_until_excess(share, shard))
        except* _LeaseLostError:
            log.warning("lease_lost", lease=name.partition(":")[0])
        except* _ExcessError:
            log.info("lease_handed_on", lease=name.partition(":")[0], shard=shard)
        finally:
            if share:
                await share.leave(shard)
            with contextlib.suppress(RedisError):
                await lease.release()


class _LeaseLostError(Exception):
    pass


class _ExcessError(Exception):
    pass


async def _take_share(lease: Lease, share: Share, shard: int) -> None:
    while True:
        await share.room()
        if await lease.try_acquire():
            if await share.enter(shard):
                return
            await lease.release()
        await asyncio.sleep(_PAUSE)


async def _until_excess(share: Share, shard: int) -> NoReturn:
    await share.excess(shard)
    raise _ExcessError


async def _until(lost: asyncio.Event) -> NoReturn:
    await lost.wait()
    raise _LeaseLostError


async def _run(work: Callable[[Lease], Awaitable[None]], lease: Lease) -> None:
    await work(lease)
