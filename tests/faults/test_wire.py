"""The proxy itself: it passes everything on while it is well, and hurts as it is told."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as BrokenError, TimeoutError as SilentError

from tests.faults.wire import Harm, Wire
from tests.telegram_api import TOKEN, TelegramApi

SILENCE = 0.3  # seconds, after which the client here gives up


@contextlib.asynccontextmanager
async def client(wire: Wire) -> AsyncIterator[Redis]:
    """One that repeats nothing."""
    redis = Redis(host="127.0.0.1", port=wire.port, socket_timeout=SILENCE, retry=None)
    yield redis
    await redis.aclose()


@pytest.fixture
async def wire(redis_url: str) -> AsyncIterator[Wire]:
    async with Wire(Path(redis_url.removeprefix("unix://"))) as wire:
        yield wire


async def test_while_it_is_well_it_passes_all_on(wire: Wire) -> None:
    async with client(wire) as redis:
        text = "가" * 1_000_000
        assert (await redis.echo(text)).decode() == text


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (Harm("cut"), BrokenError),
        (Harm("cut_answer", 3), BrokenError),
        (Harm("silent"), SilentError),
        (Harm("delay", SILENCE), SilentError),
        (Harm("throttle", 1), SilentError),
    ],
)
async def test_what_is_asked_while_it_is_hurt_fails_and_afterwards_all_is_well(
    wire: Wire, harm: Harm, error: type[Exception]
) -> None:
    async with client(wire) as redis:
        await redis.ping()
        async with wire.hurt(harm):
            for _ in range(2):  # on the old connection and on a new one
                with pytest.raises(error):
                    await redis.ping()
        assert await redis.ping()
    assert [hurt.harm for hurt in wire.hurts] == [harm]
    assert wire.hurts[0].end > wire.hurts[0].start


async def test_a_connection_that_fell_silent_never_speaks_again(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", wire.port)
    writer.write(b"PING\r\n")
    assert await reader.readline() == b"+PONG\r\n"
    async with wire.hurt(Harm("silent")):
        pass
    writer.write(b"PING\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readline(), SILENCE)
    writer.close()


async def test_a_delay_is_one_and_slow_answers_come_whole(wire: Wire) -> None:
    async with client(wire) as redis:
        await redis.ping()
        began = time.monotonic()
        async with wire.hurt(Harm("delay", 0.1)):
            assert await redis.ping()
        assert time.monotonic() - began >= 0.2
        async with wire.hurt(Harm("throttle", 20)):
            assert await redis.echo("slow") == b"slow"


async def test_it_keeps_record_of_what_was_asked_and_whether_the_answer_came() -> None:
    async with (
        TelegramApi() as telegram,
        Wire(int(telegram.url.rpartition(":")[2]), http=True) as wire,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{wire.port}/bot{TOKEN}", timeout=SILENCE) as client,
    ):
        await client.post("/sendMessage", data={"chat_id": 7, "text": "안녕 & 잘 가"})
        async with wire.hurt(Harm("cut_answer", 20)):
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post("/sendMessage", data={"chat_id": 7, "text": "들려?"})
        async with wire.hurt(Harm("silent")):
            with pytest.raises(httpx.ReadTimeout):
                await client.post("/sendMessage", data={"chat_id": 7, "text": "여보세요"})
    assert telegram.texts(7) == ["안녕 & 잘 가", "들려?"]
    answered, unheard = wire.requests
    assert answered.method == "sendMessage"
    assert answered.params == {"chat_id": "7", "text": "안녕 & 잘 가"}
    assert answered.answered
    assert (unheard.params["text"], unheard.answered) == ("들려?", None)
