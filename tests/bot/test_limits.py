"""Token buckets against a real server, whose clock the tests move by moving what is stored."""

import asyncio
from collections import Counter
from time import time

import pytest
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from bot.address import Address
from bot.mailbox import Bucket, Limits, Mailbox, Message, Outbox, Passed, Reply

YUNA, GROUP = Address("telegram", "1001"), Address("telegram", "-2002")
HERS = Bucket("rate", YUNA, 3, 60)
GROUPS = Bucket("rate", GROUP, 2, 60)


def said(update_id: int) -> Message:
    return Message(update_id, None, "안녕", time())


async def spend(redis: Redis, update_id: int, *buckets: Bucket) -> Passed:
    """As a gateway of its own, each time."""
    return await Limits(redis).spend(YUNA, said(update_id), buckets)


async def pass_by(redis: Redis, seconds: float) -> None:
    """Let the time pass for all buckets."""
    async for key in redis.scan_iter("*:bucket:*"):
        rest = round(await redis.pttl(key) - 1000 * seconds)
        if rest <= 0:
            await redis.delete(key)
        else:
            full_at, update = (await redis.get(key)).split()
            await redis.set(key, f"{float(full_at) - 1000 * seconds:.0f} {update}", px=rest)


async def test_a_full_bucket_lets_a_burst_through_and_no_more(redis: Redis) -> None:
    outcomes = await asyncio.gather(*(spend(redis, number, HERS) for number in range(20)))
    assert Counter(outcomes) == {Passed.PASSED: 3, Passed.LIMITED: 17}


async def test_a_token_comes_back_at_a_time_and_never_more_than_the_size(redis: Redis) -> None:
    for number in range(4):
        await spend(redis, number, HERS)
    await pass_by(redis, 20)
    assert [await spend(redis, number, HERS) for number in (5, 6)] == [Passed.PASSED, Passed.LIMITED]
    await pass_by(redis, 3600)
    assert [await spend(redis, number, HERS) for number in range(10, 14)] == [Passed.PASSED] * 3 + [Passed.LIMITED]


async def test_of_two_buckets_both_pay_or_neither(redis: Redis) -> None:
    for number in range(2):
        assert await spend(redis, number, GROUPS, HERS) is Passed.PASSED
    assert await spend(redis, 3, GROUPS, HERS) is Passed.LIMITED, "the group's is empty"
    assert await spend(redis, 4, HERS) is Passed.PASSED, "hers has kept its last token"
    assert await spend(redis, 5, HERS) is Passed.LIMITED


async def test_a_call_that_is_repeated_since_its_answer_was_lost_pays_once(redis: Redis) -> None:
    for number in (1, 2, 3):
        assert [await spend(redis, number, HERS) for _ in range(5)] == [Passed.PASSED] * 5
    assert await spend(redis, 4, HERS) is Passed.LIMITED


async def test_an_update_that_took_effect_pays_no_second_time(redis: Redis) -> None:
    single = Bucket("rate", YUNA, 1, 60)
    assert await spend(redis, 1, single) is Passed.PASSED
    await Mailbox(redis).accept(YUNA, said(1))
    assert await spend(redis, 1, single) is Passed.PASSED
    await Outbox(redis).post(YUNA, Reply("fixed", "네"), message=said(2))
    assert await spend(redis, 2, single) is Passed.TOLD
    assert await spend(redis, 3, single) is Passed.LIMITED


async def test_without_buckets_everything_passes_and_nothing_is_written(redis: Redis) -> None:
    assert await spend(redis, 1) is Passed.PASSED
    assert await redis.dbsize() == 0


async def test_a_bucket_is_gone_when_it_is_full_and_its_key_tells_nobodys_id(redis: Redis) -> None:
    await spend(redis, 1, HERS)
    [key] = await redis.keys()
    assert key.startswith("malbeot:{s0}:bucket:rate:")
    assert "1001" not in key
    assert 0 < await redis.pttl(key) <= 20_000


async def test_a_clock_that_was_set_back_shuts_nobody_out_for_long(redis: Redis) -> None:
    await spend(redis, 1, HERS)
    [key] = await redis.keys()
    await redis.set(key, round(1000 * (time() + 10 * 86400)))
    assert await spend(redis, 2, HERS) is Passed.LIMITED
    assert await redis.set(key, round(1000 * (time() + 39)))  # what it would be forty seconds before it is full
    assert await spend(redis, 3, HERS) is Passed.PASSED


async def test_a_full_server_lets_nothing_by(redis: Redis) -> None:
    await spend(redis, 1, HERS)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            await spend(redis, 2, HERS)
    finally:
        await redis.config_set("maxmemory", 0)


async def test_who_was_told_is_not_told_again_for_a_while(redis: Redis) -> None:
    async def tell(update_id: int, chat: Address, *parties: Address, topic: str = "limited") -> bool:
        reply = Reply("fixed", "천천히요")
        return await Outbox(redis).tell(chat, reply, message=said(update_id), topic=topic, parties=parties, every=60)

    assert await tell(1, GROUP, GROUP, YUNA)
    assert not await tell(2, GROUP, GROUP, Address("telegram", "1003")), "the group has read it"
    assert not await tell(3, Address("telegram", "-9"), Address("telegram", "-9"), YUNA), "so has she"
    assert await tell(4, YUNA, YUNA, topic="full"), "of another matter"
    keys = [key async for key in redis.scan_iter("*:hush:*")]
    assert len(keys) == 3
    assert not [key for key in keys if "1001" in key or "2002" in key]
    assert {0 < await redis.ttl(key) <= 60 for key in keys} == {True}
    await redis.delete(*keys)
    assert not await tell(1, GROUP, GROUP, YUNA), "an update gets one answer, however late it is brought again"
    assert await tell(5, GROUP, GROUP, YUNA)
