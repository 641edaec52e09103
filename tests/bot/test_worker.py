"""The worker on a real mailbox. Its engines are scripted: what is tested is what becomes of turns and replies."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Event, Timer
from time import time

import pytest
from redis.asyncio import Redis

from bot import texts
from bot.address import Address
from bot.mailbox import Delivery, Mailbox, Message, Outbox
from bot.settings import Settings
from bot.worker import DecodeTimeoutError, Worker
from model.engine import EngineReply

MINJI, HAJUN, SEOA = (Address("telegram", chat) for chat in ("11", "12", "13"))


class Engine:
    """Replies with what `say` makes of the last user turn, and notes what it was asked together."""

    name = "scripted"
    checkpoint_hash = "0123456789ab"

    def __init__(self, say: Callable[[str], str]) -> None:
        self.asked: list[list[list[str]]] = []
        self._say = say

    def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
        self.asked.append([list(conversation) for conversation in conversations])
        return [EngineReply(self._say(conversation[-1]), tokens=1, score=0.0) for conversation in conversations]


class Hanging(Engine):
    """Says what it is asked, but not before it is let go."""

    def __init__(self) -> None:
        super().__init__(self._wait)
        self.let_go = Event()
        self.decoding = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def _wait(self, text: str) -> str:
        self._loop.call_soon_threadsafe(self.decoding.set)
        self.let_go.wait()
        return text


class Desk:
    """A mailbox with users before it and their replies behind it."""

    def __init__(self, redis: Redis, settings: Settings) -> None:
        self.redis, self.settings = redis, settings
        self.mailbox = Mailbox.of(redis, settings)
        self._outbox = Outbox(redis)
        self._last = 0

    async def say(self, address: Address, text: str) -> None:
        self._last += 1
        await self.mailbox.accept(address, Message(self._last, None, text, time()))

    async def hear(self) -> Delivery:
        """The next reply, to whomever it goes."""
        while not (deliveries := await self._outbox.read("telegram", wait=1, limit=1)):
            pass
        return deliveries[0]

    @contextlib.asynccontextmanager
    async def worker(self, engine: Engine) -> AsyncIterator[Worker]:
        """A worker at this desk, that is gone when the block ends."""
        stop = asyncio.Event()
        with ThreadPoolExecutor(1) as thread:
            worker = Worker(engine, self.mailbox, self.settings, thread)
            running = asyncio.create_task(worker.run(stop))
            try:
                yield worker
            finally:
                stop.set()
                await running


@pytest.fixture
def desk(redis: Redis) -> Desk:
    return Desk(redis, Settings(owner="김하늘", bot_name="달이", max_tries=2, claim_ttl=1))


async def test_names_are_filled_in_for_the_user_and_kept_open_in_the_history(desk: Desk) -> None:
    engine = Engine(lambda _: "저는 <owner>님의 챗봇 <bot>예요.")
    async with desk.worker(engine):
        await desk.say(MINJI, "너는 누구니?")
        assert (await desk.hear()).text == "저는 김하늘님의 챗봇 달이예요."
        await desk.say(MINJI, "그렇구나")
        await desk.hear()
    assert engine.asked[1] == [["너는 누구니?", "저는 <owner>님의 챗봇 <bot>예요.", "그렇구나"]]


async def test_lines_sent_in_a_row_are_one_turn(desk: Desk) -> None:
    await desk.say(MINJI, "있잖아")
    await desk.say(MINJI, "나 오늘 합격했어")
    async with desk.worker(Engine(str.upper)):
        delivery = await desk.hear()
    assert delivery.text == "있잖아\n나 오늘 합격했어"
    assert delivery.origins == ("1", "2")


async def test_chats_are_decoded_together(desk: Desk) -> None:
    for address in (MINJI, HAJUN, SEOA):
        await desk.say(address, "안녕")
    engine = Engine(str.upper)
    async with desk.worker(engine):
        answered = {(await desk.hear()).address for _ in range(3)}
    assert answered == {MINJI, HAJUN, SEOA}
    assert engine.asked == [[["안녕"]] * 3]


async def test_a_text_that_fails_spoils_no_other_and_ends_with_an_apology(desk: Desk) -> None:
    def say(text: str) -> str:
        if text == "독":
            raise RuntimeError(text)
        return text

    await desk.say(MINJI, "독")
    await desk.say(HAJUN, "물")
    async with desk.worker(Engine(say)):
        first, second = await desk.hear(), await desk.hear()
    assert (first.address, first.text, first.kind) == (HAJUN, "물", "model")
    assert (second.address, second.text, second.kind) == (MINJI, texts.APOLOGY, "apology")
    assert await desk.mailbox.backlog() == 0


async def test_a_blank_reply_is_never_sent(desk: Desk) -> None:
    async with desk.worker(Engine(lambda _: " \n")):
        await desk.say(MINJI, "안녕")
        assert (await desk.hear()).text == texts.APOLOGY


async def test_a_long_decode_keeps_its_claim(desk: Desk) -> None:
    engine = Hanging()
    async with desk.worker(engine):
        await desk.say(MINJI, "안녕")
        await engine.decoding.wait()
        assert await desk.mailbox.claim("thief", limit=1, wait=1.5 * desk.settings.claim_ttl) == []
        engine.let_go.set()
        assert (await desk.hear()).text == "안녕"
    assert len(engine.asked) == 1


async def test_a_worker_that_is_stopped_finishes_what_it_holds(desk: Desk) -> None:
    engine = Hanging()
    await desk.say(MINJI, "안녕")
    async with desk.worker(engine):
        await engine.decoding.wait()
        await desk.say(HAJUN, "나도")  # comes too late for this worker
        asyncio.get_running_loop().call_later(0.1, engine.let_go.set)
    assert (await desk.hear()).address == MINJI
    [turn] = await desk.mailbox.claim("next", limit=10, wait=1)
    assert (turn.address, turn.tries) == (HAJUN, 1)


async def test_a_decode_that_hangs_ends_the_worker_and_is_taken_over(redis: Redis) -> None:
    desk = Desk(redis, Settings(decode_timeout=0.2, claim_ttl=1))
    engine = Hanging()
    Timer(1.0, engine.let_go.set).start()  # the thread must end before the test run can
    await desk.say(MINJI, "안녕")
    with ThreadPoolExecutor(1) as thread:
        worker = Worker(engine, desk.mailbox, desk.settings, thread)
        with pytest.raises(DecodeTimeoutError, match="MALBEOT_DECODE_TIMEOUT"):
            await worker.run(asyncio.Event())
    async with desk.worker(Engine(str.upper)):
        assert (await desk.hear()).text == "안녕"


async def test_what_was_reset_while_decoding_is_not_answered(desk: Desk) -> None:
    engine = Hanging()
    async with desk.worker(engine):
        await desk.say(MINJI, "그만하자")
        await engine.decoding.wait()
        await desk.mailbox.reset(MINJI)
        engine.let_go.set()
        await desk.say(MINJI, "안녕")
        assert (await desk.hear()).text == "안녕"
    assert engine.asked == [[["그만하자"]], [["안녕"]]]


async def test_a_worker_shows_that_it_lives_and_takes_its_leave(desk: Desk) -> None:
    async with desk.worker(Engine(str.upper)) as worker:
        await desk.say(MINJI, "안녕")
        await desk.hear()
        [alive] = await desk.mailbox.workers()
        assert alive.name == worker.name
        assert alive.info["checkpoint"] == "0123456789ab"
    assert await desk.mailbox.workers() == []


async def test_a_crisis_is_answered_by_the_fixed_text_whatever_the_model_does(desk: Desk) -> None:
    def say(_: str) -> str:
        raise RuntimeError

    await desk.say(HAJUN, "죽고 싶어")
    engine = Engine(say)
    async with desk.worker(engine):
        delivery = await desk.hear()
    assert (delivery.kind, delivery.text) == ("crisis", texts.CRISIS[0])
    assert "109" in delivery.text
    assert engine.asked == []


async def test_a_crisis_that_only_the_encoder_hears_is_answered_alike(desk: Desk) -> None:
    class Listening(Engine):
        def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
            replies = super().reply(conversations)
            return [
                replace(reply, crisis=0.99 if "사진" in talk[-1] else 0.4)
                for reply, talk in zip(replies, conversations, strict=True)
            ]

    async with desk.worker(Listening(lambda _: "네, 그러세요.")):
        await desk.say(MINJI, "다 정리했어. 사진도 이제 네가 가져")
        delivery = await desk.hear()
        assert (delivery.kind, delivery.text) == ("crisis", texts.CRISIS[0])
        await desk.say(MINJI, "고마워")
        assert (await desk.hear()).kind == "careful"


async def test_a_crisis_does_not_wait_for_those_claimed_with_it(desk: Desk) -> None:
    engine = Hanging()
    await desk.say(MINJI, "안녕")
    await desk.say(HAJUN, "다 끝내고 싶어")
    async with desk.worker(engine):
        assert (await desk.hear()).address == HAJUN
        engine.let_go.set()
        assert (await desk.hear()).address == MINJI


async def test_what_follows_a_crisis_stays_careful(desk: Desk) -> None:
    async with desk.worker(Engine(lambda _: "천천히 말씀해 주세요.")):
        heard = []
        for text in ("죽고 싶다", "아니 혼자야", "무서워", "응 언니가 와 준대", "밥 먹었어"):
            await desk.say(MINJI, text)
            heard.append(await desk.hear())
    assert [delivery.kind for delivery in heard] == ["crisis", "crisis", "crisis", "careful", "model"]
    assert [delivery.text for delivery in heard[:3]] == list(texts.CRISIS)
    assert heard[3].text.endswith(texts.REMINDER)
    assert texts.REMINDER not in heard[4].text


async def test_a_failure_soon_after_a_crisis_ends_with_the_help_line(desk: Desk) -> None:
    async with desk.worker(Engine(lambda _: "")):
        await desk.say(MINJI, "자해했어")
        await desk.hear()
        await desk.say(MINJI, "오늘 학교에서 있었던 일인데")
        delivery = await desk.hear()
    assert (delivery.kind, delivery.text) == ("crisis", texts.CRISIS[1])


class Choosing(Engine):
    """Finds the same replies to whatever is said."""

    def __init__(self, *found: str) -> None:
        super().__init__(str)
        self._found = [EngineReply(text, tokens=1, score=0.0) for text in found]

    def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
        best, *others = self._found
        return [replace(best, others=tuple(others)) for _ in conversations]


async def test_what_may_not_leave_gives_way_to_the_next_best(desk: Desk) -> None:
    async with desk.worker(Choosing("존나 좋네요", "", "010-1234-5678이에요", "좋은 소식이네요.")):
        await desk.say(MINJI, "나 붙었어")
        delivery = await desk.hear()
    assert (delivery.kind, delivery.text) == ("model", "좋은 소식이네요.")


async def test_where_nothing_may_leave_the_user_is_told(desk: Desk) -> None:
    async with desk.worker(Choosing("존나 좋네요", "병신")):
        await desk.say(MINJI, "나 붙었어")
        delivery = await desk.hear()
    assert (delivery.kind, delivery.text) == ("withheld", texts.WITHHELD)
