"""A checkpoint that takes another's place: when it is noticed, and what a worker makes of it under way."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis

from bot.address import Address
from bot.lookout import Lookout
from bot.mailbox import Mailbox, Message, Outbox
from model.checkpoint import load_checkpoint
from tests.checkpoints import random_checkpoint
from tests.processes import Process, running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return random_checkpoint(tmp_path / "checkpoint")


def test_what_stays_as_it_is_is_no_other(folder: Path) -> None:
    lookout = Lookout(folder)
    (folder / "card.json").write_text('{"name": "새 이름"}', "utf-8")
    assert [lookout.another() for _ in range(4)] == [False] * 4


def test_another_is_noticed_once_and_only_when_it_is_whole(folder: Path) -> None:
    lookout = Lookout(folder)
    weights = (folder / "model.safetensors").read_bytes()
    shutil.rmtree(folder)
    assert not lookout.another()
    folder.mkdir()
    for end in (100, 1000, len(weights)):
        (folder / "model.safetensors").write_bytes(weights[:end])
        assert not lookout.another(), "it grows"
    assert [lookout.another() for _ in range(3)] == [True, False, False]
    random_checkpoint(folder, seed=8)
    assert [lookout.another() for _ in range(3)] == [False, True, False]


def test_a_link_that_is_turned_to_another_folder_counts(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    link.symlink_to(folder)
    lookout = Lookout(link)
    link.unlink()
    link.symlink_to(random_checkpoint(tmp_path / "next", seed=8))
    assert [lookout.another() for _ in range(3)] == [False, True, False]


class Talk:
    """Messages of ever new chats, a few waiting at any time, until the block ends; each must be answered once."""

    def __init__(self, redis: Redis, mailbox: Mailbox) -> None:
        self.said, self.answered = 0, list[str]()
        self._redis, self._mailbox = redis, mailbox
        self._room = asyncio.Semaphore(8)
        self._over = False

    async def say(self) -> None:
        while not self._over:
            await self._room.acquire()
            self.said += 1
            message = Message(self.said, None, "안녕하세요", time())
            await self._mailbox.accept(Address("telegram", str(self.said)), message)

    async def hear(self) -> None:
        outbox = Outbox(self._redis)
        while True:
            for delivery in await outbox.read("telegram", wait=1):
                await outbox.ack("telegram", delivery)
                self.answered += delivery.origins
                self._room.release()

    async def goes_on(self) -> None:
        """Returns when what was said after this has been answered."""
        await self._until(self.said + 1)

    async def _until(self, said: int) -> None:
        async with asyncio.timeout(90):
            while len(self.answered) < said:  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.02)

    @contextlib.asynccontextmanager
    async def under_way(self) -> AsyncIterator[None]:
        saying, hearing = asyncio.create_task(self.say()), asyncio.create_task(self.hear())
        try:
            yield
            self._over = True
            await saying
            await self._until(self.said)
        finally:
            for task in (saying, hearing):
                task.cancel()
            await asyncio.gather(saying, hearing, return_exceptions=True)


async def served(mailbox: Mailbox) -> str:
    [worker] = await mailbox.workers()
    return worker.info["checkpoint"]


async def until_served(mailbox: Mailbox, checkpoint: str) -> None:
    async with asyncio.timeout(60):
        while await served(mailbox) != checkpoint:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


def lines(process: Process, event: str) -> list[str]:
    return [line for line in process.log if f'"event": "{event}"' in line]


async def test_a_worker_takes_up_another_checkpoint_while_people_talk_and_refuses_broken_ones(
    redis: Redis, redis_url: str, folder: Path, tmp_path: Path
) -> None:
    mailbox = Mailbox(redis)
    talk = Talk(redis, mailbox)
    first, second = load_checkpoint(folder).hash, load_checkpoint(random_checkpoint(tmp_path / "next", seed=8)).hash
    async with running("worker", tmp_path, redis_url=redis_url, checkpoint=str(folder)) as worker, talk.under_way():
        await worker.said("worker_ready")
        await talk.goes_on()
        assert await served(mailbox) == first

        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        await worker.said("checkpoint_refused")
        await talk.goes_on()
        shutil.rmtree(folder)
        await worker.said("checkpoint_refused", times=2)
        await talk.goes_on()
        assert await served(mailbox) == first

        (tmp_path / "next").rename(folder)
        await worker.said(second)
        await until_served(mailbox, second)
        await talk.goes_on()
        assert len(lines(worker, "engine_loaded")) == 2
        refused = lines(worker, "checkpoint_refused")
        assert len(refused) == 2, "once for each fault, not at every look"
        assert all(first in line for line in refused)
        assert "no checkpoint folder" in refused[1]
    assert sorted(talk.answered, key=int) == [str(number) for number in range(1, talk.said + 1)]
    assert await mailbox.backlog() == 0
