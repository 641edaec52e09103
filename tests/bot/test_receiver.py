"""Long polling: nothing is confirmed before it was taken."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from redis.exceptions import ConnectionError as RedisDownError
from structlog.testing import capture_logs
from telegram.error import InvalidToken

from bot.api import BotApi
from bot.receiver import poll
from bot.update import Json
from tests.telegram_api import TelegramApi


@contextlib.asynccontextmanager
async def polling(
    api: BotApi, take: Callable[[Json], Awaitable[None]], *, wait: int = 5
) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(poll(api, take, wait=wait))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Taken(list[int]):
    """Takes updates in, and keeps their ids."""

    async def __call__(self, update: Json) -> None:
        self.append(update["update_id"])


async def test_updates_are_taken_in_order_and_then_confirmed(telegram: TelegramApi, api: BotApi) -> None:
    taken = Taken()
    first = [telegram.say(7, "하나"), telegram.say(8, "둘")]
    async with polling(api, taken):
        await telegram.until(lambda: not telegram.updates)
        assert taken == first
        later = telegram.say(7, "셋")
        await telegram.until(lambda: not telegram.updates)
        assert taken == [*first, later]


async def test_nothing_is_confirmed_while_an_update_of_the_batch_is_not_taken(
    telegram: TelegramApi, api: BotApi
) -> None:
    ids = [telegram.say(7, "하나"), telegram.say(7, "둘")]
    taken: list[int] = []
    confirmed_early = []

    async def take(update: Json) -> None:
        taken.append(update["update_id"])
        confirmed_early.extend(set(ids) - {waiting["update_id"] for waiting in telegram.updates})
        if len(taken) == 2:
            raise RedisDownError

    async with polling(api, take):
        await telegram.until(lambda: not telegram.updates)
    assert taken == [*ids, *ids]
    assert confirmed_early == []


async def test_after_an_empty_answer_lower_ids_are_received_too(telegram: TelegramApi, api: BotApi) -> None:
    taken = Taken()
    telegram.push({"update_id": 900_000_000})
    async with polling(api, taken, wait=0):
        await telegram.until(lambda: not telegram.updates)
        calls = len(telegram.called("getUpdates"))
        await telegram.until(lambda: len(telegram.called("getUpdates")) > calls + 1)
        telegram.push({"update_id": 17})
        await telegram.until(lambda: taken == [900_000_000, 17])


@pytest.mark.parametrize(
    "failure",
    [{"status": 500}, {"status": 502, "body": b"<html>"}, {"cut": True}, {"status": 200, "body": b"{"}],
)
async def test_faults_are_waited_out(telegram: TelegramApi, api: BotApi, failure: dict[str, object]) -> None:
    telegram.fail("getUpdates", times=2, **failure)
    taken = Taken()
    telegram.say(7, "안녕")
    with capture_logs() as logs:
        async with polling(api, taken):
            await telegram.until(lambda: not telegram.updates)
    assert [line["event"] for line in logs] == ["receiving_failed", "receiving_again"]


async def test_two_pollers_fighting_over_a_token_are_one_clear_line(
    telegram: TelegramApi, api: BotApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.receiver._CONFLICT_PAUSE", 0.05)
    taken = Taken()
    telegram.fail("getUpdates", times=3, status=409, description="Conflict: terminated by other getUpdates request")
    telegram.say(7, "안녕")
    with capture_logs() as logs:
        async with polling(api, taken):
            await telegram.until(lambda: not telegram.updates)
    assert [line["log_level"] for line in logs] == ["error", "info"]
    assert "same token" in logs[0]["event"]


async def test_a_refused_token_ends_it(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("getUpdates", status=401, description="Unauthorized")
    async with polling(api, Taken()) as task:
        with pytest.raises(InvalidToken):
            await task
