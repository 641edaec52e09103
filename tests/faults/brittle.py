"""The service's own processes, made to die where their fate says.

They are started by their own command line, from a server that has imported everything and forks (`multiprocessing`'s):
a new one is there at once, so that hundreds can be killed in minutes. Four things differ from the service:

- the engine says the numbers of what it is asked (see `checker`), and takes some milliseconds for it;
- an apology carries the numbers too, so that it can be followed back;
- a lease is good for LEASE seconds, if nothing else is said, so that a killed gateway is followed as soon; and Telegram
  is asked to answer within POLL seconds, so that an answer that will never come is not waited for much longer.
"""

import asyncio
import functools
import multiprocessing
import os
import random
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Event, Lock, Thread, Timer
from typing import Any

import bot.care
import bot.gateway
import bot.standby
import bot.worker
from bot.__main__ import main
from bot.mailbox import Lease, Mailbox, Outbox, Reply, Turn
from bot.receiver import poll
from model.engine import EngineReply
from tests.faults.checker import CONTEXT, numbers

LEASE = 4.0  # seconds
POLL = 3  # seconds
POISON = "독"  # a message with this word ends whoever decodes it
MIRE = "늪"  # one with this word is decoded for ever
SLOW = "천천히"  # and one with this for SLOW_SECONDS
SLOW_SECONDS = 0.5
SLOWEST = 0.02  # seconds of any other decode

# To start a process, multiprocessing looks for others that have ended. Where two look at once, one of them reads the exit
# code, and the other takes its being gone for a process that ended with 255.
_LOOKING = Lock()

# Where a process can be hit; "anywhere" is a moment on the clock.
WORKER_POINTS = ("claimed", "decoding", "decoded", "committed", "anywhere")
GATEWAY_POINTS = ("received", "accepted", "sent", "noted", "anywhere")


@dataclass(frozen=True)
class Fate:
    """The process sends itself the signal at the n-th pass of the point, or after n hundredths of a second anywhere."""

    point: str = "never"
    passes: int = 1
    signal: int = signal.SIGKILL


NEVER = Fate()


class Echo:
    """An engine that says which messages it was asked about, and which it was shown before."""

    name = "echo"
    checkpoint_hash = "0123456789ab"

    def __init__(self, passes: Callable[[str], None]) -> None:
        self._passes = passes

    def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
        """`네, #17#18 ← #15` to each."""
        time.sleep(random.uniform(0, SLOWEST))
        if any(numbers(conversation[-1]) for conversation in conversations):  # else it is being warmed up
            self._passes("decoding")
        asked = "".join(conversation[-1] for conversation in conversations)
        if POISON in asked:
            os.kill(os.getpid(), signal.SIGKILL)
        if MIRE in asked:
            Event().wait()
        if SLOW in asked:
            time.sleep(SLOW_SECONDS)
        return [EngineReply(echo(conversation), tokens=1, score=0.0) for conversation in conversations]


def echo(conversation: Sequence[str]) -> str:
    """What the engine says: user, bot, …, user -> reply."""
    *earlier, asked = conversation[::2]
    return f"네, {_listed([asked])}" + (f" {CONTEXT} {_listed(earlier)}" if earlier else "")


def start(
    role: str,
    environment: dict[str, str],
    folder: Path,
    log: Path,
    fate: Fate = NEVER,
    lease: float | None = LEASE,
) -> BaseProcess:
    """`python -m bot ROLE` as a process that is told its fate; it logs to the file, and ends with this process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    process = context.Process(target=_live, args=(role, environment, folder, log, fate, lease), daemon=True)
    with _LOOKING:
        process.start()
    return process


async def ended(process: BaseProcess) -> int:
    """The exit code, once there is one: minus the signal's number of one that was killed."""
    gone, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_reader(process.sentinel, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(process.sentinel)
    with _LOOKING:
        process.join()
    assert process.exitcode is not None
    return process.exitcode


def _live(role: str, environment: dict[str, str], folder: Path, log: Path, fate: Fate, lease: float | None) -> None:
    Thread(target=_leave_with_parent, daemon=True).start()
    os.environ.update(environment)
    os.chdir(folder)  # a `.env` of the developer's lies elsewhere
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    random.seed()
    passes = _watch(fate)
    _set_in(passes)
    if lease is not None:
        bot.standby.Lease = functools.partial(Lease, ttl=lease)
    sys.argv = ["malbeot", role]
    main()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent
    wait([parent.sentinel])
    os._exit(1)


def _watch(fate: Fate) -> Callable[[str], None]:
    """What is to be called at each point, with its name."""
    strike = functools.partial(os.kill, os.getpid(), fate.signal)
    if fate.point == "anywhere":
        timer = Timer(fate.passes / 100, strike)
        timer.daemon = True
        timer.start()
    left = count(fate.passes, -1)

    def passes(point: str) -> None:
        if point == fate.point and next(left) == 1:
            strike()

    return passes


def _set_in(passes: Callable[[str], None]) -> None:
    bot.worker.load_engine = lambda *_: Echo(passes)
    bot.worker.apology_reply = _numbered_apology
    bot.gateway.poll = functools.partial(poll, wait=POLL)
    for owner, method, before, after in (
        (Mailbox, "claim", "", "claimed"),
        (Mailbox, "commit", "decoded", "committed"),
        (Mailbox, "accept", "received", "accepted"),
        (Outbox, "ack", "sent", "noted"),
    ):
        setattr(owner, method, _between(getattr(owner, method), passes, before, after))


def _between(
    method: Callable[..., Awaitable[Any]], passes: Callable[[str], None], before: str, after: str
) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(method)
    async def watched(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        passes(before)
        result = await method(*arguments, **options)
        if result or after != "claimed":  # a worker that found nothing has claimed nothing
            passes(after)
        return result

    return watched


def _numbered_apology(turn: Turn) -> Reply:
    apology = bot.care.apology_reply(turn)
    return replace(apology, text=f"{apology.text} {_listed([turn.text])}")


def _listed(texts: Sequence[str]) -> str:
    return "".join(f"#{number}" for text in texts for number in numbers(text))


def drawn(chance: random.Random, points: Sequence[str], reach: int) -> Fate:
    """One of the points, at most `reach` passes away, or an instant of the first seconds."""
    point = chance.choice(points)
    return Fate(point, chance.randint(10, 150) if point == "anywhere" else chance.randint(1, reach))
