"""Long polling that loses nothing.

python-telegram-bot's Updater confirms updates before they are handled. Here an update is confirmed, by the offset
of the next call, only after it was taken in; whatever happens before that, Telegram sends it again.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError
from telegram.error import Conflict, InvalidToken, RetryAfter, TelegramError

from bot.api import BotApi, backoff, retry_after
from bot.update import Json

_WAIT = 30  # seconds that Telegram holds a call open while nothing happens
_CONFLICT_PAUSE = 15.0  # seconds; each try of ours throws the other poller out
_REDIS_PAUSE = 5.0  # seconds at most; Redis is our own, and users wait

log = structlog.get_logger()


async def poll(api: BotApi, take: Callable[[Json], Awaitable[None]], *, wait: int = _WAIT) -> None:
    """Receive until cancelled: updates are taken in order, and confirmed when all of their batch were taken.

    Faults of Telegram's, the network's and Redis's are waited out. Raises InvalidToken.
    """
    offset = 0
    failures = 0
    while True:
        try:
            updates = await api.receive(offset=offset, wait=wait)
            for update in updates:
                await take(update)
        except InvalidToken:
            raise
        except (TelegramError, RedisError) as error:
            failures += 1
            if failures == 1:
                _report(error)
            await asyncio.sleep(_pause(error, failures))
        else:
            if failures:
                log.info("receiving_again", failures=failures)
            failures = 0
            # From the start again once all is confirmed: after a quiet week the ids begin at a random, maybe lower one.
            offset = updates[-1]["update_id"] + 1 if updates else 0


def _report(error: TelegramError | RedisError) -> None:
    if isinstance(error, Conflict):
        log.error("another process receives with the same token: stop one of the two, or give it a token of its own")
    else:
        log.warning("receiving_failed", error=type(error).__name__)


def _pause(error: TelegramError | RedisError, failures: int) -> float:
    match error:
        case RetryAfter():
            return retry_after(error)
        case Conflict():
            return _CONFLICT_PAUSE
        case RedisError():
            return backoff(failures, most=_REDIS_PAUSE)
    return backoff(failures)
