"""How much a user, or a chat, may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox.keys import Keys, Shards
from bot.mailbox.letters import Message
from bot.mailbox.server import run_script


class Passed(Enum):
    """What an update may do."""

    PASSED = "passed"
    LIMITED = "limited"  # a bucket was empty; nothing changed
    TOLD = "told"  # it has got its answer before: there is nothing left to do


@dataclass(frozen=True, slots=True)
class Bucket:
    """Tokens for a message each: `size` when full, and from empty to full in `period` seconds."""

    name: str
    owner: Address
    size: int
    period: float


class Limits:
    """Token buckets, by the server's clock and shared by all gateways."""

    def __init__(self, redis: Redis, *, shards: int = 1) -> None:
        self._redis = redis
        self._shards = Shards(shards)

    async def spend(self, address: Address, message: Message, buckets: Sequence[Bucket]) -> Passed:
        """Take a token out of each bucket, or none where one is empty.

        An update that was accepted or obeyed before, and is brought again, passes without paying; so does one that just
        paid: the answer may have been lost. A bucket in another shard than the chat's, a person's who writes in a
        group, is paid first and by itself: a person over the limit takes nothing from the group, but where the group's
        is empty the person has paid in vain.
        """
        home = self._shards.of(address)
        for bucket in [bucket for bucket in buckets if self._shards.of(bucket.owner) is not home]:
            marks = [mark(address.channel, message.update_id) for mark in (home.told, home.seen)]
            if await self._redis.exists(*marks):
                break
            if await self._spend(self._shards.of(bucket.owner), address, message, [bucket]) is Passed.LIMITED:
                return Passed.LIMITED
        return await self._spend(
            home, address, message, [bucket for bucket in buckets if self._shards.of(bucket.owner) is home]
        )

    async def _spend(self, keys: Keys, address: Address, message: Message, buckets: Sequence[Bucket]) -> Passed:
        channel = address.channel
        outcome = await run_script(
            self._redis,
            "spend",
            [
                keys.told(channel, message.update_id),
                keys.seen(channel, message.update_id),
                *(keys.bucket(bucket.name, bucket.owner) for bucket in buckets),
            ],
            [message.update_id, *(value for bucket in buckets for value in (bucket.size, _token(bucket)))],
        )
        return Passed(outcome)


def _token(bucket: Bucket) -> int:
    """Milliseconds for one."""
    return max(1, round(1000 * bucket.period / bucket.size))
