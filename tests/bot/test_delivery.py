"""From the outbox to the users, with everything that can go wrong on the way."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from time import time

import pytest
from hypothesis import given, strategies as st
from redis.asyncio import Redis
from telegram.error import InvalidToken

from bot.address import Address
from bot.api import BotApi
from bot.chat_action import Typing
from bot.delivery import CHANNEL, MAX_UNITS, MOST_UNNOTED, Sender, split
from bot.mailbox import Message, Outbox, Reply
from bot.pace import Pace
from tests.telegram_api import TelegramApi


class Post:
    """Puts replies into the outbox, numbered as if they answered updates 1, 2, …"""

    def __init__(self, redis: Redis) -> None:
        self._outbox = Outbox(redis)
        self._updates = 0

    async def __call__(self, chat: int, text: str, *, quote: int | None = None) -> None:
        self._updates += 1
        message = Message(self._updates, quote, "", time())
        await self._outbox.post(Address(CHANNEL, str(chat)), Reply("fixed", text), message=message)


@pytest.fixture
def post(redis: Redis) -> Post:
    return Post(redis)


@contextlib.asynccontextmanager
async def sending(
    api: BotApi,
    redis: Redis,
    pace: Pace | None = None,
    unnoted: set[str] | None = None,
    held: Callable[[], bool] = lambda: True,
) -> AsyncIterator[asyncio.Task[None]]:
    """A sender at work, on short limits unless told otherwise."""
    pace = pace or Pace(per_chat=0.01, per_group=0.01, overall=0)
    async with Typing(api, pace) as typing:
        task = asyncio.create_task(Sender(api, Outbox(redis), pace, typing, unnoted, held=held).run())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def left(redis: Redis) -> list[str]:
    """What a sender that starts now would send."""
    return [delivery.text for delivery in await Outbox(redis).read(CHANNEL, wait=0.01)]


async def test_a_chat_gets_its_replies_in_order_and_the_outbox_is_empty_then(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    for number in range(5):
        for chat in (7, 8, 9):
            await post(chat, f"{number}")
    async with sending(api, redis):
        await telegram.until(lambda: len(telegram.sent) == 15)
    assert all(telegram.texts(chat) == ["0", "1", "2", "3", "4"] for chat in (7, 8, 9))
    assert await left(redis) == []


async def test_in_groups_the_answered_message_is_quoted(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    await post(-100, "반가워요", quote=31)
    async with sending(api, redis):
        await telegram.until(lambda: telegram.sent)
    assert telegram.sent[0].reply_to == 31


async def test_retry_after_holds_every_chat_even_while_others_finish(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    telegram.fail("sendMessage", chat=7, status=429, parameters={"retry_after": 1})
    await post(7, "하나")
    async with sending(api, redis):
        await telegram.until(lambda: telegram.called("sendMessage"))
        for chat in (8, 9, 10):
            await post(chat, "둘")
        await telegram.until(lambda: len(telegram.sent) == 4)
    refused, *others = telegram.called("sendMessage")
    assert all(call.at - refused.at >= 1 for call in others)


@pytest.mark.parametrize("failure", [{"status": 500}, {"status": 502, "body": b"<html>"}, {"cut": True}])
async def test_what_passes_is_waited_out_and_the_order_kept(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post, failure: dict[str, object]
) -> None:
    telegram.fail("sendMessage", **failure)
    await post(7, "하나")
    await post(7, "둘")
    async with sending(api, redis):
        await telegram.until(lambda: telegram.texts(7) == ["하나", "둘"])


@pytest.mark.parametrize(
    "failure",
    [
        {"status": 403, "description": "Forbidden: bot was blocked by the user"},
        {"status": 400, "description": "Bad Request: chat not found"},
    ],
)
async def test_what_can_never_be_sent_is_let_go(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post, failure: dict[str, object]
) -> None:
    telegram.fail("sendMessage", **failure)
    await post(7, "하나")
    await post(7, "둘")
    async with sending(api, redis):
        await telegram.until(lambda: telegram.texts(7) == ["둘"])
    assert len(telegram.called("sendMessage")) == 2
    assert await left(redis) == []


async def test_a_group_that_moved_gets_its_reply_where_it_is_now(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    moved = {"status": 400, "description": "Bad Request: group chat was upgraded to a supergroup chat"}
    telegram.fail("sendMessage", **moved, parameters={"migrate_to_chat_id": -1007})
    await post(-7, "반가워요")
    async with sending(api, redis):
        await telegram.until(lambda: telegram.texts(-1007) == ["반가워요"])


async def test_a_token_that_was_revoked_stops_the_sender_and_keeps_the_replies(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    telegram.fail("sendMessage", status=401, description="Unauthorized")
    await post(7, "하나")
    async with sending(api, redis) as sender:
        with pytest.raises(ExceptionGroup) as caught:
            await sender
    assert caught.group_contains(InvalidToken)
    assert await left(redis) == ["하나"]


async def test_a_sender_that_stops_while_a_message_is_on_its_way_notes_it_as_sent(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    await post(7, "하나")
    async with sending(api, redis) as sender:
        await telegram.until(lambda: telegram.called("sendMessage"))
        sender.cancel()
    assert telegram.texts(7) == ["하나"]
    assert await left(redis) == []


async def test_what_was_sent_while_redis_could_not_note_it_is_not_sent_again(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    unnoted: set[str] = set()
    await post(7, "안녕하세요")
    await redis.execute_command("ACL", "SETUSER", "default", "-xdel")
    try:
        async with sending(api, redis, unnoted=unnoted):
            await telegram.until(lambda: telegram.sent)
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", "+xdel")
    assert await left(redis) == ["안녕하세요"]

    await post(7, "또 봐요")
    async with sending(api, redis, unnoted=unnoted):
        await telegram.until(lambda: "또 봐요" in telegram.texts(7))
    assert telegram.texts(7) == ["안녕하세요", "또 봐요"]
    assert (await left(redis), unnoted) == ([], set())


async def test_while_nothing_can_be_noted_few_are_sent_that_another_would_send_again(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    chats = range(1, 5 * MOST_UNNOTED)
    for chat in chats:
        await post(chat, "안녕하세요")
    await redis.execute_command("ACL", "SETUSER", "default", "-xdel")
    try:
        async with sending(api, redis, Pace(overall=0.03)):
            await telegram.until(lambda: len(telegram.sent) >= MOST_UNNOTED)
            with contextlib.suppress(AssertionError):
                await telegram.until(lambda: len(telegram.sent) >= 2 * MOST_UNNOTED, timeout=3)
            assert len(telegram.sent) < 2 * MOST_UNNOTED  # some were on their way already
            await redis.execute_command("ACL", "SETUSER", "default", "+xdel")
            await telegram.until(lambda: len(telegram.sent) == len(chats), timeout=60)
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", "+xdel")
    assert all(len(telegram.texts(chat)) == 1 for chat in chats)


async def test_nothing_is_sent_once_another_may_send(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    looks = 0

    def held() -> bool:
        nonlocal looks
        looks += 1
        return looks == 1

    await post(7, "하나")
    await post(7, "둘")
    async with sending(api, redis, held=held):
        await telegram.until(lambda: telegram.sent)
        async with asyncio.timeout(20):
            while looks < 3:  # noqa: ASYNC110 - the sender looks in its own time
                await asyncio.sleep(0.01)
    assert telegram.texts(7) == ["하나"]
    assert await left(redis) == ["둘"]


async def test_what_was_not_sent_yet_is_left_to_the_next_sender(
    telegram: TelegramApi, api: BotApi, redis: Redis, post: Post
) -> None:
    await post(7, "하나")
    await post(7, "둘")
    async with sending(api, redis, Pace(per_chat=60)):
        await telegram.until(lambda: telegram.sent)
    async with sending(api, redis):
        await telegram.until(lambda: telegram.texts(7) == ["하나", "둘"])


async def test_a_long_reply_arrives_in_parts(telegram: TelegramApi, api: BotApi, redis: Redis, post: Post) -> None:
    text = "가나다라 마바사. " * 1000
    await post(7, " \n ")  # nothing to see: let go without a call
    await post(7, text)
    async with sending(api, redis):
        await telegram.until(lambda: len(telegram.texts(7)) == 3)
    assert " ".join(telegram.texts(7)) == text.strip()
    assert await left(redis) == []


def test_a_text_is_cut_where_it_may_be() -> None:
    assert list(split("안녕")) == ["안녕"]
    assert list(split("가" * 4000 + "\n" + "나" * 4000)) == ["가" * 4000, "나" * 4000]
    assert list(split("가" * 3000 + " " + "나" * 3000)) == ["가" * 3000, "나" * 3000]
    assert list(split("가" * 5000)) == ["가" * 4096, "가" * 904]
    assert list(split("🙂" * 2049)) == ["🙂" * 2048, "🙂"]  # two units each
    assert list(split("가" + "🙂" * 2048)) == ["가" + "🙂" * 2047, "🙂"]  # never in the middle of one
    assert list(split(" ")) == []


@given(st.text(st.sampled_from("가🙂 \n"), max_size=60), st.integers(1, 200))
def test_parts_fit_and_lose_nothing_but_space(piece: str, times: int) -> None:
    text = piece * times
    parts = list(split(text))
    assert all(0 < len(part.encode("utf-16-le")) <= 2 * MAX_UNITS for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())
