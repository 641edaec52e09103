"""What many tests need: a real Redis server, and a client to it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from threading import Thread

import pytest
from redis.asyncio import Redis

from bot.embedded import EmbeddedServer
from bot.redis_link import connect

MOST_AT_ONCE = 4  # a process takes up to a gigabyte, and a container may have fewer cores than it sees


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: most tests wait for servers, and some for time to pass."""
    return min((os.cpu_count() or 1) + 1, MOST_AT_ONCE)


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A server for the whole process. Its loop has a thread to itself, since each test has a loop of its own."""
    folder = Path(tempfile.mkdtemp(prefix="malbeot-test-"))
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    server = EmbeddedServer(folder)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result()
        yield server.url
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
        shutil.rmtree(folder)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """A client to the session's server, which is empty."""
    client = await connect(redis_url)
    await client.flushall()
    yield client
    await client.aclose()
