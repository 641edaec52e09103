"""Kill the service again and again while users talk, and hold what they were told against the promise.

    python -m tests.faults.kills --kills 500 --messages 50000
    python -m tests.faults.kills --seed 17            # a run that failed, once more

Two gateways, three workers and the server are ended by SIGKILL at instants that the seed draws, and started again at
once. The seed fixes who is to die at which point and who says what; which message that hits is up to the scheduler, so
a run that failed may take a few tries to fail again.
"""

import asyncio
import contextlib
import json
import math
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from bot.embedded import EmbeddedServer
from tests.faults.brittle import GATEWAY_POINTS, LEASE, NEVER, WORKER_POINTS, Fate, drawn, ended, start
from tests.faults.checker import Asked, Findings, check, marked, numbers
from tests.faults.program import conclude, options, report, workplace
from tests.faults.table import Row, row
from tests.processes import environment
from tests.telegram_api import TOKEN, Sent, TelegramApi

GATEWAYS, WORKERS, CHATS = 2, 3, 200
IN_FLIGHT = 300  # messages; nobody is told that the queue is full
PATIENCE = 60.0  # seconds without any reply, after which what is open counts as lost
LATE = 1.0  # seconds that a request of a killed gateway may take to arrive, or the news of its death
SLOW_START = 10.0  # seconds that a process may take to find out that the server was away
DEATHS_TO_A_SERVER_KILL = (4, 10)  # of other processes

SAYINGS = (
    "안녕",
    "오늘 좀 피곤해",
    "나 방금 집에 왔어",
    "저녁 뭐 먹지",
    "있잖아",
    "비 온다 ☔",
    "고마워",
    "그래서 말인데",
)


@dataclass
class Death:
    """A gateway stopped sending: it was killed, or its lease ran out. `noted`: whose replies it had long noted as sent."""

    at: float
    noted: frozenset[str]


@dataclass
class Life:
    """A process from its start to its end."""

    role: str
    log: Path
    process: BaseProcess
    stopped: float | None = None  # when it was told to stop


@dataclass(frozen=True)
class Stop:
    """An end that was ordered, by SIGTERM."""

    role: str
    code: int  # with which it ended
    seconds: float  # from the signal to the end


@dataclass
class Fleet:
    """The service's processes, and what became of each."""

    telegram: TelegramApi
    folder: Path
    chance: random.Random = field(default_factory=random.Random)
    reach: int = 0  # passes of a point, at most, before a process dies there; 0: nobody is to die
    settings: dict[str, str] = field(default_factory=dict)
    lease: float | None = LEASE  # seconds; None: as the service has it
    kills: Counter[str] = field(default_factory=Counter)  # by process and point
    killed: dict[Path, float] = field(default_factory=dict)  # gateways' logs, and when each came to its end
    stops: list[Stop] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)  # ends that nobody ordered
    alive: dict[int, Life] = field(default_factory=dict)  # by keeper, from the first that was added
    _lives: Iterator[int] = field(default_factory=count)
    _keepers: list[asyncio.Task[None]] = field(default_factory=list)
    _server: EmbeddedServer | None = None
    _away_until: float = 0.0  # a process that finds no server then ends, and rightly

    @contextlib.asynccontextmanager
    async def running(self, *, gateways: int = GATEWAYS, workers: int = WORKERS) -> AsyncIterator[None]:
        """All processes, each started again when it ends, until the block is left."""
        await self.start_server()
        for _ in range(gateways):
            self.add("gateway")
        for _ in range(workers):
            self.add("worker")
        try:
            yield
        finally:
            for keeper in self._keepers:
                keeper.cancel()
            await asyncio.gather(*self._keepers, return_exceptions=True)
            await self.stop_server()

    def add(self, role: str, name: str = "", **settings: str) -> None:
        """One process more; its logs begin with its role and name, and the settings are its own."""
        place, chance = len(self._keepers), random.Random(self.chance.random())
        self._keepers.append(asyncio.create_task(self.keep(place, role, chance, name, settings)))

    async def keep(self, place: int, role: str, chance: random.Random, name: str, settings: dict[str, str]) -> None:
        """One process after the other, until cancelled; the last is then told to stop."""
        points = GATEWAY_POINTS if role == "gateway" else WORKER_POINTS
        while True:
            fate = drawn(chance, points, self.reach) if self.reach else NEVER
            log = self.folder / f"{role}{name}-{next(self._lives)}.log"
            process = await self.start(role, fate, log, **settings)
            life = self.alive[place] = Life(role, log, process)
            try:
                code = await ended(process)
            except asyncio.CancelledError:
                process.terminate()
                await ended(process)
                raise
            if life.stopped is not None:
                self.stops.append(Stop(role, code, time.monotonic() - life.stopped))
                continue
            if code == -signal.SIGKILL:
                self.kills[f"{role}: {fate.point}"] += 1
            elif code == 1 and '"event": "decode_timeout"' in log.read_text("utf-8"):
                self.kills["worker: by itself, hung"] += 1
            elif time.monotonic() > self._away_until:
                self.crashes.append(f"a {role} ended with {code}; see {log}")
            if role == "gateway":
                self.killed[log] = time.monotonic()
            await asyncio.sleep(0 if code == -signal.SIGKILL else 0.2)

    async def ready(self, place: int) -> None:
        """Returns once the process of that keeper is at work."""
        async with asyncio.timeout(PATIENCE):
            while place not in self.alive or "_ready" not in self.alive[place].log.read_text("utf-8"):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def restart(self, place: int) -> None:
        """Tell the process of that keeper to stop; returns once the next is at work."""
        old = self.alive[place]
        old.stopped = time.monotonic()
        old.process.terminate()
        async with asyncio.timeout(PATIENCE):
            while self.alive[place] is old:  # noqa: ASYNC110 - what is waited for happens in other processes
                await asyncio.sleep(0.05)
        await self.ready(place)

    async def start(self, role: str, fate: Fate, log: Path, **own: str) -> BaseProcess:
        """One process, for whoever keeps it himself."""
        settings = {"telegram_token": TOKEN, "telegram_api_url": self.telegram.url, "max_mailbox": "1000"}
        settings |= {"claim_ttl": "2", "max_tries": "5", "user_rate": "0"} | self.settings | own
        log.touch()
        return await asyncio.to_thread(
            start, role, environment(self.folder / "data", **settings), self.folder, log, fate, self.lease
        )

    def accepted(self) -> int:
        """How many messages the gateways took in, by their logs."""
        return sum(log.read_text("utf-8").count('"event": "accepted"') for log in self.folder.glob("gateway*.log"))

    @property
    def url(self) -> str:
        """Of the server."""
        assert self._server
        return self._server.url

    async def start_server(self) -> None:
        self._server = EmbeddedServer(self.folder / "data")
        await self._server.__aenter__()

    async def stop_server(self) -> None:
        assert self._server
        await self._server.__aexit__(None, None, None)

    async def restart_server(self) -> None:
        """Stop it by SIGTERM, and start a new one with its data."""
        assert self._server and self._server._process
        process, began = self._server._process, time.monotonic()
        await self.stop_server()
        assert process.returncode is not None
        self.stops.append(Stop("server", process.returncode, time.monotonic() - began))
        await self.start_server()

    async def kill_server(self, *, away: float, empty: bool = False) -> None:
        """SIGKILL, and after so many seconds a new one, with the data or without."""
        self._away_until = math.inf
        data = str(self.folder / "data")
        [server] = [child for child in psutil.Process().children() if data in " ".join(child.cmdline())]
        server.kill()
        await asyncio.sleep(away)
        await self.stop_server()
        if empty:
            await asyncio.to_thread(shutil.rmtree, self.folder / "data")
        await self.start_server()
        self._away_until = time.monotonic() + SLOW_START
        self.kills["server: emptied" if empty else "server: with its data"] += 1

    def excuse(self) -> Callable[[Sent, Sent], bool]:
        """May a reply have come again? Where a gateway died that had sent it, and had not come to noting it.

        One that was held up for longer than its lease is good for is as good as dead: another sends in its place.
        """
        deaths = [death for log in self.folder.glob("gateway*.log") for death in _deaths(log, self.killed.get(log))]

        def may_repeat(first: Sent, again: Sent) -> bool:
            # Users here number their messages as Telegram numbers the updates.
            about = frozenset(map(str, numbers(first.text)))
            return any(first.at - LATE <= death.at <= again.at + LEASE and not about & death.noted for death in deaths)

        return may_repeat


def _deaths(log: Path, killed: float | None) -> Iterator[Death]:
    behind = time.time() - time.monotonic()
    noted: dict[str, float] = {}
    lines = log.read_text("utf-8").splitlines()  # what an operator is told is no JSON
    for line in map(json.loads, (line for line in lines if line.startswith("{"))):
        at = datetime.fromisoformat(line["timestamp"]).timestamp() - behind
        match line:
            case {"event": "delivered", "origins": origins}:
                noted |= dict.fromkeys(map(str, origins), at)
            case {"event": "lease_lost", "lease": "deliver"}:
                yield Death(at, _long_noted(noted, at))
    if killed is not None:
        yield Death(killed, _long_noted(noted, killed))


def _long_noted(noted: dict[str, float], end: float) -> frozenset[str]:
    # The lease may have run out before the process, cut off from the server, came to note what it had sent: by then
    # the next has read it. A lost lease is logged when all that was on its way is done, and not at all if a kill comes.
    return frozenset(update for update, at in noted.items() if at < end - LEASE)


@dataclass
class Talk:
    """The users: what they said, and who still waits."""

    telegram: TelegramApi
    chance: random.Random
    asked: list[Asked] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    said: int = 0
    heard: float = field(default_factory=time.monotonic)  # when the last reply came
    _seen: int = 0

    def burst(self, *, chats: int = CHATS) -> None:
        """Somebody writes a few lines in a row."""
        chat = 1000 + self.chance.randrange(chats)
        for _ in range(self.chance.randint(1, 6)):
            self.say(chat, self.chance.choice(SAYINGS))

    def say(self, chat: int, text: str) -> int:
        """Returns the message's number, which is its update's as well."""
        number = self.said = self.said + 1
        self.asked.append(Asked(chat, number, time.monotonic()))
        self.open.add(number)
        assert self.telegram.say(chat, marked(number, text)) == number
        return number

    def listen(self) -> None:
        """Take note of what has arrived."""
        new, self._seen = self.telegram.sent[self._seen :], len(self.telegram.sent)
        for reply in new:
            self.heard = reply.at
            self.open.difference_update(numbers(reply.text))

    @property
    def hopeless(self) -> bool:
        return time.monotonic() - self.heard > PATIENCE

    async def until_answered(self) -> None:
        """Returns when nobody waits, or when it is plain that nobody will be answered any more."""
        self.listen()
        while self.open and not self.hopeless:
            with contextlib.suppress(AssertionError):
                await self.telegram.until(lambda: len(self.telegram.sent) > self._seen, timeout=1)
            self.listen()


@dataclass
class Outcome:
    """What a run came to."""

    seconds: float
    messages: int
    kills: Counter[str]
    findings: Findings
    crashes: list[str]


async def run(kills: int, messages: int, seed: int, folder: Path, report: Callable[[str], None]) -> Outcome:
    """Users talk until so many messages are said and so many processes killed; then all are waited for."""
    began = time.monotonic()
    chance = random.Random(seed)
    async with TelegramApi() as telegram:
        reach = max(5, messages // kills // 4)
        fleet = Fleet(telegram, folder, random.Random(chance.random()), reach)
        talk = Talk(telegram, random.Random(chance.random()))
        async with fleet.running():
            storm = asyncio.create_task(_kill_servers(fleet, random.Random(chance.random())))
            reported = 0.0
            while (fleet.kills.total() < kills or len(talk.asked) < messages) and not talk.hopeless:
                talk.listen()
                ahead = len(talk.asked) / messages - fleet.kills.total() / kills
                # Whoever is ahead, the users or death, waits for the other.
                if len(talk.open) < (IN_FLIGHT if ahead <= 0 else IN_FLIGHT // 3):
                    talk.burst()
                fleet.reach = reach if ahead > 0 else 10 * reach
                await asyncio.sleep(0.01)
                if time.monotonic() - reported > 10:
                    reported = time.monotonic()
                    report(f"{fleet.kills.total()} kills, {len(talk.asked)} messages, {reported - began:.0f} s")
            fleet.reach = 0
            storm.cancel()
            await asyncio.gather(storm, return_exceptions=True)
            await talk.until_answered()
        findings = check(talk.asked, telegram.sent, fleet.excuse())
    return Outcome(time.monotonic() - began, len(talk.asked), fleet.kills, findings, fleet.crashes)


async def _kill_servers(fleet: Fleet, chance: random.Random) -> None:
    while True:
        due = fleet.kills.total() + chance.randint(*DEATHS_TO_A_SERVER_KILL)
        while fleet.kills.total() < due:  # noqa: ASYNC110 - what is waited for happens in other processes
            await asyncio.sleep(0.05)
        await asyncio.sleep(chance.random())
        await asyncio.shield(fleet.kill_server(away=chance.uniform(0, 0.5)))


def rows(outcome: Outcome) -> list[Row]:
    """The run as the README's table has it: all kills together, then each kind."""
    name = "SIGKILL at any moment, all kinds in one run"
    whole = row(name, outcome.kills.total(), outcome.messages, outcome.findings)
    parts = [Row(f"SIGKILL · {kind}", times) for kind, times in sorted(outcome.kills.items())]
    return [whole, *parts]


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, kills=500, messages=50_000)
    folder = workplace("kills")
    outcome = asyncio.run(run(chosen.kills, chosen.messages, chosen.seed, folder, report))
    note = f"{outcome.findings.excused} sent twice as a gateway had no time to note them; {outcome.seconds:.0f} s"
    return conclude(chosen, rows(outcome), [*outcome.findings.faults, *outcome.crashes], note, folder=folder)


if __name__ == "__main__":
    sys.exit(main())
