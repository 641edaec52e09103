"""Replies on their way out."""

from collections.abc import Iterable
from time import time
from typing import Any

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox import codec
from bot.mailbox.keys import Keys
from bot.mailbox.letters import Delivery, Message, Reply
from bot.mailbox.server import LONGEST_WAIT, age_of_first, run_script

_START = "0"  # an id before every other
TOLD_TTL = 48 * 3600  # seconds; Telegram repeats an update for 24 hours


class Outbox:
    """Replies on their way out, of each channel in the order of their commits.

    One sender at a time for a channel (see Lease), with a new Outbox each time that it takes the lease.
    """

    def __init__(self, redis: Redis, *, shard: int = 0) -> None:
        self._redis = redis
        self._keys = Keys(shard)
        self._after: dict[str, str] = {}  # of each channel: where to read on
        self._held: set[str] = set()  # handed out and not acknowledged

    async def read(self, channel: str, *, wait: float, limit: int = 100) -> list[Delivery]:
        """Replies that this object has not handed out yet, up to `limit`; [] when there are none.

        Reading takes nothing away, so a read that is cut short or repeated loses nothing. When nothing new comes
        within `wait` seconds (5 at most), the next read looks at everything that is there again: a server that came
        back empty, or with its clock set back, may number new replies below those that we have seen.
        """
        stream, after = self._keys.outbox(channel), self._after.get(channel, _START)
        held = frozenset(self._held)  # as of now: what is acknowledged while we read may still be in the answer
        block = round(min(wait, LONGEST_WAIT) * 1000) or None  # BLOCK 0 would mean for ever
        answer: Any = await self._redis.xread({stream: after}, count=limit, block=block)
        entries: list[tuple[str, dict[str, str]]] = answer[0][1] if answer else []
        self._after[channel] = entries[-1][0] if entries else _START
        deliveries = [codec.read_delivery(entry, fields) for entry, fields in entries if entry not in held]
        self._held.update(delivery.id for delivery in deliveries)
        return deliveries

    async def ack(self, channel: str, delivery: Delivery) -> None:
        """The reply was sent, or never can be: remove it. Until then the next sender will find it again."""
        await self._redis.xdel(self._keys.outbox(channel), delivery.id)
        self._held.discard(delivery.id)

    async def oldest(self, channel: str) -> float:
        """For how many seconds the first reply in it has waited; 0 if it is empty."""
        return await age_of_first(self._redis, self._keys.outbox(channel))

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
        keys = self._keys
        marks = [keys.seen(address.channel, message.update_id), *(keys.hush(topic, party) for party in parties)]
        return await self._post(address, reply, message, marks, every)

    async def _post(self, address: Address, reply: Reply, message: Message, marks: list[str], every: int) -> bool:
        keys = self._keys
        posted = await run_script(
            self._redis,
            "post",
            [keys.told(address.channel, message.update_id), keys.outbox(address.channel), *marks],
            [str(address), codec.write_reply(reply, (message,), time()), TOLD_TTL, every],
        )
        return bool(posted)

    async def close(self, channel: str) -> None:
        """Give a channel up for good, and what stands in its outbox."""
        await self._redis.delete(self._keys.outbox(channel))
        self._after.pop(channel, None)
