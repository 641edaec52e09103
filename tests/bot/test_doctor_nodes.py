"""The doctor on real clusters and sentinels, sound and with faults of every kind."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bot.test_doctor import Examine, Table, examine
from tests.servers import Cluster, Node, cluster, in_background, until, watched

__all__ = ["examine"]

SAFE = {"appendonly": "yes", "appendfsync": "always", "cluster-require-full-coverage": "no"}


def of(node: Node) -> str:
    return f"127.0.0.1:{node.port}"


def unsound(found: Table) -> set[str]:
    """What is not as it should be, the token and the worker that these tests do without aside."""
    return {what for what, (sign, _, _) in found.items() if sign in ("!", "✗")} - {"token", "workers"}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with in_background(cluster(tmp_path_factory.mktemp("cluster"), **SAFE)) as made:
        yield made


async def test_a_sound_cluster_is_a_row_for_each_node(three: Cluster, examine: Examine) -> None:
    _, found = await examine(redis_url=three.url, shards=12)
    assert unsound(found) == set()
    assert found["cluster"][:2] == ("✓", "all 16384 slots are held")
    for node in three.nodes:
        sign, words, _ = found[of(node)]
        assert sign == "✓"
        assert words.startswith("master of shard")
        assert "append-only file: on, written out: always" in words


async def test_each_fault_is_a_row_of_its_own_wherever_it_is(three: Cluster, examine: Examine) -> None:
    first, second, third = three.nodes
    await second.call("CONFIG", "SET", "appendonly", "no")
    await third.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    await third.call("CONFIG", "SET", "maxmemory", "1gb")
    try:
        code, found = await examine(redis_url=three.url, shards=2)
    finally:
        await second.call("CONFIG", "SET", "appendonly", "yes")
        await third.call("CONFIG", "SET", "maxmemory", "0")
        await third.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert code == 2
    assert unsound(found) == {f"append-only file of {of(second)}", f"maxmemory-policy of {of(third)}", "shards"}
    assert found[f"append-only file of {of(second)}"][0] == found[f"maxmemory-policy of {of(third)}"][0] == "✗"
    assert "noeviction" in found[f"maxmemory-policy of {of(third)}"][2]
    assert found[of(first)][0] == "✓"
    assert found["shards"] == (
        "!",
        "2 on 3 masters",
        "stop all, then MALBEOT_SHARDS=12 and python -m bot reshard: else some masters stand idle",
    )


async def test_replicas_that_are_wanted_are_missed(three: Cluster, examine: Examine) -> None:
    code, found = await examine(redis_url=three.url, shards=12, replicas=1)
    assert (code, unsound(found)) == (2, {f"replicas of {of(node)}" for node in three.nodes})


async def test_a_slot_that_is_on_the_move_is_told(three: Cluster, examine: Examine) -> None:
    giver = await three.owner("s5")
    taker = next(node for node in three.nodes if node is not giver)
    tables: list[Table] = []

    async def ask() -> None:
        tables.append((await examine(redis_url=three.url, shards=12))[1])

    await three.move("s5", taker, halfway=ask)
    await three.move("s5", giver)
    found = tables[0]
    assert unsound(found) == {f"slots of {of(giver)}"}
    assert found[f"slots of {of(giver)}"][1] == "shard 5 is on the move"


async def test_who_may_not_look_is_told_so(three: Cluster, examine: Examine) -> None:
    rights = "+ping +cluster|slots +command +hgetall +get +xrange +time"
    for node in three.nodes:
        await node.call("ACL", "SETUSER", "blind", "reset", "on", ">right", "~malbeot:*", *rights.split())
    _, found = await examine(redis_url=three.url.replace("//", "//blind:right@"), shards=12)
    assert unsound(found) == set()
    assert "version: not allowed to look; persistence: not allowed to look" in found[of(three.nodes[0])][1]


@pytest.mark.timeout(300)
async def test_a_master_that_died_without_replica(examine: Examine, tmp_path: Path) -> None:
    async with cluster(tmp_path / "two", masters=2, replicas=1, **SAFE) as made:
        gone = made.nodes[0]
        await made.nodes[2].kill()
        code, found = await examine(redis_url=made.url, shards=8, replicas=1)
        assert (code, unsound(found) - {of(made.nodes[2])}) == (2, {f"replicas of {of(gone)}"})
        await gone.kill()
        await until(lambda: _failed(made.nodes[1]))
        code, found = await examine(redis_url=made.url, shards=8, replicas=1)
    assert code == 2
    assert found[of(gone)][0] == "✗"
    assert found[of(gone)][1].startswith("master of shards ")
    assert "does not answer (ConnectionError)" in found[of(gone)][1]
    assert "start it again" in found[of(gone)][2]
    assert found[f"state of {of(made.nodes[1])}"][:2] == ("✗", "fail")
    assert found["Redis"][0] == "✗", "what waits cannot be counted"


async def _failed(node: Node) -> bool:
    return "cluster_state:fail" in str(await node.call("CLUSTER", "INFO"))


@pytest.mark.timeout(300)
async def test_slots_that_nobody_holds(examine: Examine, tmp_path: Path) -> None:
    async with cluster(tmp_path / "two", masters=2, **SAFE) as made:
        owner = await made.owner("s1")
        slot = str(await owner.call("CLUSTER", "KEYSLOT", "{s1}"))
        for node in made.nodes:
            await node.call("CLUSTER", "DELSLOTS", slot)
        code, found = await examine(redis_url=made.url, shards=8)
    assert code == 2
    assert found["cluster"][:2] == ("✗", "1 slots are held by nobody, shard 1 among them")
    assert "redis-cli --cluster fix 127.0.0.1:" in found["cluster"][2]


@pytest.mark.timeout(300)
async def test_sentinels_and_what_they_watch(examine: Examine, tmp_path: Path) -> None:
    safe = {"appendonly": "yes", "appendfsync": "always"}
    async with watched(tmp_path / "watched", **safe) as trio:
        master, replica = trio.servers
        _, found = await examine(redis_url=trio.url, replicas=1)
        assert unsound(found) == set()
        assert found["sentinels"][1] == "3 answer, 2 must agree"
        assert found[of(master)][1].startswith("master; Valkey")
        assert "replicas: 1" in found[of(master)][1]
        assert found[of(replica)][1].startswith("replica; Valkey")

        await replica.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        code, found = await examine(redis_url=trio.url)
        assert (code, unsound(found)) == (1, {f"maxmemory-policy of {of(replica)}"})

        first, second, third = trio.sentinels
        await second.kill()
        await replica.kill()
        await until(lambda: _sees_dead(first))
        code, found = await examine(redis_url=trio.url, replicas=1)
        assert code == 2
        assert unsound(found) == {
            f"sentinel {of(second)}",
            "replicas",
            f"replicas of {of(master)}",
            of(replica),
        }
        await third.kill()
        await until(lambda: _alone(first))
        _, found = await examine(redis_url=trio.url)
        assert found["sentinels"][:2] == ("✗", "too few to agree on anything")


async def _sees_dead(sentinel: Node) -> bool:
    return "s_down" in str(await sentinel.call("SENTINEL", "REPLICAS", "malbeot"))


async def _alone(sentinel: Node) -> bool:
    return str(await sentinel.call("SENTINEL", "SENTINELS", "malbeot")).count("s_down") == 2


async def test_a_service_that_the_sentinels_do_not_watch(examine: Examine, tmp_path: Path) -> None:
    async with watched(tmp_path / "watched") as trio:
        code, found = await examine(redis_url=trio.url.replace("/malbeot", "/other"))
    assert code == 2
    assert found[f"sentinel {of(trio.sentinels[0])}"][:2] == ("!", "does not watch other")
    assert "MasterNotFoundError" in found["Redis"][1]
