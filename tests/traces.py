"""All that a server holds, in memory and on disk, to be searched for what should not be there."""

import asyncio
from pathlib import Path

from redis.asyncio import Redis


async def in_memory(url: str) -> dict[str, bytes]:
    """What stands under each key, name included, down to bytes that no command would show; and the logs of commands."""
    redis = Redis.from_url(url)
    await redis.config_set("rdbcompression", "no")  # DUMP is to give the bytes as they are
    try:
        held = {key.decode(): key + b" " + (await redis.dump(key) or b"") async for key in redis.scan_iter()}
        logs = [
            await redis.execute_command("COMMANDLOG", "GET", "-1", kind)
            for kind in ("slow", "large-request", "large-reply")
        ]
        return held | {"logs of commands": repr(logs).encode()}
    finally:
        await redis.aclose()


async def on_disk(url: str, folder: Path) -> bytes:
    """The append-only file, once it has been written anew."""
    redis = Redis.from_url(url)
    await redis.config_set("rdbcompression", "no")
    await _written(redis)
    await redis.bgrewriteaof()
    await _written(redis)
    await redis.aclose()
    async with asyncio.timeout(20):  # the old file is deleted by a thread of its own
        while len(files := sorted((folder / "appendonlydir").glob("appendonly.aof.[0-9]*"))) > 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return b"".join(file.read_bytes() for file in files)


async def _written(redis: Redis) -> None:
    async def writing() -> bool:
        found = await redis.info("persistence")
        return bool(found["aof_rewrite_in_progress"] or found["aof_rewrite_scheduled"])

    async with asyncio.timeout(60):
        while await writing():  # noqa: ASYNC110 - what is waited for happens in the server
            await asyncio.sleep(0.02)
