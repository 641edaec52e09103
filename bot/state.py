"""All that malbeot keeps in Redis, taken out of one server and put into another.

What is taken is the value of each key, not the server's own form of it: Redis and Valkey do not read each other's, nor
an older release a newer one's. Two kinds of keys are not taken. Leases and signs of life belong to processes. The
stream of chats that are ready, its claims and the count of what waits follow from the mailboxes: they are made anew, so
that what a worker held when the state was taken is simply answered by the next one.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import NoPermissionError, RedisError

from bot.errors import BotError, ServerError
from bot.mailbox import Mailbox, codec
from bot.mailbox.keys import Keys
from bot.redis_cluster import check_settled, master_of

_ALL = "malbeot:*"
_MARK = "malbeot:{s0}:moving"  # stands in the target while it holds a part: whose
_MARKS = frozenset({"seen", "told", "bucket", "hush"})  # by far the most, and each for itself
_MADE_ANEW = frozenset({"ready", "chat", "backlog"})
_PASSING = frozenset({"lease", "workers", "gateways", "moving"})
_AT_ONCE = 500  # keys

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """A key and what it holds. The value is as JSON can write it; `expires_at` in milliseconds since the epoch."""

    key: str
    kind: str
    value: Any
    expires_at: int | None = None

    def same(self, other: "Entry | None") -> bool:
        return other is not None and (self.kind, self.value) == (other.kind, other.value)


@dataclass(frozen=True)
class State:
    """What a server held. `id` tells whose it is, so that putting it somewhere can be taken up again."""

    id: str
    entries: tuple[Entry, ...]

    @property
    def waiting(self) -> int:
        """Messages that wait for a reply."""
        return sum(len(entry.value) for entry in self.entries if _part(entry.key) == "mail")


async def take(server: Redis, state_id: str) -> State:
    """What the server holds. Of each shard all but marks is read at one moment, which holds the server up so long.

    Its marks are read before, so that none tells of an update that is not in it. ServerError where a cluster is just
    moving some of it.
    """
    shards = int(await server.get(Keys(0).shards) or 1)
    await check_settled(server, shards)
    names = [name async for name in server.scan_iter(match=_ALL, count=1000)]
    kept = sorted({name for name in names if _part(name) not in _MADE_ANEW | _PASSING})
    entries: list[Entry] = []
    for _, group in groupby(kept, key=_tag):
        shard = list(group)
        async with master_of(server, shard[0]) as master:
            for some in _slices(name for name in shard if _part(name) in _MARKS):
                entries += await _read(master, some, at_one_moment=False)
            entries += await _read(master, [name for name in shard if _part(name) not in _MARKS], at_one_moment=True)
    await check_settled(server, shards)
    return State(state_id, tuple(entries))


async def put(server: Redis, state: State) -> bool:
    """Put the state into a server; False if it stands there already. Repeat it if it was cut: it goes on.

    BotError, and nothing has changed, where the server holds anything of malbeot's but this, or is in use.
    """
    mail = _mail(state)  # first of all: it may be a newer release's
    await _check_unused(server)
    whose = await server.get(_MARK)
    there = {entry.key: entry for entry in (await take(server, "")).entries if _part(entry.key) != "founded"}
    wanted = {entry.key: entry for entry in state.entries}
    others = [entry for entry in there.values() if not entry.same(wanted.get(entry.key))]
    if whose == state.id:
        # Ours, and perhaps gone where it came from by now.
        others = [entry for entry in others if entry.key in wanted or entry.expires_at is None]
    elif whose is None and there and not others:
        now = _milliseconds(await server.time())
        if all(entry.key in there or _part(entry.key) == "founded" or _gone(entry, now) for entry in state.entries):
            return False
        others = list(there.values())  # some of it is used up: it has been there, and lived on
    if others or whose not in (None, state.id):
        raise BotError(
            "the server there holds what malbeot keeps already, and it is not (or no longer) this; nothing was changed"
        )
    await server.set(_MARK, state.id)
    for _, shard in groupby(state.entries, key=lambda entry: _tag(entry.key)):
        missing = [entry for entry in shard if not entry.same(there.get(entry.key))]
        for some in _slices(missing):
            await _write_at_once(server, some)
    now = _milliseconds(await server.time())
    for _, boxes in groupby(mail, key=lambda entry: _tag(entry.key)):
        await _write_at_once(server, list(_queue(list(boxes), now)))
    await server.delete(_MARK)
    return True


def refusal(error: RedisError) -> ServerError:
    """What to tell of a server that failed us."""
    if isinstance(error, NoPermissionError):
        return ServerError("the server does not let this user read or write all that is needed; see SECURITY.md")
    return ServerError(f"Redis is lost, or refuses ({type(error).__name__}); the same command goes on where it ended")


async def _check_unused(server: Redis) -> None:
    gateways = [name async for name in server.scan_iter(match="malbeot:{*}:lease:*", count=1000)]
    if gateways or await Mailbox(server).workers():
        raise BotError("gateway or workers run on the server there: stop them, wait 15 seconds, and try again")


async def _read(server: Redis, names: Sequence[str], *, at_one_moment: bool) -> Iterator[Entry]:
    async with server.pipeline(transaction=False) as asking:
        for name in names:
            asking.type(name)
        kinds = await asking.execute()
    now = _milliseconds(await server.time())
    async with server.pipeline(transaction=at_one_moment) as reading:
        for name, kind in zip(names, kinds, strict=True):
            reading.pttl(name)
            _ask(reading, name, kind)
        answers = iter(await reading.execute())
    rows = zip(names, kinds, answers, answers, strict=True)
    return (
        Entry(name, kind, _plain(kind, value), now + left if left >= 0 else None)
        for name, kind, left, value in rows
        if value  # else it is gone since
    )


def _ask(reading: Pipeline, name: str, kind: str) -> None:
    match kind:
        case "list":
            reading.lrange(name, 0, -1)
        case "hash":
            reading.hgetall(name)
        case "stream":
            reading.xrange(name)
        case "set":
            reading.smembers(name)
        case "zset":
            reading.zrange(name, 0, -1, withscores=True)
        case _:
            reading.get(name)


def _plain(kind: str, value: Any) -> Any:  # noqa: ANN401
    match kind:
        case "stream":
            return [[entry, fields] for entry, fields in value]
        case "set":
            return sorted(value)
        case "zset":
            return [list(pair) for pair in value]
    return value


async def _write_at_once(server: Redis, shard: Sequence[Entry]) -> None:
    async with master_of(server, shard[0].key) as master, master.pipeline(transaction=True) as all_or_nothing:
        for entry in shard:
            _write(all_or_nothing, entry)
        await all_or_nothing.execute()


def _write(writing: Pipeline, entry: Entry) -> None:
    writing.delete(entry.key)
    match entry.kind:
        case "list":
            writing.rpush(entry.key, *entry.value)
        case "hash":
            writing.hset(entry.key, mapping=entry.value)
        case "stream":
            for number, fields in entry.value:
                writing.xadd(entry.key, fields, id=number)
        case "set":
            writing.sadd(entry.key, *entry.value)
        case "zset":
            writing.zadd(entry.key, dict(entry.value))
        case _:
            writing.set(entry.key, entry.value)
    if entry.expires_at is not None:
        writing.pexpireat(entry.key, entry.expires_at)


def _mail(state: State) -> list[Entry]:
    """The mailboxes, by shard, and in each those first who have waited longest."""
    mail = [entry for entry in state.entries if _part(entry.key) == "mail"]
    return sorted(mail, key=lambda entry: (_tag(entry.key), codec.read_message(entry.value[0]).received_at))


def _queue(mail: Sequence[Entry], now: int) -> Iterator[Entry]:
    """What follows from a shard's mailboxes: each chat stands once in the stream of those that are ready."""
    prefix = f"malbeot:{{{_tag(mail[0].key)}}}:"
    addresses = [entry.key.removeprefix(f"{prefix}mail:") for entry in mail]
    places = [f"{now}-{number}" for number in range(1, len(mail) + 1)]
    ready = [[place, {"address": address}] for place, address in zip(places, addresses, strict=True)]
    yield Entry(f"{prefix}ready", "stream", ready)
    for place, address in zip(places, addresses, strict=True):
        yield Entry(f"{prefix}chat:{address}", "hash", {"entry": place, "tries": "0"})
    yield Entry(f"{prefix}backlog", "string", str(sum(len(entry.value) for entry in mail)))


def _tag(name: str) -> str:
    return name.partition("{")[2].partition("}")[0]


def _part(name: str) -> str:
    """What kind of thing the key is for."""
    return name.partition("}:")[2].partition(":")[0]


def _gone(entry: Entry, now: int) -> bool:
    return entry.expires_at is not None and entry.expires_at <= now


def _milliseconds(clock: tuple[int, int]) -> int:
    return clock[0] * 1000 + clock[1] // 1000


def _slices(items: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(items)
    while some := list(islice(rest, _AT_ONCE)):
        yield some
