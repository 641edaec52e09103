"""Messages in, turns out, replies committed."""

import json
from collections.abc import Collection, Mapping
from secrets import token_hex
from time import time
from typing import Any

from redis.asyncio import Redis

from bot.address import Address
from bot.errors import NewerFormatError
from bot.mailbox import codec
from bot.mailbox.keys import Keys
from bot.mailbox.letters import Accepted, Exchange, Message, Reply, Turn, Worker
from bot.mailbox.server import read_group, run_script, with_group
from bot.settings import Settings

GROUP = "workers"  # the scripts name it too
SEEN_TTL = 48 * 3600  # seconds; Telegram repeats an update for 24 hours
LETTER_TTL = 30 * 86400  # seconds; then a dead letter is deleted


class Mailbox:
    """One conversation is one actor: its messages wait in its mailbox, and one worker at a time answers them all.

    A chat with mail stands exactly once in the stream `ready`, and its hash says at which entry. A worker claims the
    entry; the claim is void as soon as another worker takes the entry over or the entry is gone, and nothing that a
    void claim's holder still does has any effect.

    Each change is one script, so it happens whole or not at all. After a lost connection calls are repeated: a
    repeated `accept` may say DUPLICATE, and a repeated `commit` False, of what the first attempt has done.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        max_backlog: int = 10_000,  # messages
        max_mailbox: int = 20,  # messages
        history_exchanges: int = 4,  # 0 keeps none
        history_ttl: int = 86400,  # seconds
        claim_ttl: float = 30,  # seconds
        shard: int = 0,
    ) -> None:
        self._redis = redis
        self._keys = Keys(shard)
        self._max_backlog = max_backlog
        self._max_mailbox = max_mailbox
        self._history_exchanges = history_exchanges
        self._history_ttl = history_ttl
        self._claim_ttl = claim_ttl

    @classmethod
    def of(cls, redis: Redis, settings: Settings) -> "Mailbox":
        """The mailbox with the operator's limits."""
        return cls(
            redis,
            max_backlog=settings.max_backlog,
            max_mailbox=settings.max_mailbox,
            history_exchanges=settings.history_exchanges,
            history_ttl=settings.history_ttl,
            claim_ttl=settings.claim_ttl,
        )

    async def accept(self, address: Address, message: Message) -> Accepted:
        """Take a message in. Whatever this returns, the update may be confirmed to its sender; not if it raises."""
        keys = self._keys
        outcome = await run_script(
            self._redis,
            "accept",
            [
                keys.seen(address.channel, message.update_id),
                keys.told(address.channel, message.update_id),
                keys.mail(address),
                keys.chat(address),
                keys.ready,
                keys.backlog,
            ],
            [codec.write_message(message), str(address), self._max_backlog, self._max_mailbox, SEEN_TTL],
        )
        return Accepted(outcome)

    async def claim(self, consumer: str, *, limit: int, wait: float) -> list[Turn]:
        """Claim turns, waiting up to `wait` seconds (5 at most) for the first; [] when there are none.

        Either up to `limit` turns, or a single one whose claim had not been renewed in time: whatever ended its
        worker may be its own text, so it shares its next try with nobody. A turn takes ALL the mail of its chat.
        NewerFormatError: what was claimed is not for this release; it was handed back.
        """
        expired = await self._with_group("takeover", [self._keys.ready], [consumer, round(self._claim_ttl * 1000)])
        if expired:
            return await self._take(consumer, [(expired[0], Address.parse(expired[1]))])
        entries = await read_group(self._redis, self._keys.ready, GROUP, consumer, limit=limit, wait=wait)
        return await self._take(consumer, [(entry, Address.parse(fields["address"])) for entry, fields in entries])

    async def _take(self, consumer: str, claims: list[tuple[str, Address]]) -> list[Turn]:
        if not claims:
            return []
        keys = [self._keys.ready]
        for _, address in claims:
            keys += [self._keys.mail(address), self._keys.chat(address), self._keys.history(address)]
        taken = await self._with_group("take", keys, [consumer, token_hex(8), *(entry for entry, _ in claims)])
        held = [(*claim, content) for claim, content in zip(claims, taken, strict=True) if content]
        try:
            return [
                Turn(
                    address=address,
                    entry=entry,
                    messages=tuple(map(codec.read_message, content[1])),
                    # More may be stored than is kept now: the operator has lowered the limit since.
                    history=tuple(map(codec.read_exchange, content[2][-self._history_exchanges or len(content[2]) :])),
                    tries=content[0],
                )
                for entry, address, content in held
            ]
        except NewerFormatError:
            for entry, address, content in held:
                await self._hand_back(consumer, entry, content[0], address)
            raise

    async def renew(self, consumer: str, turns: Collection[Turn]) -> set[Turn]:
        """Hold the claims for another `claim_ttl`; returns those still held. The others are lost: drop their work."""
        if not turns:
            return set()
        ordered = list(turns)
        kept = await self._with_group(
            "renew",
            [self._keys.ready, *(self._keys.chat(turn.address) for turn in ordered)],
            [consumer, *(value for turn in ordered for value in (turn.entry, turn.tries))],
        )
        return {turn for turn, held in zip(ordered, kept, strict=True) if held}

    async def commit(self, consumer: str, turn: Turn, reply: Reply) -> bool:
        """Answer a turn, exactly once: its messages leave the mailbox, the reply enters history and outbox.

        False: the claim was lost, or the chat was reset or forgotten since; nothing changed.
        """
        exchange = ""
        if reply.raw is not None and self._history_exchanges:
            exchange = codec.write_exchange(Exchange(turn.text, reply.raw, reply.kind))
        return await self._settle(consumer, turn, reply, exchange=exchange)

    async def bury(self, consumer: str, turn: Turn, reason: str, apology: Reply) -> bool:
        """Give a turn up: a dead letter for the operator, an apology for the user. False as for `commit`."""
        letter = codec.write_dead_letter(turn.messages, reason, turn.tries, time())
        return await self._settle(consumer, turn, apology, letter=letter)

    async def _settle(self, consumer: str, turn: Turn, reply: Reply, *, exchange: str = "", letter: str = "") -> bool:
        keys, address = self._keys, turn.address
        settled = await self._with_group(
            "settle",
            [
                keys.ready,
                keys.mail(address),
                keys.chat(address),
                keys.history(address),
                keys.outbox(address.channel),
                keys.dead,
                keys.backlog,
            ],
            [
                consumer,
                turn.entry,
                turn.tries,
                len(turn.messages),
                str(address),
                codec.write_reply(reply, turn.messages, time()),
                exchange,
                self._history_exchanges,
                self._history_ttl,
                letter,
            ],
        )
        return bool(settled)

    async def release(self, consumer: str, turn: Turn) -> None:
        """Hand a turn back unworked; it does not count as a try. Without effect if the claim was lost."""
        await self._hand_back(consumer, turn.entry, turn.tries, turn.address)

    async def _hand_back(self, consumer: str, entry: str, tries: int, address: Address) -> None:
        await self._with_group(
            "release", [self._keys.ready, self._keys.chat(address)], [consumer, entry, tries, str(address)]
        )

    async def reset(self, address: Address, *, update_id: int | str | None = None) -> int:
        """Forget the history and withdraw what waits; returns how many messages were withdrawn.

        What waits belongs to the talk that the user breaks off: its answer would come after "forgotten", and plant
        the old subject in the new history. What is accepted after the reset is answered as usual.
        A replayed reset would withdraw what came after it: with its `update_id` it takes effect once only.
        """
        return await self._clear(address, update_id, [])

    async def forget(self, address: Address, *, update_id: int | str | None = None) -> int:
        """As `reset`, and every other trace goes too: undelivered replies, dead letters, that the code was given.

        Reads the outbox and the dead letters whole, in one go.
        """
        return await self._clear(
            address, update_id, [self._keys.outbox(address.channel), self._keys.dead, self._keys.members]
        )

    async def _clear(self, address: Address, update_id: int | str | None, rest: list[str]) -> int:
        keys = self._keys
        withdrawn = await run_script(
            self._redis,
            "clear",
            [
                keys.seen(address.channel, "" if update_id is None else update_id),
                keys.ready,
                keys.mail(address),
                keys.chat(address),
                keys.history(address),
                keys.backlog,
                *rest,
            ],
            [str(address), "" if update_id is None else SEEN_TTL],
        )
        return int(withdrawn)

    async def backlog(self) -> int:
        """How many messages wait for a reply, claimed ones included."""
        return int(await self._redis.get(self._keys.backlog) or 0)

    async def founded(self) -> str:
        """A text that stays the same until the server loses what it holds."""
        await self._redis.set(self._keys.founded, token_hex(8), nx=True)
        return str(await self._redis.get(self._keys.founded))

    async def beat(self, consumer: str, info: Mapping[str, str], *, ttl: float) -> None:
        """A worker's sign of life, good for `ttl` seconds; with it, dead letters that are too old go."""
        info_json = json.dumps(dict(info), ensure_ascii=False)
        keys = [self._keys.ready, self._keys.workers, self._keys.dead]
        await self._with_group("beat", keys, [consumer, ttl, info_json, LETTER_TTL])

    async def leave(self, consumer: str) -> None:
        """A worker's farewell: it counts as gone at once. Claims that it still holds expire and are taken over."""
        await self.beat(consumer, {}, ttl=0)

    async def workers(self) -> list[Worker]:
        """The workers alive, by name."""
        now, _ = await self._redis.time()
        beats = await self._redis.hgetall(self._keys.workers)
        workers = []
        for name, beat in beats.items():
            expires, _, info = str(beat).partition(" ")
            if int(expires) > now:
                workers.append(Worker(str(name), json.loads(info)))
        return sorted(workers, key=lambda worker: worker.name)

    async def _with_group(self, script: str, keys: list[str], arguments: list[str | int | float]) -> Any:  # noqa: ANN401
        return await with_group(
            self._redis, self._keys.ready, GROUP, lambda: run_script(self._redis, script, keys, arguments)
        )
