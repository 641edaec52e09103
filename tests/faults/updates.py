"""Updates of every shape, right and wrong, against the real intake, server, worker and delivery.

    python -m tests.faults.updates --updates 100000
    python -m tests.faults.updates --updates 100000 --seed 7     # the same ones again

Half of them are polled and half are brought to the webhook, some twice. Of each it is asked that it leaves a log line,
that what was accepted is delivered (or withdrawn by /reset and /forget), that nothing is left waiting, and that
nothing complains. What answers is an echo; a fiftieth goes through a real engine instead.
"""

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, seed as seeded, settings as budget
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.api import BotApi
from bot.chat_action import Typing
from bot.delivery import Sender
from bot.embedded import EmbeddedServer
from bot.intake import Intake
from bot.mailbox import Mailbox, Outbox
from bot.mailbox.keys import Keys
from bot.pace import Pace
from bot.receiver import poll
from bot.redis_link import connect
from bot.settings import Settings
from bot.update import Me, is_id
from bot.webhook import serve, webhook_app
from bot.worker import Speaker, Worker
from model.engine import EngineReply, load_engine
from tests.bot.test_webhook import free_port
from tests.checkpoints import random_checkpoint
from tests.faults.shapes import BOT, Json, updates, varied
from tests.telegram_api import SECRET_HEADER, TOKEN, TelegramApi

BATCH = 100  # updates sent before it is looked whether all is well
VARIANTS = 20  # of each update that hypothesis makes
LONGEST = 120.0  # seconds until a batch must be through
SECRET = "correct-horse-battery"


class Fault(AssertionError):
    """The promise was broken; the message says by which updates."""


@dataclass
class Summary:
    """What was sent, and what became of it."""

    seed: int
    sent: int = 0
    repeated: int = 0
    events: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        became = ", ".join(f"{event} {times:,}" for event, times in self.events.most_common())
        return f"seed {self.seed}: {self.sent:,} updates, {self.repeated:,} of them brought twice; {became}"


class Echo:
    """Gives every turn back, shortened."""

    name = checkpoint_hash = "echo"

    def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
        return [EngineReply(turns[-1][:200].strip() or "네", 1, 0.0) for turns in conversations]


def generated(seed: int, number: int) -> Iterator[Json]:
    """That many updates, the same ones for the same seed."""
    rng = random.Random(seed)
    for part in count():
        found = _made(seed + 1_000_003 * part, min(500, -(-number // VARIANTS)))
        for update in found:
            for variant in (update, *(varied(update, found, rng) for _ in range(VARIANTS - 1))):
                yield variant
                number -= 1
                if number == 0:
                    return


def _made(seed: int, number: int) -> list[Json]:
    """About that many updates from hypothesis."""
    found: list[Json] = []

    @seeded(seed)
    @budget(
        max_examples=number,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(updates)
    def collect(update: Json) -> None:
        found.append(update)

    collect()
    return found


class Service:
    """Intake, worker and delivery on one loop, with both ways of receiving."""

    def __init__(
        self, telegram: TelegramApi, client: httpx.AsyncClient, redis: Redis, tasks: list[asyncio.Task[Any]]
    ) -> None:
        self.telegram, self.client, self.redis, self._tasks = telegram, client, redis, tasks

    async def through(self) -> None:
        """Returns once everything has been received, answered and sent."""
        keys, mailbox = Keys(0), Mailbox(self.redis)
        while True:
            for task in self._tasks:
                if task.done():
                    raise Fault(f"{task.get_name()} ended") from task.exception()
            waiting = [await self.redis.xlen(stream) for stream in (keys.ready, keys.outbox("telegram"))]
            if not self.telegram.updates and not any(waiting) and await mailbox.backlog() == 0:
                return
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def service(redis_url: str, speaker: Speaker) -> AsyncIterator[Service]:
    settings = Settings(_env_file=None, user_rate=0, chat_rate=0)  # type: ignore[call-arg]
    redis, listen, stop = await connect(redis_url), f"127.0.0.1:{free_port()}", asyncio.Event()
    pace, thread = Pace(per_chat=0, per_group=0, overall=0), ThreadPoolExecutor(1)
    async with (
        TelegramApi() as telegram,
        contextlib.aclosing(_Closing(BotApi(TOKEN, telegram.url))) as closing,
        Typing(closing.api, pace) as typing,
        httpx.AsyncClient(base_url=f"http://{listen}", timeout=LONGEST) as client,
    ):
        mailbox = Mailbox.of(redis, settings)
        intake = Intake(Me(int(str(BOT["id"])), str(BOT["username"])), redis, settings, typing)
        work = {
            "polling": poll(closing.api, intake.take),
            "webhook": serve(webhook_app("http://h/hook", SECRET, intake.take), listen),
            "worker": Worker(speaker, mailbox, settings, thread).run(stop),
            "sender": Sender(closing.api, Outbox(redis), pace, typing).run(),
        }
        tasks = [asyncio.create_task(coroutine, name=name) for name, coroutine in work.items()]
        try:
            yield Service(telegram, client, redis, tasks)
        finally:
            stop.set()
            await asyncio.gather(*(task for task in tasks if task.get_name() == "worker"), return_exceptions=True)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            thread.shutdown()
            await redis.aclose()


class _Closing:
    def __init__(self, api: BotApi) -> None:
        self.api = api

    async def aclose(self) -> None:
        await self.api.close_connections()


async def drive(redis_url: str, number: int, seed: int, speaker: Speaker) -> Summary:
    """Send that many updates; ``Fault`` tells the seed and what went wrong with which."""
    summary, rng, ids = Summary(seed), random.Random(seed), count(1)
    source = generated(seed, number)
    async with service(redis_url, speaker) as running:
        await running.redis.flushall()
        while batch := [update for _, update in zip(range(BATCH), source, strict=False)]:
            with capture_logs() as logs:
                try:
                    async with asyncio.timeout(LONGEST):
                        sent = await _send(running, batch, ids, rng, summary)
                        await running.through()
                except (TimeoutError, Fault) as error:
                    raise Fault(
                        f"seed {seed}: stuck after {summary.sent} updates ({error or 'no end'}): {logs[-5:]}"
                    ) from error
            summary.events.update(" ".join(filter(None, (line["event"], line.get("error")))) for line in logs)
            _check(sent, logs, seed)
            if summary.sent % 10_000 == 0:
                print(f"{summary.sent:,} sent", file=sys.stderr, flush=True)
    return summary


async def _send(
    running: Service, batch: list[Json], ids: Iterator[int], rng: random.Random, summary: Summary
) -> list[Json]:
    """The updates, each with an id, as they were sent."""
    sent, polled = [], rng.random() < 0.5
    for update in batch:
        whole = {"update_id": next(ids)} | update
        sent.append(whole)
        times = 2 if rng.random() < 0.02 else 1
        summary.sent += 1
        summary.repeated += times - 1
        for _ in range(times):
            if polled and "update_id" not in update:  # Telegram's own server always gives one
                running.telegram.push(whole)
            else:
                content = json.dumps(
                    whole
                )  # as Telegram writes it: in ASCII, so that half a surrogate pair is possible
                headers = {SECRET_HEADER: SECRET, "Content-Type": "application/json"}
                answer = await running.client.post("/hook", content=content, headers=headers)
                if answer.status_code != 200:
                    raise Fault(f"the webhook answered {answer.status_code} to {content[:500]}")
    return sent


def _check(sent: list[Json], logs: Sequence[Any], seed: int) -> None:
    def of(update_id: str) -> set[str]:
        return {
            line["event"] for line in logs if line.get("origin") == update_id or update_id in line.get("origins", ())
        }

    # An engine that has learned nothing often has nothing to say.
    complaints = [
        line for line in logs if line["log_level"] in ("error", "critical") and line.get("reason") != "blank reply"
    ]
    if complaints:
        raise Fault(f"seed {seed}: {complaints[:3]}")
    lines = Counter(line.get("origin") for line in logs if line["event"] != "answered")
    cleared = {line["chat"] for line in logs if line["event"] == "command" and line["name"] in ("reset", "forget")}
    chats = {line["origin"]: line["chat"] for line in logs if line["event"] == "accepted"}
    nameless = 0
    for update in sent:
        if not is_id(update["update_id"]):
            nameless += 1
            continue
        origin = str(update["update_id"])
        if not lines[origin]:
            raise Fault(f"seed {seed}: dropped without a line: {json.dumps(update)[:2000]}")
        if origin in chats and chats[origin] not in cleared and not of(origin) & {"delivered", "undeliverable"}:
            raise Fault(f"seed {seed}: accepted, but {sorted(of(origin))}: {json.dumps(update)[:2000]}")
    if lines[None] < nameless:
        raise Fault(f"seed {seed}: {nameless} updates without an id, {lines[None]} lines about such")


def engine(folder: Path) -> Speaker:
    """A real engine, tiny and untrained."""
    return load_engine(random_checkpoint(folder / "tiny", heads=True))


async def main(number: int, seed: int) -> None:
    """Drive the service with an echo, and a fiftieth as many updates with an engine."""
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="malbeot-updates-") as folder:
        async with EmbeddedServer(Path(folder) / "server") as server:
            began = time.monotonic()
            print(await drive(server.url, number, seed, Echo()))
            print(
                "with a real engine,", await drive(server.url, max(number // 50, BATCH), seed + 1, engine(Path(folder)))
            )
    print(f"no crash, nothing stuck, nothing dropped without a line; {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--updates", type=int, default=10_000, dest="number")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    try:
        asyncio.run(main(**vars(parser.parse_args())))
    except Fault as fault:
        sys.exit(str(fault))
