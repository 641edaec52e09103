"""All processes agree on the number of shards, and another number is for `reshard` to bring about."""

import asyncio
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.address import Address
from bot.errors import SettingsError
from bot.mailbox import Gateways, Mailbox, Message, agree
from tests.processes import environment

YUNA = Address("telegram", "1001")


async def test_the_first_process_fixes_the_number_and_others_must_have_the_same(redis: Redis) -> None:
    await agree(redis, 3)
    await agree(redis, 3)
    with pytest.raises(SettingsError, match=r"^MALBEOT_SHARDS: Redis holds 3, not 4; .*python -m bot reshard") as error:
        await agree(redis, 4)
    assert error.value.exit_code == 2


async def test_what_was_there_before_the_number_was_kept_lies_in_one(redis: Redis) -> None:
    await Mailbox(redis).accept(YUNA, Message(1, 1, "안녕", 0.0))
    with pytest.raises(SettingsError, match="Redis holds 1, not 3"):
        await agree(redis, 3)
    await agree(redis, 1)


async def run(command: list[str], **variables: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", *command, env=variables,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode().strip()


async def test_a_process_with_another_number_refuses_and_reshard_helps(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    await Mailbox(redis).accept(YUNA, Message(1, 1, "안녕", 0.0))
    three = environment(tmp_path, redis_url=redis_url, shards="3")
    for command in (["worker"], ["chat"], ["dead", "list"]):
        code, said = await run(command, **three)
        assert (code, said.partition(";")[0]) == (2, "malbeot: MALBEOT_SHARDS: Redis holds 1, not 3")
    assert await run(["reshard"], **three) == (0, "in 3 shards; messages that wait: 1")
    assert await run(["dead", "list"], **three) == (0, "no dead letters")
    assert await Mailbox(redis, shards=3).backlog() == 1


async def test_reshard_waits_until_nobody_runs(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    two = environment(tmp_path, redis_url=redis_url, shards="2")
    mailbox, gateways = Mailbox(redis), Gateways(redis)
    await mailbox.beat("w1", {}, ttl=60)
    await gateways.beat(ttl=60)
    code, said = await run(["reshard"], **two)
    assert (code, said.partition(" (")[0]) == (1, "malbeot: workers that run: 1, gateways: 1; stop them first")
    await mailbox.leave("w1")
    await gateways.leave()
    assert await run(["reshard"], **two) == (0, "in 2 shards; messages that wait: 0")
