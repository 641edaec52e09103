"""Replies on their way out."""

from collections.abc import Iterable
from time import time
from typing import Any

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox import codec
from bot.mailbox.keys import Shards
from bot.mailbox.letters import Delivery, Message, Reply
from bot.mailbox.server import LONGEST_WAIT, age_of_first, run_replicated
from bot.settings import Settings

_START = "0"  # an id before every other
TOLD_TTL = 48 * 3600  # seconds; Telegram repeats an update for 24 hours


class Outbox:
    """Replies on their way out, of each channel and shard in the order of their commits.

    One sender at a time for a shard of a channel (see Lease), with a new Outbox each time that it takes the lease.
    """

    def __init__(self, redis: Redis, *, shards: int = 1, replicas: int = 0) -> None:
        self._redis = redis
        self._replicas = replicas  # as in Mailbox
        self._shards = Shards(shards)
        self._after: dict[str, str] = {}  # of each stream: where to read on
        self._held: set[tuple[str, str]] = set()  # of which stream, which: handed out and not acknowledged

    def shard(self, address: Address) -> int:
        """Where replies to this address stand."""
        return self._shards.of(address).shard

    @classmethod
    def of(cls, redis: Redis, settings: Settings) -> "Outbox":
        """The outbox as the operator has it."""
        return cls(redis, shards=settings.shards, replicas=settings.replicas)

    async def read(self, channel: str, *, wait: float, limit: int = 100, shard: int = 0) -> list[Delivery]:
        """Replies of the shard that this object has not handed out yet, up to `limit`; [] when there are none.

        Reading takes nothing away, so a read that is cut short or repeated loses nothing. When nothing new comes
        within `wait` seconds (5 at most), the next read looks at everything that is there again: a server that came
        back empty, or with its clock set back, may number new replies below those that we have seen.
        """
        stream = self._shards.all[shard].outbox(channel)
        after = self._after.get(stream, _START)
        held = frozenset(self._held)  # as of now: what is acknowledged while we read may still be in the answer
        block = round(min(wait, LONGEST_WAIT) * 1000) or None  # BLOCK 0 would mean for ever
        answer: Any = await self._redis.xread({stream: after}, count=limit, block=block)
        entries: list[tuple[str, dict[str, str]]] = answer[0][1] if answer else []
        self._after[stream] = entries[-1][0] if entries else _START
        deliveries = [codec.read_delivery(entry, fields) for entry, fields in entries if (stream, entry) not in held]
        self._held.update((stream, delivery.id) for delivery in deliveries)
        return deliveries

    async def ack(self, channel: str, delivery: Delivery) -> None:
        """The reply was sent, or never can be: remove it. Until then the next sender will find it again."""
        stream = self._shards.of(delivery.address).outbox(channel)
        await self._redis.xdel(stream, delivery.id)
        self._held.discard((stream, delivery.id))

    async def oldest(self, channel: str) -> float:
        """For how many seconds the first reply in it has waited; 0 if it is empty."""
        return max([await age_of_first(self._redis, keys.outbox(channel)) for keys in self._shards.all])

    async def post(self, address: Address, reply: Reply, *, message: Message) -> bool:
        """Put an answer that needs no worker (a command's, a refusal) behind the chat's earlier replies.

        Once for each message, however often it is posted: False when it had been posted before.
        """
        return await self._post(address, reply, message, [], 0)

    async def tell(
        self, address: Address, reply: Reply, *, message: Message, topic: str, parties: Iterable[Address], every: int
    ) -> bool:
        """As `post`, of a message that is not taken in.

        False too where it was accepted all the same, or where one of `parties` was told of the topic within `every`
        seconds.
        """
        home = self._shards.of(address)
        marks = {party: self._shards.of(party).hush(topic, party) for party in parties}
        # What lies elsewhere is looked at before and marked afterwards, no script reaching there: at the worst the same
        # is told twice.
        apart = [mark for party, mark in marks.items() if self._shards.of(party) is not home]
        for mark in apart:
            if await self._redis.exists(mark):
                return False
        here = [mark for mark in marks.values() if mark not in apart]
        told = await self._post(address, reply, message, [home.seen(address.channel, message.update_id), *here], every)
        for mark in apart if told else ():
            await self._redis.set(mark, 1, ex=every)
        return told

    async def _post(self, address: Address, reply: Reply, message: Message, marks: list[str], every: int) -> bool:
        keys = self._shards.of(address)
        posted = await run_replicated(
            self._redis,
            "post",
            [keys.told(address.channel, message.update_id), keys.outbox(address.channel), *marks],
            [str(address), codec.write_reply(reply, (message,), time()), TOLD_TTL, every],
            self._replicas,
        )
        return bool(posted)

    async def close(self, address: Address) -> None:
        """Give an address up that was its channel's only one, and what stands in its outbox."""
        await self._redis.delete(self._shards.of(address).outbox(address.channel))
