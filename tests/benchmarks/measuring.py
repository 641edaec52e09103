"""What the real service takes: seconds of workers by batch, processor time, requests and bytes of Redis.

A gateway, workers with the checkpoint that ships and an embedded server run as processes of their own, before the
stand-in for Telegram. Visitors say what users say in our own corpus, one line after the other, so that there are
histories. Replies are counted when they are committed, since Telegram's limit lets 30 a second out.
"""

import asyncio
import platform
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from statistics import mean, quantiles

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
from tests.benchmarks.stand import AT_ONCE, Letterbox, Log, Moment, Visitors, sayings, standing
from tests.faults.program import in_memory
from tests.telegram_api import TelegramApi
from training.corpus import read_own

LIMITS = (1, 2, 4, 8, 16, 32)  # turns in a batch, at most, of one worker that nobody keeps waiting
WORKERS = (1, 2, 4)  # of the whole service, each with the largest batches
SHARDS = 16  # of a mailbox, beside the one that it usually has, at which idle workers look
BURST = 1000  # messages
CHATS = 300  # of which each has a whole history in the end
IDLE = 10.0  # seconds; some of what is asked comes every five
COPIES = 40_000  # of a key that is weighed
STEADY = 0.5  # of what one worker bears, in messages
MOST_STEADY = 20.0  # messages a second: beyond 30 all would wait for Telegram
STEPS = 20  # between quantiles, from the least to the most
_OWN = 2  # requests between two moments that are ours


async def full_load(workers: int, limit: int, seconds: float, seed: int, *, gateways: int = 1) -> FullLoad:
    """More visitors than the workers can take at once. Without a gateway none of them ever waits for one."""
    async with standing(workers, gateways=gateways, batch_size=str(limit)) as stand:
        letterbox = Letterbox(stand.redis)
        visitors = Visitors(stand.telegram.say if gateways else letterbox.say, random.Random(seed))
        log = Log(stand.workers, "answered")
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
        await letterbox.posted()
    passed, cpu = end.at - begin.at, end.cpu["workers"] - begin.cpu["workers"]
    batches = log.batches()
    batch = mean(turns for turns, _ in batches)
    return FullLoad(
        gateways=gateways,
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
    async with standing(0, place=None if disk else in_memory()) as stand:
        words = sayings(random.Random(seed))
        begin = await stand.moment()
        for number in range(messages):
            stand.telegram.say(1000 + number // 2, next(words))
        await stand.gateways[0].said('"event": "accepted"', times=messages)
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
        answered, delivered = Log(stand.workers, "answered"), Log(stand.gateways, "delivered")
        begin = await stand.moment()
        characters = await _write(stand.telegram, written, random.Random(seed))
        await stand.gateways[0].until(lambda _: _origins(delivered) == len(written))
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
    alone = [(0, 1, limit) for limit in LIMITS]
    for gateways, workers, limit in alone + [(1, workers, LIMITS[-1]) for workers in WORKERS]:
        load = await full_load(workers, limit, seconds, seed, gateways=gateways)
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
