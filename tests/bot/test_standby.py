"""One at a time, the others stand by."""

import asyncio

import pytest
from redis.asyncio import Redis

from bot.mailbox import Lease
from bot.standby import while_holding


async def test_the_second_takes_over_when_the_first_stops(redis: Redis) -> None:
    at_work: asyncio.Queue[str] = asyncio.Queue()

    async def work(name: str) -> None:
        await at_work.put(name)
        await asyncio.Event().wait()

    first = asyncio.create_task(while_holding(redis, "deliver:x", lambda _: work("first")))
    assert await at_work.get() == "first"
    second = asyncio.create_task(while_holding(redis, "deliver:x", lambda _: work("second")))
    first.cancel()
    assert await at_work.get() == "second"
    second.cancel()
    await asyncio.gather(first, second, return_exceptions=True)


async def test_work_that_lost_its_lease_starts_over(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: asyncio.Queue[asyncio.Event] = asyncio.Queue()
    leases = []

    class Losable:
        """A lease that is lost when the test says so; when a real one is, its own tests tell."""

        def __init__(self, _redis: Redis, _name: str, **_: object) -> None:
            self.lost = asyncio.Event()
            leases.append(self)

        async def try_acquire(self) -> bool:
            return True

        async def release(self) -> None: ...

    async def work(_: Lease) -> None:
        ended = asyncio.Event()
        await runs.put(ended)
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    monkeypatch.setattr("bot.standby.Lease", Losable)
    task = asyncio.create_task(while_holding(redis, "deliver:x", work))
    ended = await runs.get()
    leases[0].lost.set()
    await ended.wait()
    await runs.get()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_what_the_work_raises_comes_out(redis: Redis) -> None:
    async def work(_: Lease) -> None:
        raise LookupError

    with pytest.raises(ExceptionGroup) as caught:
        await while_holding(redis, "deliver:x", work)
    assert caught.group_contains(LookupError)
