"""The whole service for half an hour at half of what it bears: nothing may grow, and nobody wait longer at the end.

    python -m tests.faults.soak --minutes 30

`python -m bot all` runs with the checkpoint that ships. A minute at full load shows what it bears; then visitors come
at half of that, say a few things each and never come back, so that whatever is kept of a chat would add up. What is
kept for a while by right is kept for less here, so that as much goes as comes: histories for HISTORY_TTL seconds
instead of a day, and the marks by which duplicates are known, one for each message, for MARK_TTL instead of 48 hours.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median, quantiles

import psutil
from redis.asyncio import Redis

from bot import embedded
from bot.redis_link import connect
from tests.faults.checker import Asked, Findings, check, marked
from tests.faults.kills import PATIENCE, SAYINGS
from tests.faults.program import conclude, in_memory, options, report
from tests.faults.table import Row, row
from tests.processes import Process, running
from tests.telegram_api import TOKEN, Sent, TelegramApi

HISTORY_TTL = 20  # seconds
MARK_TTL = 60  # seconds
FULL_LOAD = 60.0  # seconds
CROWD = 100  # visitors who wait for a reply at full load
EVERY = 3.0  # seconds between samples
MOST_SAYINGS = 6  # of one visitor
GROWTH = 1.1  # times, at the end, what it was after the first fifth
SPARE = 2  # files, threads and clients may come and go
SLOWER = 1.5  # times, in the last minute, the p99 of the first
MINUTE = 60.0
MARKS = "malbeot:*:seen:*"
PLOT = Path(__file__).with_name("soak.png")


@dataclass(frozen=True)
class Sample:
    """What a moment showed; by process, where there are several."""

    at: float  # seconds since the beginning
    memory: dict[str, int]  # bytes that the process has for itself
    files: dict[str, int]
    threads: dict[str, int]
    used: int  # bytes, by the server's own account
    keys: int
    clients: int


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    minutes: float
    capacity: float  # replies a second at full load
    samples: list[Sample]
    asked: list[Asked]
    findings: Findings

    def waits(self, begin: float, end: float) -> list[float]:
        """Seconds that those waited who asked between these moments, in seconds since the beginning."""
        first = self.asked[0].at
        return [
            self.findings.waits[question.number]
            for question in self.asked
            if begin <= question.at - first < end and question.number in self.findings.waits
        ]


class Crowd:
    """Visitors who wait for each reply before they go on, and after a few things never come back."""

    def __init__(self, telegram: TelegramApi, chance: random.Random) -> None:
        self.asked: list[Asked] = []
        self.told: list[Sent] = []  # each marked with the message that it answers
        self.waiting: dict[int, int] = {}  # by chat: the number of what was asked
        self._telegram = telegram
        self._chance = chance
        self._left: dict[int, int] = {}  # by chat: how many things there are still to say
        self._idle: list[int] = []
        self._last: dict[int, int] = {}
        self._chats = 1000

    def speak(self) -> None:
        """One more message, from somebody who has got the last reply or from somebody new."""
        if self._idle and self._chance.random() < 0.7:
            chat = self._idle.pop(self._chance.randrange(len(self._idle)))
        else:
            chat = self._chats = self._chats + 1
            self._left[chat] = self._chance.randint(1, MOST_SAYINGS)
        number = len(self.asked) + 1
        self.waiting[chat] = self._last[chat] = number
        self.asked.append(Asked(chat, number, time.monotonic()))
        self._telegram.say(chat, self._chance.choice(SAYINGS))

    def listen(self) -> None:
        """Take note of what has arrived; the stand-in may then forget it."""
        for sent in self._telegram.sent:
            self.told.append(replace(sent, text=marked(self._last[sent.chat], "")))
            if self.waiting.pop(sent.chat, None) is not None:
                self._left[sent.chat] -= 1
                if self._left[sent.chat]:
                    self._idle.append(sent.chat)
        self._telegram.sent.clear()
        self._telegram.calls.clear()

    async def press(self, seconds: float) -> float:
        """All that the service bears, for so long; returns the replies a second."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            while len(self.waiting) < CROWD:
                self.speak()
            await self._pause()
        replies = sum(sent.at > end - seconds / 2 for sent in self.told)
        await self.rest()
        return replies / (seconds / 2)

    async def stroll(self, rate: float, seconds: float) -> None:
        """So many messages a second, for so long."""
        began, said = time.monotonic(), 0
        while (passed := time.monotonic() - began) < seconds:
            for _ in range(said, int(passed * rate)):
                self.speak()
            said = int(passed * rate)
            await self._pause()
        await self.rest()

    async def rest(self) -> None:
        """Until nobody waits, or nobody can hope any more."""
        end = time.monotonic() + PATIENCE
        while self.waiting and time.monotonic() < end:
            await self._pause()

    async def _pause(self) -> None:
        await asyncio.sleep(0.02)
        self.listen()


async def run(
    minutes: float, seed: int, folder: Path, report: Callable[[str], None], *, full_load: float = FULL_LOAD
) -> Outcome:
    """Full load first, then half of it for so many minutes."""
    async with TelegramApi() as telegram:
        settings = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "history_ttl": str(HISTORY_TTL)}
        async with running("all", folder, **settings) as service:
            await service.said("gateway_ready")
            await service.said("worker_ready")
            url = embedded.running(folder)
            assert url
            redis = await connect(url)
            crowd = Crowd(telegram, random.Random(seed))
            capacity = await crowd.press(full_load)
            report(f"{capacity:.1f} replies a second at full load")
            early = len(crowd.asked)
            samples: list[Sample] = []
            sampling = asyncio.create_task(_sample(service, redis, samples))
            await crowd.stroll(capacity / 2, 60 * minutes)
            sampling.cancel()
            await asyncio.gather(sampling, return_exceptions=True)
            await redis.aclose()
        findings = check(crowd.asked, crowd.told)
    return Outcome(minutes, capacity, samples, crowd.asked[early:], findings)


async def _sample(service: Process, redis: Redis, samples: list[Sample]) -> None:
    processes = {
        "supervisor": psutil.Process(service.pid),
        "gateway": service.child("gateway"),
        "worker": service.child("worker"),
        "server": next(child for child in service.children() if "valkey" in child.name()),
    }
    began = time.monotonic()
    while True:
        await _shorten(redis)
        memory, clients = await redis.info("memory"), await redis.info("clients")
        samples.append(
            Sample(
                at=time.monotonic() - began,
                memory={name: process.memory_full_info().uss for name, process in processes.items()},
                files={name: process.num_fds() for name, process in processes.items()},
                threads={name: process.num_threads() for name, process in processes.items()},
                used=memory["used_memory"],
                keys=await redis.dbsize(),
                clients=clients["connected_clients"],
            )
        )
        await asyncio.sleep(EVERY)


async def _shorten(redis: Redis) -> None:
    """Let no mark live longer than MARK_TTL from now."""
    async with redis.pipeline(transaction=False) as pipe:
        async for key in redis.scan_iter(match=MARKS, count=1000):
            pipe.expire(key, MARK_TTL, lt=True)
        await pipe.execute()


def growth(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> tuple[float, float]:
    """The figure after the first fifth, and at the end: medians of a tenth of the time each."""
    end = samples[-1].at
    early = [figure(sample) for sample in samples if 0.2 * end <= sample.at <= 0.3 * end]
    late = [figure(sample) for sample in samples if sample.at >= 0.9 * end]
    return median(early), median(late)


def figures(sample: Sample) -> dict[str, float]:
    """All that must not grow, by name, in bytes or as numbers."""
    return (
        {f"memory of {name}": float(size) for name, size in (sample.memory | {"redis": sample.used}).items()}
        | {f"files of {name}": float(number) for name, number in sample.files.items()}
        | {f"threads of {name}": float(number) for name, number in sample.threads.items()}
        | {"clients of redis": float(sample.clients), "keys of redis": float(sample.keys)}
    )


def grown(samples: Sequence[Sample]) -> list[str]:
    """What is larger at the end than it may be, in words."""
    faults = []
    for name in figures(samples[0]):
        early, late = growth(samples, lambda sample, name=name: figures(sample)[name])
        if late > GROWTH * early + (0 if name.startswith("memory") else SPARE):
            faults.append(f"{name} grew from {early:,.0f} to {late:,.0f}")
    return faults


def p99(waits: Sequence[float]) -> float:
    """Seconds."""
    return quantiles(waits, n=100)[98] if len(waits) > 1 else max(waits, default=0.0)


def slower(outcome: Outcome) -> list[str]:
    """Whether those of the last minute waited longer, in words."""
    end = 60 * outcome.minutes
    first, last = p99(outcome.waits(0, MINUTE)), p99(outcome.waits(end - MINUTE, end))
    return [f"p99 of the wait grew from {first:.2f} s to {last:.2f} s"] if last > SLOWER * first else []


def rows(outcome: Outcome) -> list[Row]:
    """The run as the README's table has it; the last column of the parts says what was and what is at the end."""
    samples, end = outcome.samples, 60 * outcome.minutes
    whole = row("none, for long, at half of full load", 0, len(outcome.asked), outcome.findings)
    parts = [Row("soak · replies a second, minutes", 0, wait=f"{outcome.capacity / 2:.1f}, {outcome.minutes:g}")]
    for process in samples[0].memory:
        early, late = growth(samples, lambda sample, process=process: figures(sample)[f"memory of {process}"])
        parts.append(Row(f"soak · memory of the {process}", 0, wait=f"{early / 2**20:.1f} → {late / 2**20:.1f} MiB"))
    first, last = p99(outcome.waits(0, MINUTE)), p99(outcome.waits(end - MINUTE, end))
    parts.append(Row("soak · p99 of the wait, first and last minute", 0, wait=f"{first:.2f} → {last:.2f} s"))
    used = growth(samples, lambda sample: sample.used)
    parts.append(Row("soak · memory that Redis uses", 0, wait=f"{used[0] / 2**20:.2f} → {used[1] / 2**20:.2f} MiB"))
    return [whole, *parts]


def draw(outcome: Outcome, path: Path) -> None:
    """What was sampled, over the minutes."""
    from matplotlib.figure import Figure  # the tests do without

    samples = outcome.samples
    minutes = [sample.at / 60 for sample in samples]
    figure = Figure(figsize=(10, 7), layout="constrained")
    (memory, server), (files, waits) = figure.subplots(2, 2)
    for process in samples[0].memory:
        memory.plot(minutes, [sample.memory[process] / 2**20 for sample in samples], label=process)
        files.plot(minutes, [sample.files[process] for sample in samples], label=process)
    server.plot(minutes, [sample.used / 2**20 for sample in samples])
    steps = [(step * MINUTE / 2, (step + 1) * MINUTE / 2) for step in range(round(2 * outcome.minutes))]
    told = [(end / 60, outcome.waits(begin, end)) for begin, end in steps]
    waits.plot([at for at, group in told if group], [p99(group) for _, group in told if group], label="p99")
    waits.plot([at for at, group in told if group], [median(group) for _, group in told if group], label="median")
    for axes, title in (
        (memory, "Memory of each process, MiB"),
        (server, "Memory that Redis uses, MiB"),
        (files, "Open files"),
        (waits, "Seconds to the reply"),
    ):
        axes.set_title(title)
        axes.set_xlabel("minutes")
        axes.set_ylim(bottom=0)
        if axes is not server:
            axes.legend()
    figure.suptitle(f"{len(outcome.asked):,} messages, {outcome.capacity / 2:.1f} a second")
    figure.savefig(path, dpi=100)


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, minutes=30.0)
    with tempfile.TemporaryDirectory(prefix="malbeot-soak-", dir=in_memory()) as folder:
        outcome = asyncio.run(run(chosen.minutes, chosen.seed, Path(folder), report))
    if chosen.write:
        draw(outcome, PLOT)
    faults = [*outcome.findings.faults, *grown(outcome.samples), *slower(outcome)]
    chats = len({question.chat for question in outcome.asked})
    return conclude(chosen, rows(outcome), faults, f"{len(outcome.asked):,} messages from {chats:,} chats")


if __name__ == "__main__":
    sys.exit(main())
