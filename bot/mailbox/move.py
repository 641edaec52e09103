"""Moving what stands in Redis into another number of shards, while no process runs."""

from typing import Any

from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox import codec
from bot.mailbox.keys import Keys, Shards
from bot.mailbox.mailbox import Mailbox
from bot.mailbox.server import run_script


async def signed_in(redis: Redis) -> tuple[int, int]:
    """How many workers and how many gateways have lately given a sign of life."""
    now, _ = await redis.time()
    workers = await Mailbox(redis, shards=int(await redis.get(Keys(0).shards) or 1)).workers()
    gateways = [int(expires) > now for expires in (await redis.hgetall(Keys(0).gateways)).values()]
    return len(workers), sum(gateways)


async def reshard(redis: Redis, number: int) -> int:
    """Put all that is kept of chats and members where it lies with `number` shards. Returns how many messages wait.

    What was cut short may be run again: a thing is copied, then deleted where it was, and the number is written last;
    a reply, or a dead letter, may then be there twice. What is gone within days anyhow stays behind: limits, marks of
    duplicates. Every tried turn begins to count anew. The user whom Redis knows us by must be one who may SCAN.
    """
    target = Shards(number)
    everywhere = Shards(max(number, int(await redis.get(Keys(0).shards) or 1))).all
    for source in everywhere:
        for kind in ("mail", "history"):
            for key in await _named(redis, source, kind):
                await _move_list(redis, kind, key, source, target)
        await _move_members(redis, source, target)
        for kind in ("dead", "outbox"):
            for stream in [source.dead] if kind == "dead" else await _named(redis, source, kind):
                await _move_stream(redis, stream, source, target)
    waiting = [await _queue(redis, keys) for keys in everywhere]
    await redis.set(Keys(0).shards, number)
    return sum(waiting)


async def _named(redis: Redis, source: Keys, kind: str) -> list[str]:
    return [str(key) async for key in redis.scan_iter(match=f"{source.prefix}{kind}:*", count=1000)]


def _place(name: str, source: Keys, home: Keys) -> str:
    return home.prefix + name.removeprefix(source.prefix)


async def _move_list(redis: Redis, kind: str, key: str, source: Keys, target: Shards) -> None:
    home = target.of(Address.parse(key.removeprefix(f"{source.prefix}{kind}:")))
    if home.shard == source.shard:
        return
    place, ttl = _place(key, source, home), await redis.pttl(key)
    await redis.delete(place)  # left by an attempt that was cut short
    await redis.rpush(place, *await redis.lrange(key, 0, -1))
    if ttl > 0:
        await redis.pexpire(place, ttl)
    await redis.delete(key)


async def _move_members(redis: Redis, source: Keys, target: Shards) -> None:
    for person, since in (await redis.hgetall(source.members)).items():
        home = target.of(Address.parse(str(person)))
        if home.shard != source.shard:
            await redis.hset(home.members, person, since)
            await redis.hdel(source.members, person)


async def _move_stream(redis: Redis, stream: str, source: Keys, target: Shards) -> None:
    entries: Any = await redis.xrange(stream)
    for entry, fields in entries:
        home = target.of(Address.parse(fields["address"]))
        if home.shard != source.shard:
            await redis.xadd(_place(stream, source, home), fields)
            await run_script(redis, "drop", [stream], [entry])


async def _queue(redis: Redis, keys: Keys) -> int:
    """Line the chats with mail up anew, who has waited longest first. Returns how many messages they have."""
    await redis.delete(keys.ready, keys.workers, keys.gateways, *await _named(redis, keys, "chat"))
    waiting: list[tuple[float, str, int]] = []
    for mail in await _named(redis, keys, "mail"):
        oldest = codec.read_message(str(await redis.lindex(mail, 0)))
        waiting.append((oldest.received_at, mail.removeprefix(f"{keys.prefix}mail:"), await redis.llen(mail)))
    for _, address, _ in sorted(waiting):
        entry = await redis.xadd(keys.ready, {"address": address})
        await redis.hset(keys.chat(Address.parse(address)), mapping={"entry": entry, "tries": 0})
    messages = sum(number for _, _, number in waiting)
    await redis.set(keys.backlog, messages)
    return messages
