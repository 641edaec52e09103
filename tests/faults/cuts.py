"""Hurt the service's wires again and again while users talk, and hold what they were told against the promise.

    python -m tests.faults.cuts --faults 200 --messages 20000
    python -m tests.faults.cuts --seed 17            # a run that failed, once more

Each of two gateways has a wire to Redis and one to Telegram, each of three workers one to Redis. At instants that the
seed draws, one of them, or all of a kind, is cut, cut in the middle of answers, falls silent, becomes slow or late for
some seconds, and is well again. The processes live through all of it: one that ends is a fault, and so is an apology,
since no message was tried in vain.
"""

import asyncio
import contextlib
import json
import random
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot import texts
from bot.redis_connection import REPLY_LIMIT
from tests.faults.brittle import LEASE
from tests.faults.checker import Findings, check, numbers
from tests.faults.kills import GATEWAYS, IN_FLIGHT, WORKERS, Fleet, Talk
from tests.faults.program import conclude, options, report, workplace
from tests.faults.table import Row, row
from tests.faults.wire import Harm, Request, Wire
from tests.telegram_api import Sent, TelegramApi

HURT = (0.3, 1.5 * LEASE)  # seconds
REST = (0.2, 2.0)
SLOWEST = 2.5  # seconds each way: nobody gives up before the answer comes
LONGEST_STUCK = HURT[1] + 2 * REPLY_LIMIT  # seconds until a gateway is done with what it had begun
PAUSE = 0.1  # seconds between users' bursts
ALL_OF_A_KIND = 0.25  # of the faults
NAMES = {
    "cut": "cut",
    "cut_answer": "cut within answers",
    "silent": "silent",
    "delay": "late by seconds",
    "throttle": "slow",
}


@dataclass
class Gateway:
    """One gateway's wires, and what its logs say."""

    name: str
    redis: Wire
    telegram: Wire
    noted: dict[int, float] = field(default_factory=dict)  # by message, when it was noted as sent
    lost: list[float] = field(default_factory=list)  # when it lost the lease to deliver

    def read(self, folder: Path) -> None:
        """Look into the logs. All times are monotonic."""
        behind = time.time() - time.monotonic()
        for log in folder.glob(f"gateway{self.name}-*.log"):
            for line in log.read_text("utf-8").splitlines():
                if not line.startswith("{"):
                    continue  # what an operator is told is no JSON
                match json.loads(line):
                    case {"event": "delivered", "origins": origins, "timestamp": at}:
                        said = datetime.fromisoformat(at).timestamp() - behind
                        self.noted |= dict.fromkeys(map(int, origins), said)
                    case {"event": "lease_lost", "lease": "deliver", "timestamp": at}:
                        self.lost.append(datetime.fromisoformat(at).timestamp() - behind)


@dataclass
class Excuses:
    """Why a reply may have come twice, from what the wires and the logs say; and how often each reason held."""

    gateways: list[Gateway]
    given: Counter[str] = field(default_factory=Counter)
    _asked: dict[tuple[str, str], list[tuple[Request, Gateway]]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for gateway in self.gateways:
            for request in gateway.telegram.requests:
                if request.method == "sendMessage":
                    self._asked[request.params["chat_id"], request.params["text"]].append((request, gateway))

    def may_repeat(self, first: Sent, again: Sent) -> bool:
        request, gateway = self._source(first)
        if request.answered is None and _hurt(gateway.telegram, request.at, again.at):
            self.given["Telegram's answer was lost"] += 1
            return True
        # The lost lease is logged when all that was on its way is done: maybe long after the next has sent it again.
        lost = any(first.at < at < again.at + LONGEST_STUCK for at in gateway.lost)
        by_another = self._source(again)[1] is not gateway
        noted = min(
            (gateway.noted[number] for number in numbers(first.text) if number in gateway.noted), default=again.at
        )
        if lost and by_another and _hurt(gateway.redis, first.at, min(noted, again.at)):
            self.given["Redis was out of reach for longer than the lease"] += 1
            return True
        return False

    def _source(self, sent: Sent) -> tuple[Request, Gateway]:
        """The request that the message came by: the last that was passed on before."""
        asked = [pair for pair in self._asked[str(sent.chat), sent.text] if pair[0].at <= sent.at]
        return max(asked, key=lambda pair: pair[0].at)


def _hurt(wire: Wire, since: float, until: float) -> bool:
    """Was it, at some time in between, or what is on its way still late, or a silent connection not found out?"""
    late = {"silent": REPLY_LIMIT}
    return any(hurt.start < until and hurt.end + late.get(hurt.harm.kind, SLOWEST) > since for hurt in wire.hurts)


@dataclass
class Outcome:
    """What a run came to."""

    seconds: float
    messages: int
    hurts: Counter[str]  # by kind of wire and harm
    findings: Findings
    excuses: Counter[str]
    crashes: list[str]  # and apologies


async def run(faults: int, messages: int, seed: int, folder: Path, report: Callable[[str], None]) -> Outcome:
    """Users talk until so many messages are said and so many wires were hurt; then all are waited for."""
    began = time.monotonic()
    chance = random.Random(seed)
    hurts: Counter[str] = Counter()
    async with TelegramApi() as telegram:
        fleet = Fleet(telegram, folder, random.Random(chance.random()))
        talk = Talk(telegram, random.Random(chance.random()))
        async with _wired(fleet) as (gateways, wires):
            storm = asyncio.create_task(_hurt_wires(wires, random.Random(chance.random()), hurts))
            reported = 0.0
            while (hurts.total() < faults or len(talk.asked) < messages) and not talk.hopeless:
                talk.listen()
                # So many between two faults as it takes to come to so many in the end.
                if len(talk.open) < IN_FLIGHT and len(talk.asked) * faults <= messages * (hurts.total() + 1):
                    talk.burst()
                await asyncio.sleep(PAUSE)
                if time.monotonic() - reported > 10:
                    reported = time.monotonic()
                    report(f"{hurts.total()} faults, {len(talk.asked)} messages, {reported - began:.0f} s")
            storm.cancel()
            await asyncio.gather(storm, return_exceptions=True)
            await talk.until_answered()
        for gateway in gateways:
            gateway.read(folder)
        excuses = Excuses(gateways)
        findings = check(talk.asked, telegram.sent, excuses.may_repeat)
        apologies = [f"chat {sent.chat}: {sent.text}" for sent in telegram.sent if texts.APOLOGY in sent.text]
    seconds = time.monotonic() - began
    return Outcome(seconds, len(talk.asked), hurts, findings, excuses.given, fleet.crashes + apologies)


@contextlib.asynccontextmanager
async def _wired(fleet: Fleet) -> AsyncIterator[tuple[list[Gateway], dict[str, list[Wire]]]]:
    """All processes, each at the end of its own wires; the wires by kind."""
    async with contextlib.AsyncExitStack() as stack, fleet.running(gateways=0, workers=0):
        server, api = Path(fleet.url.removeprefix("unix://")), int(fleet.telegram.url.rpartition(":")[2])
        gateways, wires = [], defaultdict(list)
        for number in range(GATEWAYS):
            redis, telegram = Wire(server), Wire(api, http=True)
            gateways.append(Gateway(f"-{number}", redis, telegram))
            wires["gateway to Redis"].append(redis)
            wires["gateway to Telegram"].append(telegram)
        wires["worker to Redis"] = [Wire(server) for _ in range(WORKERS)]
        for wire in (wire for kind in wires.values() for wire in kind):
            await stack.enter_async_context(wire)
        for gateway in gateways:
            address = f"http://127.0.0.1:{gateway.telegram.port}"
            fleet.add("gateway", gateway.name, redis_url=_redis_url(gateway.redis), telegram_api_url=address)
        for wire in wires["worker to Redis"]:
            fleet.add("worker", redis_url=_redis_url(wire))
        await _ready(fleet, GATEWAYS + WORKERS)
        yield gateways, wires


async def _ready(fleet: Fleet, processes: int) -> None:
    async with asyncio.timeout(60):
        while sum('_ready"' in log.read_text("utf-8") for log in fleet.folder.glob("*.log")) < processes:  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # what is waited for happens in other processes


async def _hurt_wires(wires: dict[str, list[Wire]], chance: random.Random, hurts: Counter[str]) -> None:
    while True:
        await asyncio.sleep(chance.uniform(*REST))
        kind = chance.choice(sorted(wires))
        chosen = wires[kind] if chance.random() < ALL_OF_A_KIND else [chance.choice(wires[kind])]
        harm = _drawn(chance)
        async with contextlib.AsyncExitStack() as stack:
            for wire in chosen:
                await stack.enter_async_context(wire.hurt(harm))
            await asyncio.sleep(chance.uniform(*HURT))
        hurts[f"{kind}: {NAMES[harm.kind]}"] += 1


def _drawn(chance: random.Random) -> Harm:
    return chance.choice(
        [
            Harm("cut"),
            Harm("cut_answer", chance.randint(0, 300)),  # bytes
            Harm("silent"),
            Harm("delay", chance.uniform(0.2, SLOWEST)),
            Harm("throttle", chance.randint(10, 200)),  # bytes in a tick
        ]
    )


def _redis_url(wire: Wire) -> str:
    return f"redis://127.0.0.1:{wire.port}/0"


def rows(outcome: Outcome) -> list[Row]:
    """The run as the README's table has it: all faults together, then each kind."""
    whole = row(
        "wires hurt at any moment, all kinds in one run", outcome.hurts.total(), outcome.messages, outcome.findings
    )
    parts = [Row(f"wire · {kind}", times) for kind, times in sorted(outcome.hurts.items())]
    return [whole, *parts]


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, faults=200, messages=20_000)
    folder = workplace("cuts")
    outcome = asyncio.run(run(chosen.faults, chosen.messages, chosen.seed, folder, report))
    notes = [f"{times} sent twice: {reason}" for reason, times in outcome.excuses.items()]
    notes.append(f"{outcome.seconds:.0f} s")
    return conclude(chosen, rows(outcome), [*outcome.findings.faults, *outcome.crashes], *notes, folder=folder)


if __name__ == "__main__":
    sys.exit(main())
