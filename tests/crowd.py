"""A crowd that talks while workers crash, stall and hand back: each chat's order is kept, and all is answered once."""

import asyncio
import contextlib
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection
from itertools import count
from time import time
from typing import TypeVar

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.address import Address
from bot.mailbox import Accepted, Mailbox, Message, Outbox, Reply

T = TypeVar("T")

_EACH = 12  # messages of each chat; more where something is to happen meanwhile


async def converse(
    redis: Redis,
    mailbox: Mailbox,
    chats: Collection[Address],
    *,
    workers: int,
    stall: float = 0,
    meanwhile: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """The chats talk until `meanwhile` is over; returns when all replies have come, and asserts that they are right.

    `stall`: seconds for which a worker falls silent at times; more than the mailbox's `claim_ttl`. What is to happen
    meanwhile may make calls fail: they are then made again, as the service does.
    """
    chance, ids = random.Random(7), count(1)
    sent: dict[Address, list[str]] = defaultdict(list)
    answered: dict[Address, list[str]] = defaultdict(list)
    over, arrived = asyncio.Event(), asyncio.Condition()
    passing = (RedisError,) if meanwhile else ()

    async def persist(call: Callable[[], Awaitable[T]]) -> T:
        while True:
            with contextlib.suppress(*passing):
                return await call()

    async def talk(chat: Address) -> None:
        while len(sent[chat]) < _EACH or not over.is_set():
            number = next(ids)
            message = Message(number, 10 * number, "안녕", time())
            sent[chat].append(message.origin)
            outcome = await persist(lambda message=message: mailbox.accept(chat, message))  # type: ignore[misc]
            assert outcome is Accepted.ACCEPTED or (meanwhile and outcome is Accepted.DUPLICATE), outcome
            await asyncio.sleep(chance.random() / 100)

    async def work(consumer: str) -> None:
        while True:
            for turn in await persist(lambda: mailbox.claim(consumer, limit=4, wait=0.02)):
                fate = chance.random()
                if fate < 0.1:
                    continue  # as if it had crashed
                with contextlib.suppress(*passing):
                    if fate < 0.2:
                        await mailbox.release(consumer, turn)
                        continue
                    if fate < 0.3:
                        await asyncio.sleep(stall)
                    text = ",".join(turn.origins)
                    await mailbox.commit(consumer, turn, Reply("model", text, raw=text))

    async def deliver(shard: int) -> None:
        outbox = Outbox(redis, shards=mailbox.shards)
        while True:
            for delivery in await persist(lambda: outbox.read("telegram", wait=1, shard=shard)):
                await persist(lambda delivery=delivery: outbox.ack("telegram", delivery))  # type: ignore[misc]
                async with arrived:
                    answered[delivery.address] += delivery.origins
                    arrived.notify_all()

    async def happen() -> None:
        if meanwhile:
            await meanwhile()
        over.set()

    async with asyncio.TaskGroup() as service:
        tasks = [service.create_task(work(f"w{number}")) for number in range(workers)]
        tasks += [service.create_task(deliver(shard)) for shard in range(mailbox.shards)]
        async with asyncio.TaskGroup() as crowd:
            crowd.create_task(happen())
            for chat in chats:
                crowd.create_task(talk(chat))
        async with arrived:
            await arrived.wait_for(lambda: sum(map(len, answered.values())) >= sum(map(len, sent.values())))
        for task in tasks:
            task.cancel()
    assert answered == sent
    outbox = Outbox(redis, shards=mailbox.shards)
    assert [
        reply for shard in range(mailbox.shards) for reply in await outbox.read("telegram", wait=0, shard=shard)
    ] == []
    assert await mailbox.backlog() == 0
