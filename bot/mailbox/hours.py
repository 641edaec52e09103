"""What happened hour by hour, for a look back: counts alone, of nobody in particular."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from redis.asyncio import Redis

from bot.mailbox.keys import Keys
from bot.mailbox.server import run_script

HOUR = 3600  # seconds
KEPT = 48 * HOUR  # seconds after an hour's last count
# Seconds; the upper ends of the classes into which waiting times are sorted. What took longer is in one class more.
WAITS = (0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)


def hour_of(at: float) -> int:
    """The beginning of the hour, both in seconds since the epoch."""
    return int(at // HOUR) * HOUR


def wait_field(seconds: float) -> str:
    """The name of the count for a reply that took so long."""
    return f"wait:{bisect_left(WAITS, seconds)}"


@dataclass(frozen=True)
class Hour:
    """One hour, or several that were added up."""

    begins: int  # seconds since the epoch
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def accepted(self) -> int:
        """Messages taken in."""
        return self.counts.get("accepted", 0)

    @property
    def refused(self) -> int:
        """Messages not taken in, for whatever reason."""
        return self.counts.get("refused", 0)

    @property
    def replies(self) -> int:
        """Replies delivered, those to commands not counted."""
        return sum(self._waits)

    def wait(self, share: float) -> float | None:
        """Seconds within which this share of the replies came (0.5: the median), by the classes; None without any.

        Within a class they are taken to be spread evenly. Of what took longer than the last class, its beginning.
        """
        rank, below = share * self.replies, 0.0
        if not self.replies:
            return None
        for number, (count, upper) in enumerate(zip(self._waits, WAITS, strict=False)):
            if count and below + count >= rank:
                lower = WAITS[number - 1] if number else 0.0
                return lower + (upper - lower) * (rank - below) / count
            below += count
        return WAITS[-1]

    @property
    def _waits(self) -> list[int]:
        return [self.counts.get(f"wait:{number}", 0) for number in range(len(WAITS) + 1)]


def together(hours: Iterable[Hour]) -> Hour:
    """Several hours as one; there must be one at least."""
    parts = list(hours)
    names = {name for part in parts for name in part.counts}
    return Hour(parts[0].begins, {name: sum(part.counts.get(name, 0) for part in parts) for name in names})


class Hours:
    """The counts of all gateways together, kept for two days."""

    def __init__(self, redis: Redis, *, shard: int = 0) -> None:
        self._redis = redis
        self._keys = Keys(shard)

    async def add(self, begins: int, counts: Mapping[str, int]) -> None:
        """Add to an hour's counts. A call that is repeated after a lost connection may count twice."""
        arguments = [value for name, number in counts.items() for value in (name, number)]
        await run_script(self._redis, "tally", [self._keys.hour(begins)], [KEPT, *arguments])

    async def read(self, first: int, number: int) -> list[Hour]:
        """So many hours from the one that begins at `first`."""
        hours = []
        for begins in range(first, first + number * HOUR, HOUR):
            found = await self._redis.hgetall(self._keys.hour(begins))
            hours.append(Hour(begins, {str(name): int(count) for name, count in found.items()}))
        return hours
