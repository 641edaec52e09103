"""A worker's way through the shards, so that none is left behind."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from secrets import randbelow
from typing import TypeVar

from redis import exceptions

from bot.mailbox.keys import Keys, Shards
from bot.mailbox.letters import Turn
from bot.mailbox.server import LONGEST_WAIT

PATIENCE = 2 * LONGEST_WAIT  # seconds with one shard, before the others have their turn
_PASSED_OVER = 15.0  # seconds that a shard which did not answer is left alone; by then a replica has taken over

T = TypeVar("T")


class Rounds:
    """Each round begins at another shard: those of two workers seldom at the same."""

    def __init__(self, shards: Shards) -> None:
        self._shards = shards
        self._first = randbelow(len(shards))
        self._silent_until = dict.fromkeys(shards.all, 0.0)  # on the loop's clock

    def next(self) -> list[Keys]:
        """The shards of a round, in its order, without those that did not answer of late, unless none did."""
        self._first = (self._first + 1) % len(self._shards)
        ring = [*self._shards.all[self._first :], *self._shards.all[: self._first]]
        now = asyncio.get_running_loop().time()
        return [keys for keys in ring if self._silent_until[keys] <= now] or ring

    async def collect(
        self, ring: Iterable[Keys], claim: Callable[[Keys, int], Awaitable[list[Turn]]], *, limit: int = 1
    ) -> list[Turn]:
        """What the shards give, one after the other, until it is `limit` turns. RedisError if none of them answers."""
        turns: list[Turn] = []
        answers, error = False, None
        for keys in ring:
            try:
                turns += await in_time(claim(keys, limit - len(turns)))
                answers = True
            except exceptions.RedisError as fault:
                error = fault
                self._silent_until[keys] = asyncio.get_running_loop().time() + _PASSED_OVER
            if len(turns) >= limit:
                break
        if error and not answers:
            raise error
        return turns


async def in_time(work: Awaitable[T]) -> T:
    """Await what is asked of one shard; RedisError if it takes too long, for other shards wait meanwhile.

    What was claimed in the answer that nobody heard is taken over, as after a broken connection.
    """
    try:
        async with asyncio.timeout(PATIENCE):
            return await work
    except TimeoutError:
        raise exceptions.TimeoutError("a shard does not answer") from None


async def everywhere(work: Callable[[Keys], Awaitable[T]], shards: Iterable[Keys]) -> list[T]:
    """Do it in each shard at once; raises, once all have been tried, if one of them did not answer."""
    done = await asyncio.gather(*(in_time(work(keys)) for keys in shards), return_exceptions=True)
    results: list[T] = []
    for outcome in done:
        if isinstance(outcome, BaseException):
            raise outcome
        results.append(outcome)
    return results
