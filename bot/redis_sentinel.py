"""A client to whatever server the sentinels call the master."""

from typing import Any

from redis.asyncio import Redis
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel
from redis.backoff import NoBackoff

from bot.redis_address import RedisAddress
from bot.redis_connection import OPTIONS, cancellable, patient

_PATIENCE = 2.0  # seconds with a sentinel, before the next is asked


def master(address: RedisAddress) -> Redis:
    """The client, which asks the sentinels at each new connection; closing it closes those to the sentinels too."""
    sentinel = Sentinel(address.members, sentinel_kwargs=_for_sentinels(address))  # type: ignore[no-untyped-call]

    class Master(Redis):
        async def aclose(self, close_connection_pool: bool | None = None) -> None:
            await super().aclose(close_connection_pool)
            for each in sentinel.sentinels:
                await each.aclose()

    redis: Redis = sentinel.master_for(address.service, redis_class=Master, retry=patient(), **_for_servers(address))
    for client in (redis, *sentinel.sentinels):
        client.connection_pool.connection_class = cancellable(client.connection_pool.connection_class)
    return redis


def one_sentinel(address: RedisAddress, host: str, port: int) -> Redis:
    """A client to it alone, which tries once."""
    return Redis(host=host, port=port, **_for_sentinels(address))


def one_server(address: RedisAddress, host: str, port: int) -> Redis:
    """A client to one of those that they watch, which tries once."""
    return Redis(host=host, port=port, retry=Retry(NoBackoff(), 0), **_for_servers(address))


def _for_servers(address: RedisAddress) -> dict[str, Any]:
    options: dict[str, Any] = {**OPTIONS, **parse_url(address.server)}
    if options.pop("connection_class", None) is SSLConnection:
        options["ssl"] = True
    del options["host"], options["port"]
    return options


def _for_sentinels(address: RedisAddress) -> dict[str, Any]:
    secure = {name: value for name, value in _for_servers(address).items() if name.startswith("ssl")}
    asking = {"socket_timeout": _PATIENCE, "socket_connect_timeout": _PATIENCE, "retry": Retry(NoBackoff(), 0)}
    return asking | secure | dict(address.sentinel_options)
