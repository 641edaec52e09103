"""Kill the master while users talk, and count what the replica that takes over did not know.

    python -m tests.faults.failover              # a cluster and what sentinels watch, with and without REPLICAS
    python -m tests.faults.failover --kills 10 --write

Replication does not wait: what a master confirmed and its replica had not heard is lost with the master. On one machine
that is hardly anything, so there is also a replica that is cut off for a while before its master dies.
"""

import asyncio
import contextlib
import random
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.faults.checker import Findings, check
from tests.faults.kills import LATE, Fleet, Talk
from tests.faults.program import conclude, in_memory, options, report
from tests.faults.table import Row, row
from tests.servers import Cluster, Node, Watched, cluster, until, watched
from tests.telegram_api import Sent, TelegramApi

IN_FLIGHT = 60  # messages
BETWEEN = 40  # messages said between two kills
HEALING = 30.0  # seconds after a kill in which what was sent may not have been noted
SHARDS = 6


@dataclass(frozen=True)
class Case:
    """What is tried. `lag`: seconds that the replica is cut off before its master dies."""

    kind: Literal["cluster", "sentinel"]
    replicas: int
    lag: float

    def __str__(self) -> str:
        place = {"cluster": f"a cluster's master, {SHARDS} shards", "sentinel": "a master that sentinels watch"}
        behind = f"; its replica {self.lag:g} s behind" if self.lag else ""
        return f"SIGKILL of {place[self.kind]}{behind}; REPLICAS={self.replicas}"


@dataclass
class Outcome:
    """What it came to."""

    case: Case
    kills: int
    messages: int
    findings: Findings
    crashes: list[str]

    @property
    def row(self) -> Row:
        return row(str(self.case), self.kills, self.messages, self.findings)

    @property
    def breaches(self) -> list[object]:
        """What was promised for the case and not held: nothing is lost where a replica had to have it.

        A commit that is lost is made again: a second reply to the same message, maybe behind one to a later message.
        """
        allowed = {"duplicated"} | ({"lost"} if not self.case.replicas else set())
        again = {fault.number for fault in self.findings.faults if fault.kind == "duplicated"}
        broken = [fault for fault in self.findings.faults if fault.kind not in allowed and fault.number not in again]
        return [*broken, *self.crashes]


class Elsewhere(Fleet):
    """Gateways and workers on servers that others start."""

    async def start_server(self) -> None: ...

    async def stop_server(self) -> None: ...


@dataclass
class Pair:
    """The master that is to die, and its replica."""

    master: Node
    replica: Node
    taken_over: Callable[[], Awaitable[object]]
    return_as_replica: Callable[[], Awaitable[None]]


@contextlib.asynccontextmanager
async def servers(case: Case, folder: Path) -> AsyncIterator[tuple[str, Callable[[], Awaitable[Pair]]]]:
    """The address, and what tells the master of now."""
    if case.kind == "cluster":
        async with cluster(folder, replicas=1) as made:
            yield made.url, lambda: _of_cluster(made)
    else:
        async with watched(folder) as trio:
            yield trio.url, lambda: _of_sentinels(trio)


async def _of_cluster(made: Cluster) -> Pair:
    master = await made.owner("s0")
    ports: list[int] = []

    async def listed() -> bool:  # only once it follows
        slots = await master.call("CLUSTER", "SLOTS")
        assert isinstance(slots, list)
        ports[:] = [int(node[1]) for part in slots if int(part[2][1]) == master.port for node in part[3:]]
        return bool(ports)

    await until(listed)
    replica = next(node for node in made.nodes if node.port == ports[0])

    async def taken_over() -> bool:
        info = await replica.call("INFO", "replication")
        return isinstance(info, dict) and info["role"] == "master" and await _serves(replica)

    return Pair(master, replica, taken_over, master.again)


async def _serves(node: Node) -> bool:
    return "cluster_state:ok" in str(await node.call("CLUSTER", "INFO"))


async def _of_sentinels(trio: Watched) -> Pair:
    master = await trio.master()
    [replica] = [node for node in trio.servers if node is not master]

    async def taken_over() -> bool:
        return await trio.master() is replica

    async def back() -> None:
        # Empty, and a replica from the first moment: as a master it could be taken for the old one.
        await master.again(replicaof=f"127.0.0.1 {replica.port}")

    return Pair(master, replica, taken_over, back)


async def run(case: Case, kills: int, seed: int, folder: Path) -> Outcome:
    """Users talk all the while; a master dies after every BETWEEN messages, and comes back as a replica."""
    chance, fallen = random.Random(seed), list[float]()
    async with servers(case, folder / "servers") as (url, pair_of_now), TelegramApi() as telegram:
        settings = {"redis_url": url, "replicas": str(case.replicas), "shards": "1"}
        if case.kind == "cluster":
            settings["shards"] = str(SHARDS)
        fleet = Elsewhere(telegram, folder, chance, settings=settings)
        talk = Talk(telegram, random.Random(chance.random()))
        async with fleet.running():
            for _ in range(kills):
                await _say(talk, BETWEEN)
                pair = await pair_of_now()
                dying = asyncio.create_task(_fail_over(pair, case.lag, fallen))
                while not dying.done():
                    await _say(talk, 5)
                await dying
            await talk.until_answered()
        findings = check(talk.asked, telegram.sent, lambda first, again: _unnoted(fallen, case.lag, first, again))
    return Outcome(case, kills, len(talk.asked), findings, fleet.crashes)


async def _say(talk: Talk, number: int) -> None:
    """So many messages more, as soon as there is room for them, if there is within half a second."""
    before, began = len(talk.asked), time.monotonic()
    while len(talk.asked) < before + number:
        talk.listen()
        if len(talk.open) < IN_FLIGHT:
            talk.burst()
        elif time.monotonic() - began > 0.5 and number <= 5:
            return
        await asyncio.sleep(0.02)


async def _fail_over(pair: Pair, lag: float, fallen: list[float]) -> None:
    assert pair.replica.process
    if lag:
        pair.replica.process.send_signal(signal.SIGSTOP)
        await pair.master.call("CLIENT", "KILL", "TYPE", "replica")  # what was on its way is gone, too
        await asyncio.sleep(lag)
    await pair.master.kill()
    fallen.append(time.monotonic())
    if lag:
        pair.replica.process.send_signal(signal.SIGCONT)
    await until(pair.taken_over)
    await pair.return_as_replica()
    await until(lambda: _follows(pair.master))


async def _follows(node: Node) -> bool:
    info = await node.call("INFO", "replication")
    return isinstance(info, dict) and info.get("master_link_status") == "up"


def _unnoted(fallen: list[float], lag: float, first: Sent, again: Sent) -> bool:
    # That it was sent was noted in what is lost, or could not be noted.
    return any(first.at - HEALING <= kill <= again.at and first.at >= kill - lag - LATE for kill in fallen)


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__, kills=3)
    outcomes = []
    for case in (
        Case("cluster", 0, 0), Case("cluster", 1, 0), Case("cluster", 0, 0.5), Case("cluster", 1, 0.5),
        Case("sentinel", 0, 0), Case("sentinel", 1, 0), Case("sentinel", 0, 0.5), Case("sentinel", 1, 0.5),
    ):  # fmt: skip
        with tempfile.TemporaryDirectory(prefix="malbeot-failover-", dir=in_memory()) as folder:
            outcomes.append(asyncio.run(run(case, chosen.kills, chosen.seed, Path(folder))))
        report(str(outcomes[-1].row))
    return conclude(
        chosen, [outcome.row for outcome in outcomes], [breach for outcome in outcomes for breach in outcome.breaches]
    )


if __name__ == "__main__":
    sys.exit(main())
