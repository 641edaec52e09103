"""What earlier releases left in Redis, and what later ones may leave.

`stored/` holds, of each format, what a server held in which two people had talked: Yuna has a history, two replies to be
sent and two messages waiting, Minho has a dead letter, an apology to be sent and a message waiting. A release that raises
`codec.FORMAT` adds a file of its own and leaves the others as they are.
"""

import asyncio
import json
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.address import Address
from bot.errors import NewerFormatError
from bot.gateway import run_gateway
from bot.mailbox import Accepted, DeadLetters, Exchange, Mailbox, Message, Outbox, Reply, codec
from tests.bot.test_gateway import settings
from tests.telegram_api import TelegramApi

STORED = sorted((Path(__file__).parent / "stored").glob("format-*.json"))
YUNA, MINHO = Address("telegram", "1001"), Address("telegram", "1002")


async def restore(redis: Redis, file: Path) -> None:
    for key, (kind, value) in json.loads(file.read_text("utf-8")).items():
        match kind:
            case "string":
                await redis.set(key, value)
            case "list":
                await redis.rpush(key, *value)
            case "hash":
                await redis.hset(key, mapping=value)
            case "stream":
                for entry, fields in value:
                    await redis.xadd(key, fields, id=entry)


def test_this_release_s_own_format_is_among_them() -> None:
    assert [file.stem for file in STORED] == [f"format-{number}" for number in range(codec.FORMAT + 1)]


@pytest.mark.parametrize("file", STORED, ids=lambda file: file.stem)
async def test_what_an_earlier_release_left_is_answered_delivered_and_not_taken_twice(redis: Redis, file: Path) -> None:
    await restore(redis, file)
    mailbox = Mailbox(redis)
    yuna, minho = await mailbox.claim("w1", limit=10, wait=2)
    assert (yuna.address, yuna.text) == (YUNA, "오늘 시험 봤어\n망했어\n위로해 줘")
    assert yuna.history == (Exchange("안녕", "안녕하세요.", "model"),)
    assert (minho.address, minho.text, minho.history) == (MINHO, "나 왔어", ())
    assert await mailbox.commit("w1", yuna, Reply("model", "고생했어요.", raw="고생했어요."))
    delivered = await Outbox(redis).read("telegram", wait=0)
    assert [(delivery.address, delivery.text) for delivery in delivered] == [
        (YUNA, "안녕하세요, 유나님."),
        (MINHO, "미안해요, 다시 말해 주세요."),
        (YUNA, "저는 말벗이에요."),
        (YUNA, "고생했어요."),
    ]
    [letter] = await DeadLetters(redis).all()
    assert (letter.messages[0].text, letter.reason) == ("독", "RuntimeError")
    assert await mailbox.accept(YUNA, Message(4, 40, "오늘 시험 봤어", 0.0)) is Accepted.DUPLICATE
    assert await mailbox.backlog() == 1


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """What is written while this is in force is a later release's."""
    monkeypatch.setattr(codec, "FORMAT", codec.FORMAT + 1)
    return monkeypatch


async def test_a_worker_of_an_earlier_release_refuses_and_leaves_the_message_to_a_later_one(
    redis: Redis, newer: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox(redis)
    await mailbox.accept(YUNA, Message(1, None, "안녕", 0.0))
    with newer.context() as earlier:
        earlier.setattr(codec, "FORMAT", codec.FORMAT - 1)
        for _ in range(5):
            with pytest.raises(NewerFormatError, match=r"newer release.*nothing was lost"):
                await mailbox.claim("old", limit=10, wait=2)
    [turn] = await mailbox.claim("new", limit=10, wait=2)
    assert (turn.text, turn.tries) == ("안녕", 1), "no try was spent on it"


async def test_a_gateway_of_an_earlier_release_refuses_and_leaves_the_reply_to_a_later_one(
    redis: Redis, telegram: TelegramApi, newer: pytest.MonkeyPatch
) -> None:
    await Outbox(redis).post(YUNA, Reply("fixed", "저는 말벗이에요."), message=Message(1, None, "who", 0.0))
    with newer.context() as earlier:
        earlier.setattr(codec, "FORMAT", codec.FORMAT - 1)
        with pytest.raises(NewerFormatError):
            await run_gateway(settings(telegram), redis, asyncio.Event())
    assert telegram.sent == []
    stop = asyncio.Event()
    gateway = asyncio.create_task(run_gateway(settings(telegram), redis, stop))
    await telegram.until(lambda: telegram.texts(1001) == ["저는 말벗이에요."])
    stop.set()
    await gateway
