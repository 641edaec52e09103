"""Faults that are staged one by one, where kills at random moments would seldom bring them about.

python -m tests.faults.scenes
"""

import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from bot import texts
from bot.redis_link import connect
from tests.faults.brittle import LEASE, MIRE, NEVER, POISON, Fate, ended
from tests.faults.checker import Fault, Findings, check
from tests.faults.kills import Fleet, Talk
from tests.faults.program import conclude, in_memory, options
from tests.faults.table import Row, row
from tests.telegram_api import Sent, TelegramApi

YUNA, MINHO = 11, 12  # none of those whom chance lets talk


@dataclass(frozen=True)
class Scene:
    """What was seen."""

    row: Row
    findings: Findings
    fleet: Fleet
    talk: Talk


@contextlib.asynccontextmanager
async def stage(folder: Path, **settings: str) -> AsyncIterator[tuple[Fleet, Talk]]:
    """Telegram, processes to be started and users, for one scene."""
    async with TelegramApi() as telegram:
        fleet = Fleet(telegram, folder, settings=settings)
        yield fleet, Talk(telegram, fleet.chance)


async def stalled(folder: Path, point: str = "decoded") -> Scene:
    """A worker is stopped with a turn in its hands, and wakes up when another has answered it."""
    async with stage(folder) as (fleet, talk):
        await fleet.start_server()
        log = folder / "stalled.log"
        gateway = await fleet.start("gateway", NEVER, folder / "gateway.log")
        sleeper = await fleet.start("worker", Fate(point, 1, signal.SIGSTOP), log)
        talk.say(YUNA, "안녕")
        await until(lambda: psutil.Process(sleeper.pid).status() == psutil.STATUS_STOPPED)
        other = await fleet.start("worker", NEVER, folder / "other.log")
        await talk.until_answered()
        assert sleeper.pid
        psutil.Process(sleeper.pid).resume()
        await until(lambda: "claim_lost" in log.read_text("utf-8"))
        talk.say(YUNA, "거기 있어?")
        await talk.until_answered()
        for process in (sleeper, other, gateway):
            process.terminate()
            await ended(process)
        await fleet.stop_server()
        findings = check(talk.asked, talk.telegram.sent)
    return Scene(row(f"SIGSTOP of a worker, {point}; wakes after the takeover", 1, 2, findings), findings, fleet, talk)


async def poisoned(folder: Path) -> Scene:
    """A message ends every worker that decodes it, while others talk."""
    # Claims are held for longer than a busy machine may keep a process waiting: else others would be taken over, too.
    settings = {"claim_ttl": "5", "max_tries": "2"}
    return await _ruinous(folder, POISON, "a message that crashes every worker that decodes it", settings)


async def mired(folder: Path) -> Scene:
    """A message is decoded for ever, while others talk: its worker ends itself, and the next takes over."""
    settings = {"claim_ttl": "5", "max_tries": "2", "decode_timeout": "3"}
    return await _ruinous(folder, MIRE, "a message that hangs every worker that decodes it", settings)


async def _ruinous(folder: Path, word: str, name: str, settings: dict[str, str]) -> Scene:
    async with stage(folder, **settings) as (fleet, talk), fleet.running():
        talk.say(YUNA, word)
        for _ in range(20):
            talk.burst()
        await talk.until_answered()
        redis = await connect(fleet.url)
        buried = await redis.xlen("malbeot:{s0}:dead")
        await redis.aclose()
        findings = check(talk.asked, talk.telegram.sent, fleet.excuse())
    assert buried == 1
    return Scene(row(name, fleet.kills.total(), len(talk.asked), findings), findings, fleet, talk)


async def emptied(folder: Path) -> Scene:
    """The server is killed while everybody waits for a worker, and comes back with nothing.

    What it held is gone, which all of them are told. What is said from then on is answered.
    """
    async with stage(folder) as (fleet, talk), fleet.running(workers=0):
        for _ in range(20):
            talk.burst()
        lost, talk.asked = talk.asked, []
        await until(lambda: fleet.accepted() == len(lost))
        await fleet.kill_server(away=2 * LEASE, empty=True)
        waiting = {question.chat for question in lost}
        await talk.telegram.until(lambda: {sent.chat for sent in talk.telegram.sent} == waiting, timeout=60)
        assert {sent.text for sent in talk.telegram.sent} == {texts.LOST}
        fleet.add("worker")
        talk.open.clear()
        for _ in range(20):
            talk.burst()
        await talk.until_answered()
        answers = [reply for reply in talk.telegram.sent if reply.text != texts.LOST]
        findings = check(talk.asked, answers, fleet.excuse())
        findings = _told_once(talk.telegram.sent, findings, fleet.excuse())
    name = "SIGKILL of the server, back empty; all who waited are told"
    return Scene(row(name, 1, len(lost) + len(talk.asked), findings), findings, fleet, talk)


def _told_once(sent: list[Sent], findings: Findings, may_repeat: Callable[[Sent, Sent], bool]) -> Findings:
    """The findings, with what befell the text of a loss, which has no number by which `check` could know it."""
    first: dict[int, Sent] = {}
    again = [reply for reply in sent if reply.text == texts.LOST and first.setdefault(reply.chat, reply) is not reply]
    faults = [Fault("duplicated", reply.chat, 0) for reply in again if not may_repeat(first[reply.chat], reply)]
    excused = findings.excused + len(again) - len(faults)
    return replace(findings, faults=[*findings.faults, *faults], excused=excused)


async def until(condition: Callable[[], object]) -> None:
    """Returns when the condition holds."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.05)


async def play(scene: Callable[[Path], Awaitable[Scene]]) -> Scene:
    """The scene, in a folder that goes with it."""
    with tempfile.TemporaryDirectory(prefix="malbeot-scene-", dir=in_memory()) as folder:
        return await scene(Path(folder))


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, seeded=False)
    scenes = [asyncio.run(play(scene)) for scene in (stalled, poisoned, mired, emptied)]
    return conclude(chosen, [scene.row for scene in scenes], [f for scene in scenes for f in scene.findings.faults])


if __name__ == "__main__":
    sys.exit(main())
