"""A checkpoint is replaced under a running worker, by another, by a broken one and by none, while users talk.

    python -m tests.faults.swaps

The processes are the service's own, with small real checkpoints. A worker answers on with what it has loaded. One that
is started takes what is there: a broken checkpoint is refused with one line and exit code 2, and what was accepted
meanwhile waits until a good one is back.
"""

import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

from bot.embedded import EmbeddedServer
from bot.redis_link import connect
from tests.checkpoints import random_checkpoint
from tests.faults.checker import Asked, Findings, check, marked
from tests.faults.program import conclude, in_memory, options
from tests.faults.table import Row, row
from tests.processes import running
from tests.telegram_api import TOKEN, TelegramApi

FIRST, SECOND = 6, 11  # seeds of two checkpoints that have something to say, each always the same
SAYING = "안녕"
EVERY = 0.2  # seconds from one user to the next


@dataclass(frozen=True)
class Refusal:
    """How a worker ended that found no good checkpoint."""

    code: int
    lines: list[str]  # on standard error


@dataclass(frozen=True)
class Scene:
    """What was seen: the replies of each worker that served, and how those between them were refused."""

    row: Row
    findings: Findings
    first: set[str]
    second: set[str]
    refusals: list[Refusal]


class Visitors:
    """One user after the other says the same, and goes."""

    def __init__(self, telegram: TelegramApi) -> None:
        self.asked: list[Asked] = []
        self._telegram = telegram
        self._chats = count(1000)

    @contextlib.asynccontextmanager
    async def coming(self) -> AsyncIterator[None]:
        """They come while the block is entered."""
        coming = asyncio.create_task(self._come())
        try:
            yield
        finally:
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)

    async def _come(self) -> None:
        while True:
            self.ask()
            await asyncio.sleep(EVERY)

    def ask(self) -> int:
        """Returns the chat."""
        chat = next(self._chats)
        self.asked.append(Asked(chat, chat, time.monotonic()))
        self._telegram.say(chat, SAYING)
        return chat

    async def served(self) -> None:
        """Returns when one who comes now has got a reply, and all before."""
        self.ask()
        asked = {question.chat for question in self.asked}
        await self._telegram.until(lambda: {sent.chat for sent in self._telegram.sent} >= asked, timeout=60)

    def findings(self) -> Findings:
        """A reply is about the one thing that its chat has said."""
        return check(self.asked, [replace(sent, text=marked(sent.chat, "")) for sent in self._telegram.sent])


async def swapped(folder: Path) -> Scene:
    """All that may happen to the folder that a worker has loaded."""
    checkpoint = random_checkpoint(folder / "checkpoint", seed=FIRST)
    async with TelegramApi() as telegram, EmbeddedServer(folder) as server:
        settings = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "checkpoint": str(checkpoint)}
        visitors = Visitors(telegram)
        async with running("gateway", folder, **settings):
            async with visitors.coming():
                async with running("worker", folder, **settings) as worker:
                    await visitors.served()
                    random_checkpoint(checkpoint, seed=SECOND)
                    await visitors.served()
                    _break(checkpoint)
                    await visitors.served()
                    shutil.rmtree(checkpoint)
                    await visitors.served()
                    assert await worker.end() == 0
                await _delivered(server.url)
                answered = len(telegram.sent)
                refusals = [await _refused(folder, settings)]
                random_checkpoint(checkpoint, seed=SECOND)
                _break(checkpoint)
                refusals.append(await _refused(folder, settings))
            assert len(telegram.sent) == answered
            random_checkpoint(checkpoint, seed=SECOND)
            async with running("worker", folder, **settings):
                await visitors.served()
    told = [sent.text for sent in telegram.sent]
    findings = visitors.findings()
    name = "a checkpoint replaced, broken and removed under its worker"
    return Scene(
        row(name, 5, len(visitors.asked), findings), findings, set(told[:answered]), set(told[answered:]), refusals
    )


async def _delivered(url: str) -> None:
    """Returns when nothing stands in the outbox."""
    redis = await connect(url)
    async with asyncio.timeout(60):
        while await redis.xlen("malbeot:{s0}:outbox:telegram"):  # noqa: ASYNC110 - what is waited for happens elsewhere
            await asyncio.sleep(0.05)
    await redis.aclose()


def _break(checkpoint: Path) -> None:
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1000])


async def _refused(folder: Path, settings: dict[str, str]) -> Refusal:
    async with running("worker", folder, **settings) as worker:
        return Refusal(await worker.ended(), worker.log)


async def _play() -> Scene:
    with tempfile.TemporaryDirectory(prefix="malbeot-swaps-", dir=in_memory()) as folder:
        return await swapped(Path(folder))


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, seeded=False)
    scene = asyncio.run(_play())
    wrong = [f"refused with {refusal.code}" for refusal in scene.refusals if refusal.code != 2]
    lines = [line for refusal in scene.refusals for line in refusal.lines]
    return conclude(chosen, [scene.row], [*scene.findings.faults, *wrong], *lines)


if __name__ == "__main__":
    sys.exit(main())
