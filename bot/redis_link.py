"""The link to Redis: one server, a cluster, or what sentinels watch."""

from typing import cast

from redis import exceptions
from redis.asyncio import Redis

from bot.errors import ServerError
from bot.redis_address import RedisAddress
from bot.redis_cluster import Cluster
from bot.redis_connection import OPTIONS, cancellable, patient
from bot.redis_sentinel import master

# What the library raises over an address with options that it does not know, or that make no sense.
_BAD_ADDRESS = (exceptions.RedisError, ValueError, TypeError, LookupError, AttributeError)
_NO_ADDRESS = "MALBEOT_REDIS_URL: the address, or an option behind its ?, cannot be read"


async def connect(url: str) -> Redis:
    """A client for Redis that has just answered; ServerError if none does, or if it refuses us.

    Calls are repeated after a broken connection, so each must bear being made twice. Close with `aclose()`.
    """
    try:
        redis = _client(url)
    except _BAD_ADDRESS:
        raise ServerError(_NO_ADDRESS) from None
    try:
        await redis.time()
    except (exceptions.RedisError, OSError) as error:
        await redis.aclose()
        # The server's words could quote the address, and with it the password; the kind of fault cannot.
        kind = type(_origin(error)).__name__
        raise ServerError(f"MALBEOT_REDIS_URL: the server there refuses us, or does not answer ({kind})") from None
    except _BAD_ADDRESS:  # the connection is made with what stands behind the ?
        await redis.aclose()
        raise ServerError(_NO_ADDRESS) from None
    return redis


def _origin(error: BaseException) -> BaseException:
    within = error.__cause__ or error.__context__
    return _origin(within) if within else error


def _client(url: str) -> Redis:
    address = RedisAddress.parse(url)
    match address.kind:
        case "cluster":
            return cast("Redis", Cluster(address))  # in all that is asked of it here it is one
        case "sentinel":
            return master(address)
    redis = Redis.from_url(address.server, retry=patient(), **OPTIONS)
    redis.connection_pool.connection_class = cancellable(redis.connection_pool.connection_class)
    return redis
