"""Leases against a real server: one holder at a time, and a holder that knows when it is none any more."""

import asyncio
import time

from redis.asyncio import Redis

from bot.mailbox import Lease

KEY = "malbeot:{s0}:lease:deliver:telegram"


def lease(redis: Redis, ttl: float = 15) -> Lease:
    return Lease(redis, "deliver:telegram", ttl=ttl)


async def test_one_holds_it_and_the_others_stand_by(redis: Redis) -> None:
    holder, other = lease(redis), lease(redis)
    assert await holder.try_acquire()
    assert not await other.try_acquire()
    assert await Lease(redis, "poll:abc").try_acquire() is True, "another name is another lease"

    waiting = asyncio.create_task(other.acquire())
    await holder.release()
    await waiting
    assert not await holder.try_acquire()
    await other.release()


async def test_on_a_full_server_it_is_taken_and_renewed_so_that_the_outbox_can_be_drained(redis: Redis) -> None:
    await redis.config_set("maxmemory", 1)
    try:
        holder = lease(redis, ttl=1.5)
        assert await holder.try_acquire()
        await redis.pexpire(KEY, 1000)
        async with asyncio.timeout(5):
            while await redis.pttl(KEY) <= 1000:  # noqa: ASYNC110 - what is waited for happens in the server
                await asyncio.sleep(0.01)
        await holder.release()
    finally:
        await redis.config_set("maxmemory", 0)


async def test_it_is_renewed_as_long_as_it_is_held(redis: Redis) -> None:
    holder = lease(redis, ttl=1.5)
    await holder.acquire()
    for _ in range(2):
        await redis.pexpire(KEY, 1000)
        async with asyncio.timeout(5):
            while await redis.pttl(KEY) <= 1000:  # noqa: ASYNC110 - what is waited for happens in the server
                await asyncio.sleep(0.01)
    assert not holder.lost.is_set()
    await holder.release()


async def test_a_holder_that_died_is_followed(redis: Redis) -> None:
    await redis.set(KEY, "somebody", px=100)
    follower = lease(redis, ttl=0.3)
    async with asyncio.timeout(5):
        await follower.acquire()
    await follower.release()


async def test_one_that_another_has_taken_is_lost_and_stays_with_the_other(redis: Redis) -> None:
    holder = lease(redis, ttl=0.3)
    await holder.acquire()
    await redis.set(KEY, "somebody")
    async with asyncio.timeout(5):
        await holder.lost.wait()
    await holder.release()
    assert await redis.get(KEY) == "somebody"


async def test_one_that_cannot_be_renewed_is_lost_before_it_is_free(redis: Redis) -> None:
    holder = lease(redis, ttl=0.6)
    await holder.acquire()
    await redis.client_pause(1500)  # the server answers nobody, and its clock goes on
    async with asyncio.timeout(3):
        await holder.lost.wait()
    await holder.release()


async def test_after_a_standstill_it_is_known_at_once_that_another_may_hold_it(redis: Redis) -> None:
    holder = lease(redis, ttl=0.3)
    await holder.acquire()
    assert holder.held
    time.sleep(0.4)  # noqa: ASYNC251 - the process stands still
    assert not holder.held
    assert not holder.lost.is_set()
    await holder.release()


async def test_it_outlives_a_server_that_comes_back_empty(redis: Redis) -> None:
    holder = lease(redis, ttl=1.5)
    await holder.acquire()
    await redis.flushall()
    async with asyncio.timeout(5):
        while not await redis.exists(KEY):
            pass
    assert not holder.lost.is_set()
    await holder.release()
    assert not await redis.exists(KEY)


async def test_a_lost_lease_can_be_taken_again(redis: Redis) -> None:
    holder = lease(redis, ttl=0.3)
    await holder.acquire()
    await redis.set(KEY, "somebody")
    async with asyncio.timeout(5):
        await holder.lost.wait()
        await redis.delete(KEY)
        await holder.acquire()
    assert not holder.lost.is_set()
    await holder.release()
