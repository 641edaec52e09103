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
from bot.mailbox.keys import Keys, Shards
from bot.mailbox.letters import Accepted, Exchange, Message, Reply, Turn, Worker
from bot.mailbox.rounds import Rounds, everywhere
from bot.mailbox.server import age_of_first, memory, read_group, run_replicated, run_script, with_group
from bot.settings import Settings

GROUP = "workers"  # the scripts name it too
SEEN_TTL = 48 * 3600  # seconds; Telegram repeats an update for 24 hours
LETTER_TTL = 30 * 86400  # seconds; then a dead letter is deleted
LOOK = 0.05  # seconds, for each shard, that an idle worker waits at one before it looks at all: twenty reads a second


class Mailbox:
    """One conversation is one actor: its messages wait in its mailbox, and one worker at a time answers them all.

    A chat with mail stands exactly once in the stream `ready`, and its hash says at which entry. A worker claims the
    entry; the claim is void as soon as another worker takes the entry over or the entry is gone, and nothing that a
    void claim's holder still does has any effect.

    Each change is one script, so it happens whole or not at all. After a lost connection calls are repeated: a
    repeated `accept` may say DUPLICATE, and a repeated `commit` False, of what the first attempt has done.

    With several shards each chat has its place in one of them, and all that is said of a stream above holds for each.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        max_backlog: int = 10_000,  # messages; each shard takes its share
        max_mailbox: int = 20,  # messages
        history_exchanges: int = 4,  # 0 keeps none
        history_ttl: int = 86400,  # seconds
        claim_ttl: float = 30,  # seconds
        shards: int = 1,
        replicas: int = 0,  # that must have what is about to be confirmed to its sender
    ) -> None:
        self._redis = redis
        self._shards = Shards(shards)
        self._rounds = Rounds(self._shards)
        self._max_backlog = -(-max_backlog // shards)
        self._replicas = replicas
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
            shards=settings.shards,
            replicas=settings.replicas,
        )

    @property
    def shards(self) -> int:
        """How many there are."""
        return len(self._shards)

    async def accept(self, address: Address, message: Message) -> Accepted:
        """Take a message in. Whatever this returns, the update may be confirmed to its sender; not if it raises."""
        keys = self._shards.of(address)
        outcome = await run_replicated(
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
            self._replicas,
        )
        return Accepted(outcome)

    async def claim(self, consumer: str, *, limit: int, wait: float) -> list[Turn]:
        """Claim turns, waiting up to `wait` seconds (5 at most) for the first; [] when there are none.

        Either up to `limit` turns, or a single one whose claim had not been renewed in time: whatever ended its
        worker may be its own text, so it shares its next try with nobody. A turn takes ALL the mail of its chat.
        NewerFormatError: what was claimed is not for this release; it was handed back.

        All shards are looked at, each time from another one on; one that does not answer is passed over as long as
        another does.
        """
        if len(self._shards) == 1:
            [keys] = self._shards.all
            return await self._take_over(consumer, keys) or await self._read(consumer, keys, limit, wait)
        ring, collect = self._rounds.next(), self._rounds.collect
        return (
            await collect(ring, lambda keys, _: self._take_over(consumer, keys))
            or await collect(ring, lambda keys, rest: self._read(consumer, keys, rest, 0), limit=limit)
            or await collect(ring[:1], lambda keys, _: self._read(consumer, keys, limit, min(wait, LOOK * len(ring))))
        )

    async def _take_over(self, consumer: str, keys: Keys) -> list[Turn]:
        ttl = round(self._claim_ttl * 1000)
        expired = await self._with_group(keys, "takeover", [keys.ready], [consumer, ttl])
        return await self._take(consumer, keys, [(expired[0], Address.parse(expired[1]))]) if expired else []

    async def _read(self, consumer: str, keys: Keys, limit: int, wait: float) -> list[Turn]:
        entries = await read_group(self._redis, keys.ready, GROUP, consumer, limit=limit, wait=wait)
        claims = [(entry, Address.parse(fields["address"])) for entry, fields in entries]
        return await self._take(consumer, keys, claims)

    async def _take(self, consumer: str, keys: Keys, claims: list[tuple[str, Address]]) -> list[Turn]:
        if not claims:
            return []
        names = [keys.ready]
        for _, address in claims:
            names += [keys.mail(address), keys.chat(address), keys.history(address)]
        taken = await self._with_group(keys, "take", names, [consumer, token_hex(8), *(entry for entry, _ in claims)])
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
        parts: dict[Keys, list[Turn]] = {}
        for turn in turns:
            parts.setdefault(self._shards.of(turn.address), []).append(turn)

        async def renew(keys: Keys) -> set[Turn]:
            kept = await self._with_group(
                keys,
                "renew",
                [keys.ready, *(keys.chat(turn.address) for turn in parts[keys])],
                [consumer, *(value for turn in parts[keys] for value in (turn.entry, turn.tries))],
            )
            return {turn for turn, held in zip(parts[keys], kept, strict=True) if held}

        return set().union(*await everywhere(renew, parts))

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
        address = turn.address
        keys = self._shards.of(address)
        settled = await self._with_group(
            keys,
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
        keys = self._shards.of(address)
        await self._with_group(
            keys, "release", [keys.ready, keys.chat(address)], [consumer, entry, tries, str(address)]
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
        keys = self._shards.of(address)
        return await self._clear(address, update_id, [keys.outbox(address.channel), keys.dead, keys.members])

    async def _clear(self, address: Address, update_id: int | str | None, rest: list[str]) -> int:
        keys = self._shards.of(address)
        withdrawn = await run_replicated(
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
            self._replicas,
        )
        return int(withdrawn)

    async def backlog(self) -> int:
        """How many messages wait for a reply, claimed ones included."""
        return sum([int(await self._redis.get(keys.backlog) or 0) for keys in self._shards.all])

    async def oldest(self) -> float:
        """For how many seconds the first chat in the queue has stood there; 0 if there is none.

        A chat stands there from its first message until its reply, also while a worker is at it; one that a worker
        handed back, or that wrote on meanwhile, begins anew.
        """
        return max([await age_of_first(self._redis, keys.ready) for keys in self._shards.all])

    async def memory(self) -> tuple[int, int]:
        """Bytes that Redis uses and may use (0: no limit). ResponseError where our user may not ask."""
        return await memory(self._redis)

    async def founded(self, shard: int) -> str:
        """A text that stays the same until the server loses what the shard holds.

        Replicas have it as they have the messages: a failover right after a start is no loss.
        """
        key = self._shards.all[shard].founded
        return str(await run_replicated(self._redis, "found", [key], [token_hex(8)], self._replicas))

    def in_shard(self, shard: int, addresses: Collection[Address]) -> list[Address]:
        """Those of the addresses whose messages wait in this shard."""
        return [address for address in addresses if self._shards.of(address).shard == shard]

    async def beat(self, consumer: str, info: Mapping[str, str], *, ttl: float) -> None:
        """A worker's sign of life, good for `ttl` seconds; with it, dead letters that are too old go.

        It is given in every shard, where one does not answer in the others, and then raises.
        """
        info_json = json.dumps(dict(info), ensure_ascii=False)

        async def beat(keys: Keys) -> None:
            names = [keys.ready, keys.workers, keys.dead]
            await self._with_group(keys, "beat", names, [consumer, ttl, info_json, LETTER_TTL])

        await everywhere(beat, self._shards.all)

    async def leave(self, consumer: str) -> None:
        """A worker's farewell: it counts as gone at once. Claims that it still holds expire and are taken over."""
        await self.beat(consumer, {}, ttl=0)

    async def workers(self) -> list[Worker]:
        """The workers alive, by name. One whose sign of life stands in any shard is."""
        now, _ = await self._redis.time()
        workers = {}
        for keys in self._shards.all:
            for name, beat in (await self._redis.hgetall(keys.workers)).items():
                expires, _, info = str(beat).partition(" ")
                if int(expires) > now:
                    workers[str(name)] = Worker(str(name), json.loads(info))
        return [worker for _, worker in sorted(workers.items())]

    async def _with_group(self, keys: Keys, script: str, names: list[str], arguments: list[str | int | float]) -> Any:  # noqa: ANN401
        return await with_group(
            self._redis, keys.ready, GROUP, lambda: run_script(self._redis, script, names, arguments)
        )
