"""The gateway as a whole, between a Telegram and a Redis, with a worker that echoes."""

import asyncio
import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot import texts
from bot.errors import SettingsError
from bot.gateway import run_gateway
from bot.mailbox import Mailbox, Reply
from bot.settings import Settings
from tests.bot.test_webhook import free_port
from tests.telegram_api import TOKEN, TelegramApi


def settings(telegram: TelegramApi, **changes: object) -> Settings:
    return Settings(telegram_token=TOKEN, telegram_api_url=telegram.url, **changes)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def gateway(settings: Settings, redis: Redis) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_gateway(settings, redis, stop))
    try:
        yield
    finally:
        stop.set()
        await task


@contextlib.asynccontextmanager
async def echoing(redis: Redis) -> AsyncIterator[None]:
    """A worker that gives every turn back."""

    async def work() -> None:
        mailbox = Mailbox(redis)
        while True:
            for turn in await mailbox.claim("echo", limit=10, wait=1):
                await mailbox.commit("echo", turn, Reply("model", turn.text, raw=turn.text))

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_polling_answers_and_shows_that_it_types(telegram: TelegramApi, redis: Redis) -> None:
    telegram.say(7, "안녕")  # written before the gateway was up
    async with gateway(settings(telegram), redis):
        await telegram.until(lambda: telegram.called("sendChatAction"))
        async with echoing(redis):
            telegram.say(8, "잘 지내?")
            await telegram.until(lambda: len(telegram.sent) == 2)
    assert (telegram.texts(7), telegram.texts(8)) == (["안녕"], ["잘 지내?"])


async def test_a_full_mailbox_is_told_at_once_and_what_was_accepted_is_answered(
    telegram: TelegramApi, redis: Redis
) -> None:
    for text in ("하나", "둘", "셋", "넷"):
        telegram.say(7, text)
    telegram.say(8, "저도요")
    async with gateway(settings(telegram, max_mailbox=2), redis):
        await telegram.until(lambda: telegram.texts(7) == [texts.MAILBOX_FULL])  # and no worker is up
        await telegram.until(lambda: not telegram.updates)
        async with echoing(redis):
            await telegram.until(lambda: len(telegram.sent) == 3)
    assert telegram.texts(7) == [texts.MAILBOX_FULL, "하나\n둘"]
    assert telegram.texts(8) == ["저도요"]


async def test_a_stranger_comes_in_by_the_invite_link(telegram: TelegramApi, redis: Redis) -> None:
    async with echoing(redis), gateway(settings(telegram, invite_code="xK3-9_aB"), redis):
        telegram.say(7, "안녕")
        await telegram.until(lambda: telegram.texts(7) == [texts.refused(7, by_code=True)])
        telegram.say(7, "/start xK3-9_aB")  # what https://t.me/malbeot_bot?start=xK3-9_aB sends
        telegram.say(7, "안녕")
        await telegram.until(lambda: telegram.texts(7)[-1] == "안녕")
    assert not telegram.updates
    assert len(telegram.texts(7)) == 3


async def test_the_menu_is_registered_and_its_commands_need_no_worker(telegram: TelegramApi, redis: Redis) -> None:
    telegram.say(7, "/who")
    async with gateway(settings(telegram, owner="김하나"), redis):
        await telegram.until(lambda: telegram.texts(7) and telegram.commands)
    assert telegram.texts(7)[0].startswith("저는 김하나님의 챗봇 말벗이에요.")
    assert [command["command"] for command in telegram.commands] == list(texts.COMMANDS)


async def test_webhook_mode_sets_the_webhook_and_polling_mode_deletes_it(telegram: TelegramApi, redis: Redis) -> None:
    listen = f"127.0.0.1:{free_port()}"
    hook = {"webhook_url": f"http://{listen}/hook", "webhook_listen": listen, "webhook_secret": "correct-horse-battery"}
    telegram.say(7, "하나")
    async with echoing(redis):
        async with gateway(settings(telegram, **hook), redis):
            await telegram.until(lambda: telegram.texts(7) == ["하나"])
            assert telegram.webhook_url == hook["webhook_url"]
        telegram.say(7, "둘")  # nobody is there: it is pushed again and again
        async with gateway(settings(telegram, **hook), redis):
            await telegram.until(lambda: telegram.texts(7) == ["하나", "둘"])
        async with gateway(settings(telegram), redis):
            telegram.say(7, "셋")
            await telegram.until(lambda: telegram.texts(7) == ["하나", "둘", "셋"])
    assert telegram.webhook_url == ""
    assert not telegram.updates


async def test_a_start_without_network_is_only_a_late_start(telegram: TelegramApi, redis: Redis) -> None:
    telegram.fail("getMe", status=502, body=b"Bad Gateway")
    telegram.fail("deleteWebhook", cut=True)
    telegram.fail("setMyCommands", status=429, parameters={"retry_after": 1})
    telegram.say(7, "/help")
    async with gateway(settings(telegram), redis):
        await telegram.until(lambda: telegram.texts(7) and telegram.commands)


@pytest.mark.parametrize("method", ["getMe", "getUpdates"])
async def test_a_refused_token_is_one_line(telegram: TelegramApi, redis: Redis, method: str) -> None:
    telegram.fail(method, times=100, status=401, description="Unauthorized")
    with pytest.raises(SettingsError, match=r"^MALBEOT_TELEGRAM_TOKEN: ") as caught:
        await run_gateway(settings(telegram), redis, asyncio.Event())
    assert TOKEN not in str(caught.value)


async def test_a_refused_webhook_is_one_line(telegram: TelegramApi, redis: Redis) -> None:
    telegram.fail("setWebhook", status=400, description="Bad Request: bad webhook: HTTPS url must be provided")
    hook = {"webhook_url": "http://x", "webhook_secret": "s" * 16, "webhook_listen": f"127.0.0.1:{free_port()}"}
    with pytest.raises(SettingsError, match=r"^MALBEOT_WEBHOOK_URL: "):
        await run_gateway(settings(telegram, **hook), redis, asyncio.Event())


async def test_without_a_token_it_does_not_start(redis: Redis) -> None:
    with pytest.raises(SettingsError, match="MALBEOT_TELEGRAM_TOKEN"):
        await run_gateway(Settings(telegram_token=None), redis, asyncio.Event())


async def test_an_updates_id_follows_it_and_no_word_of_it_is_logged(telegram: TelegramApi, redis: Redis) -> None:
    update_id = telegram.say(7, "아무도 모르는 이야기")
    with capture_logs() as logs:
        async with echoing(redis), gateway(settings(telegram), redis):
            await telegram.until(lambda: telegram.sent)
    steps = {line["event"] for line in logs if str(update_id) in (line.get("origin"), *line.get("origins", ()))}
    assert steps == {"accepted", "delivered"}
    assert not re.search(f"이야기|{TOKEN}", str(logs))


def test_it_imports_neither_the_model_nor_what_it_needs() -> None:
    heavy = {"tensorflow", "ctranslate2", "tokenizers", "numpy", "telegram.ext"}
    program = (
        f"import sys, bot.gateway; print({heavy!r} & set(sys.modules), {{n for n in sys.modules if n[:6] == 'model.'}})"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # How Korean exaggerates is a matter of patterns, and is read by the lexicon as well.
    assert done.stdout == "set() {'model.hyperbole'}\n"


async def test_who_waits_is_told_when_the_server_came_back_empty(telegram: TelegramApi, redis: Redis) -> None:
    async with gateway(settings(telegram), redis):
        telegram.say(7, "안녕")
        await telegram.until(lambda: telegram.called("sendChatAction"))
        await redis.flushall()
        await telegram.until(lambda: telegram.texts(7))
        assert telegram.texts(7) == [texts.LOST]
        async with echoing(redis):
            telegram.say(8, "나도")
            await telegram.until(lambda: telegram.texts(8))
    assert (telegram.texts(7), telegram.texts(8)) == ([texts.LOST], ["나도"])
