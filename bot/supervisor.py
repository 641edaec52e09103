"""Everything in one go: the embedded server, the gateway and the worker, each a process of its own."""

import asyncio
from collections.abc import Coroutine
from contextlib import nullcontext
from typing import Any

import structlog

from bot.children import Child
from bot.embedded import EmbeddedServer, running
from bot.errors import ServerError
from bot.lifetime import stop_event
from bot.redis_link import connect
from bot.settings import Settings

GATEWAY_GRACE = 15.0  # seconds; a message that is on its way to Telegram is seen through
LOOK_EVERY = 2.0  # seconds
MISSED_LOOKS = 5  # in a row; a busy disk may keep the server from answering one

log = structlog.get_logger()


async def run_all(settings: Settings) -> None:
    """Serve Telegram until Ctrl-C or SIGTERM; then stop all, in order: the worker's last replies are still sent.

    A child that dies is started again, after a growing pause. Raises ChildRefusedError if one cannot start at all, and
    ServerError if Redis cannot be reached to begin with, or the embedded server is lost.
    """
    stop = stop_event()
    if settings.redis_url:
        # A child that cannot reach it later on is started again; an address that was never right is the operator's.
        await (await connect(settings.redis_url.get_secret_value())).aclose()
    worker = Child.worker(settings)
    gateway = Child("gateway", stop_grace=GATEWAY_GRACE)
    async with nullcontext() if settings.redis_url else EmbeddedServer(settings.data_dir):
        watch = [] if settings.redis_url else [_watch_server(settings)]
        try:
            await _until_first(stop.wait(), worker.keep(), gateway.keep(), *watch)
        finally:
            log.info("stopping")
            await worker.stop()
            await gateway.stop()


async def _watch_server(settings: Settings) -> None:
    missed = 0
    while missed < MISSED_LOOKS:
        await asyncio.sleep(LOOK_EVERY)
        missed = 0 if await asyncio.to_thread(running, settings.data_dir) else missed + 1
    raise ServerError(f"the embedded server has ended; {settings.data_dir / 'redis.log'} may tell why")


async def _until_first(*work: Coroutine[Any, Any, Any]) -> None:
    """Run all until the first ends, then cancel the others; an error of the first is raised."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
