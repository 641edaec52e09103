"""Health and metrics over real HTTP, of gateways and of real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from bot.errors import SettingsError
from bot.health import Health, serve_health
from bot.redis_link import connect
from tests.bot.test_gateway import gateway, settings
from tests.bot.test_webhook import free_port
from tests.checkpoints import random_checkpoint
from tests.processes import running
from tests.servers import server
from tests.telegram_api import TOKEN, TelegramApi


@contextlib.asynccontextmanager
async def asking(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A client to the port, once somebody listens there."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(httpx.ConnectError):
                    await client.get("/healthz")
                    break
                await asyncio.sleep(0.05)
        yield client


async def until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while (await client.get("/readyz")).status_code != 200:  # noqa: ASYNC110 - it happens in another process
            await asyncio.sleep(0.05)


async def test_a_gateway_is_up_at_once_and_ready_when_it_receives_also_while_it_stands_by(
    telegram: TelegramApi, redis: Redis
) -> None:
    first, second = free_port(), free_port()
    telegram.fail("getMe", times=2, status=502)
    async with (
        gateway(settings(telegram, metrics_listen=f"127.0.0.1:{first}"), redis),
        asking(first) as client,
    ):
        assert (await client.get("/healthz")).text == "up\n"
        early = await client.get("/readyz")
        assert (early.status_code, early.text) == (503, "Telegram has not answered yet\n")
        await until_ready(client)
        await telegram.until(lambda: telegram.called("getUpdates"))
        async with (
            gateway(settings(telegram, metrics_listen=f"127.0.0.1:{second}"), redis),
            asking(second) as standby,
        ):
            await until_ready(standby)
            assert "malbeot_receiving 0.0" in (await standby.get("/metrics")).text
        assert "malbeot_receiving 1.0" in (await client.get("/metrics")).text


async def test_without_redis_it_is_up_but_not_ready(tmp_path: Path) -> None:
    async with server(tmp_path) as path:
        redis = await connect(f"unix://{path}")
    port = free_port()
    async with (
        serve_health(Health(redis, CollectorRegistry(), lacks=""), f"127.0.0.1:{port}"),
        asking(port) as client,
    ):
        assert (await client.get("/healthz")).status_code == 200
        late = await client.get("/readyz")
        assert (late.status_code, late.text) == (503, "Redis does not answer\n")
    await redis.aclose()


async def test_nothing_else_is_served(redis: Redis) -> None:
    port = free_port()
    async with (
        serve_health(Health(redis, CollectorRegistry(), lacks=""), f"127.0.0.1:{port}"),
        asking(port) as client,
    ):
        assert (await client.get("/")).status_code == (await client.get("/metrics/x")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405
        assert (await client.get("/metrics")).headers["content-type"].startswith("text/plain; version=0.0.4")


async def test_a_taken_address_is_a_clear_line(redis: Redis) -> None:
    port = free_port()
    health = Health(redis, CollectorRegistry(), lacks="")
    async with serve_health(health, f"127.0.0.1:{port}"):
        with pytest.raises(SettingsError, match="MALBEOT_METRICS_LISTEN"):
            async with serve_health(health, f"127.0.0.1:{port}"):
                pass


async def test_everything_in_one_go_serves_the_gateway_and_on_the_next_port_the_worker(
    telegram: TelegramApi, tmp_path: Path
) -> None:
    port = free_port()
    fixed = {"telegram_token": TOKEN, "telegram_api_url": telegram.url}
    checkpoint = random_checkpoint(tmp_path / "checkpoint")
    async with (
        running("all", tmp_path, **fixed, checkpoint=str(checkpoint), metrics_listen=f"127.0.0.1:{port}") as process,
        asking(port) as of_gateway,
        asking(port + 1) as of_worker,
    ):
        await until_ready(of_gateway)
        await until_ready(of_worker)
        assert any("worker_ready" in line or "engine_loaded" in line for line in process.log)
        telegram.say(4815162342, "아무도 모르는 이야기")
        await telegram.until(lambda: telegram.sent, timeout=60)
        async with asyncio.timeout(60):
            while "malbeot_workers 1.0" not in (shared := (await of_gateway.get("/metrics")).text):  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        own = (await of_worker.get("/metrics")).text
    assert "malbeot_batch_turns_count 1.0" in own
    assert 'engine="ctranslate2"' in own
    assert not any(word in shared + own for word in ("4815162342", "이야기", TOKEN, TOKEN.partition(":")[2]))


async def test_the_last_port_leaves_none_for_the_worker(telegram: TelegramApi, tmp_path: Path) -> None:
    fixed = {"telegram_token": TOKEN, "telegram_api_url": telegram.url}
    async with running("all", tmp_path, **fixed, metrics_listen="127.0.0.1:65535") as process:
        assert await process.ended() == 2
    assert process.log == ["malbeot: MALBEOT_METRICS_LISTEN: must leave a port after it, which is the worker's"]
