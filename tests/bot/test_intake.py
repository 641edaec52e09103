"""What an update leaves in Redis: a message in the mailbox, or an answer in the outbox."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot import texts
from bot.address import Address
from bot.api import BotApi
from bot.chat_action import Typing
from bot.intake import Intake
from bot.mailbox import Mailbox, Outbox
from bot.pace import Pace
from bot.settings import Settings
from bot.update import Json, Me


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
        await self.intake.take(self.update(chat, update_id=update_id, **content))

    def update(self, chat: int, *, update_id: int | None = None, **content: object) -> Json:
        self._ids += 1
        kind = {"id": chat, "type": "private" if chat > 0 else "group"}
        message = {"message_id": 100 + self._ids, "chat": kind, "from": {"id": abs(chat), "is_bot": False}} | content
        return {"update_id": update_id or self._ids, "message": message}

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


async def test_the_full_queue_is_told_however_many_gateways_there_are(world: World) -> None:
    gateways = [world.opens(max_mailbox=5, max_backlog=100, user_rate=0) for _ in range(3)]
    messages = [
        (gateway, world.update(7, update_id=number, text=f"{number}번째"))
        for number in range(1, 21)
        for gateway in gateways  # each update comes three times
    ]
    await asyncio.gather(*(gateway.take(update) for gateway, update in messages))
    assert await world.answers() == [("7", texts.MAILBOX_FULL)]
    [turn] = await world.waiting()
    assert len(set(turn)) == len(turn) == 5
    assert await world.mailbox.backlog() == 5


async def test_an_update_that_was_refused_is_not_accepted_when_it_is_brought_again(world: World) -> None:
    for number in (1, 2, 3):
        await world.gets(7, update_id=number, text="안녕")
    await world.gets(7, update_id=4, text="죽고 싶어")
    assert await world.answers() == [("7", texts.MAILBOX_FULL), ("7", texts.CRISIS[0])]
    assert len(await world.waiting()) == 1
    await world.mailbox.reset(Address("telegram", "7"))  # there is room again
    for number in (3, 4):
        await world.gets(7, update_id=number, text="안녕")
    assert await world.mailbox.backlog() == 0
    assert len(await world.answers()) == 2


async def test_a_refusal_that_could_not_be_stored_confirms_nothing(redis: Redis, world: World) -> None:
    world.opens(max_mailbox=1)
    await world.gets(7, update_id=1, text="하나")
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(RedisError):
            await world.gets(7, update_id=2, text="둘")
    finally:
        await redis.config_set("maxmemory", 0)
    await world.gets(7, update_id=2, text="둘")
    assert await world.answers() == [("7", texts.MAILBOX_FULL)]


async def test_over_the_limit_one_is_told_once_and_what_was_accepted_stays(world: World) -> None:
    world.opens(user_rate=3, max_mailbox=20, max_backlog=100)
    for number in range(1, 7):
        await world.gets(7, update_id=number, text=f"{number}")
    for content in ({"text": "/help"}, {"photo": []}, {"text": "/reset"}):
        await world.gets(7, **content)
    await world.gets(7, update_id=3, text="3")  # brought again: no refusal of what was accepted
    await world.gets(8, text="안녕")
    assert await world.answers() == [("7", texts.LIMITED)]
    assert await world.waiting() == [("1", "2", "3"), ("안녕",)]


async def test_the_limit_is_one_for_all_gateways(world: World) -> None:
    gateways = [world.opens(user_rate=3, max_mailbox=20, max_backlog=100) for _ in range(3)]
    updates = [world.update(7, text="안녕") for _ in range(30)]
    await asyncio.gather(*(gateways[number % 3].take(update) for number, update in enumerate(updates)))
    assert await world.answers() == [("7", texts.LIMITED)]
    assert await world.mailbox.backlog() == 3


async def test_a_group_has_a_limit_and_each_who_writes_there_their_own_in_all_groups(world: World) -> None:
    async def calls(group: int, person: int, text: str = "@malbeot_bot 안녕") -> None:
        await world.gets(group, text=text, **{"from": {"id": person, "is_bot": False}})

    world.opens(user_rate=3, chat_rate=4, max_mailbox=20, max_backlog=100)
    for _ in range(5):
        await calls(-1, 7, "/dance")  # another bot's
    for person in (7, 8, 9, 7, 8):
        await calls(-1, person)
    assert await world.answers() == [("-1", texts.LIMITED)]
    await calls(-2, 7)
    for group in (-2, -3, -4):
        await calls(group, 7)
    await world.gets(7, text="여기도요")
    assert await world.answers() == [("-1", texts.LIMITED), ("-2", texts.LIMITED)]
    assert await world.waiting() == [("안녕",) * 4, ("안녕",)]


async def test_who_speaks_of_suicide_is_answered_over_the_limit_too_but_floods_nobody(world: World) -> None:
    world.opens(user_rate=1)
    await world.gets(7, text="안녕")
    for _ in range(3):
        await world.gets(7, text="죽고 싶어")
    assert await world.answers() == [("7", texts.CRISIS[0])]
    await world.gets(8, text="안녕")
    await world.gets(8, text="오늘은 " * 900 + "죽고 싶어")
    assert (await world.answers())[-1] == ("8", texts.CRISIS[0])


async def test_a_limit_of_zero_is_none(world: World) -> None:
    world.opens(user_rate=0, max_mailbox=100, max_backlog=100)
    for number in range(60):
        await world.gets(7, text=f"{number}")
    assert await world.mailbox.backlog() == 60


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
