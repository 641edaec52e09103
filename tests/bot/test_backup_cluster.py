"""Backup, restore, move and reshard with a real cluster of three masters, and between it and one server."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.embedded import EmbeddedServer
from bot.mailbox import Lease, Mailbox
from bot.state import take
from tests.bot.test_backup import alike, another, client, goes_on, live, operate
from tests.processes import ROOT, environment
from tests.servers import Cluster, cluster, emptied, in_background

SHARDS = 3


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three masters, of which two at least hold shards."""
    with in_background(cluster(tmp_path_factory.mktemp("cluster"))) as made:
        yield made


@pytest.fixture
async def redis(three: Cluster) -> AsyncIterator[Redis]:
    async with emptied(three) as client:
        yield client


async def test_a_backup_of_a_live_cluster_is_restored_into_an_empty_one(
    three: Cluster, redis: Redis, tmp_path: Path
) -> None:
    assert len({(await three.owner(f"s{shard}")).port for shard in range(SHARDS)}) > 1
    await live(redis, shards=SHARDS)
    file, env = tmp_path / "backup.jsonl", environment(tmp_path, redis_url=three.url, shards=str(SHARDS))
    lease = Lease(redis, "deliver:telegram", shard=2)
    await lease.acquire()
    code, _, said = await operate(env, "backup", str(file))
    assert (code, said.endswith("3 messages wait in them\n")) == (0, True)
    keys = [json.loads(line).get("key", "") for line in file.read_text("utf-8").split("\n")[:-1]]
    assert [key for key in keys if re.search(r":(gateways|workers|lease)\b", key)] == [], "they are of processes"

    before = await take(redis, "")
    code, _, said = await operate(env, "restore", str(file))
    assert (code, "stop them" in said) == (1, True), "a gateway holds a lease in another shard than the first"
    await lease.release()
    await redis.flushall()
    assert (await operate(env, "restore", str(file)))[0] == 0
    assert alike(await take(redis, ""), before)
    assert (await operate(env, "restore", str(file)))[2].startswith("is there already")
    await goes_on(redis, shards=SHARDS)
    code, _, said = await operate(env, "restore", str(file))
    assert (code, "nothing was changed" in said) == (1, True)


async def test_from_a_cluster_to_one_server_and_back(three: Cluster, redis: Redis, tmp_path: Path) -> None:
    await live(redis, shards=SHARDS)
    on_cluster = environment(tmp_path, redis_url=three.url, shards=str(SHARDS))
    _, written, _ = await operate(on_cluster, "backup", "-")
    async with another(tmp_path / "one") as url, client(url) as one:
        on_one = on_cluster | {"MALBEOT_REDIS_URL": url}
        assert (await operate(on_one, "restore", "-", given=written))[0] == 0
        _, again, _ = await operate(on_one, "backup", "-")
        await goes_on(one, shards=SHARDS)
    await redis.flushall()
    assert (await operate(on_cluster, "restore", "-", given=again))[0] == 0
    await goes_on(redis, shards=SHARDS)


async def test_from_the_embedded_server_to_a_cluster_into_more_shards_and_back(
    three: Cluster, redis: Redis, tmp_path: Path
) -> None:
    async with EmbeddedServer(tmp_path / "data") as embedded, client(embedded.url) as source:
        await live(source)
        await Mailbox(source).founded(0)
        kept = await take(source, "")
    env = environment(tmp_path / "data")
    assert (await operate(env, "migrate", "--to", three.url))[0] == 0
    assert alike(await take(redis, ""), kept)
    code, _, said = await operate(env | {"MALBEOT_REDIS_URL": three.url}, "migrate")
    assert (code, said.startswith("is there already")) == (0, True)

    on_cluster = environment(tmp_path, redis_url=three.url, shards=str(SHARDS))
    code, _, said = await operate(on_cluster, "dead", "list")
    assert (code, "python -m bot reshard" in said) == (2, True)
    for shards in (SHARDS, 1, SHARDS):
        code, printed, _ = await operate(on_cluster | {"MALBEOT_SHARDS": str(shards)}, "reshard")
        assert (code, printed) == (0, f"in {shards} shards; messages that wait: 3\n".encode())
    _, written, _ = await operate(on_cluster, "backup", "-")
    await goes_on(redis, shards=SHARDS, resharded=True)

    async with another(tmp_path / "one") as url, client(url) as one:
        on_one = environment(tmp_path, redis_url=url)
        assert (await operate(on_one, "restore", "-", given=written))[0] == 0
        assert (await operate(on_one, "reshard"))[0] == 0
        await goes_on(one, resharded=True)


@pytest.mark.usefixtures("redis")
async def test_the_operator_s_rights_are_enough(three: Cluster, redis: Redis, tmp_path: Path) -> None:
    await live(redis, shards=SHARDS)
    page = (ROOT / "SECURITY.md").read_text("utf-8")
    [rights] = re.findall(r"\nuser operator on >PASSWORD (.*)\n", page)
    [more] = re.findall(r"On a cluster the operator needs `(.*)` as well", page)
    for node in three.nodes:
        await node.call("ACL", "SETUSER", "operator", "reset", "on", ">right", *rights.split(), *more.split())
    env = environment(tmp_path, redis_url=three.url.replace("//", "//operator:right@"), shards=str(SHARDS))
    code, written, said = await operate(env, "backup", "-")
    assert code == 0, said
    await redis.flushall()
    code, _, said = await operate(env, "restore", "-", given=written)
    assert code == 0, said
    await goes_on(redis, shards=SHARDS)
