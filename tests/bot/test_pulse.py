"""The question that a container's health check asks."""

import contextlib
from pathlib import Path

from bot.embedded import EmbeddedServer
from tests.bot.test_webhook import free_port
from tests.processes import running


async def health(folder: Path, **settings: str) -> tuple[int, str]:
    async with running("health", folder, **settings) as process:
        return await process.ended(), " ".join(process.log)


async def test_it_is_the_process_beside_it_that_is_asked(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    async with contextlib.AsyncExitStack() as stack:
        async with EmbeddedServer(tmp_path / "server") as server:
            settings = {"redis_url": server.url, "metrics_listen": listen}
            assert await health(tmp_path, **settings) == (1, "malbeot: nobody answers there")
            worker = await stack.enter_async_context(running("worker", tmp_path, **settings))
            await worker.said("worker_ready")
            assert await health(tmp_path, **settings) == (0, "")
        assert await health(tmp_path, **settings) == (1, "malbeot: Redis does not answer")


async def test_where_nothing_is_served_nothing_can_be_asked(tmp_path: Path) -> None:
    code, line = await health(tmp_path)
    assert (code, line.partition(": must be set")[0]) == (2, "malbeot: MALBEOT_METRICS_LISTEN")
