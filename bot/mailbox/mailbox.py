"""The workers' and the gateway's side of the mailbox."""

from collections.abc import Collection, Mapping

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox.letters import Accepted, Message, Reply, Turn, Worker
from bot.settings import Settings


class Mailbox:
    """Messages in, turns out, replies committed. Every method is atomic; none leaves anything half done."""

    def __init__(
        self,
        redis: Redis,
        *,
        max_backlog: int = 10_000,
        max_mailbox: int = 20,
        history_exchanges: int = 4,
        history_ttl: int = 86400,
        claim_ttl: float = 30,
        shard: int = 0,
    ) -> None: ...

    @classmethod
    def of(cls, redis: Redis, settings: Settings) -> "Mailbox":
        """The mailbox with the operator's limits."""
        raise NotImplementedError

    async def accept(self, address: Address, message: Message) -> Accepted:
        """Take a message in. Once this returns ACCEPTED or DUPLICATE the update may be confirmed to its sender."""
        raise NotImplementedError

    async def claim(self, consumer: str, *, limit: int, wait: float) -> list[Turn]:
        """Claim up to `limit` turns, waiting up to `wait` seconds (5 at most) for the first; [] when there are none."""
        raise NotImplementedError

    async def renew(self, consumer: str, turns: Collection[Turn]) -> set[Turn]:
        """Hold the claims for another `claim_ttl`; returns those still held. The others are lost: drop their work."""
        raise NotImplementedError

    async def commit(self, consumer: str, turn: Turn, reply: Reply) -> bool:
        """Answer a turn, exactly once. False: the claim was lost, or the chat reset or forgotten; nothing changed."""
        raise NotImplementedError

    async def release(self, consumer: str, turn: Turn) -> None:
        """Hand a turn back unworked; it does not count as a try."""
        raise NotImplementedError

    async def bury(self, consumer: str, turn: Turn, reason: str, apology: Reply) -> bool:
        """Give a turn up: a dead letter for the operator, an apology for the user. False as for `commit`."""
        raise NotImplementedError

    async def reset(self, address: Address, *, update_id: int | str | None = None) -> int:
        """Forget the history and withdraw what waits; returns how many messages were withdrawn.

        A replayed reset would withdraw what came after it: with its `update_id` it takes effect once only.
        """
        raise NotImplementedError

    async def forget(self, address: Address, *, update_id: int | str | None = None) -> int:
        """As `reset`, and every other trace: undelivered replies and dead letters of the chat too."""
        raise NotImplementedError

    async def backlog(self) -> int:
        """How many messages wait for a reply, claimed ones included."""
        raise NotImplementedError

    async def beat(self, consumer: str, info: Mapping[str, str], *, ttl: float) -> None:
        """A worker's sign of life, good for `ttl` seconds."""
        raise NotImplementedError

    async def leave(self, consumer: str) -> None:
        """A worker's farewell: it counts as gone at once."""
        raise NotImplementedError

    async def workers(self) -> list[Worker]:
        """The workers alive, by name."""
        raise NotImplementedError
