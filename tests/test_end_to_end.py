"""All of it, as users meet it: real processes, a real server, the checkpoint that ships, a stand-in for Telegram.

Messages go one at a time here, so the shipped engine alone, asked the same, says what must come back.
"""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot import texts
from model.checkpoint import PRETRAINED
from model.dialogue import fill_names
from model.engine import Engine, load_engine
from tests.bot.test_webhook import free_port
from tests.processes import Process, running
from tests.telegram_api import TOKEN, TelegramApi

OWNER, BOT = "김하늘", "달이"
YUNA, MINHO = 90071234, 90075678


@dataclass
class Service:
    """The running service, and Telegram before it."""

    telegram: TelegramApi
    process: Process

    async def ask(self, chat: int, text: str) -> str:
        """Say something and wait for the reply."""
        before = len(self.telegram.texts(chat))
        self.telegram.say(chat, text)
        await self.telegram.until(lambda: len(self.telegram.texts(chat)) > before, timeout=60)
        return self.telegram.texts(chat)[-1]


@contextlib.asynccontextmanager
async def serving(folder: Path, **settings: str) -> AsyncIterator[Service]:
    async with (
        TelegramApi() as telegram,
        running(
            "all",
            folder,
            telegram_token=TOKEN,
            telegram_api_url=telegram.url,
            owner=OWNER,
            bot_name=BOT,
            log_level="DEBUG",
            **settings,
        ) as process,
    ):
        await process.said("gateway_ready")
        yield Service(telegram, process)


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(tmp_path) as service:
        yield service


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(PRETRAINED)


def reply(engine: Engine, *turns: str) -> tuple[str, str]:
    """What must come back to the last of the turns: raw for the next turn's context, and as users see it."""
    [answer] = engine.reply([turns])
    return answer.text, fill_names(answer.text, owner=OWNER, bot=BOT)


async def test_it_knows_whose_chatbot_it_is(service: Service) -> None:
    assert OWNER in await service.ask(YUNA, "너는 누구니?")


async def test_interleaved_users_keep_their_own_context(service: Service, engine: Engine) -> None:
    talks = {YUNA: ["오늘 면접 봤어", "망한 것 같아"], MINHO: ["강아지가 아파", "어떡하지?"]}
    first = {chat: await service.ask(chat, said[0]) for chat, said in talks.items()}
    second = {chat: await service.ask(chat, said[1]) for chat, said in talks.items()}
    for chat, (opening, sequel) in talks.items():
        raw, shown = reply(engine, opening)
        assert first[chat] == shown
        assert second[chat] == reply(engine, opening, raw, sequel)[1]


async def test_reset_forgets(service: Service, engine: Engine) -> None:
    await service.ask(YUNA, "강아지가 아파")
    assert await service.ask(YUNA, "/reset") == texts.RESET
    assert await service.ask(YUNA, "어떡하지?") == reply(engine, "어떡하지?")[1]


async def test_by_webhook_too(tmp_path: Path) -> None:
    port = free_port()
    webhook = {"webhook_url": f"http://127.0.0.1:{port}/hook", "webhook_listen": f"127.0.0.1:{port}"}
    async with serving(tmp_path, **webhook, webhook_secret="s" * 32) as service:
        assert OWNER in await service.ask(YUNA, "너는 누구니?")
        assert service.telegram.called("getUpdates") == []


async def test_an_updates_id_ties_the_logs_together_and_nothing_private_is_in_them(service: Service) -> None:
    answer = await service.ask(YUNA, "비밀인데 나 합격했어")
    await service.process.said("delivered")
    await service.process.end()
    told = "\n".join(service.process.log)
    assert [word in told for word in (TOKEN, "비밀인데", answer, str(YUNA))] == [False] * 4
    for event in ("accepted", "answered", "delivered"):
        [line] = [line for line in service.process.log if f'"event": "{event}"' in line]
        assert '"1"' in line  # the update's id
