"""A real cluster of three masters: the same conversations, with a mailbox in three shards and more."""

import asyncio
import contextlib
import re
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot import texts
from bot.address import Address
from bot.errors import ServerError
from bot.mailbox import Accepted, Bucket, DeadLetters, Limits, Mailbox, Members, Message, Outbox, Passed, Reply, reshard
from bot.mailbox.keys import Shards
from bot.redis_link import connect
from tests.crowd import converse
from tests.processes import ROOT
from tests.servers import Cluster, Node, cluster, emptied, free_port, in_background, until
from tests.service import serving

CHATS = [Address("telegram", str(number)) for number in range(1001, 1021)]
SHARDS = 3


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters without replicas; what one of them has is no reason for another to refuse."""
    with in_background(cluster(tmp_path_factory.mktemp("cluster"), **{"cluster-require-full-coverage": "no"})) as made:
        yield made


@pytest.fixture
async def redis(three: Cluster) -> AsyncIterator[Redis]:
    async with emptied(three) as client:
        yield client


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis, shards=SHARDS)


def said(update_id: int, text: str = "안녕") -> Message:
    return Message(update_id, 10 * update_id, text, time())


def answer(text: str) -> Reply:
    return Reply("model", text, raw=text)


def of_shard(shard: int, number: int) -> list[Address]:
    """So many chats that lie there."""
    shards, found = Shards(SHARDS), (Address("telegram", str(chat)) for chat in range(5000, 9000))
    return [chat for chat in found if shards.of(chat).shard == shard][:number]


async def test_each_shard_has_some_of_the_chats() -> None:
    shards = Shards(SHARDS)
    parts = [shards.of(Address("telegram", str(chat))).shard for chat in range(3000)]
    assert all(800 < parts.count(shard) < 1200 for shard in range(SHARDS))


@pytest.mark.timeout(300)
async def test_whole_conversations_with_gateway_and_worker(three: Cluster, redis: Redis) -> None:
    await redis.set("somebody:elses", 1)
    async with serving(three.url, shards=SHARDS, invite_code="for-friends") as service:
        for chat in (1001, 1002, 1003, 1004):
            assert await service.ask(chat, "안녕") == texts.refused(chat, by_code=True)
            assert "말벗" in await service.ask(chat, "/start for-friends")
            assert await service.ask(chat, "벚나무") == "벚나무라고요"
            assert await service.ask(chat, "등대") == "등대라고요"
            assert service.engine.asked[-1] == [["벚나무", "벚나무라고요", "등대"]]
            assert await service.ask(chat, "독") == texts.APOLOGY
            assert texts.FORGET in await service.ask(chat, "/forget")


@pytest.mark.usefixtures("redis")
async def test_a_user_of_least_rights_is_enough(three: Cluster) -> None:
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    [rights] = re.findall(r"\nuser malbeot on >PASSWORD (.*)\n", page)
    [more] = re.findall(r"On a cluster that user needs `(.*)` as well", page)
    for node in three.nodes:
        await node.call("ACL", "SETUSER", "malbeot", "reset", "on", ">right", *rights.split(), *more.split(), "+wait")
    async with serving(three.url.replace("//", "//malbeot:right@"), shards=SHARDS) as service:
        assert await service.ask(1001, "벚나무") == "벚나무라고요"
        assert await service.ask(1001, "/forget") == texts.FORGET


async def test_how_full_a_cluster_is_its_fullest_master_tells(three: Cluster, mailbox: Mailbox) -> None:
    for node, limit in zip(three.nodes, ("1gb", "64mb", "0"), strict=True):
        await node.call("CONFIG", "SET", "maxmemory", limit)
    used, limit = await mailbox.memory()
    assert 0 < used < limit == 64 * 2**20
    for node in three.nodes:
        await node.call("CONFIG", "SET", "maxmemory", "0")


async def test_one_worker_claims_from_all_and_no_shard_waits_for_another(mailbox: Mailbox) -> None:
    for number, chat in enumerate([*of_shard(0, 30), *of_shard(1, 1), *of_shard(2, 1)]):
        assert await mailbox.accept(chat, said(number)) is Accepted.ACCEPTED
    claimed = [turn.address for _ in range(SHARDS) for turn in await mailbox.claim("w", limit=1, wait=1)]
    assert {*of_shard(1, 1), *of_shard(2, 1)} < set(claimed)
    together = await mailbox.claim("w", limit=100, wait=1)
    assert len(claimed) + len(together) == 32
    assert await mailbox.renew("w", together) == set(together)
    assert await mailbox.backlog() == 32


async def test_an_idle_worker_waits_and_soon_hears_of_a_message_in_any_shard(mailbox: Mailbox) -> None:
    for shard in range(SHARDS):
        [chat] = of_shard(shard, 1)
        waiting = asyncio.create_task(mailbox.claim("w", limit=1, wait=1))
        await asyncio.sleep(0)
        await mailbox.accept(chat, said(shard))
        turns = await waiting
        while not turns:
            turns = await mailbox.claim("w", limit=1, wait=1)
        assert [turn.address for turn in turns] == [chat]


async def test_many_workers_keep_every_chats_order_and_answer_everything_once(redis: Redis) -> None:
    """Workers that crash and hand back, chats that talk meanwhile, and claims that expire soon."""
    await converse(redis, Mailbox(redis, claim_ttl=0.2, shards=SHARDS), CHATS, workers=4)


async def test_a_person_pays_in_their_own_shard_and_a_group_in_its_own(redis: Redis) -> None:
    limits, (person,), (group,) = Limits(redis, shards=SHARDS), of_shard(0, 1), of_shard(1, 1)
    buckets = [Bucket("rate", group, 3, 3600), Bucket("rate", person, 2, 3600)]
    outcomes = [await limits.spend(group, said(number), buckets) for number in range(3)]
    assert outcomes == [Passed.PASSED, Passed.PASSED, Passed.LIMITED]
    others = [await limits.spend(group, said(number), buckets[:1]) for number in range(3, 5)]
    assert others == [Passed.PASSED, Passed.LIMITED], "who was over the limit took nothing from the group"


async def test_an_update_that_is_brought_again_pays_in_no_shard(redis: Redis, mailbox: Mailbox) -> None:
    limits, (person,), (group,) = Limits(redis, shards=SHARDS), of_shard(0, 1), of_shard(1, 1)
    buckets = [Bucket("rate", group, 9, 3600), Bucket("rate", person, 1, 3600)]
    assert await limits.spend(group, said(1), buckets) is Passed.PASSED
    await mailbox.accept(group, said(1))
    assert await limits.spend(group, said(1), buckets) is Passed.PASSED
    assert await limits.spend(group, said(2), buckets) is Passed.LIMITED


async def test_who_was_told_in_one_group_is_not_told_in_another(redis: Redis) -> None:
    outbox, (person,), (one,), (two,) = (Outbox(redis, shards=SHARDS), *(of_shard(shard, 1) for shard in range(SHARDS)))

    async def tell(number: int, group: Address) -> bool:
        fixed = Reply("fixed", "잠깐만요")
        return await outbox.tell(group, fixed, message=said(number), topic="x", parties=[group, person], every=60)

    assert [await tell(1, one), await tell(2, two), await tell(3, one)] == [True, False, False]


async def test_dead_letters_of_all_shards_have_names_of_their_own(redis: Redis, mailbox: Mailbox) -> None:
    chats = [chat for shard in range(SHARDS) for chat in of_shard(shard, 1)]
    for number, chat in enumerate(chats):
        await mailbox.accept(chat, said(number))
        [turn] = await mailbox.claim("w", limit=1, wait=1) or await mailbox.claim("w", limit=1, wait=1)
        assert await mailbox.bury("w", turn, "ValueError", Reply("apology", "미안해요"))
    letters = DeadLetters(redis, shards=SHARDS)
    found = await letters.all()
    assert [letter.address for letter in found] == chats
    assert [await letters.get(letter.id) for letter in found] == found
    assert len({letter.id for letter in found}) == SHARDS
    assert await letters.get("9:1-1") is await letters.get("x") is None
    assert await letters.retry(found[1])
    assert await letters.drop(found[2])
    assert await letters.all() == found[:1]
    assert await mailbox.backlog() == 1


async def test_forgetting_leaves_nothing_of_the_chat_in_its_shard(redis: Redis, mailbox: Mailbox) -> None:
    members, outbox = Members(redis, shards=SHARDS), Outbox(redis, shards=SHARDS)
    for number, chat in enumerate(CHATS[:6]):
        await members.add(chat)
        await mailbox.accept(chat, said(number))
        await outbox.post(chat, Reply("fixed", "네"), message=said(100 + number))
    assert set(await members.all()) == set(CHATS[:6])
    for chat in CHATS[:6]:
        assert await mailbox.forget(chat) == 1
    assert await members.all() == {}
    assert await mailbox.backlog() == 0
    assert [await outbox.read("telegram", wait=0, shard=shard) for shard in range(SHARDS)] == [[], [], []]


async def test_workers_sign_in_everywhere_and_are_counted_once(mailbox: Mailbox) -> None:
    for name in ("w1", "w2"):
        await mailbox.beat(name, {"engine": "x"}, ttl=30)
    assert [worker.name for worker in await mailbox.workers()] == ["w1", "w2"]
    await mailbox.leave("w1")
    assert [worker.name for worker in await mailbox.workers()] == ["w2"]


@pytest.mark.parametrize("steps", [(3,), (5, 2), (4, 1)])
async def test_what_is_there_is_moved_into_other_shards_and_goes_on(redis: Redis, steps: tuple[int, ...]) -> None:
    before = Mailbox(redis)
    for number, chat in enumerate(CHATS):
        await before.accept(chat, said(number, f"말 {number}"))
    answered, buried, *held = await before.claim("w", limit=100, wait=1)
    assert await before.commit("w", answered, answer("네"))
    assert await before.bury("w", buried, "ValueError", Reply("apology", "미안해요"))
    await Members(redis).add(CHATS[3])

    assert [await reshard(redis, shards) for shards in steps] == [len(held)] * len(steps)
    shards = steps[-1]
    mailbox, outbox = Mailbox(redis, shards=shards), Outbox(redis, shards=shards)
    assert await mailbox.backlog() == len(held)
    assert not await before.commit("w", held[0], answer("네")), "a claim of before is void"
    assert list(await Members(redis, shards=shards).all()) == [CHATS[3]]
    [letter] = await DeadLetters(redis, shards=shards).all()
    assert letter.messages == buried.messages
    sent = [reply.address for shard in range(shards) for reply in await outbox.read("telegram", wait=0, shard=shard)]
    assert sorted(sent) == sorted([answered.address, buried.address])

    await mailbox.accept(answered.address, said(100, "다시"))
    turns = [turn for _ in range(3) for turn in await mailbox.claim("w", limit=100, wait=1)]
    assert {turn.address: turn.messages for turn in turns if turn.address != answered.address} == {
        turn.address: turn.messages for turn in held
    }
    [again] = [turn for turn in turns if turn.address == answered.address]
    assert [exchange.bot for exchange in again.history] == ["네"]
    assert all([await mailbox.commit("w", turn, answer("네")) for turn in turns])
    assert await mailbox.backlog() == 0


@pytest.mark.timeout(300)
async def test_a_master_that_is_away_stops_only_what_lies_there(three: Cluster, mailbox: Mailbox) -> None:
    shards = {shard: await three.owner(f"s{shard}") for shard in range(SHARDS)}
    gone = shards[2]
    near = [chat for shard, node in shards.items() if node is not gone for chat in of_shard(shard, 2)]
    for number, chat in enumerate(near):
        await mailbox.accept(chat, said(number))
    assert gone.process
    gone.process.send_signal(signal.SIGSTOP)
    try:
        claimed: list[Address] = []
        async with asyncio.timeout(100):
            while len(claimed) < len(near):
                with contextlib.suppress(RedisError):
                    claimed += [turn.address for turn in await mailbox.claim("w", limit=1, wait=1)]
        assert sorted(claimed) == sorted(near)
    finally:
        gone.process.send_signal(signal.SIGCONT)
    await until(lambda: mailbox.accept(of_shard(2, 1)[0], said(99)))


@pytest.mark.timeout(300)
async def test_who_starts_while_a_master_is_dead_serves_what_lies_elsewhere(tmp_path: Path) -> None:
    async with cluster(tmp_path, **{"cluster-require-full-coverage": "no"}) as made:
        for number, gone in enumerate(made.nodes):
            near = [shard for shard in range(SHARDS) if await made.owner(f"s{shard}") is not gone]
            [chat] = of_shard(near[0], 1)
            await gone.kill()
            redis = await connect(made.url)
            mailbox = Mailbox(redis, shards=SHARDS)
            assert await mailbox.accept(chat, said(number)) is Accepted.ACCEPTED
            assert await mailbox.forget(chat) == 1
            await redis.aclose()
            await gone.again()
            await until(lambda gone=gone: all_is_well(gone))  # type: ignore[misc]


async def all_is_well(node: Node) -> bool:
    return "cluster_slots_ok:16384" in str(await node.call("CLUSTER", "INFO"))


@pytest.mark.parametrize("address", ["redis+cluster://:hunter2@{}", "redis+cluster://{}?no_such=hunter2"])
async def test_a_password_or_option_that_it_refuses_is_one_line(three: Cluster, address: str) -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: ") as error:
        await connect(address.format(three.url.partition("//")[2]))
    assert "hunter2" not in str(error.value)


async def test_where_no_node_answers_it_is_one_line() -> None:
    with pytest.raises(ServerError, match=r"^MALBEOT_REDIS_URL: .*does not answer \(ConnectionRefusedError\)"):
        await connect(f"redis+cluster://127.0.0.1:{free_port()},localhost:{free_port()}")
