"""What an update leaves in Redis: a message in the mailbox, or an answer in the outbox."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from bot import texts
from bot.api import BotApi
from bot.chat_action import Typing
from bot.intake import Intake
from bot.mailbox import Mailbox, Outbox
from bot.pace import Pace
from bot.settings import Settings
from bot.update import Me


class World:
    """An intake with a mailbox for two messages in a chat and three in all."""

    def __init__(self, redis: Redis, typing: Typing) -> None:
        self.redis = redis
        self.mailbox = Mailbox(redis)
        self._typing = typing
        self._ids = 0
        self.intake = self.opens()

    def opens(self, **settings: object) -> Intake:
        """One more gateway's intake, or one with other settings; that is the one that gets what is said from now on."""
        chosen = Settings(**{"max_backlog": 3, "max_mailbox": 2} | settings)  # type: ignore[arg-type]
        self.intake = Intake(Me(99, "malbeot_bot"), self.redis, chosen, self._typing)
        return self.intake

    async def gets(self, chat: int, *, update_id: int | None = None, **content: object) -> None:
        self._ids += 1
        kind = {"id": chat, "type": "private" if chat > 0 else "group"}
        message = {"message_id": 100 + self._ids, "chat": kind, "from": {"id": abs(chat), "is_bot": False}} | content
        await self.intake.take({"update_id": update_id or self._ids, "message": message})

    async def answers(self) -> list[tuple[str, str]]:
        outbox = Outbox(self.redis)
        return [(delivery.address.chat, delivery.text) for delivery in await outbox.read("telegram", wait=0.01)]

    async def waiting(self) -> list[tuple[str, ...]]:
        turns = await self.mailbox.claim("w", limit=10, wait=0.01)
        return [tuple(message.text for message in turn.messages) for turn in turns]


@pytest.fixture
async def world(redis: Redis, api: BotApi) -> AsyncIterator[World]:
    async with Typing(api, Pace()) as typing:
        yield World(redis, typing)


async def test_texts_go_into_the_mailbox_once(world: World) -> None:
    await world.gets(7, update_id=1, text="하나")
    await world.gets(7, update_id=1, text="하나")
    await world.gets(7, update_id=2, text="둘")
    assert await world.waiting() == [("하나", "둘")]
    assert await world.answers() == []


async def test_a_crisis_that_was_accepted_is_the_workers_even_if_it_is_brought_again(world: World) -> None:
    await world.gets(7, update_id=1, text="죽고 싶어")
    await world.gets(7, update_id=1, text="죽고 싶어")
    assert await world.waiting() == [("죽고 싶어",)]
    assert await world.answers() == []


async def test_commands_are_answered_once(world: World) -> None:
    await world.gets(7, update_id=1, text="/help")
    await world.gets(7, update_id=1, text="/help")
    await world.gets(7, update_id=2, text="/dance")
    assert await world.answers() == [("7", texts.help_text()), ("7", texts.UNKNOWN_COMMAND)]
    assert await world.waiting() == []


async def test_in_a_group_an_unknown_command_is_somebody_elses(world: World) -> None:
    await world.gets(-7, text="/dance")
    assert await world.answers() == []


async def test_who_is_refused_is_told_so(world: World) -> None:
    for text in ("하나", "둘", "셋"):
        await world.gets(7, text=text)
    await world.gets(8, text="하나")
    await world.gets(9, text="하나")
    assert await world.answers() == [("7", texts.MAILBOX_FULL), ("9", texts.BACKLOG_FULL)]
    assert sorted(await world.waiting()) == [("하나",), ("하나", "둘")]


async def test_who_speaks_of_suicide_is_not_left_with_a_refusal(world: World) -> None:
    for text in ("하나", "둘", "셋", "죽고 싶다"):
        await world.gets(7, text=text)
    assert await world.answers() == [("7", texts.MAILBOX_FULL), ("7", texts.CRISIS[0])]


async def test_an_album_gets_one_answer_and_another_kind_its_own(world: World) -> None:
    for _ in range(3):
        await world.gets(7, photo=[])
    await world.gets(7, sticker={})
    await world.gets(8, photo=[])
    photo, sticker = texts.media("photo"), texts.media("sticker")
    assert await world.answers() == [("7", photo), ("7", sticker), ("8", photo)]


async def test_forget_leaves_its_own_answer_alone(world: World) -> None:
    await world.gets(7, text="비밀")
    await world.gets(8, text="/help")
    await world.gets(7, text="/help")
    await world.gets(7, text="/forget")
    assert await world.answers() == [("8", texts.help_text()), ("7", texts.FORGET)]
    assert await world.waiting() == []
