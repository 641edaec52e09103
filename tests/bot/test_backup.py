"""Backup, restore and the move to another server: real servers, the real commands, a kill in the middle."""

import asyncio
import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis

from bot.address import Address
from bot.embedded import EmbeddedServer
from bot.mailbox import (
    Accepted,
    Bucket,
    DeadLetters,
    Exchange,
    Gateways,
    Hours,
    Lease,
    Limits,
    Mailbox,
    Members,
    Message,
    Outbox,
    Passed,
    Reply,
    agree,
)
from bot.redis_link import connect
from bot.state import State, take
from tests.bot.test_redis_access import PASSWORD, acl_file, users
from tests.processes import ROOT, environment
from tests.servers import server

YUNA, MINHO, SEOA = (Address("telegram", chat) for chat in ("1001", "1004", "1005"))  # of three shards, one each
RATE = Bucket("rate", YUNA, 1, 3600.0)


def message(number: int, text: str) -> Message:
    return Message(number, number, text, 1000.0 + number)


async def live(redis: Redis, *, crowd: int = 0, shards: int = 1) -> None:
    """Some life: histories, replies to be sent, a dead letter, what waits and what a worker holds; and a crowd."""
    await agree(redis, shards)
    mailbox = Mailbox(redis, shards=shards)
    for address, number in ((YUNA, 1), (MINHO, 2)):
        await mailbox.accept(address, message(number, "안녕\u2028나 왔어\x85"))
        [turn] = await mailbox.claim("w", limit=1, wait=2)
        await mailbox.commit("w", turn, Reply("model", "반가워요.", raw="반가워요."))
    await mailbox.accept(SEOA, message(3, "독"))
    [turn] = await mailbox.claim("w", limit=1, wait=2)
    await mailbox.bury("w", turn, "RuntimeError", Reply("apology", "미안해요."))
    await Members(redis, shards=shards).add(YUNA)
    await Limits(redis, shards=shards).spend(YUNA, message(4, ""), [RATE])
    await Hours(redis).add(0, {"accepted": 3})
    await mailbox.accept(MINHO, message(5, "어제 그 얘기인데"))
    await mailbox.accept(YUNA, message(6, "오늘은"))
    await mailbox.accept(YUNA, message(7, "어땠어?"))
    await mailbox.claim("w", limit=1, wait=2)  # and dies
    await mailbox.beat("w", {}, ttl=0)
    await Gateways(redis).beat(ttl=0)
    async with redis.pipeline() as many:
        for chat in range(2000, 2000 + crowd):
            many.rpush(f"malbeot:{{s0}}:history:telegram/{chat}", json.dumps({"user": "안녕" * 20, "bot": "네"}))
        await many.execute()


async def goes_on(redis: Redis, *, shards: int = 1, resharded: bool = False) -> None:
    """Nothing of that life is lost, and nothing is done twice. Marks are not moved into other shards."""
    await agree(redis, shards)
    mailbox = Mailbox(redis, shards=shards)
    assert await mailbox.backlog() == 3
    turns = await mailbox.claim("w2", limit=10, wait=2)
    minho, yuna = sorted(turns, key=lambda turn: turn.messages[0].received_at)
    assert shards > 1 or turns == [minho, yuna]
    assert (minho.address, minho.text, minho.tries) == (MINHO, "어제 그 얘기인데", 1)
    assert (yuna.address, yuna.text) == (YUNA, "오늘은\n어땠어?")
    assert yuna.history == (Exchange("안녕\u2028나 왔어\x85", "반가워요."),)
    outbox = Outbox(redis, shards=shards)
    sent = [reply for shard in range(shards) for reply in await outbox.read("telegram", wait=0, shard=shard)]
    assert {(reply.address, reply.text) for reply in sent} == {
        (YUNA, "반가워요."),
        (MINHO, "반가워요."),
        (SEOA, "미안해요."),
    }
    assert len(sent) == 3
    [letter] = await DeadLetters(redis, shards=shards).all()
    assert letter.messages == (message(3, "독"),)
    assert await Members(redis, shards=shards).has(YUNA)
    assert [hour.accepted for hour in await Hours(redis).read(0, 1)] == [3]
    if not resharded:
        assert await mailbox.accept(YUNA, message(6, "오늘은")) is Accepted.DUPLICATE
        assert await Limits(redis, shards=shards).spend(YUNA, message(8, ""), [RATE]) is Passed.LIMITED
    for turn in (minho, yuna):
        assert await mailbox.commit("w2", turn, Reply("model", "네.", raw="네."))
    assert await mailbox.backlog() == 0
    assert await mailbox.claim("w2", limit=10, wait=0.1) == []
    ttl = await redis.ttl("malbeot:{s0}:history:telegram/1001")
    assert 0 < ttl <= 86400


def alike(one: State, other: State) -> bool:
    return [(e.key, e.kind, e.value) for e in one.entries] == [(e.key, e.kind, e.value) for e in other.entries]


@contextlib.asynccontextmanager
async def client(url: str) -> AsyncIterator[Redis]:
    redis = await connect(url)
    yield redis
    await redis.aclose()


@contextlib.asynccontextmanager
async def another(folder: Path) -> AsyncIterator[str]:
    """A server of its own; gives its address."""
    folder.mkdir()
    async with server(folder) as path:
        yield f"unix://{path}"


async def operate(env: dict[str, str], *arguments: str, given: bytes | None = None) -> tuple[int, bytes, str]:
    """Exit code and output of `python -m bot …`."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *arguments, env=env, stdin=pipe, stdout=pipe, stderr=pipe
    )
    out, said = await process.communicate(given)
    return process.returncode or 0, out, said.decode()


async def test_a_backup_of_a_live_server_is_restored_into_an_empty_one(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await live(redis)
    file, env = tmp_path / "backup.jsonl", environment(tmp_path, redis_url=redis_url)
    lease = Lease(redis, "deliver:telegram")
    await lease.acquire()
    code, _, said = await operate(env, "backup", str(file))
    assert (code, said.endswith("3 messages wait in them\n")) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    assert await lease.try_acquire(), "the bot went on"
    await lease.release()

    async with another(tmp_path / "other") as url, client(url) as other:
        env["MALBEOT_REDIS_URL"] = url
        assert (await operate(env, "restore", str(file)))[0] == 0
        assert (await operate(env, "restore", str(file)))[2].startswith("is there already")
        await goes_on(other)
        before = await take(other, "")
        code, _, said = await operate(env, "restore", str(file))
        assert (code, "nothing was changed" in said) == (1, True)
        assert alike(await take(other, ""), before)


async def test_by_pipe_and_into_an_embedded_server_that_is_not_running(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await live(redis)
    code, written, _ = await operate(environment(tmp_path, redis_url=redis_url), "backup", "-")
    assert code == 0
    env = environment(tmp_path / "data")
    assert (await operate(env, "restore", "-", given=written))[0] == 0
    code, again, _ = await operate(env, "backup", "-")
    assert code == 0
    keys = [[json.loads(line).get("key") for line in text.splitlines()] for text in (written, again)]
    assert keys[0] == keys[1]
    async with EmbeddedServer(tmp_path / "data") as embedded, client(embedded.url) as other:
        await goes_on(other)


async def test_a_file_that_is_none_or_not_whole_changes_nothing(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    await live(redis)
    env = environment(tmp_path, redis_url=redis_url)
    _, written, _ = await operate(env, "backup", "-")
    await redis.flushall()
    damaged = [
        b"",
        b"{}",
        written[:-20],
        written[: len(written) // 2],
        written.replace(b'"format":1', b'"format":9', 1),
    ]
    for given in damaged:
        code, _, said = await operate(env, "restore", "-", given=given)
        assert (code, said.count("\n"), said.startswith("malbeot: -: ")) == (1, 1, True), said
    assert await redis.dbsize() == 0
    code, _, said = await operate(env, "backup", str(tmp_path / "no" / "such"))
    assert (code, said.count("\n")) == (1, 1)


async def test_the_operator_s_rights_are_enough(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    await live(redis)
    _, written, _ = await operate(environment(tmp_path, redis_url=redis_url), "backup", "-")
    folder = tmp_path / "server"
    folder.mkdir()
    [line] = re.findall(r"^user operator .*$", (ROOT / "SECURITY.md").read_text("utf-8"), re.MULTILINE)
    file = acl_file(folder)
    Path(file).write_text(users() + line.replace(">PASSWORD", ">operator") + "\n", "utf-8")
    async with server(folder, aclfile=file) as path:
        env = environment(tmp_path, redis_url=f"unix://operator:operator@{path}")
        assert (await operate(env, "restore", "-", given=written))[0] == 0
        code, again, _ = await operate(env, "backup", "-")
        assert (code, len(again)) == (0, len(written))
        env["MALBEOT_REDIS_URL"] = f"unix://malbeot:{PASSWORD}@{path}"
        code, _, said = await operate(env, "backup", "-")
        assert (code, "SECURITY.md" in said) == (2, True)


async def test_not_while_gateway_or_workers_run(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    env = environment(tmp_path, redis_url=redis_url)
    _, written, _ = await operate(env, "backup", "-")
    await Mailbox(redis).beat("w", {}, ttl=60)
    code, _, said = await operate(env, "restore", "-", given=written)
    assert (code, "stop them" in said) == (1, True)


@contextlib.asynccontextmanager
async def passing_only(path: str, limit: int, front: Path) -> AsyncIterator[asyncio.Event]:
    """Before the server at `path`, a socket that lets so many bytes through, and then nothing; tells when."""
    full, left = asyncio.Event(), limit
    links: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal left
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        links.add(asyncio.create_task(back(inner_reader, writer)))
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 12):
                left -= len(data)
                if left < 0:
                    full.set()
                else:
                    inner_writer.write(data)
        inner_writer.close()

    async def back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
        finally:
            writer.close()

    async with await asyncio.start_unix_server(serve, front):
        yield full
    for link in links:
        link.cancel()
    await asyncio.gather(*links, return_exceptions=True)


async def test_a_move_that_was_killed_halfway_is_taken_up_again(tmp_path: Path) -> None:
    data, env = tmp_path / "data", environment(tmp_path / "data")
    async with EmbeddedServer(data) as embedded, client(embedded.url) as source:
        await live(source, crowd=3000)
        await Mailbox(source).founded(0)
        kept = await take(source, "")

    async with another(tmp_path / "other") as url, client(url) as other:
        path, front = url.removeprefix("unix://"), tmp_path / "front.sock"
        async with passing_only(path, 300_000, front) as full:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "migrate", "--to", f"unix://{front}", env=env
            )
            async with asyncio.timeout(100):
                await full.wait()
            process.kill()
            await process.wait()
        some = len((await take(other, "")).entries)
        assert 0 < some < len(kept.entries)
        assert await Mailbox(other).claim("w2", limit=10, wait=0.1) == [], "no half of it is answered"

        assert (await operate(env, "migrate", "--to", url))[0] == 0
        assert alike(await take(other, ""), kept)
        code, _, said = await operate(env | {"MALBEOT_REDIS_URL": url}, "migrate")
        assert (code, said.startswith("is there already")) == (0, True)
        await goes_on(other)
        assert (await operate(env, "migrate", "--to", url))[0] == 1, "it lived on there"
    async with EmbeddedServer(data) as embedded, client(embedded.url) as source:
        assert alike(await take(source, ""), kept), "what was moved is still here"


async def test_a_move_into_a_server_that_has_a_life_of_its_own_is_refused(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    env = environment(tmp_path / "data")
    async with EmbeddedServer(tmp_path / "data") as embedded, client(embedded.url) as source:
        await live(source)
        code, _, said = await operate(env, "migrate", "--to", redis_url)
        assert (code, "is still running" in said) == (1, True)
    await Mailbox(redis).accept(SEOA, Message(1, None, "안녕", time()))
    before = await take(redis, "")
    code, _, said = await operate(env, "migrate", "--to", redis_url)
    assert (code, said.count("\n"), "nothing was changed" in said) == (1, 1, True)
    assert alike(await take(redis, ""), before)


@pytest.mark.parametrize("to", [[], ["--to", "redis://:hunter2@127.0.0.1:1/0"], ["--to", "elsewhere"]])
async def test_without_a_target_it_is_one_line(tmp_path: Path, to: list[str]) -> None:
    async with EmbeddedServer(tmp_path / "data"):
        pass
    code, _, said = await operate(environment(tmp_path / "data"), "migrate", *to)
    assert (code, said.count("\n"), "hunter2" in said) == (2, 1, False)
    code, _, said = await operate(environment(tmp_path / "none"), "migrate", "--to", "unix://x")
    assert (code, "nothing to move" in said) == (1, True)
