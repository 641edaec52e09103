"""Kill the service again and again while users talk, and hold what they were told against the promise.

    python -m tests.faults.kills --kills 500 --messages 50000
    python -m tests.faults.kills --seed 17            # a run that failed, once more

Two gateways, three workers and the server are ended by SIGKILL at instants that the seed draws, and started again at
once. The seed fixes who is to die at which point and who says what; which message that hits is up to the scheduler, so
a run that failed may take a few tries to fail again.
"""

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psutil

from bot.embedded import EmbeddedServer
from tests.faults.brittle import GATEWAY_POINTS, NEVER, WORKER_POINTS, drawn, ended, start
from tests.faults.checker import Asked, Findings, check, marked, numbers
from tests.faults.table import Row, row, show
from tests.processes import environment
from tests.telegram_api import TOKEN, Sent, TelegramApi

GATEWAYS, WORKERS, CHATS = 2, 3, 200
IN_FLIGHT = 300  # messages; nobody is told that the queue is full
PATIENCE = 60.0  # seconds without any reply, after which what is open counts as lost
LATE = 1.0  # seconds that a request of a killed gateway may take to arrive
REPLIES_TO_A_SERVER_KILL = (15, 60)

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
    """A gateway was killed, having noted these updates' replies as sent."""

    at: float
    noted: frozenset[str]


@dataclass
class Fleet:
    """The service's processes, and what became of each."""

    telegram: TelegramApi
    folder: Path
    chance: random.Random = field(default_factory=random.Random)
    reach: int = 1  # passes of a point, at most, before a process dies there; 0: nobody is to die
    kills: Counter[str] = field(default_factory=Counter)  # by process and point
    deaths: list[Death] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)  # ends that nobody ordered
    _lives: Iterator[int] = field(default_factory=count)
    _server: EmbeddedServer | None = None
    _server_away: bool = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """All processes, each started again when it ends, until the block is left."""
        await self.start_server()
        keepers = [
            asyncio.create_task(self.keep(role, points, random.Random(self.chance.random())))
            for role, number, points in (
                ("gateway", GATEWAYS, GATEWAY_POINTS),
                ("worker", WORKERS, WORKER_POINTS),
            )
            for _ in range(number)
        ]
        try:
            yield
        finally:
            for keeper in keepers:
                keeper.cancel()
            await asyncio.gather(*keepers, return_exceptions=True)
            await self.stop_server()

    async def keep(self, role: str, points: Sequence[str], chance: random.Random) -> None:
        """One process after the other, until cancelled; the last is then told to stop."""
        while True:
            fate = drawn(chance, points, self.reach) if self.reach else NEVER
            log = self.folder / f"{role}-{next(self._lives)}.log"
            process = await asyncio.to_thread(start, role, self._environment(), self.folder, log, fate)
            try:
                code = await ended(process)
            except asyncio.CancelledError:
                process.terminate()
                await ended(process)
                raise
            if code == -signal.SIGKILL:
                self.kills[f"{role}: {fate.point}"] += 1
            elif not self._server_away:
                self.crashes.append(f"a {role} ended with {code}; see {log}")
            if role == "gateway":
                self.deaths.append(Death(time.monotonic(), await asyncio.to_thread(noted, log)))
            await asyncio.sleep(0.2 if self._server_away else 0)

    def _environment(self) -> dict[str, str]:
        settings = {"telegram_token": TOKEN, "telegram_api_url": self.telegram.url, "claim_ttl": "2", "max_tries": "5"}
        settings |= {"max_mailbox": "1000"}
        return environment(self.folder / "data", **settings)

    async def start_server(self) -> None:
        self._server = EmbeddedServer(self.folder / "data")
        await self._server.__aenter__()

    async def stop_server(self) -> None:
        assert self._server
        await self._server.__aexit__(None, None, None)

    async def kill_server(self, *, away: float, empty: bool = False) -> None:
        """SIGKILL, and after so many seconds a new one, with the data or without."""
        self._server_away = True
        [server] = [child for child in psutil.Process().children() if "valkey" in child.name()]
        server.kill()
        await asyncio.sleep(away)
        await self.stop_server()
        if empty:
            await asyncio.to_thread(shutil.rmtree, self.folder / "data")
        await self.start_server()
        self._server_away = False
        self.kills["server: emptied" if empty else "server: with its data"] += 1

    def may_repeat(self, first: Sent, again: Sent) -> bool:
        """A gateway died in between that had sent the reply, and had not come to noting it."""
        about = self.origins(first)
        return any(first.at - LATE <= death.at <= again.at and not about & death.noted for death in self.deaths)

    def origins(self, reply: Sent) -> frozenset[str]:
        """The updates that a reply is about; users here number their messages as Telegram numbers the updates."""
        return frozenset(map(str, numbers(reply.text)))


def noted(log: Path) -> frozenset[str]:
    """The updates whose replies a gateway noted as sent, by its log."""
    lines = [line for line in log.read_text("utf-8").splitlines() if '"event": "delivered"' in line]
    return frozenset(str(origin) for line in lines for origin in json.loads(line)["origins"])


@dataclass
class Talk:
    """The users: what they said, and who still waits."""

    telegram: TelegramApi
    chance: random.Random
    asked: list[Asked] = field(default_factory=list)
    open: set[int] = field(default_factory=set)
    _seen: int = 0

    def burst(self, *, chats: int = CHATS) -> None:
        """Somebody writes a few lines in a row."""
        chat = 1000 + self.chance.randrange(chats)
        for _ in range(self.chance.randint(1, 6)):
            self.say(chat, self.chance.choice(SAYINGS))

    def say(self, chat: int, text: str) -> int:
        """Returns the message's number, which is its update's as well."""
        number = len(self.asked) + 1
        self.asked.append(Asked(chat, number, time.monotonic()))
        self.open.add(number)
        assert self.telegram.say(chat, marked(number, text)) == number
        return number

    def listen(self) -> None:
        """Take note of what has arrived."""
        new, self._seen = self.telegram.sent[self._seen :], len(self.telegram.sent)
        for reply in new:
            self.open.difference_update(numbers(reply.text))

    async def until_answered(self, patience: float = PATIENCE) -> None:
        """Returns when nobody waits, or when there has been no reply for so long."""
        heard = time.monotonic()
        while self.open:
            before = self._seen
            self.listen()
            if self._seen > before:
                heard = time.monotonic()
            elif time.monotonic() - heard > patience:
                return
            with contextlib.suppress(AssertionError):
                await self.telegram.until(lambda: len(self.telegram.sent) > self._seen, timeout=1)


@dataclass
class Outcome:
    """What a run came to."""

    seed: int
    seconds: float
    messages: int
    kills: Counter[str]
    findings: Findings
    crashes: list[str]

    @property
    def kept(self) -> bool:
        return not self.findings.faults and not self.crashes


async def run(kills: int, messages: int, seed: int, folder: Path, report: Callable[[str], None]) -> Outcome:
    """Users talk until so many messages are said and so many processes killed; then all are waited for."""
    began = time.monotonic()
    chance = random.Random(seed)
    async with TelegramApi() as telegram:
        reach = max(5, messages // kills // 4)
        fleet = Fleet(telegram, folder, random.Random(chance.random()), reach)
        talk = Talk(telegram, random.Random(chance.random()))
        async with fleet.running():
            storm = asyncio.create_task(_kill_servers(fleet, telegram, random.Random(chance.random())))
            reported = 0.0
            while fleet.kills.total() < kills or len(talk.asked) < messages:
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
        findings = check(talk.asked, telegram.sent, fleet.may_repeat)
    return Outcome(seed, time.monotonic() - began, len(talk.asked), fleet.kills, findings, fleet.crashes)


async def _kill_servers(fleet: Fleet, telegram: TelegramApi, chance: random.Random) -> None:
    while True:
        after = len(telegram.sent) + chance.randint(*REPLIES_TO_A_SERVER_KILL)
        await telegram.until(lambda due=after: len(telegram.sent) >= due, timeout=3600)
        await asyncio.sleep(chance.random() / 10)
        await asyncio.shield(fleet.kill_server(away=chance.uniform(0, 0.5)))


def rows(outcome: Outcome) -> list[Row]:
    """The run as the README's table has it: all kills together, then each kind."""
    name = "SIGKILL at any moment, all kinds in one run"
    whole = row(name, outcome.kills.total(), outcome.messages, outcome.findings)
    parts = [Row(f"SIGKILL · {kind}", times) for kind, times in sorted(outcome.kills.items())]
    return [whole, *parts]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 1 where the promise was broken."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--messages", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--write", action="store_true", help="put the figures into tests/faults/README.md")
    options = parser.parse_args(arguments)
    print(f"seed {options.seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="malbeot-kills-"))
    outcome = asyncio.run(
        run(options.kills, options.messages, options.seed, folder, lambda line: print(line, flush=True))
    )
    show(rows(outcome), write=options.write)
    for fault in [*outcome.findings.faults[:20], *outcome.crashes[:20]]:
        print(fault)
    print(f"{outcome.findings.excused} sent twice as a gateway had no time to note them; {outcome.seconds:.0f} s")
    if outcome.kept:
        shutil.rmtree(folder)
        print("nothing lost, all in order, none committed twice")
    else:
        print(f"the promise was broken; repeat with --seed {options.seed}; the logs are in {folder}")
    return 0 if outcome.kept else 1


if __name__ == "__main__":
    sys.exit(main())
