"""The connection to Redis."""

import asyncio

from redis.asyncio import Redis


async def test_a_call_ends_at_once_whenever_it_is_cancelled(redis: Redis) -> None:
    for steps in range(40):
        call = asyncio.create_task(redis.blpop(["nothing"], timeout=5))
        for _ in range(steps):  # cancel at each point where the call may be: connecting, writing, waiting
            await asyncio.sleep(0)
        call.cancel()
        done, _ = await asyncio.wait({call}, timeout=1)
        assert done, f"went on after step {steps}"
        assert call.cancelled()


async def test_a_cancelled_call_leaves_no_reply_behind(redis: Redis) -> None:
    for steps in range(40):
        call = asyncio.create_task(redis.echo("stale"))
        for _ in range(steps):
            await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait({call})
        assert await redis.echo("fresh") == "fresh"
