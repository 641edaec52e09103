"""The outbox against a real server: replies wait in order until they are acknowledged."""

import asyncio
from time import time

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from bot.address import Address
from bot.mailbox import Accepted, Mailbox, Message, Outbox, Reply
from bot.redis_link import connect

YUNA = Address("telegram", "1001")


def said(update_id: int) -> Message:
    return Message(update_id, 10 * update_id, "/start", time())


async def post(redis: Redis, *update_ids: int) -> None:
    for update_id in update_ids:
        assert await Outbox(redis).post(YUNA, Reply("fixed", f"답 {update_id}"), message=said(update_id))


async def test_replies_come_in_order_and_only_once(redis: Redis) -> None:
    await post(redis, 1, 2, 3)
    outbox = Outbox(redis)
    first = await outbox.read("telegram", wait=0, limit=2)
    rest = await outbox.read("telegram", wait=0)
    assert [delivery.text for delivery in first + rest] == ["답 1", "답 2", "답 3"]
    assert [(delivery.origins, delivery.reply_to) for delivery in rest] == [(("3",), 30)]
    assert await outbox.read("telegram", wait=0) == []


async def test_a_read_wakes_for_a_new_reply(redis: Redis) -> None:
    outbox = Outbox(redis)
    waiting = asyncio.create_task(outbox.read("telegram", wait=5))
    await asyncio.sleep(0)
    await post(redis, 1)
    assert [delivery.text for delivery in await waiting] == ["답 1"]


async def test_the_next_sender_finds_what_was_not_acknowledged_before_what_is_new(redis: Redis) -> None:
    await post(redis, 1, 2, 3)
    former = Outbox(redis)
    _, second, _ = await former.read("telegram", wait=0)
    await former.ack("telegram", second)
    await post(redis, 4)

    following = Outbox(redis)
    texts = []
    while deliveries := await following.read("telegram", wait=0, limit=1):
        texts += [delivery.text for delivery in deliveries]
    assert texts == ["답 1", "답 3", "답 4"]


async def test_what_is_acknowledged_is_gone(redis: Redis) -> None:
    await post(redis, 1)
    outbox = Outbox(redis)
    [delivery] = await outbox.read("telegram", wait=0)
    await outbox.ack("telegram", delivery)
    await outbox.ack("telegram", delivery)  # as after a lost connection
    assert await redis.xlen("malbeot:{s0}:outbox:telegram") == 0
    assert await Outbox(redis).read("telegram", wait=0) == []


async def test_a_read_that_is_cut_short_loses_nothing_and_repeats_nothing(redis: Redis, redis_url: str) -> None:
    await post(redis, 1)
    fragile = await connect(redis_url)
    outbox = Outbox(fragile)
    [held] = await outbox.read("telegram", wait=0)

    # The server hands the reply to a reader that is gone by then, or whose connection broke before it was read.
    waiting = asyncio.create_task(outbox.read("telegram", wait=5))
    await until_blocked(redis)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await post(redis, 2, 3)

    texts = []
    while deliveries := await outbox.read("telegram", wait=0):
        texts += [delivery.text for delivery in deliveries]
    assert held.text == "답 1"
    assert texts == ["답 2", "답 3"]
    await fragile.aclose()


async def test_a_broken_connection_is_mended_unnoticed(redis: Redis, redis_url: str) -> None:
    link = await connect(redis_url)
    outbox = Outbox(link)
    waiting = asyncio.create_task(outbox.read("telegram", wait=5))
    await until_blocked(redis)
    await redis.client_kill_filter(_type="normal", skipme=True)
    await post(redis, 1)
    assert [delivery.text for delivery in await waiting] == ["답 1"]
    await link.aclose()


async def until_blocked(redis: Redis) -> None:
    """Wait until some client waits in a blocking read."""
    while (await redis.info("clients"))["blocked_clients"] == 0:
        pass


async def test_each_channel_has_its_own(redis: Redis) -> None:
    console = Address("console-local", "0")
    await post(redis, 1)
    await Outbox(redis).post(console, Reply("fixed", "여기요"), message=said(1))
    outbox = Outbox(redis)
    assert [delivery.address for delivery in await outbox.read("telegram", wait=0)] == [YUNA]
    assert [delivery.address for delivery in await outbox.read("console-local", wait=0)] == [console]


async def test_a_fixed_answer_is_posted_once_for_each_update(redis: Redis) -> None:
    outbox = Outbox(redis)
    posted = await asyncio.gather(*(outbox.post(YUNA, Reply("fixed", "안녕"), message=said(1)) for _ in range(10)))
    assert sorted(posted) == [False] * 9 + [True]
    assert len(await outbox.read("telegram", wait=0)) == 1


async def refuse(redis: Redis, update_id: int) -> bool:
    reply = Reply("fixed", "꽉 찼어요")
    return await Outbox(redis).tell(YUNA, reply, message=said(update_id), topic="full", parties=[YUNA], every=10)


async def test_of_two_gateways_with_one_update_either_takes_it_in_or_refuses_it(redis: Redis) -> None:
    mailbox = Mailbox(redis)
    assert await mailbox.accept(YUNA, said(1)) is Accepted.ACCEPTED
    assert not await refuse(redis, 1)
    assert await refuse(redis, 2)
    assert await mailbox.accept(YUNA, said(2)) is Accepted.DUPLICATE
    [refusal] = await Outbox(redis).read("telegram", wait=0)
    assert refusal.origins == ("2",)
    assert await mailbox.backlog() == 1


async def test_an_answer_that_is_read_again_while_it_is_acknowledged_is_not_handed_out_twice(redis: Redis) -> None:
    await post(redis, 1)
    outbox = Outbox(redis)
    [delivery] = await outbox.read("telegram", wait=0)
    assert await outbox.read("telegram", wait=0) == []  # the next one starts over
    again = asyncio.create_task(outbox.read("telegram", wait=0))
    await asyncio.sleep(0)
    await outbox.ack("telegram", delivery)
    assert await again == []


async def test_ids_that_begin_anew_are_read(redis: Redis) -> None:
    """As from a server that was restored, or whose clock was set back."""
    await post(redis, 1)
    outbox = Outbox(redis)
    [delivery] = await outbox.read("telegram", wait=0)
    [(entry, fields)] = await redis.xrange("malbeot:{s0}:outbox:telegram")
    await redis.flushall()
    await redis.xadd("malbeot:{s0}:outbox:telegram", fields, id="5-1")
    assert await outbox.read("telegram", wait=0) == []
    assert [found.id for found in await outbox.read("telegram", wait=0)] == ["5-1"]
    assert delivery.id == entry


async def test_a_server_that_comes_back_empty_is_read_on(redis: Redis) -> None:
    await post(redis, 1)
    outbox = Outbox(redis)
    [lost] = await outbox.read("telegram", wait=0)
    await redis.flushall()
    await redis.script_flush()
    await outbox.ack("telegram", lost)
    await post(redis, 1)
    assert [delivery.text for delivery in await outbox.read("telegram", wait=0)] == ["답 1"]


async def test_no_reply_is_lost_while_the_server_is_away(redis: Redis, redis_url: str) -> None:
    """A client that gives up at once sees the fault, and its outbox is whole afterwards."""
    await post(redis, 1)
    link = await connect(redis_url)
    link.get_retry().update_retries(0)
    outbox = Outbox(link)
    await redis.client_kill_filter(_type="normal", skipme=True)
    try:
        deliveries = await outbox.read("telegram", wait=0)
    except RedisConnectionError:
        deliveries = await outbox.read("telegram", wait=0)
    assert [delivery.text for delivery in deliveries] == ["답 1"]
    await link.aclose()
