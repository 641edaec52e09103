"""Restart every process in turn while users talk, as an update of the service does, and nobody may feel it.

    python -m tests.faults.rolling --rounds 5 --messages 5000

In a round each gateway, each worker and then the server with its data are told to stop by SIGTERM; the next has its
turn when a new one is at work in its place. Nobody is killed, so that no reply may come twice, and nobody may wait for
longer than docker-compose.yml lets a process take to stop. Leases and claims last as long as in the service: whoever left
one behind would make users wait for it. So does Telegram: a chat that wrote six lines gets its replies a second apart.
"""

import asyncio
import random
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.faults.brittle import SLOW
from tests.faults.checker import Findings, check
from tests.faults.kills import CHATS, GATEWAYS, SAYINGS, WORKERS, Fleet, Stop, Talk
from tests.faults.program import conclude, options, report, workplace
from tests.faults.table import Row, row
from tests.processes import ROOT
from tests.telegram_api import TelegramApi

IN_FLIGHT = 50  # messages; more would wait for Telegram's thirty a second


@dataclass(frozen=True)
class Outcome:
    """What a run came to."""

    seconds: float
    messages: int
    stops: list[Stop]
    findings: Findings
    crashes: list[str]


async def run(rounds: int, messages: int, seed: int, folder: Path, report: Callable[[str], None]) -> Outcome:
    """Users talk until so many messages are said and so many rounds made; then all are waited for."""
    began = time.monotonic()
    chance = random.Random(seed)
    async with TelegramApi() as telegram:
        fleet = Fleet(telegram, folder, random.Random(chance.random()), settings={"claim_ttl": "30"}, lease=None)
        talk = Talk(telegram, random.Random(chance.random()))
        places = range(GATEWAYS + WORKERS)
        steps = rounds * (len(places) + 1)
        async with fleet.running():
            for place in places:
                await fleet.ready(place)
            rolling = asyncio.create_task(_roll(fleet, talk, rounds, messages / steps))
            while (not rolling.done() or len(talk.asked) < messages) and not talk.hopeless:
                talk.listen()
                if len(talk.open) < IN_FLIGHT:
                    _say_something(talk)
                await asyncio.sleep(0.01)
            report(f"{len(fleet.stops)} restarts, {len(talk.asked)} messages, {time.monotonic() - began:.0f} s")
            rolling.cancel()
            await asyncio.gather(rolling, return_exceptions=True)
            await talk.until_answered()
        findings = check(talk.asked, telegram.sent)
    return Outcome(time.monotonic() - began, len(talk.asked), fleet.stops, findings, fleet.crashes)


def _say_something(talk: Talk) -> None:
    """A few lines in a row, or one that takes a worker some time: it will be told to stop with it in hand."""
    if talk.chance.random() < 0.05:
        talk.say(1000 + talk.chance.randrange(CHATS), f"{SLOW} {talk.chance.choice(SAYINGS)}")
    else:
        talk.burst()


async def _roll(fleet: Fleet, talk: Talk, rounds: int, every: float) -> None:
    """All processes, each after `every` messages more."""
    due = every
    for _ in range(rounds):
        for place in range(GATEWAYS + WORKERS):
            await _said(talk, due)
            await fleet.restart(place)
            due += every
        await _said(talk, due)
        await fleet.restart_server()
        due += every


async def _said(talk: Talk, messages: float) -> None:
    while len(talk.asked) < messages:  # noqa: ASYNC110 - the users say them meanwhile
        await asyncio.sleep(0.01)


def graces() -> dict[str, float]:
    """Seconds that docker-compose.yml lets each process take to stop."""
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    found = re.findall(r"^  (\w+):\n(?:    .*\n)*?    stop_grace_period: (\d+)s", text, re.MULTILINE)
    return {"server" if service == "redis" else service: float(seconds) for service, seconds in found}


def late(outcome: Outcome) -> list[str]:
    """Who took too long: a process to stop, or a user's reply to come, by the shortest grace of those that users meet."""
    allowed = graces()
    slow = [f"a {stop.role} took {stop.seconds:.1f} s to stop" for stop in outcome.stops]
    slow = [line for line, stop in zip(slow, outcome.stops, strict=True) if stop.seconds > allowed[stop.role]]
    patience = min(allowed["gateway"], allowed["worker"])
    if outcome.findings.longest_wait > patience:
        slow.append(f"a user waited for {outcome.findings.longest_wait:.1f} s, longer than {patience:.0f} s")
    return slow


def rows(outcome: Outcome) -> list[Row]:
    """The run as the README's table has it: the whole, then how long each kind of process took to leave, at most."""
    whole = row("rolling restart by SIGTERM, all processes", len(outcome.stops), outcome.messages, outcome.findings)
    parts = []
    for role in sorted({stop.role for stop in outcome.stops}):
        took = [stop.seconds for stop in outcome.stops if stop.role == role]
        parts.append(Row(f"SIGTERM · {role}", len(took), wait=f"left in {max(took):.1f} s"))
    return [whole, *parts]


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, rounds=5, messages=5000)
    folder = workplace("rolling")
    outcome = asyncio.run(run(chosen.rounds, chosen.messages, chosen.seed, folder, report))
    codes = [f"a {stop.role} that was told to stop ended with {stop.code}" for stop in outcome.stops if stop.code]
    faults = [*outcome.findings.faults, *outcome.crashes, *codes, *late(outcome)]
    return conclude(chosen, rows(outcome), faults, f"{outcome.seconds:.0f} s", folder=folder)


if __name__ == "__main__":
    sys.exit(main())
