"""How much a user, or a chat, may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox.keys import Keys
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

    def __init__(self, redis: Redis, *, shard: int = 0) -> None:
        self._redis = redis
        self._keys = Keys(shard)

    async def spend(self, address: Address, message: Message, buckets: Sequence[Bucket]) -> Passed:
        """Take a token out of each bucket, or none where one is empty.

        An update that was accepted or obeyed before, and is brought again, passes without paying; so does one that just
        paid: the answer may have been lost.
        """
        keys, channel = self._keys, address.channel
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
