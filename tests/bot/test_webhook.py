"""The webhook over real HTTP."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisDownError

from bot.errors import SettingsError
from bot.update import Json
from bot.webhook import MAX_BODY, serve, webhook_app

SECRET = "correct-horse-battery"
RIGHT = {"X-Telegram-Bot-Api-Secret-Token": SECRET}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def serving(take: Callable[[Json], Awaitable[None]]) -> AsyncIterator[httpx.AsyncClient]:
    """The webhook at /hook, and a client to it."""
    listen = f"127.0.0.1:{free_port()}"
    task = asyncio.create_task(serve(webhook_app("https://bot.example.org/hook", SECRET, take), listen))
    async with httpx.AsyncClient(base_url=f"http://{listen}", timeout=10) as client:
        while True:
            with contextlib.suppress(httpx.ConnectError):
                await client.get("/")
                break
        yield client
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Taken(list[Json]):
    async def __call__(self, update: Json) -> None:
        self.append(update)


async def test_an_update_is_answered_200_only_after_it_was_taken() -> None:
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def take(_: Json) -> None:
        begun.set()
        await may_end.wait()

    async with serving(take) as client:
        call = asyncio.create_task(client.post("/hook", json={"update_id": 1}, headers=RIGHT))
        await begun.wait()
        assert not call.done()
        may_end.set()
        assert (await call).status_code == 200


async def test_while_redis_is_away_telegram_is_asked_to_come_again() -> None:
    async def take(_: Json) -> None:
        raise RedisDownError

    async with serving(take) as client:
        assert (await client.post("/hook", json={"update_id": 1}, headers=RIGHT)).status_code == 503


@pytest.mark.parametrize(
    "headers", [{}, {"X-Telegram-Bot-Api-Secret-Token": "guess"}, {"X-Telegram-Bot-Api-Secret-Token": "é"}]
)
async def test_without_the_secret_nothing_is_taken(headers: dict[str, str]) -> None:
    taken = Taken()
    async with serving(taken) as client:
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        assert (await client.post("/hook", json={"update_id": 1}, headers=encoded)).status_code == 401
    assert taken == []


async def test_wrong_requests_are_told_so() -> None:
    taken = Taken()
    async with serving(taken) as client:
        assert (await client.post("/", json={}, headers=RIGHT)).status_code == 404
        assert (await client.get("/hook", headers=RIGHT)).status_code == 405
        for body in (b"", b"{", b"[1]", b"\xff", b"[" * 100_000):
            assert (await client.post("/hook", content=body, headers=RIGHT)).status_code == 400
        assert (await client.post("/hook", content=b" " * (MAX_BODY + 1), headers=RIGHT)).status_code == 413
    assert taken == []


async def test_a_taken_address_is_a_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SettingsError, match="MALBEOT_WEBHOOK_LISTEN"):
            await serve(webhook_app("https://bot.example.org", SECRET, Taken()), listen)
