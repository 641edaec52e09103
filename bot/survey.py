"""What a gateway looks up, and writes down, for those who want to know how the service does."""

import asyncio
from contextlib import suppress

from redis.exceptions import RedisError, ResponseError

from bot.delivery import CHANNEL
from bot.health import PATIENCE
from bot.mailbox import Hours, Mailbox, Outbox
from bot.metrics import UNKNOWN, GatewayMetrics

_EVERY = 5.0  # seconds; what was counted since goes with a gateway that is killed


async def survey(mailbox: Mailbox, outbox: Outbox, metrics: GatewayMetrics) -> None:
    """Bring the metrics of what all share up to date; they are unknown while Redis does not answer.

    Every gateway tells the same of it, so rules take the largest.
    """
    shared = (
        metrics.backlog,
        metrics.oldest_message,
        metrics.oldest_reply,
        metrics.workers,
        metrics.memory_used,
        metrics.memory_limit,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            found: tuple[float, ...] = (
                await mailbox.backlog(),
                await mailbox.oldest(),
                await outbox.oldest(CHANNEL),
                len(await mailbox.workers()),
                *await _memory(mailbox),
            )
        metrics.redis_up.set(1)
    except (RedisError, TimeoutError):
        found = (UNKNOWN,) * len(shared)
        metrics.redis_up.set(0)
    for gauge, value in zip(shared, found, strict=True):
        gauge.set(value)


async def _memory(mailbox: Mailbox) -> tuple[float, float]:
    try:
        return await mailbox.memory()
    except ResponseError:  # our user may not ask, or a provider has taken the command away
        return UNKNOWN, UNKNOWN


async def keep_hours(hours: Hours, metrics: GatewayMetrics) -> None:
    """Until cancelled, and then once more, write down what the gateway has counted."""
    try:
        while True:
            await asyncio.sleep(_EVERY)
            with suppress(RedisError):
                await write_hours(hours, metrics)
    finally:
        with suppress(RedisError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await write_hours(hours, metrics)


async def write_hours(hours: Hours, metrics: GatewayMetrics) -> None:
    """Write down what was counted since the last time; what Redis refuses is kept for the next."""
    for begins in {begins for begins, _ in metrics.hourly}:
        counts = {name: metrics.hourly.pop((hour, name)) for hour, name in list(metrics.hourly) if hour == begins}
        try:
            await hours.add(begins, counts)
        except BaseException:
            metrics.hourly.update({(begins, name): number for name, number in counts.items()})
            raise
