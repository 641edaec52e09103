"""Every duplicate that Telegram can make, while users talk: whatever comes again, each update has one answer.

    python -m tests.faults.duplicates
    python -m tests.faults.duplicates --seed 17       # a run that failed, once more

By webhook two gateways with one mailbox stand behind a balancer, which brings a push to both at once, or a dozen times,
or passes it on and then tells Telegram 500 or nothing at all, and brings old ones again. By polling, Telegram hands out
again what was confirmed. At the end all comes once more, as it may within a day. Users write, send pictures and give
commands; a command that came again and took effect again would show in what the worker remembers of the talk.
"""

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot import texts
from bot.redis_link import connect
from tests.bot.test_webhook import free_port
from tests.faults.brittle import NEVER, Fate, ended
from tests.faults.checker import Asked, Fault, Findings, check, context, marked, numbers
from tests.faults.kills import GATEWAYS, PATIENCE, SAYINGS, WORKERS, Fleet, Talk
from tests.faults.program import conclude, in_memory, options
from tests.faults.table import Row, row
from tests.telegram_api import SECRET_HEADER, Params, Sent, Server, TelegramApi, Update

SECRET = "correct-horse-battery"
MARKS_LAST = 24 * 3600  # seconds, at least: for so long Telegram repeats an update
STORM = 4  # pushes to each gateway at the same moment
LATER = 3.0  # seconds after which a push comes again, at most, while its chat has gone on
AGAIN = 0.3  # share of the confirmed updates that polling brings again
COMMANDS = {"/reset": texts.RESET, "/forget": texts.FORGET, "/help": texts.help_text()}
MEDIA: dict[str, Any] = {
    "photo": [{"file_id": "p"}],
    "sticker": {"file_id": "s"},
    "location": {"latitude": 37.5, "longitude": 127.0},
}
HALF_MADE = 3  # requests at a time, at most, that a gateway has begun and not yet written
STALLS = ("received", "accepted", "sent")
TRICKS = ("none", "both", "storm", "500", "cut", "later")


class Repeating(TelegramApi):
    """Telegram that brings updates again: by polling a share of those confirmed, by either way all that it ever had."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.repeated = 0
        self._chance = chance
        self._all: dict[int, Update] = {}

    def push(self, update: Update) -> int:
        number = super().push(update)
        self._all.setdefault(number, {"update_id": number} | update)
        return number

    async def everything_again(self) -> None:
        """Returns when all is confirmed once more."""
        for update in list(self._all.values()):
            self.push(update)
        self.repeated += len(self._all)
        await self.until(lambda: not self.waiting, timeout=10 * PATIENCE)

    async def _get_updates(self, params: Params) -> list[Update]:
        offset = int(params.get("offset", 0))
        confirmed = [update for update in self.updates if update["update_id"] < offset]
        again = [update for update in confirmed if self._chance.random() < AGAIN]
        self.repeated += len(again)
        return sorted(again + await super()._get_updates(params), key=lambda update: int(update["update_id"]))


class Balancer:
    """Stands between Telegram and the gateways, and plays tricks with what it passes on."""

    def __init__(self, chance: random.Random) -> None:
        self.tricks: Counter[str] = Counter()
        self.gateways = [f"127.0.0.1:{free_port()}" for _ in range(GATEWAYS)]
        self._chance = chance
        self._late: set[asyncio.Task[int]] = set()
        self._client = httpx.AsyncClient(timeout=10, headers={SECRET_HEADER: SECRET})
        self._listen = f"127.0.0.1:{free_port()}"

    @property
    def url(self) -> str:
        return f"http://{self._listen}/hook"

    @contextlib.asynccontextmanager
    async def standing(self) -> AsyncIterator[None]:
        app = Starlette(routes=[Route("/hook", self._pass_on, methods=["POST"])])
        host, port = self._listen.split(":")
        config = uvicorn.Config(app, host=host, port=int(port), log_config=None, log_level="critical", lifespan="off")
        server = Server(config)
        serving = asyncio.create_task(server.serve())
        try:
            yield
        finally:
            server.should_exit = server.force_exit = True
            await serving
            await asyncio.gather(*self._late)
            await self._client.aclose()

    async def _pass_on(self, request: Request) -> Response:
        body, trick = await request.body(), self._chance.choice(TRICKS)
        self.tricks[trick] += trick != "none"
        to = self.gateways if trick in ("both", "storm") else [self._chance.choice(self.gateways)]
        statuses = await asyncio.gather(*map(partial(self._bring, body), STORM * to if trick == "storm" else to))
        if trick == "later":
            self._late.add(asyncio.create_task(self._bring_late(body)))
        if trick == "cut" and max(statuses) == 200:
            return Response(headers={"Content-Length": "1000"})  # of which nothing follows: the connection is cut
        return Response(status_code=500 if trick == "500" else max(statuses))

    async def _bring(self, body: bytes, gateway: str) -> int:
        try:
            headers = {"Content-Type": "application/json"}
            return (await self._client.post(f"http://{gateway}/hook", content=body, headers=headers)).status_code
        except httpx.HTTPError:
            return 502

    async def _bring_late(self, body: bytes) -> int:
        await asyncio.sleep(self._chance.uniform(0, LATER))
        return await self._bring(body, self._chance.choice(self.gateways))


@dataclass
class Users:
    """People who wait for each answer before they go on: so it is known what the worker should remember."""

    telegram: TelegramApi
    chance: random.Random
    asked: list[Asked] = field(default_factory=list)
    due: Counter[tuple[int, str]] = field(default_factory=Counter)  # fixed answers, by chat and text
    memories: dict[int, list[int]] = field(default_factory=dict)  # by message: those since the last clearing, before it

    async def live(self, chat: int) -> None:
        """Texts, pictures and commands, each command once."""
        since: list[int] = []
        for (command, answer), (kind, content) in zip(COMMANDS.items(), MEDIA.items(), strict=True):
            await self._say(chat, since)
            self.telegram.message(chat, **{kind: content})
            await self._told(chat, texts.media(kind))
            self.telegram.say(chat, command)
            await self._told(chat, answer)
            if command != "/help":
                since = []
            await self._say(chat, since)

    async def come_back(self, chat: int) -> None:
        """A last word, much later: /help has cleared nothing."""
        last = max(question.number for question in self.asked if question.chat == chat)
        await self._say(chat, [*self.memories[last], last])

    async def _say(self, chat: int, since: list[int]) -> None:
        """A few lines in a row; returns when all are answered, with their numbers added to `since`."""
        mine = []
        for _ in range(self.chance.randint(1, 2)):
            number = len(self.asked) + 1
            self.memories[number] = list(since)
            since.append(number)
            mine.append(number)
            self.asked.append(Asked(chat, number, time.monotonic()))
            self.telegram.say(chat, marked(number, self.chance.choice(SAYINGS)))
        await self._until(
            lambda: {number for text in self.telegram.texts(chat) for number in numbers(text)} >= set(mine)
        )

    async def _told(self, chat: int, text: str) -> None:
        self.due[chat, text] += 1
        await self._until(lambda: self.telegram.texts(chat).count(text) >= self.due[chat, text])

    async def _until(self, condition: Callable[[], object]) -> None:
        with contextlib.suppress(AssertionError):  # then it counts as lost
            await self.telegram.until(condition, timeout=PATIENCE)

    def findings(self) -> Findings:
        """As of `check`; a fixed answer too may be lost or come again, and what was cleared again is lost."""
        numbered = [sent for sent in self.telegram.sent if numbers(sent.text)]
        found = check(self.asked, numbered)
        told = Counter((sent.chat, sent.text) for sent in self.telegram.sent if not numbers(sent.text))
        found.faults.extend(Fault("lost", chat, 0) for chat, _ in (self.due - told).elements())
        found.faults.extend(Fault("duplicated", chat, 0) for chat, _ in (told - self.due).elements())
        for reply in numbered:
            about = numbers(reply.text)[0]
            forgotten = set(self.memories[about]) - set(context(reply.text))
            found.faults.extend(Fault("lost", reply.chat, number) for number in sorted(forgotten))
            found.faults.extend(
                Fault("foreign", reply.chat, number) for number in set(context(reply.text)) - set(self.memories[about])
            )
        return found


@dataclass(frozen=True)
class Scene:
    """What was seen."""

    row: Row
    findings: Findings
    fleet: Fleet


async def by_webhook(folder: Path, seed: int, *, chats: int = 40) -> Scene:
    """Two gateways behind a balancer that plays tricks."""
    chance = random.Random(seed)
    balancer = Balancer(random.Random(chance.random()))
    hook = {"webhook_url": balancer.url, "webhook_secret": SECRET}
    async with balancer.standing(), Repeating(random.Random(chance.random())) as telegram:
        fleet, users = _cast(telegram, folder, chance, hook)
        async with fleet.running(gateways=0):
            for listen in balancer.gateways:
                fleet.add("gateway", webhook_listen=listen)
            await _live(telegram, fleet, users, chats)
    times = balancer.tricks.total() + telegram.repeated
    return _scene("updates pushed again: to both gateways, at once, after a lost answer, late", times, users, fleet)


async def by_polling(folder: Path, seed: int, *, chats: int = 40) -> Scene:
    """Telegram brings again what was confirmed."""
    chance = random.Random(seed)
    async with Repeating(random.Random(chance.random())) as telegram:
        fleet, users = _cast(telegram, folder, chance, {})
        async with fleet.running():
            await _live(telegram, fleet, users, chats)
    return _scene("updates polled again after they were confirmed", telegram.repeated, users, fleet)


def _cast(telegram: TelegramApi, folder: Path, chance: random.Random, hook: dict[str, str]) -> tuple[Fleet, Users]:
    settings = hook | {"history_exchanges": "100"}
    fleet = Fleet(telegram, folder, random.Random(chance.random()), settings=settings)
    return fleet, Users(telegram, random.Random(chance.random()))


async def _live(telegram: Repeating, fleet: Fleet, users: Users, chats: int) -> None:
    for place in range(GATEWAYS + WORKERS):
        await fleet.ready(place)
    everybody = range(1000, 1000 + chats)
    await asyncio.gather(*map(users.live, everybody))
    await _see_that_marks_last(fleet.url)
    await telegram.everything_again()
    await asyncio.gather(*map(users.come_back, everybody))


async def _see_that_marks_last(url: str) -> None:
    redis = await connect(url)
    for kind in ("seen", "told"):
        lasts = [await redis.ttl(key) async for key in redis.scan_iter(f"malbeot:{{s0}}:{kind}:*")]
        assert lasts
        assert min(lasts) > MARKS_LAST
    await redis.aclose()


def _scene(name: str, times: int, users: Users, fleet: Fleet) -> Scene:
    findings = users.findings()
    return Scene(row(name, times, len(users.asked) + users.due.total(), findings), findings, fleet)


async def woken(folder: Path, seed: int, *, point: str = "received") -> Scene:
    """A gateway stalls among its updates; another gets the same ones and goes on; then the first wakes."""
    async with TelegramApi() as telegram:
        fleet = Fleet(telegram, folder, random.Random(seed))
        talk = Talk(telegram, fleet.chance)
        log = folder / "gateway-stalled.log"
        await fleet.start_server()
        stalled = await fleet.start("gateway", Fate(point, 20, signal.SIGSTOP), log)
        await _until(lambda: "gateway_ready" in log.read_text("utf-8"))
        others = [await fleet.start(role, NEVER, folder / f"{role}.log") for role in ("gateway", "worker", "worker")]
        for _ in range(30):
            talk.burst()
        await _until(lambda: psutil.Process(stalled.pid).status() == psutil.STATUS_STOPPED)
        fleet.killed[log] = time.monotonic()  # as good as dead
        await talk.until_answered()
        woke = time.monotonic()
        psutil.Process(stalled.pid).resume()
        await _until(lambda: log.read_text("utf-8").count("lease_lost") == 2)  # it neither receives nor sends any more
        talk.burst()
        await talk.until_answered()
        for process in (stalled, *others):
            process.terminate()
            await ended(process)
        await fleet.stop_server()
        in_time, half_made = _told_apart(telegram.sent, woke)
        findings = check(talk.asked, in_time, fleet.excuse())
        findings = replace(findings, excused=findings.excused + half_made)
    name = f"SIGSTOP of a gateway, {point}; another gets the same updates; it wakes"
    return Scene(row(name, 1, len(talk.asked), findings), findings, fleet)


def _told_apart(sent: list[Sent], woke: float) -> tuple[list[Sent], int]:
    """What was sent without the requests that stood half made when the gateway stalled, and how many these were.

    They go out when it wakes, and nothing can call them back. Of more than HALF_MADE all stay, to be judged.
    """
    told: set[tuple[int, str]] = set()
    late = []
    for reply in sent:
        if reply.at > woke and (reply.chat, reply.text) in told:
            late.append(reply)
        told.add((reply.chat, reply.text))
    if len(late) > HALF_MADE:
        return sent, 0
    return [reply for reply in sent if reply not in late], len(late)


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


async def _play(scene: Callable[[Path, int], Awaitable[Scene]], seed: int) -> Scene:
    with tempfile.TemporaryDirectory(prefix="malbeot-duplicates-", dir=in_memory()) as folder:
        return await scene(Path(folder), seed)


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__)
    staged = (by_webhook, by_polling, *(partial(woken, point=point) for point in STALLS))
    scenes = [asyncio.run(_play(scene, chosen.seed)) for scene in staged]
    faults = [fault for scene in scenes for fault in (*scene.findings.faults, *scene.fleet.crashes)]
    return conclude(chosen, [scene.row for scene in scenes], faults)


if __name__ == "__main__":
    sys.exit(main())
