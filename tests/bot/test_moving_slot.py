"""A slot that moves from one master of a cluster to another, while what lies in it is used."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.errors import ServerError
from bot.mailbox import Accepted, Mailbox, agree
from bot.redis_link import connect
from bot.state import take
from tests.bot.test_backup import alike, operate
from tests.bot.test_cluster import CHATS, SHARDS, of_shard, said
from tests.crowd import converse
from tests.processes import environment
from tests.servers import Cluster, Node, cluster, emptied, in_background, until
from tests.service import serving

MOVING = "a slot of the cluster is on the move: try again when it has moved"


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters, and a spare one that nobody has heard of. None becomes a replica when its last slot is gone."""
    options = {"cluster-allow-replica-migration": "no"}
    with in_background(cluster(tmp_path_factory.mktemp("cluster"), spare=1, **options)) as made:
        yield made


@pytest.fixture
async def redis(three: Cluster) -> AsyncIterator[Redis]:
    async with emptied(three) as client:
        yield client


@pytest.mark.timeout(300)
async def test_a_slot_that_moves_under_a_crowd_is_followed(three: Cluster, redis: Redis) -> None:
    """To a master that nobody has heard of, and back; each time with ASK, TRYAGAIN and MOVED."""
    home = await three.owner("s0")

    async def move(to: Node) -> None:
        before = {error: await three.refused(error) for error in ("ASK", "TRYAGAIN", "MOVED")}

        async def met(*errors: str) -> bool:
            return all([await three.refused(error) > before[error] for error in errors])

        await three.move("s0", to, halfway=lambda: until(lambda: met("TRYAGAIN")))
        await until(lambda: met("ASK", "TRYAGAIN", "MOVED"))

    async def there_and_back() -> None:
        await move(three.nodes[-1])
        await move(home)

    mailbox = Mailbox(redis, claim_ttl=2, shards=SHARDS, max_mailbox=10_000)
    await converse(redis, mailbox, CHATS, workers=4, meanwhile=there_and_back)
    assert await three.owner("s0") is home


async def test_while_a_slot_moves_its_messages_wait_and_others_go_on(three: Cluster, redis: Redis) -> None:
    home, before = await three.owner("s0"), await three.refused("TRYAGAIN")
    mailbox = Mailbox(redis, shards=SHARDS)
    chats = [chat for shard in range(SHARDS) for chat in of_shard(shard, 1)]
    calls: list[asyncio.Task[Accepted]] = []

    async def speak() -> None:
        """At first; then see that those who must wait try it oftener than the library by itself does."""
        if not calls:
            calls.extend(asyncio.create_task(mailbox.accept(chat, said(index))) for index, chat in enumerate(chats))
            assert await asyncio.gather(*calls[1:]) == [Accepted.ACCEPTED] * (SHARDS - 1)
        await until(lambda: often())

    async def often() -> bool:
        return await three.refused("TRYAGAIN") >= before + 20

    for number in range(6):
        await mailbox.accept(of_shard(0, 10)[number], said(100 + number))
    await three.move("s0", three.nodes[-1], halfway=speak)
    assert await calls[0] is Accepted.ACCEPTED
    assert await mailbox.backlog() == SHARDS + 6
    await three.move("s0", home)


@pytest.mark.parametrize("known", [True, False])
async def test_what_has_moved_ahead_of_its_slot_is_found_at_once(three: Cluster, redis: Redis, known: bool) -> None:
    home = await three.owner("s0")
    to = next(node for node in three.nodes if node is not home) if known else three.nodes[-1]
    await redis.set("malbeot:{s0}:x", "here")

    async def look() -> None:
        before = await three.refused("MOVED")
        assert await asyncio.gather(*(redis.get("malbeot:{s0}:x") for _ in range(50))) == ["here"] * 50
        assert await three.refused("MOVED") == before, "ASKING was said where the command was"

    await three.move("s0", to, halfway=look)
    assert await redis.get("malbeot:{s0}:x") == "here"
    await three.move("s0", home, halfway=look)


async def test_whoever_is_sent_on_closes_no_connections(three: Cluster, redis: Redis) -> None:
    home = await three.owner("s0")
    bystander = next(node for node in three.nodes[1:3] if node is not home)  # the first is asked for the way

    async def connections() -> int:
        about = await redis.info("stats", target_nodes=redis.get_node("127.0.0.1", bystander.port))
        return int(about["total_connections_received"])

    await connections()
    for to in (three.nodes[-1], home):
        before = await connections()
        await three.move("s0", to)
        await asyncio.gather(*(redis.get("malbeot:{s0}:x") for _ in range(20)))
        assert await connections() == before, "each is in the midst of some call"


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("redis")
async def test_a_conversation_goes_on_while_its_slot_moves(three: Cluster) -> None:
    chats = [int(chat.chat) for chat in of_shard(0, 4)]
    home, asked = await three.owner("s0"), list[asyncio.Task[str]]()
    async with serving(three.url, shards=SHARDS) as service:
        for chat in chats:
            assert await service.ask(chat, "벚나무") == "벚나무라고요"

        async def speak() -> None:
            if not asked:
                before = await three.refused("TRYAGAIN")
                asked.extend(asyncio.create_task(service.ask(chat, "등대")) for chat in chats)
                await until(lambda: tried(before))

        async def tried(before: int) -> bool:
            return await three.refused("TRYAGAIN") > before

        await three.move("s0", three.nodes[-1], halfway=speak)
        assert await asyncio.gather(*asked) == ["등대라고요"] * len(chats)
        assert {tuple(talk) for talk in service.engine.asked[-1]} <= {("벚나무", "벚나무라고요", "등대")}
        await three.move("s0", home)


async def test_what_is_on_the_move_is_not_taken_by_halves(three: Cluster, redis: Redis, tmp_path: Path) -> None:
    """Nobody who scans the masters finds what has gone ahead to one that nobody has heard of."""
    home, mailbox = await three.owner("s0"), Mailbox(redis, shards=SHARDS)
    await agree(redis, SHARDS)
    for number, chat in enumerate(CHATS):
        await mailbox.accept(chat, said(number))
    before = await take(redis, "")
    env = environment(tmp_path, redis_url=three.url, shards="1")

    async def ask() -> None:
        with pytest.raises(ServerError, match="on the move"):
            await take(redis, "")
        assert await operate(env, "reshard") == (2, b"", f"malbeot: {MOVING}\n")

    await three.move("s0", three.nodes[-1], halfway=ask)
    assert alike(await take(redis, ""), before)
    await three.move("s0", home)


@pytest.mark.timeout(300)
async def test_replicas_are_waited_for_where_the_slot_has_moved_to(tmp_path: Path) -> None:
    async with cluster(tmp_path, masters=2, replicas=1) as made:
        giver = await made.owner("s0")
        taker = next(node for node in made.nodes[:2] if node is not giver)
        redis = await connect(made.url)
        mailbox = Mailbox(redis, replicas=1)
        assert await mailbox.accept(CHATS[0], said(1)) is Accepted.ACCEPTED
        with capture_logs() as logs:
            await made.move("s0", taker)
            assert await mailbox.accept(CHATS[0], said(2)) is Accepted.ACCEPTED
            assert logs == []
            await made.move("s0", giver)
            await made.nodes[2 + made.nodes.index(giver)].kill()
            assert await mailbox.accept(CHATS[0], said(3)) is Accepted.ACCEPTED
        assert [line["event"] for line in logs] == ["not_replicated"], "the giver's replica has nothing to say"
        await redis.aclose()
