"""Telegram, as far as the tests need it."""

from collections.abc import AsyncIterator

import pytest

from bot.api import BotApi
from tests.telegram_api import TOKEN, TelegramApi


@pytest.fixture
async def telegram() -> AsyncIterator[TelegramApi]:
    """The Bot API on a port of its own."""
    async with TelegramApi() as server:
        yield server


@pytest.fixture
async def api(telegram: TelegramApi) -> AsyncIterator[BotApi]:
    """A client to `telegram`."""
    client = BotApi(TOKEN, telegram.url)
    yield client
    await client.close_connections()
