"""What /privacy promises: what is kept, for how long, and that /forget leaves no trace.

The server's keys and files are searched down to the byte.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from time import time

from redis.asyncio import Redis

from bot import texts
from bot.address import Address
from bot.embedded import EmbeddedServer
from bot.mailbox import Mailbox, Message, Reply
from bot.mailbox.mailbox import LETTER_TTL, SEEN_TTL
from tests.service import Service, serving
from tests.traces import in_memory, on_disk

CHAT, OTHER = 7180339887, 2718281828
TRACES = [str(CHAT).encode(), *(word.encode() for word in ("벚나무", "등대", "옹달샘", "반딧불", "물레방아"))]
STREAMS = ("malbeot:{s0}:outbox:telegram", "malbeot:{s0}:dead", "malbeot:{s0}:ready")


@contextlib.asynccontextmanager
async def at_home(folder: Path, **settings: object) -> AsyncIterator[Service]:
    """The service on an embedded server of its own."""
    async with EmbeddedServer(folder) as server, serving(server.url, **settings) as service:
        yield service


def found(held: dict[str, bytes]) -> dict[str, list[bytes]]:
    """The traces of the chat, and where they are."""
    where = {key: [trace for trace in TRACES if trace in value] for key, value in held.items()}
    return {key: traces for key, traces in where.items() if traces}


async def test_forget_leaves_no_trace_in_memory_or_on_disk(tmp_path: Path) -> None:
    async with at_home(tmp_path) as service:
        telegram = service.telegram
        for chat, word in ((OTHER, "바람"), (CHAT, "벚나무"), (OTHER, "구름")):
            assert await service.ask(chat, word) == f"{word}라고요"
        telegram.message(CHAT, photo=[{"file_id": "x"}])
        await telegram.until(lambda: texts.media("photo") in telegram.texts(CHAT))
        for chat in (CHAT, OTHER):
            telegram.fail("sendMessage", chat=chat, times=10**6)
        for chat, text in (
            (OTHER, "독 하나"),
            (CHAT, "독 등대"),
            (OTHER, "독 둘"),
            (CHAT, "독 등대"),
            (OTHER, "독 셋"),
        ):
            telegram.say(chat, text)
            letters = await service.redis.xlen("malbeot:{s0}:dead")
            await service.until(lambda held, letters=letters: held.get(STREAMS[1], b"").count("독".encode()) > letters)  # type: ignore[misc]
        for chat, text in ((OTHER, "비"), (CHAT, "옹달샘"), (OTHER, "눈")):
            telegram.say(chat, text)
            await service.until(lambda held, text=text: f"{text}라고요".encode() in held.get(STREAMS[0], b""))  # type: ignore[misc]
        telegram.say(CHAT, "반딧불을 붙들고")
        await asyncio.to_thread(service.engine.holding.wait)
        telegram.say(CHAT, "물레방아")
        mail = f"malbeot:{{s0}}:mail:telegram/{CHAT}"
        before = await service.until(lambda held: "물레방아".encode() in held.get(mail, b""))
        assert set(found(before)) == {mail, mail.replace("mail", "history"), mail.replace("mail", "chat"), *STREAMS}
        assert {trace for traces in found(before).values() for trace in traces} == set(TRACES)

        telegram.say(CHAT, "/forget")
        await service.until(lambda held: texts.FORGET.encode() in held[STREAMS[0]])
        after = await service.held()
        assert found(after) == {STREAMS[0]: [TRACES[0]]}, "but for the answer, which is still to be sent"
        service.engine.let_go.set()
        telegram.mend()
        await telegram.until(lambda: texts.FORGET in telegram.texts(CHAT), timeout=60)
        after = await service.until(lambda held: str(CHAT).encode() not in held[STREAMS[0]])
        assert found(after) == {}
        assert after[STREAMS[1]].count("독".encode()) == 3, "the other chat's letters stay"
        assert str(OTHER).encode() in after[STREAMS[1]]
        disk = await on_disk(service.url, tmp_path)
        assert [trace for trace in TRACES if trace in disk] == []
        assert str(OTHER).encode() in disk
    left = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [trace for trace in TRACES if trace in left] == []


async def test_a_letter_among_others_is_gone_whatever_the_servers_settings(redis: Redis, redis_url: str) -> None:
    """Streams keep what XDEL deletes until the whole node is free; elsewhere a node holds a hundred entries."""
    await redis.config_set("stream-node-max-entries", 100)
    mailbox, apology = Mailbox(redis), Reply("apology", "미안해요")
    try:
        for number, chat in enumerate((1, 2, 1)):
            await mailbox.accept(Address("telegram", str(chat)), Message(number, None, f"{chat}의 등대", time()))
            [turn] = await mailbox.claim("w", limit=1, wait=1)
            await mailbox.bury("w", turn, "RuntimeError", apology)
        assert "2의 등대".encode() in (await in_memory(redis_url))[STREAMS[1]]
        await mailbox.forget(Address("telegram", "2"))
        letters = (await in_memory(redis_url))[STREAMS[1]]
    finally:
        await redis.config_set("stream-node-max-entries", 1)
    assert letters.count("1의 등대".encode()) == 2
    assert "2의 등대".encode() not in letters


async def test_a_letter_is_deleted_when_its_time_is_up(redis: Redis) -> None:
    mailbox, dead = Mailbox(redis), STREAMS[1]
    now, _ = await redis.time()
    for age in (LETTER_TTL + 5, LETTER_TTL - 60):
        await redis.xadd(dead, {"address": "telegram/1", "letter": "{}"}, id=f"{(now - age) * 1000}-0")
    await mailbox.beat("w", {}, ttl=1)
    assert [entry for entry, _ in await redis.xrange(dead)] == [f"{(now - LETTER_TTL + 60) * 1000}-0"]


async def test_where_no_history_is_wanted_none_is_kept(tmp_path: Path) -> None:
    async with at_home(tmp_path, history_exchanges=0) as service:
        assert await service.ask(CHAT, "벚나무") == "벚나무라고요"
        assert await service.ask(CHAT, "등대") == "등대라고요"
        assert service.engine.asked == [[["벚나무"]], [["등대"]]], "each is answered by itself"
        assert "답을 드리고 나면 보관하지 않아요" in await service.ask(CHAT, "/privacy")
        await service.until(lambda held: not found(held))
        disk = await on_disk(service.url, tmp_path)
        assert [trace for trace in TRACES if trace in disk] == []


async def test_a_history_of_before_is_neither_read_nor_kept(redis: Redis) -> None:
    here = Address("telegram", "1")

    async def talk(mailbox: Mailbox, number: int) -> list[str]:
        await mailbox.accept(here, Message(number, None, f"말 {number}", time()))
        [turn] = await mailbox.claim("w", limit=1, wait=1)
        await mailbox.commit("w", turn, Reply("model", "답", raw="답"))
        return [exchange.user for exchange in turn.history]

    for number in range(4):
        await talk(Mailbox(redis, history_exchanges=4), number)
    assert await talk(Mailbox(redis, history_exchanges=2), 4) == ["말 2", "말 3"]
    assert await talk(Mailbox(redis, history_exchanges=0), 5) == []
    assert await redis.keys("*history*") == []


async def test_a_history_expires(tmp_path: Path) -> None:
    async with at_home(tmp_path, history_ttl=1) as service:
        assert await service.ask(CHAT, "벚나무") == "벚나무라고요"
        await service.until(lambda held: not found(held))
        await service.ask(CHAT, "등대")
        assert service.engine.asked[-1] == [["등대"]]


def test_privacy_tells_the_times_that_are_kept_to() -> None:
    told = texts.privacy(4, 86400)
    assert (LETTER_TTL, SEEN_TTL) == (30 * 86400, 2 * 86400)
    assert "30일 동안 남겨 둔 뒤 지워요" in told
    assert "이틀 동안 적어 둬요" in told


async def test_what_marks_an_update_names_no_chat_and_expires(redis: Redis) -> None:
    mailbox = Mailbox(redis)
    await mailbox.accept(Address("telegram", str(CHAT)), Message(5, 7, "벚나무", time()))
    await mailbox.forget(Address("telegram", str(CHAT)), update_id=6)
    marks = sorted(await redis.keys("*:seen:*"))
    assert marks == ["malbeot:{s0}:seen:telegram/5", "malbeot:{s0}:seen:telegram/6"]
    for mark in marks:
        assert await redis.get(mark) == "1"
        assert 0 < await redis.ttl(mark) <= SEEN_TTL
