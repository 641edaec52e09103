"""Replies on their way out."""

from time import time

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox import codec
from bot.mailbox.keys import Keys
from bot.mailbox.letters import Delivery, Message, Reply
from bot.mailbox.server import read_group, run_script

GROUP = "senders"  # the scripts name it too
SENDER = "sender"  # one name for all, so that each sender finds what the one before it left
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

        First those that an earlier sender left unacknowledged, then new ones; for these it waits up to `wait` seconds
        (5 at most).
        """
        after = self._after.get(channel, "0")
        # A read that is cut short may have made entries ours without our knowledge: the next one begins anew.
        self._after[channel] = "0"
        entries = await self._read(channel, after, limit, wait)
        if not entries and after != ">":
            after = ">"
            entries = await self._read(channel, after, limit, wait)
        self._after[channel] = after if after == ">" else entries[-1][0]
        deliveries = [codec.read_delivery(entry, fields) for entry, fields in entries if entry not in self._held]
        self._held.update(delivery.id for delivery in deliveries)
        return deliveries

    async def _read(self, channel: str, after: str, limit: int, wait: float) -> list[tuple[str, dict[str, str]]]:
        stream = self._keys.outbox(channel)
        return await read_group(self._redis, stream, GROUP, SENDER, after=after, limit=limit, wait=wait)

    async def ack(self, channel: str, delivery: Delivery) -> None:
        """The reply was sent, or never can be: remove it. Until then the next sender will find it again."""
        stream = self._keys.outbox(channel)
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.xack(stream, GROUP, delivery.id)
            pipeline.xdel(stream, delivery.id)
            await pipeline.execute()
        self._held.discard(delivery.id)

    async def post(self, address: Address, reply: Reply, *, message: Message) -> bool:
        """Put an answer that needs no worker (a command's, a refusal) behind the chat's earlier replies.

        Once for each message, however often it is posted: False when it had been posted before.
        """
        posted = await run_script(
            self._redis,
            "post",
            [self._keys.told(address.channel, message.update_id), self._keys.outbox(address.channel)],
            [str(address), codec.write_reply(reply, (message,), time()), TOLD_TTL],
        )
        return bool(posted)

    async def close(self, channel: str) -> None:
        """Give a channel up for good, and what stands in its outbox."""
        await self._redis.delete(self._keys.outbox(channel))
        self._after.pop(channel, None)
