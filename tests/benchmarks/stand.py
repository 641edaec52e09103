"""The service as it is measured: its processes, who writes to it, and what its workers log."""

import asyncio
import contextlib
import json
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from redis.asyncio import Redis

from bot.address import Address
from bot.delivery import CHANNEL
from bot.embedded import EmbeddedServer
from bot.mailbox import Mailbox, Message
from bot.redis_link import connect
from bot.settings import Settings
from tests.processes import Process, running
from tests.telegram_api import TOKEN, TelegramApi
from training.corpus import read_own

AT_ONCE = 32  # requests to Redis
_LINES = 7  # that a visitor says, at most


@dataclass(frozen=True)
class Moment:
    """What the processes and the server had used by then."""

    at: float
    cpu: dict[str, float]  # seconds: gateway, server, and workers together
    redis: dict[str, Any]
    calls: dict[str, int]  # by command


@dataclass
class Stand:
    """The service, as long as it stands."""

    telegram: TelegramApi
    redis: Redis
    gateways: list[Process]  # one or none
    server: psutil.Process
    workers: list[Process] = field(default_factory=list)

    async def moment(self) -> Moment:
        """As of now."""
        processes = {"gateway": [psutil.Process(gateway.pid) for gateway in self.gateways], "server": [self.server]}
        processes["workers"] = [psutil.Process(worker.pid) for worker in self.workers]
        cpu = {name: sum(sum(process.cpu_times()[:2]) for process in some) for name, some in processes.items()}
        commands = await self.redis.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in commands.items()}
        return Moment(time.monotonic(), cpu, await self.redis.info("default"), calls)


@contextlib.asynccontextmanager
async def standing(
    workers: int, *, gateways: int = 1, place: Path | None = None, **settings: str
) -> AsyncIterator[Stand]:
    """All processes, ready, and a server that is empty; its file lies in `place`, or on the disk."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="malbeot-capacity-", dir=place)))
        telegram = await stack.enter_async_context(TelegramApi())
        server = await stack.enter_async_context(EmbeddedServer(folder))
        settings |= {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "redis_url": server.url}
        redis = await connect(server.url)
        stack.push_async_callback(redis.aclose)
        stand = Stand(telegram, redis, [], psutil.Process((await redis.info("server"))["process_id"]))
        for role, number, started in (("gateway", gateways, stand.gateways), ("worker", workers, stand.workers)):
            for _ in range(number):
                started.append(await stack.enter_async_context(running(role, folder, **settings)))
            for process in started:
                await process.said(f"{role}_ready")
        yield stand


def sayings(chance: random.Random) -> Iterator[str]:
    """What the users of our own corpus say, dialogue after dialogue, in an order drawn by chance; without end."""
    dialogues = [dialogue for dialogue in read_own()[0] if dialogue.kind != "crisis"]  # nothing is decoded for those
    while True:
        yield from chance.choice(dialogues).turns[::2]


class Visitors:
    """Each says some lines, the next as soon as the last was answered, and goes; somebody new comes."""

    def __init__(self, say: Callable[[int, str], int], chance: random.Random) -> None:
        self.waiting: dict[str, int] = {}  # chats by update
        self._say, self._chance, self._words = say, chance, sayings(chance)
        self._left: dict[int, int] = {}  # by chat: lines that are still to be said
        self._idle: list[int] = []
        self._chats = 1000

    def speak(self) -> None:
        """One more message: of somebody who was answered, or of somebody new."""
        if self._idle:
            chat = self._idle.pop()
        else:
            chat = self._chats = self._chats + 1
            self._left[chat] = self._chance.randint(1, _LINES)
        self._left[chat] -= 1
        self.waiting[str(self._say(chat, next(self._words)))] = chat

    def hear(self, line: dict[str, Any]) -> None:
        """A worker's log says that a turn was answered."""
        for update in line["origins"]:
            chat = self.waiting.pop(update)
            if self._left[chat]:
                self._idle.append(chat)


class Log:
    """What processes log of one event, by process, each line read once."""

    def __init__(self, processes: Sequence[Process], event: str) -> None:
        self.lines: list[list[dict[str, Any]]] = [[] for _ in processes]
        self._processes, self._mark = processes, f'"event": "{event}"'
        self._read, self._counted = [0] * len(processes), [0] * len(processes)

    def read(self) -> list[dict[str, Any]]:
        """What is new, of all."""
        new: list[dict[str, Any]] = []
        for place, process in enumerate(self._processes):
            fresh = process.log[self._read[place] :]
            self._read[place] += len(fresh)
            found = [json.loads(line) for line in fresh if self._mark in line]
            self.lines[place] += found
            new += found
        return new

    def count_from_here(self) -> None:
        """What was read so far came before what counts."""
        self._counted = list(map(len, self.lines))

    def batches(self) -> list[tuple[int, float]]:
        """Turns and seconds of each batch that was decoded and counts. Its turns are logged one after the other."""
        found: list[tuple[int, float]] = []
        for lines, counted in zip(self.lines, self._counted, strict=True):
            rest = 0
            for place, line in enumerate(lines):
                if "batch" in line:  # what has a fixed reply is not decoded
                    if not rest and place >= counted:
                        found.append((line["batch"], line["decoding"]))
                    rest = (rest or line["batch"]) - 1
        return found


class Letterbox:
    """Puts messages where a gateway would put them, without one."""

    def __init__(self, redis: Redis) -> None:
        self._mailbox, self._numbers, self._many = (
            Mailbox.of(redis, Settings()),
            count(10**8),
            asyncio.Semaphore(AT_ONCE),
        )
        self._tasks: set[asyncio.Task[None]] = set()

    def say(self, chat: int, text: str) -> int:
        """Returns the update's id, as the stand-in for Telegram does."""
        message = Message(next(self._numbers), 1, text, time.time())
        task = asyncio.create_task(self._accept(Address(CHANNEL, str(chat)), message))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return message.update_id

    async def _accept(self, address: Address, message: Message) -> None:
        async with self._many:
            await self._mailbox.accept(address, message)

    async def posted(self) -> None:
        """Returns once all of it is in Redis."""
        await asyncio.gather(*self._tasks)
