""" "Typing…" in the chats where a reply is due."""

import asyncio

import pytest

from bot.api import BotApi
from bot.chat_action import Typing
from bot.pace import Pace
from tests.telegram_api import TelegramApi


@pytest.fixture(autouse=True)
def _short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.chat_action._DELAY", 0.01)
    monkeypatch.setattr("bot.chat_action._EVERY", 0.05)


async def test_it_is_shown_again_and_again_until_the_reply_comes(telegram: TelegramApi, api: BotApi) -> None:
    async with Typing(api, Pace()) as typing:
        typing.start(7)
        typing.start(7)
        await telegram.until(lambda: len(telegram.called("sendChatAction")) == 3)
        typing.stop(7)
        typing.start(8)
        shown = len(telegram.called("sendChatAction"))
        await telegram.until(lambda: len(telegram.called("sendChatAction")) >= shown + 3)
    assert {call.params["chat_id"] for call in telegram.called("sendChatAction")[shown + 1 :]} == {"8"}


async def test_who_waits_is_known_by_when_the_waiting_began(api: BotApi) -> None:
    clock = asyncio.get_running_loop().time
    async with Typing(api, Pace()) as typing:
        typing.start(7)
        between = clock()
        typing.start(8)
        typing.start(7)
        assert typing.waiting(before=between) == [7]
        typing.stop(7)
        assert typing.waiting(before=clock() + 1) == [8]


async def test_trouble_is_nobodys_business(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("sendChatAction", status=500)
    async with Typing(api, Pace()) as typing:
        typing.start(7)
        await telegram.until(lambda: telegram.called("sendChatAction"))
        typing.stop(9)


async def test_it_keeps_a_halt_and_reports_one(telegram: TelegramApi, api: BotApi) -> None:
    telegram.fail("sendChatAction", status=429, parameters={"retry_after": 3600})
    pace = Pace()
    async with Typing(api, pace) as typing:
        typing.start(7)
        await telegram.until(lambda: telegram.called("sendChatAction"))
        async with asyncio.timeout(10):
            while not pace.halted:  # noqa: ASYNC110 - the answer is on its way
                await asyncio.sleep(0)
        typing.start(8)
        typing.start(9)
        async with Typing(api, Pace()) as unaware:
            unaware.start(10)  # after the two, so they would have been shown before it
            await telegram.until(lambda: len(telegram.called("sendChatAction")) == 2)
    assert [call.params["chat_id"] for call in telegram.called("sendChatAction")] == ["7", "10"]
