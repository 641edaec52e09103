"""Telegram, as far as the tests need it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.api import BotApi
from tests.processes import ROOT
from tests.telegram_api import TOKEN, TelegramApi


@pytest.fixture(autouse=True)
def nobodys_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The developer's own settings, in the environment or in `.env`, have no say."""
    for name in [name for name in os.environ if name.startswith("MALBEOT_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


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
