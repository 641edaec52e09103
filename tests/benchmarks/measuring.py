"""What the real service takes: seconds of workers by batch, processor time, requests and bytes of Redis.

A gateway, workers with the checkpoint that ships and an embedded server run as processes of their own, before the
stand-in for Telegram. Visitors say what users say in our own corpus, one line after the other, so that there are
histories. Replies are counted when they are committed, since Telegram's limit lets 30 a second out.
"""

import asyncio
import contextlib
import json
import platform
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

import psutil
from redis.asyncio import Redis

from bot.address import Address
from bot.delivery import CHANNEL
from bot.embedded import EmbeddedServer
from bot.mailbox import Bucket, Limits, Mailbox, Message, Outbox, Reply
from bot.redis_link import connect
from bot.settings import Settings
from tests.benchmarks.figures import HISTORY, Burst, Figures, FullLoad, Idle, MailboxAlone, Steady
from tests.benchmarks.simulation import Arrivals, steadily
from tests.faults.kills import in_memory
from tests.processes import Process, running
from tests.telegram_api import TOKEN, TelegramApi
from training.corpus import read_own

LIMITS = (1, 2, 4, 8, 16, 32)  # turns in a batch, at most, of one worker
WORKERS = (2, 4)  # besides one, each with the largest batches
SHARDS = 16  # of a mailbox, beside the one that it usually has, at which idle workers look
BURST = 1000  # messages
CHATS = 300  # of which each has a whole history in the end
AT_ONCE = 32  # requests to Redis
IDLE = 10.0  # seconds; some of what is asked comes every five
COPIES = 40_000  # of a key that is weighed
STEADY = 0.5  # of what one worker bears, in messages
MOST_STEADY = 20.0  # messages a second: beyond 30 all would wait for Telegram
STEPS = 20  # between quantiles, from the least to the most
_LINES = 7  # that a visitor says, at most
_OWN = 2  # requests between two moments that are ours


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
    gateway: Process
    server: psutil.Process
    workers: list[Process] = field(default_factory=list)

    async def moment(self) -> Moment:
        """As of now."""
        processes = {"gateway": [psutil.Process(self.gateway.pid)], "server": [self.server]}
        processes["workers"] = [psutil.Process(worker.pid) for worker in self.workers]
        cpu = {name: sum(sum(process.cpu_times()[:2]) for process in some) for name, some in processes.items()}
        commands = await self.redis.info("commandstats")
        calls = {name.removeprefix("cmdstat_"): stats["calls"] for name, stats in commands.items()}
        return Moment(time.monotonic(), cpu, await self.redis.info("default"), calls)


@contextlib.asynccontextmanager
async def standing(workers: int, place: Path | None = None, **settings: str) -> AsyncIterator[Stand]:
    """A gateway, so many workers, all ready, and a server that is empty; its file lies in `place`, or on the disk."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="malbeot-capacity-", dir=place)))
        telegram = await stack.enter_async_context(TelegramApi())
        server = await stack.enter_async_context(EmbeddedServer(folder))
        settings |= {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "redis_url": server.url}
        gateway = await stack.enter_async_context(running("gateway", folder, **settings))
        await gateway.said("gateway_ready")
        redis = await connect(server.url)
        stack.push_async_callback(redis.aclose)
        stand = Stand(telegram, redis, gateway, psutil.Process((await redis.info("server"))["process_id"]))
        for _ in range(workers):
            stand.workers.append(await stack.enter_async_context(running("worker", folder, **settings)))
        for worker in stand.workers:
            await worker.said("worker_ready")
        yield stand


def sayings(chance: random.Random) -> Iterator[str]:
    """What the users of our own corpus say, dialogue after dialogue, in an order drawn by chance; without end."""
    dialogues = [dialogue for dialogue in read_own()[0] if dialogue.kind != "crisis"]  # nothing is decoded for those
    while True:
        yield from chance.choice(dialogues).turns[::2]


class Visitors:
    """Each says some lines, the next as soon as the last was answered, and goes; somebody new comes."""

    def __init__(self, telegram: TelegramApi, chance: random.Random) -> None:
        self.waiting: dict[str, int] = {}  # chats by update
        self._telegram, self._chance, self._words = telegram, chance, sayings(chance)
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
        self.waiting[str(self._telegram.say(chat, next(self._words)))] = chat

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


async def full_load(workers: int, limit: int, seconds: float, seed: int) -> FullLoad:
    """More visitors than the workers can take at once."""
    async with standing(workers, batch_size=str(limit)) as stand:
        visitors, log = Visitors(stand.telegram, random.Random(seed)), Log(stand.workers, "answered")

        crowd = max(8, 3 * workers * limit)

        async def press(seconds: float, at_least: int = 0) -> int:
            replies, end = 0, time.monotonic() + seconds
            while time.monotonic() < end or replies < at_least:
                while len(visitors.waiting) < crowd:
                    visitors.speak()
                await asyncio.sleep(0.01)
                news = log.read()
                replies += len(news)
                for line in news:
                    visitors.hear(line)
            return replies

        await press(0, crowd)  # by then as many as ever wait in Redis
        log.count_from_here()
        begin = await stand.moment()
        replies = await press(seconds)
        end = await stand.moment()
    passed, cpu = end.at - begin.at, end.cpu["workers"] - begin.cpu["workers"]
    batches = log.batches()
    batch = mean(turns for turns, _ in batches)
    return FullLoad(
        workers=workers,
        batch_limit=limit,
        batch=batch,
        replies_per_second=replies / passed,
        cycle_seconds=workers * batch * passed / replies,
        decode_seconds=spread([seconds for _, seconds in batches]),
        worker_cores=cpu / passed / workers,
        worker_cpu_seconds_per_reply=cpu / replies,
    )


async def mailbox_alone(chats: int, seed: int) -> MailboxAlone:
    """All that a message asks of Redis, without processes in between; and what then is left there.

    The talk is our own corpus', its replies too.
    """
    dialogues = [one for one in read_own()[0] if len(one.turns) >= 2 * HISTORY]
    talks = dict(enumerate(random.Random(seed).choices(dialogues, k=chats), 10**9))
    numbers, many = count(10**8), asyncio.Semaphore(AT_ONCE)  # chats and updates have numbers as long as Telegram's
    with tempfile.TemporaryDirectory(prefix="malbeot-capacity-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            redis, settings = await connect(server.url), Settings()
            mailbox, outbox, limits = Mailbox.of(redis, settings), Outbox.of(redis, settings), Limits(redis)

            async def say(chat: int, text: str) -> None:
                address = Address(CHANNEL, str(chat))
                message = Message(next(numbers), 1, text, time.time())
                async with many:
                    await limits.spend(address, message, [Bucket("rate", address, settings.user_rate, 60.0)])
                    await mailbox.accept(address, message)

            began, begin = time.monotonic(), await redis.info()
            for said in range(0, 2 * HISTORY, 2):
                await asyncio.gather(*(say(chat, talk.turns[said]) for chat, talk in talks.items()))
                while turns := await mailbox.claim("capacity", limit=AT_ONCE, wait=0.01):
                    texts = [talks[int(turn.address.chat)].turns[said + 1] for turn in turns]
                    replies = [Reply("model", text, raw=text) for text in texts]
                    await asyncio.gather(*map(partial(mailbox.commit, "capacity"), turns, replies))
                while sent := await outbox.read(CHANNEL, wait=0.01, limit=AT_ONCE):
                    await asyncio.gather(*(outbox.ack(CHANNEL, delivery) for delivery in sent))
            passed, end = time.monotonic() - began, await redis.info()
            history, mark = await _taken(redis, "history"), await _taken(redis, "seen")
            await redis.aclose()
    per_message = lambda *names: sum(end[name] - begin[name] for name in names) / HISTORY / chats  # noqa: E731
    return MailboxAlone(
        messages_per_second=HISTORY * chats / passed,
        server_busy_seconds_per_message=per_message("eventloop_duration_sum") / 1e6,
        server_cpu_seconds_per_message=per_message("used_cpu_user_main_thread", "used_cpu_sys_main_thread"),
        history_bytes_per_chat=history,
        mark_bytes_per_message=mark,
    )


async def _taken(redis: Redis, kind: str) -> float:
    """Bytes of memory that a key of this kind takes, its part of the tables included: by making many more of them."""
    keys = [key async for key in redis.scan_iter(match=f"malbeot:*:{kind}:*", count=1000)]
    before = (await redis.info("memory"))["used_memory"]
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(COPIES):
            key = keys[number % len(keys)]
            pipe.copy(key, f"{key[:-5]}{10_000 + number}")  # a name as long as its own
        await pipe.execute()
    return float((await redis.info("memory"))["used_memory"] - before) / COPIES


async def burst(messages: int, seed: int, *, disk: bool) -> Burst:
    """Two lines of each chat, all at once."""
    async with standing(0, None if disk else in_memory()) as stand:
        words = sayings(random.Random(seed))
        begin = await stand.moment()
        for number in range(messages):
            stand.telegram.say(1000 + number // 2, next(words))
        await stand.gateway.said('"event": "accepted"', times=messages)
        end = await stand.moment()
    return Burst(disk, messages / (end.at - begin.at), (end.cpu["gateway"] - begin.cpu["gateway"]) / messages)


async def idle(shards: int, seconds: float) -> Idle:
    """A gateway alone, and then four workers beside it."""
    requests, cores = [], []
    for workers in (0, 4):
        async with standing(workers, shards=str(shards)) as stand:
            begin = await stand.moment()
            await asyncio.sleep(seconds)
            end = await stand.moment()
        passed = end.at - begin.at
        requests.append((_grown(begin, end, "total_reads_processed") - _OWN) / passed)
        cores.append({name: (cpu - begin.cpu[name]) / passed for name, cpu in end.cpu.items()})
    return Idle(
        shards=shards,
        redis_requests_per_second_and_gateway=requests[0],
        redis_requests_per_second_and_worker=(requests[1] - requests[0]) / 4,
        gateway_cores=cores[0]["gateway"],
        worker_cores=cores[1]["workers"] / 4,
        server_cores=cores[1]["server"],
    )


async def steady(rate: float, seconds: float, seed: int) -> Steady:
    """So many messages a second, at moments drawn by chance; the simulation is held against their waits."""
    written = steadily(rate, seconds, seed=seed)
    async with standing(1) as stand:
        answered, delivered = Log(stand.workers, "answered"), Log([stand.gateway], "delivered")
        begin = await stand.moment()
        characters = await _write(stand.telegram, written, random.Random(seed))
        await stand.gateway.until(lambda _: _origins(delivered) == len(written))
        end = await stand.moment()
        answered.read()
    waited = {tuple(line["origins"]): line["waited"] for line in answered.lines[0]}
    sent = [(tuple(line["origins"]), line["seconds"]) for line in delivered.lines[0]]
    per_message = lambda used: used / len(written)  # noqa: E731
    calls = {name: per_message(number - begin.calls.get(name, 0)) for name, number in end.calls.items()}
    return Steady(
        seed=seed,
        seconds=seconds,
        messages_per_second=rate,
        messages=len(written),
        characters_per_message=per_message(characters),
        replies=len(waited),
        server=f"Valkey {end.redis['valkey_version']}",
        gateway_cpu_seconds_per_message=per_message(end.cpu["gateway"] - begin.cpu["gateway"]),
        worker_cpu_seconds_per_message=per_message(end.cpu["workers"] - begin.cpu["workers"]),
        server_cpu_seconds_per_message=per_message(end.cpu["server"] - begin.cpu["server"]),
        server_busy_seconds_per_message=per_message(_grown(begin, end, "eventloop_duration_sum") / 1e6),
        redis_requests_per_message=per_message(_grown(begin, end, "total_reads_processed") - _OWN),
        redis_commands_per_message=per_message(_grown(begin, end, "total_commands_processed") - _OWN),
        redis_calls_per_message=dict(sorted(calls.items(), key=lambda call: -call[1])[:10]),
        redis_bytes_in_per_message=per_message(_grown(begin, end, "total_net_input_bytes")),
        redis_bytes_out_per_message=per_message(_grown(begin, end, "total_net_output_bytes")),
        append_only_file_bytes_per_message=per_message(_grown(begin, end, "aof_current_size")),
        answered_seconds=spread(list(waited.values())),
        delivered_seconds=spread([waited[turn] + seconds for turn, seconds in sent if turn in waited]),  # no apologies
    )


async def _write(telegram: TelegramApi, written: Arrivals, chance: random.Random) -> int:
    """Returns how many characters were written."""
    words, began, characters = sayings(chance), time.monotonic(), 0
    for at, chat in written:
        await asyncio.sleep(began + at - time.monotonic())
        text = next(words)
        telegram.say(1000 + chat, text)
        characters += len(text)
    return characters


def _origins(log: Log) -> int:
    log.read()
    return sum(len(line["origins"]) for lines in log.lines for line in lines)


def _grown(begin: Moment, end: Moment, figure: str) -> float:
    return float(end.redis[figure] - begin.redis[figure])


def spread(values: Sequence[float]) -> list[float]:
    """Quantiles in STEPS equal steps, from the least to the most."""
    if len(values) < 2:
        return list(values) * (STEPS + 1)
    return [min(values), *quantiles(values, n=STEPS, method="inclusive"), max(values)]


async def measure(seconds: float, seed: int, report: Callable[[str], None]) -> Figures:
    """All of it; `seconds` is the time for one full load, and the steady rate gets six times that."""
    busy = psutil.cpu_percent(interval=2) / 100 * (psutil.cpu_count() or 1)
    report(f"{busy:.1f} cores are busy with other things")
    bursts = [await burst(BURST, seed, disk=disk) for disk in (True, False)]
    report(f"{bursts[0].messages_per_second:.0f} messages a second are taken in")
    loads = []
    for workers, limit in [(1, limit) for limit in LIMITS] + [(workers, LIMITS[-1]) for workers in WORKERS]:
        load = await full_load(workers, limit, seconds, seed)
        loads.append(load)
        report(f"{workers} worker(s), batches of {load.batch:.1f}: {load.replies_per_second:.1f} replies a second")
    single = loads[len(LIMITS) - 1].replies_per_second
    quiet = await steady(min(STEADY * single, MOST_STEADY), 6 * seconds, seed)
    report(f"{quiet.messages} messages at {quiet.messages_per_second:.1f} a second")
    resting = [await idle(shards, IDLE) for shards in (1, SHARDS)]
    return Figures(
        processor=_processor(),
        cores=psutil.cpu_count() or 1,
        busy_cores_before=busy,
        loads=loads,
        mailbox=await mailbox_alone(CHATS, seed),
        bursts=bursts,
        idle=resting,
        steady=quiet,
    )


def _processor() -> str:
    """Its name, where the system tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())
