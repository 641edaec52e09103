"""Dead letters, as an operator handles them by `python -m bot dead`."""

import asyncio
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis

from bot.address import Address
from bot.mailbox import DeadLetters, Mailbox, Reply
from tests.bot.test_mailbox import APOLOGY, answer, assert_sound, claim_one, replies, said
from tests.processes import environment

YUNA, MINHO = Address("telegram", "7180339887"), Address("telegram", "2718281828")


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis)


async def bury(mailbox: Mailbox, address: Address, *numbers: int, text: str = "말") -> None:
    """A turn of these messages that every worker fails on."""
    for number in numbers:
        await mailbox.accept(address, said(number, f"{text} {number}"))
    assert await mailbox.bury("w1", await claim_one(mailbox), "RuntimeError", APOLOGY)


@pytest.fixture
def env(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, redis_url=redis_url)


async def operate(env: dict[str, str], *arguments: str) -> tuple[int, str]:
    """Exit code and all output of `python -m bot dead …`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "dead", *arguments,
        env=env, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_what_is_retried_stands_before_what_came_later_and_is_answered_once(
    redis: Redis, mailbox: Mailbox
) -> None:
    await bury(mailbox, YUNA, 1, 2)
    await mailbox.accept(YUNA, said(3, "말 3"))
    claimed = await claim_one(mailbox)
    await mailbox.accept(YUNA, said(4, "말 4"))
    letters = DeadLetters(redis)
    [letter] = await letters.all()
    assert await asyncio.gather(*(letters.retry(letter) for _ in range(5))) == [True, False, False, False, False]
    await assert_sound(redis, mailbox)

    assert not await mailbox.commit("w1", claimed, answer("늦은 답")), "it would be counted off the wrong messages"
    turn = await claim_one(mailbox, "w2")
    assert (turn.text, turn.tries) == ("말 1\n말 2\n말 3\n말 4", 1)
    assert turn.messages[:2] == letter.messages
    assert await mailbox.commit("w2", turn, answer("답"))
    assert await replies(redis) == [APOLOGY.text, "답"]
    assert await letters.all() == []
    await assert_sound(redis, mailbox)


async def test_what_fails_again_is_a_letter_again(redis: Redis, mailbox: Mailbox) -> None:
    await bury(mailbox, YUNA, 1)
    letters = DeadLetters(redis)
    [first] = await letters.all()
    await letters.retry(first)
    await mailbox.bury("w1", await claim_one(mailbox), "RuntimeError", APOLOGY)
    [second] = await letters.all()
    assert (second.messages, second.id == first.id) == (first.messages, False)
    assert not await letters.drop(first)
    assert await letters.drop(second)
    assert await letters.get(second.id) is None


async def test_a_forgotten_letter_cannot_be_retried(redis: Redis, mailbox: Mailbox) -> None:
    await bury(mailbox, YUNA, 1)
    [letter] = await DeadLetters(redis).all()
    await mailbox.forget(YUNA)
    assert not await DeadLetters(redis).retry(letter)
    await assert_sound(redis, mailbox)


async def test_the_operator_sees_no_chat_and_no_text_unless_asked(
    redis: Redis, mailbox: Mailbox, env: dict[str, str]
) -> None:
    await bury(mailbox, YUNA, 1, 2, text="남몰래\x1b[2J\u202e")
    await bury(mailbox, MINHO, 3)
    await bury(mailbox, YUNA, 4)
    first, *_ = await DeadLetters(redis).all()

    code, listed = await operate(env, "list")
    assert code == 0
    lines = [line.replace("│", "|").split("|")[1:-1] for line in listed.splitlines() if "RuntimeError" in line]
    rows = [[cell.strip() for cell in line] for line in lines]
    assert [row[3] for row in rows] == ["1 2", "3", "4"]
    assert rows[0][0] == first.id
    assert rows[0][2] == rows[2][2] != rows[1][2], "a chat's letters are known by its tag"
    code, shown = await operate(env, "show", first.id)
    assert (code, "RuntimeError" in shown) == (0, True)
    for private in ("남몰래", YUNA.chat, MINHO.chat):
        assert private not in listed + shown

    code, whole = await operate(env, "show", "--text", first.id)
    assert (code, "남몰래" in whole) == (0, True)
    assert YUNA.chat not in whole
    assert not set("\x1b\u202e") & set(whole), "nothing that the terminal would obey"


async def test_by_the_command_line_letters_are_retried_in_order_and_dropped(
    redis: Redis, mailbox: Mailbox, env: dict[str, str]
) -> None:
    await bury(mailbox, YUNA, 1)
    await bury(mailbox, MINHO, 2)
    await bury(mailbox, YUNA, 3)
    _, minho, _ = await DeadLetters(redis).all()
    assert await operate(env, "drop", minho.id) == (0, "deleted: 1\n")
    code, told = await operate(env, "retry", minho.id)
    assert (code, told.startswith("malbeot: no such dead letter")) == (1, True)
    assert (await operate(env, "retry"))[0] == 1
    assert await operate(env, "retry", "--all") == (0, "put back: 2\n")
    turn = await claim_one(mailbox)
    assert (turn.address, turn.text) == (YUNA, "말 1\n말 3")
    assert await mailbox.commit("w1", turn, Reply("model", "답"))
    assert await operate(env, "list") == (0, "no dead letters\n")


async def test_without_a_server_it_is_one_line(env: dict[str, str], tmp_path: Path) -> None:
    code, told = await operate(env | {"MALBEOT_REDIS_URL": f"unix://:hunter2@{tmp_path}/no.sock"}, "list")
    assert (code, told.count("\n"), "hunter2" in told) == (2, 1, False)
