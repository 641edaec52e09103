"""What every connection to Redis has in common, to a server, to a cluster's nodes and to sentinels."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from redis import exceptions
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from bot.mailbox.server import LONGEST_WAIT

# A read may block for LONGEST_WAIT by right; a server that is silent for longer than this is taken for dead.
REPLY_LIMIT = LONGEST_WAIT + 5
CONNECT_LIMIT = 5.0
RETRIES = 5  # of a call whose connection broke; with the pauses between them, some five seconds

OPTIONS: dict[str, Any] = {
    "decode_responses": True,
    "encoding_errors": "replace",  # a lone surrogate in a user's text becomes "?"; else it could not be stored at all
    "protocol": 2,
    "socket_timeout": REPLY_LIMIT,
    "socket_connect_timeout": CONNECT_LIMIT,
    "health_check_interval": 15,
}


class _Retry(Retry):
    """Repeats what broke, but nothing that the server refuses: the library would go on for minutes, at every level."""

    async def call_with_retry(self, do: Callable[[], Awaitable[Any]], *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        async def attempt() -> Any:  # noqa: ANN401
            try:
                return await do()
            except exceptions.AuthenticationError as error:  # to the library a kind of broken connection
                raise exceptions.NoPermissionError(str(error)) from error

        return await super().call_with_retry(attempt, *arguments, **options)


def patient(*passing: type[exceptions.RedisError]) -> Retry:
    """Repeats calls whose connection broke, and those that end with an error that is `passing`."""
    return _Retry(
        ExponentialWithJitterBackoff(base=0.1, cap=2.0),
        RETRIES,
        supported_errors=(exceptions.ConnectionError, exceptions.TimeoutError, exceptions.BusyLoadingError, *passing),
    )


def cancellable(connection_class: type[AbstractConnection]) -> type[AbstractConnection]:
    """That class, with cancellations let through."""
    return type("Connection", (_CancellableConnection, connection_class), {})


class _CancellableConnection(AbstractConnection):
    """Lets a cancellation through that comes at the moment when a command has just been written.

    The library writes under `asyncio.wait_for`, and in Python 3.11 that returns in such a moment as if nothing had
    happened: the task would go on, and who cancelled it wait for ever.

    And one that is closed under a call's hands, as the library does to all of a cluster's when one is lost, is a broken
    connection like any other.
    """

    async def send_packed_command(self, command: bytes | str | Iterable[bytes], check_health: bool = True) -> None:
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        try:
            await super().send_packed_command(command, check_health)
        except AttributeError as error:  # there is no writer any more
            raise exceptions.ConnectionError("closed meanwhile") from error
        if task and task.cancelling() > before:
            await self.disconnect(nowait=True)  # else the reply would be read as that to a later command
            raise asyncio.CancelledError
