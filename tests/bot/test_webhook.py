"""The webhook over real HTTP."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from redis.exceptions import ConnectionError as RedisDownError
from structlog.testing import capture_logs

from bot import webhook
from bot.errors import SettingsError
from bot.update import Json
from bot.webhook import MAX_BODY, serve, webhook_app
from tests.telegram_api import SECRET_HEADER

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


async def test_a_caller_without_the_secret_does_not_even_learn_the_path() -> None:
    async with serving(Taken()) as client:
        for method, path in (("GET", "/hook"), ("POST", "/"), ("DELETE", "/elsewhere"), ("POST", "/hook")):
            assert (await client.request(method, path, content=b"{")).status_code == 401


async def test_refusals_are_counted_and_a_flood_of_them_is_no_flood_of_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(Taken()) as client:
        with capture_logs() as logs:
            for _ in range(50):
                await client.post("/hook", json={})
            assert sum(line["event"] == "webhook_refused" for line in logs) <= 2
            monkeypatch.setattr(webhook, "_REPEAT_AFTER", 0.0)
            await client.post("/hook", json={})
    assert logs[-1]["times"] >= 51
    assert SECRET not in str(logs)


async def test_wrong_requests_are_told_so() -> None:
    taken = Taken()
    async with serving(taken) as client:
        assert (await client.post("/", json={}, headers=RIGHT)).status_code == 404
        assert (await client.post("/hook/", json={}, headers=RIGHT)).status_code == 404
        for method in ("GET", "PUT", "DELETE", "OPTIONS", "BREW"):
            assert (await client.request(method, "/hook", headers=RIGHT)).status_code == 405
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""):
            answer = await client.post("/hook", content=b"{}", headers=RIGHT | {"Content-Type": kind})
            assert answer.status_code == 415
        right = RIGHT | {"Content-Type": "application/json; charset=utf-8"}
        for body in (b"", b"{", b"[1]", b"\xff", b"[" * 100_000, b'{"update_id": ' + b"9" * 5000 + b"}"):
            assert (await client.post("/hook", content=body, headers=right)).status_code == 400
        assert (await client.post("/hook", content=b" " * (MAX_BODY + 1), headers=right)).status_code == 413
        assert (await client.post("/hook", content=parts(MAX_BODY + 1), headers=right)).status_code == 413
    assert taken == []


async def parts(size: int) -> AsyncIterator[bytes]:
    """A body whose size is not told beforehand."""
    for _ in range(0, size, 1024):
        yield b" " * 1024


HEAD = f"POST /hook HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n{SECRET_HEADER}: {SECRET}\r\n".encode()


async def raw(client: httpx.AsyncClient, sent: bytes, *, close: bool = False) -> bytes:
    """What comes back to these bytes until the connection ends."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    writer.write(sent)
    await writer.drain()
    if close:
        writer.write_eof()
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await reader.read()
    writer.close()
    return answer


async def test_cut_and_slow_bodies_are_given_up_and_nothing_of_them_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_BODY_TIMEOUT", 0.3)
    monkeypatch.setattr(webhook, "_HEAD_TIMEOUT", 0.6)
    taken = Taken()
    async with serving(taken) as client:
        half = HEAD + b'Content-Length: 1000\r\n\r\n{"update_id": 1, '
        await raw(client, half, close=True)
        assert b" 408 " in await raw(client, half)
        assert b" 413 " in await raw(client, HEAD + b"Content-Length: 99999999999999999999\r\n\r\n")
        assert b" 400 " in await raw(client, HEAD + b"Content-Length: nine\r\n\r\n{}")
        assert b" 400 " in await raw(client, b"\x16\x03\x01\x02\x00" * 40)
        assert b" 400 " in await raw(client, HEAD + b"X: " + b"x" * 100_000)
        assert await raw(client, HEAD) == b"", "a head without an end"
        assert (await client.post("/hook", json={"update_id": 1}, headers=RIGHT)).status_code == 200
    assert taken == [{"update_id": 1}]


async def test_a_thousand_connections_that_say_nothing_keep_nobody_from_being_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 4096), hard), hard))
    monkeypatch.setattr(webhook, "_HEAD_TIMEOUT", 3.0)
    async with serving(Taken()) as client:
        silent = [await asyncio.open_connection(client.base_url.host, client.base_url.port) for _ in range(1000)]
        assert sum(not reader.at_eof() for reader, _ in silent) <= webhook._MOST_CONNECTIONS + 10
        for number in range(20):
            async with httpx.AsyncClient(base_url=client.base_url) as fresh:
                assert (await fresh.post("/hook", json={"update_id": number}, headers=RIGHT)).status_code == 200
        for reader, writer in silent:
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
            writer.close()
        assert (await client.post("/hook", json={"update_id": 99}, headers=RIGHT)).status_code == 200


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".kr", "no-such-host.invalid"])
async def test_a_host_that_is_none_is_a_clear_line(host: str) -> None:
    with pytest.raises(SettingsError, match="MALBEOT_WEBHOOK_LISTEN") as error:
        await serve(webhook_app("https://bot.example.org", SECRET, Taken()), f"{host}:8080")
    assert "\n" not in str(error.value)


async def test_a_taken_address_is_a_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(SettingsError, match="MALBEOT_WEBHOOK_LISTEN"):
            await serve(webhook_app("https://bot.example.org", SECRET, Taken()), listen)
