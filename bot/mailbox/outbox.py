"""The senders' side of the mailbox."""

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox.letters import Delivery, Message, Reply


class Outbox:
    """Replies of one channel on their way out, in the order of their commits.

    One sender at a time (see Lease), and one Outbox object for each time that it holds the lease.
    """

    def __init__(self, redis: Redis, *, shard: int = 0) -> None: ...

    async def read(self, channel: str, *, wait: float, limit: int = 100) -> list[Delivery]:
        """Replies not handed out by this object yet: first those that an earlier sender left unacknowledged, then new
        ones; waits up to `wait` seconds (5 at most) for the first; [] when there are none."""
        raise NotImplementedError

    async def ack(self, channel: str, delivery: Delivery) -> None:
        """The reply was sent, or never can be: remove it. Until then the next sender will find it again."""
        raise NotImplementedError

    async def post(self, address: Address, reply: Reply, *, message: Message) -> bool:
        """Put an answer that needs no worker (a command's, a refusal) behind the chat's earlier replies.

        Once for each message, however often it is posted: False when it had been posted before.
        """
        raise NotImplementedError
