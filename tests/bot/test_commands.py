"""The commands, without Telegram."""

from time import time

import pytest
from redis.asyncio import Redis

from bot import texts
from bot.address import Address
from bot.commands import answer
from bot.mailbox import Mailbox, Message
from bot.settings import Settings

HERE = Address("console-local", "0")


@pytest.fixture
def settings() -> Settings:
    return Settings(owner="김하나", bot_name="보리")


async def test_who_knows_whose_chatbot_it_is_with_no_worker_up(redis: Redis, settings: Settings) -> None:
    text = await answer("who", address=HERE, mailbox=Mailbox(redis), settings=settings)
    assert text is not None
    assert text.startswith("저는 김하나님의 챗봇 보리예요.")


async def test_every_command_in_the_menu_has_an_answer(redis: Redis, settings: Settings) -> None:
    for command in texts.COMMANDS:
        assert await answer(command, address=HERE, mailbox=Mailbox(redis), settings=settings)
    assert await answer("dance", address=HERE, mailbox=Mailbox(redis), settings=settings) is None


@pytest.mark.parametrize("command", ["reset", "forget"])
async def test_a_replayed_command_withdraws_nothing_that_came_after_it(
    redis: Redis, settings: Settings, command: str
) -> None:
    mailbox = Mailbox(redis)

    async def say(update_id: int) -> None:
        await mailbox.accept(HERE, Message(update_id, None, "안녕", time()))

    async def send() -> None:
        await answer(command, address=HERE, mailbox=mailbox, settings=settings, update_id=2)

    await say(1)
    await send()
    assert await mailbox.backlog() == 0
    await say(3)
    await send()
    assert await mailbox.backlog() == 1
