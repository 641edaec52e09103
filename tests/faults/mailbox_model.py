"""The mailbox against a plain model of it: any number of workers, any step, in any order.

    python -m tests.faults.mailbox_model --steps 20000

hypothesis draws the steps; each is taken by the real mailbox, on a real server, and by a few Python lists. After every
step both must hold the same. A run that fails is cut down to the shortest one that does, which takes minutes, and
printed.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, seed as seeded, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)
from redis.asyncio import Redis

from bot.address import Address
from bot.embedded import EmbeddedServer
from bot.mailbox import Accepted, Exchange, Mailbox, Message, Outbox, Reply, Turn
from bot.redis_link import connect

CHATS = [Address("telegram", str(number)) for number in (1001, 1002, 1003)]
WORKERS = ["w1", "w2", "w3"]
MAX_MAILBOX, MAX_BACKLOG, EXCHANGES = 3, 6, 2
STEPS_EACH = 50  # of one history from an empty server on

CHAT, WORKER = st.sampled_from(CHATS), st.sampled_from(WORKERS)
BACK = st.integers(0, 9)  # which claim: below VOID one that is held, if there is one
VOID = 7
# The kinds of step: how often, and with which arguments. One rule takes them all, since hypothesis would leave whole
# rules out of a history, and histories without a claim or a commit tell little.
STEPS: dict[str, tuple[int, *tuple[st.SearchStrategy[Any], ...]]] = {
    "accept": (6, CHAT, st.sampled_from(["안녕", "나 왔어", "", "👍🏽"])),
    "accept_again": (1, CHAT, st.integers(0, 5)),
    "claim": (5, WORKER, st.integers(1, 3)),
    "expire": (2, BACK),
    "renew": (1, WORKER, st.integers(1, 6)),
    "commit": (4, BACK, st.booleans()),
    "bury": (1, BACK),
    "release": (1, BACK),
    "clear": (1, CHAT, st.sampled_from(["no", "new", "old"]), st.booleans()),
    "beat": (1, WORKER, st.booleans()),
    "deliver": (1, st.integers(0, 3)),
    "lose_all": (1, st.integers(0, 2)),
}
STEP = st.one_of([st.tuples(st.just(name), *given) for name, (weight, *given) in STEPS.items() for _ in range(weight)])
NEED_A_CLAIM = ("expire", "renew", "commit", "bury", "release")

READY, DEAD = "malbeot:{s0}:ready", "malbeot:{s0}:dead"
APOLOGY = Reply("apology", "미안해요, 다시 말해 주세요.")


@dataclass(eq=False)
class Standing:
    """A chat's place in the line of those with mail; one that was left and taken again is another."""

    address: Address
    tries: int = 0
    holder: str | None = None
    expired: bool = False


@dataclass(eq=False)
class Claimed:
    """A turn in a worker's hands; it may be void by now."""

    worker: str
    turn: Turn
    standing: Standing
    tries: int


@dataclass
class Model:
    """What the mailbox promises, without a server."""

    seen: set[int] = field(default_factory=set)
    mail: dict[Address, list[Message]] = field(default_factory=lambda: defaultdict(list))
    ready: list[Standing] = field(default_factory=list)
    history: dict[Address, list[Exchange]] = field(default_factory=lambda: defaultdict(list))
    outbox: list[tuple[Address, str, tuple[str, ...]]] = field(default_factory=list)
    dead: list[Address] = field(default_factory=list)
    alive: set[str] = field(default_factory=set)

    @property
    def backlog(self) -> int:
        return sum(map(len, self.mail.values()))

    def accept(self, address: Address, message: Message) -> Accepted:
        if message.update_id in self.seen:
            return Accepted.DUPLICATE
        if len(self.mail[address]) >= MAX_MAILBOX:
            return Accepted.MAILBOX_FULL
        if self.backlog >= MAX_BACKLOG:
            return Accepted.BACKLOG_FULL
        self.seen.add(int(message.update_id))
        self.mail[address].append(message)
        if not any(standing.address == address for standing in self.ready):
            self.ready.append(Standing(address))
        return Accepted.ACCEPTED

    def claim(self, worker: str, limit: int) -> list[Standing]:
        """The oldest expired claim alone, or else those that nobody has claimed."""
        free = [standing for standing in self.ready if standing.holder is None][:limit]
        taken = [standing for standing in self.ready if standing.expired][:1] or free
        for standing in taken:
            standing.holder, standing.expired, standing.tries = worker, False, standing.tries + 1
        return taken

    def holds(self, claimed: Claimed) -> bool:
        standing = claimed.standing
        return standing in self.ready and (standing.holder, standing.tries) == (claimed.worker, claimed.tries)

    def settle(self, claimed: Claimed, reply: Reply) -> None:
        address, messages = claimed.turn.address, claimed.turn.messages
        self.ready.remove(claimed.standing)
        del self.mail[address][: len(messages)]
        if reply.raw is not None:
            self.history[address].append(Exchange(claimed.turn.text, reply.raw))
            del self.history[address][:-EXCHANGES]
        self.outbox.append((address, reply.text, claimed.turn.origins))
        if self.mail[address]:
            self.ready.append(Standing(address))

    def clear(self, address: Address, update_id: int | None, *, everything: bool) -> int:
        if update_id is not None and update_id in self.seen:
            return 0
        if update_id is not None:
            self.seen.add(update_id)
        withdrawn = len(self.mail.pop(address, []))
        self.history.pop(address, None)
        self.ready = [standing for standing in self.ready if standing.address != address]
        if everything:
            self.outbox = [entry for entry in self.outbox if entry[0] != address]
            self.dead = [buried for buried in self.dead if buried != address]
        return withdrawn


class MailboxMachine(RuleBasedStateMachine):
    """Every rule does the same to both, and what each of them says must be equal."""

    def __init__(self, runner: asyncio.Runner, redis: Redis, steps: Counter[str]) -> None:
        """`steps` counts how often each rule was taken."""
        super().__init__()
        self.steps = steps
        self._run = runner.run
        self._redis = redis
        self._mailbox = Mailbox(
            redis, max_backlog=MAX_BACKLOG, max_mailbox=MAX_MAILBOX, history_exchanges=EXCHANGES, claim_ttl=3600
        )
        self._model = Model()
        self._last = 0
        self._claims: list[Claimed] = []

    @initialize()
    def begin(self) -> None:
        self._run(self._redis.flushall())

    def _next(self) -> int:
        self._last += 1
        return self._last

    @rule(step=STEP)
    def take(self, step: tuple[Any, ...]) -> None:
        name, *arguments = step
        if name not in NEED_A_CLAIM or self._claims:
            getattr(self, name)(*arguments)

    def _claimed(self, back: int) -> Claimed:
        held = [claimed for claimed in self._claims if self._model.holds(claimed)]
        among = held if held and back < VOID else self._claims
        return among[-1 - back % len(among)]

    def accept(self, chat: Address, text: str) -> None:
        self._accept(chat, Message(self._next(), None, text, 0.0))

    def accept_again(self, chat: Address, back: int) -> None:
        if self._last > back:
            self._accept(chat, Message(self._last - back, None, "또", 0.0))

    def _accept(self, chat: Address, message: Message) -> None:
        self.steps["accept"] += 1
        assert self._run(self._mailbox.accept(chat, message)) is self._model.accept(chat, message)

    def claim(self, worker: str, limit: int) -> None:
        expired = any(standing.expired for standing in self._model.ready)
        self.steps["take over" if expired else "claim"] += 1
        turns = self._run(self._mailbox.claim(worker, limit=limit, wait=0))
        taken = self._model.claim(worker, limit)
        assert [(turn.address, turn.tries) for turn in turns] == [(found.address, found.tries) for found in taken]
        for turn in turns:
            assert list(turn.messages) == self._model.mail[turn.address]
            assert list(turn.history) == self._model.history[turn.address]
        self._claims += [
            Claimed(worker, turn, standing, standing.tries) for turn, standing in zip(turns, taken, strict=True)
        ]

    def expire(self, back: int) -> None:
        """A worker falls silent: an hour and a minute ago it gave its last sign."""
        claimed = self._claimed(back)
        if self._model.holds(claimed):
            self.steps["expire"] += 1
            claimed.standing.expired = True
            aged = self._redis.xclaim(
                READY, "workers", claimed.worker, 0, [claimed.turn.entry], idle=3_660_000, justid=True
            )
            assert self._run(_awaited(aged)) == [claimed.turn.entry]

    def renew(self, worker: str, among: int) -> None:
        self.steps["renew"] += 1
        mine = [claimed for claimed in self._claims[-among:] if claimed.worker == worker]
        kept = {claimed.turn for claimed in mine if self._model.holds(claimed)}
        assert self._run(self._mailbox.renew(worker, [claimed.turn for claimed in mine])) == kept
        for claimed in mine:
            if self._model.holds(claimed):
                claimed.standing.expired = False

    def commit(self, back: int, remembered: bool) -> None:
        claimed, text = self._claimed(back), f"답 {self._next()}"
        reply = Reply("model", text, raw=text if remembered else None)
        held = self._model.holds(claimed)
        self.steps["commit" if held else "void commit"] += 1
        assert self._run(self._mailbox.commit(claimed.worker, claimed.turn, reply)) is held
        if held:
            self._model.settle(claimed, reply)

    def bury(self, back: int) -> None:
        claimed = self._claimed(back)
        held = self._model.holds(claimed)
        self.steps["dead-letter" if held else "void dead-letter"] += 1
        assert self._run(self._mailbox.bury(claimed.worker, claimed.turn, "3 tries", APOLOGY)) is held
        if held:
            self._model.settle(claimed, APOLOGY)
            self._model.dead.append(claimed.turn.address)

    def release(self, back: int) -> None:
        self.steps["release"] += 1
        claimed = self._claimed(back)
        self._run(self._mailbox.release(claimed.worker, claimed.turn))
        if self._model.holds(claimed):
            standing = claimed.standing
            self._model.ready.remove(standing)
            self._model.ready.append(Standing(standing.address, standing.tries - 1))

    def clear(self, chat: Address, numbered: str, everything: bool) -> None:
        self.steps["forget" if everything else "reset"] += 1
        update_id = {"no": None, "new": self._next(), "old": max(1, self._last - 3)}[numbered]
        act = self._mailbox.forget if everything else self._mailbox.reset
        withdrawn = self._run(act(chat, update_id=update_id))
        assert withdrawn == self._model.clear(chat, update_id, everything=everything)

    def beat(self, worker: str, leaves: bool) -> None:
        """A worker may leave, and be cleared away, while it still holds claims: they are taken over like any other."""
        self.steps["beat"] += 1
        if leaves:
            self._run(self._mailbox.leave(worker))
            self._model.alive.discard(worker)
        else:
            self._run(self._mailbox.beat(worker, {}, ttl=3600))
            self._model.alive.add(worker)

    def deliver(self, sent: int) -> None:
        """A new sender finds all that was not noted as sent, oldest first."""
        self.steps["deliver"] += 1
        outbox = Outbox(self._redis)
        deliveries = self._run(outbox.read("telegram", wait=0))
        assert [(found.address, found.text, found.origins) for found in deliveries] == self._model.outbox
        for delivery in deliveries[:sent]:
            self._run(outbox.ack("telegram", delivery))
        del self._model.outbox[:sent]

    def lose_all(self, grace: int) -> None:
        """The server comes back empty, the group and the scripts gone as well."""
        if grace:
            return
        self.steps["come back empty"] += 1
        # Entries are numbered by the clock: two of one millisecond, with a loss in between, would share a number.
        self._run(asyncio.sleep(0.002))
        self._run(_emptied(self._redis))
        self._model = Model()

    @invariant()
    def both_hold_the_same(self) -> None:
        standing, waiting, remembered, dead, workers = self._run(self._look())
        model = self._model
        assert standing == [found.address for found in model.ready]
        assert waiting == [len(model.mail[chat]) for chat in CHATS]
        assert remembered == [len(model.history[chat]) for chat in CHATS]
        assert dead == model.dead
        assert workers == model.alive
        assert self._run(self._mailbox.backlog()) == model.backlog

    async def _look(self) -> tuple[list[Address], list[int], list[int], list[Address], set[str]]:
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xrange(READY).xrange(DEAD)
            for kind in ("mail", "history"):
                for chat in CHATS:
                    pipe.llen(f"malbeot:{{s0}}:{kind}:{chat}")
            ready, dead, *lengths = await pipe.execute()
        workers = {worker.name for worker in await self._mailbox.workers()}
        of = [[Address.parse(fields["address"]) for _, fields in stream] for stream in (ready, dead)]
        return of[0], lengths[: len(CHATS)], lengths[len(CHATS) :], of[1], workers


async def _awaited(command: object) -> object:
    return await command  # type: ignore[misc]  # redis-py hands out an awaitable, a runner wants a coroutine


async def _emptied(redis: Redis) -> None:
    await redis.flushall()
    await redis.script_flush()


def walk(url: str, steps: int, *, seed: int | None = None, shrink: bool = False) -> Counter[str]:
    """Take that many steps, in histories of STEPS_EACH; returns how often each kind was taken.

    Without a seed always the same ones.
    """
    taken = Counter[str]()
    with _client(url) as (runner, redis):
        run = settings(
            max_examples=-(-steps // STEPS_EACH),
            stateful_step_count=STEPS_EACH,
            deadline=None,
            database=None,
            derandomize=seed is None,
            print_blob=True,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        )

        class Machine(MailboxMachine):
            def __init__(self) -> None:
                super().__init__(runner, redis, taken)

        run_state_machine_as_test(Machine if seed is None else seeded(seed)(Machine), settings=run)
    return taken


@contextlib.contextmanager
def _client(url: str) -> Iterator[tuple[asyncio.Runner, Redis]]:
    with asyncio.Runner() as runner:
        redis = runner.run(connect(url))
        try:
            yield runner, redis
        finally:
            runner.run(redis.aclose())


async def _main(steps: int, seed: int) -> bool:
    with tempfile.TemporaryDirectory(prefix="malbeot-model-") as folder:
        async with EmbeddedServer(Path(folder)) as server:
            began, taken = time.monotonic(), Counter[str]()
            print(f"seed {seed}")
            while taken.total() < steps:
                taken += await asyncio.to_thread(
                    walk, server.url, min(steps - taken.total(), 2500), seed=seed, shrink=True
                )
                seed += 1
                print(f"{taken.total()} steps, {time.monotonic() - began:.0f} s", flush=True)
    print(*(f"{kind:>16}: {times}" for kind, times in taken.most_common()), sep="\n")
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    sys.exit(not asyncio.run(_main(**vars(parser.parse_args()))))
