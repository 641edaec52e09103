"""How the mailbox speaks to Redis: scripts, and consumer groups that come back by themselves."""

from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from hashlib import sha1
from importlib.resources import files
from math import inf
from typing import Any, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import RedisCluster
from redis.exceptions import (
    AskError,
    NoScriptError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

LONGEST_WAIT = 5.0  # seconds; a read never blocks longer, so that a connection's time limit can tell it from a dead one
REPLICATION_LIMIT = 1.0  # seconds

log = structlog.get_logger()
T = TypeVar("T")


@cache
def _source(name: str) -> tuple[str, str]:
    folder = files("bot.mailbox") / "scripts"
    text = "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in ("held", "shred", name))
    return text, sha1(text.encode(), usedforsecurity=False).hexdigest()


async def run_script(redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:  # noqa: ANN401
    """Run a script of the folder `scripts` atomically; a server that has lost it is given it again."""
    text, digest = _source(name)
    try:
        return await redis.evalsha(digest, len(keys), *keys, *arguments)
    except NoScriptError:
        return await redis.eval(text, len(keys), *keys, *arguments)


async def run_replicated(
    redis: Redis, name: str, keys: Sequence[str], arguments: Sequence[str | int | float], replicas: int
) -> Any:  # noqa: ANN401
    """As `run_script`, but waits until so many replicas have what it did: then a failover to them does not lose it.

    Where they do not come to that within REPLICATION_LIMIT, or the master is just dying, it goes on without.
    """
    text, digest = _source(name)
    for command in (("EVALSHA", digest), ("EVAL", text), ("EVAL", text)) if replicas else ():
        wait = ("WAIT", replicas, round(REPLICATION_LIMIT * 1000))
        try:
            outcome, followed = await _together(redis, keys[0], (*command, len(keys), *keys, *arguments), wait)
            if isinstance(outcome, _ELSEWHERE):
                await redis.exists(*keys)  # waits, as each call does, until the slot has moved, and tells where to
        except (RedisError, RedisClusterException):
            break
        if not isinstance(outcome, Exception):
            if not isinstance(followed, int) or followed < replicas:
                log.warning("not_replicated", replicas=followed if isinstance(followed, int) else 0)
            return outcome
        if not isinstance(outcome, (NoScriptError, *_ELSEWHERE)):
            break
    outcome = await run_script(redis, name, keys, arguments)
    if replicas:
        log.warning("not_replicated", replicas=0)
    return outcome


_ELSEWHERE = (AskError, TryAgainError)  # what a master says of a slot that it gives away, or has given (MovedError)


async def _together(redis: Redis, key: str, *commands: Sequence[str | int | float]) -> list[Any]:
    """Send the commands, by one connection, to where the key was last seen. WAIT speaks of what its own one wrote."""
    pipe = redis.pipeline(transaction=False)
    if isinstance(redis, RedisCluster):
        for command in commands:
            pipe.execute_command(*command, target_nodes=redis.get_node_from_key(key))
        # Else the library would send what is refused there to another node, and what is not would stay behind.
        return list(await pipe.execute(raise_on_error=False, allow_redirections=False))
    for command in commands:
        pipe.execute_command(*command)
    return list(await pipe.execute(raise_on_error=False))


async def with_group(redis: Redis, stream: str, group: str, call: Callable[[], Awaitable[T]]) -> T:
    """Make a call that needs the consumer group; if the server knows none (it is new, or came back empty), create it.

    Groups begin at 0: what was put into the stream before the group existed is read as well.
    """
    try:
        return await call()
    except ResponseError as error:
        # UNBLOCKED is what a read hears that was waiting while the stream vanished. Inside a script the code comes
        # wrapped in older servers' words, hence no look at the beginning.
        if "NOGROUP" not in str(error) and "UNBLOCKED" not in str(error):
            raise
    try:
        await redis.xgroup_create(stream, group, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):  # another process was faster
            raise
    return await call()


async def read_group(
    redis: Redis, stream: str, group: str, consumer: str, *, limit: int, wait: float
) -> list[tuple[str, dict[str, str]]]:
    """New entries for the consumer, waited for up to `wait` seconds and at most LONGEST_WAIT.

    Not safe to repeat: what the lost answer of a broken connection held is the consumer's already, and only found by
    whoever takes it over.
    """
    block = round(min(wait, LONGEST_WAIT) * 1000)

    async def read() -> Any:  # noqa: ANN401
        # BLOCK 0 would mean for ever.
        return await redis.xreadgroup(group, consumer, {stream: ">"}, count=limit, block=block or None)

    answer = await with_group(redis, stream, group, read)
    return list(answer[0][1]) if answer else []


async def memory(redis: Redis) -> tuple[int, int]:
    """Bytes that the server uses and that it may use, 0 where nothing limits it; in a cluster of the fullest master.

    ResponseError where our user may not ask.
    """
    if isinstance(redis, RedisCluster):
        answer = await redis.info("memory", target_nodes=RedisCluster.PRIMARIES)
        servers = [answer] if "used_memory" in answer else list(answer.values())
    else:
        servers = [await redis.info("memory")]
    found = [(int(server["used_memory"]), int(server["maxmemory"])) for server in servers]
    return max(found, key=lambda server: server[0] / (server[1] or inf))


async def age_of_first(redis: Redis, stream: str) -> float:
    """Seconds since the stream's first entry was added, by the server's clock; 0 if it is empty."""
    entries: Any = await redis.xrange(stream, count=1)
    if not entries:
        return 0.0
    seconds, micro = await redis.time()
    added = int(entries[0][0].partition("-")[0]) / 1000
    return max(0.0, seconds + micro / 1e6 - added)
