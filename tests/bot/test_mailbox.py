"""The mailbox against a real server: what is accepted, claimed, committed, and what becomes void."""

import asyncio
from collections import Counter
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisDownError, OutOfMemoryError

from bot.address import Address
from bot.mailbox import Accepted, Exchange, Mailbox, Message, Outbox, Reply, Turn, codec
from bot.redis_link import connect
from tests.crowd import converse
from tests.faults.wire import Harm, Wire

YUNA = Address("telegram", "1001")
MINHO = Address("telegram", "1002")
APOLOGY = Reply("apology", "미안해요, 다시 말해 주세요.")


def said(update_id: int, text: str = "안녕") -> Message:
    return Message(update_id, 10 * update_id, text, time())


def answer(text: str) -> Reply:
    return Reply("model", text, raw=text)


async def claim_one(mailbox: Mailbox, consumer: str = "w1") -> Turn:
    [turn] = await mailbox.claim(consumer, limit=10, wait=2)
    return turn


async def replies(redis: Redis) -> list[str]:
    """Whatever the outbox holds, in order."""
    outbox, texts = Outbox(redis), []
    while deliveries := await outbox.read("telegram", wait=0):
        texts += [delivery.text for delivery in deliveries]
    return texts


async def assert_sound(redis: Redis, mailbox: Mailbox) -> None:
    """A chat has mail if and only if it stands in `ready`, once, where its hash says; nothing else is claimed; the
    backlog counts all mail."""
    entries = {fields["address"]: entry for entry, fields in await redis.xrange("malbeot:{s0}:ready")}
    assert len(entries) == await redis.xlen("malbeot:{s0}:ready")
    mail = [key async for key in redis.scan_iter("*:mail:*")]
    assert {key.split(":mail:")[1] for key in mail} == set(entries)
    chats = [key async for key in redis.scan_iter("*:chat:*")]
    assert {key.split(":chat:")[1]: await redis.hget(key, "entry") for key in chats} == entries
    claimed = await redis.xpending_range("malbeot:{s0}:ready", "workers", "-", "+", 1000)
    assert {claim["message_id"] for claim in claimed} <= set(entries.values())
    assert await mailbox.backlog() == sum([await redis.llen(key) for key in mail])


@pytest.fixture
def mailbox(redis: Redis) -> Mailbox:
    return Mailbox(redis)


@pytest.fixture
def hasty(redis: Redis) -> Mailbox:
    """The same mailbox to one for whom every claim has expired at once."""
    return Mailbox(redis, claim_ttl=0)


async def test_a_message_becomes_a_turn_and_the_turn_a_reply(redis: Redis, mailbox: Mailbox) -> None:
    message = said(1, "오늘 너무 힘들었어")
    assert await mailbox.accept(YUNA, message) is Accepted.ACCEPTED

    turn = await claim_one(mailbox)
    assert (turn.address, turn.messages, turn.history, turn.tries) == (YUNA, (message,), (), 1)
    assert await mailbox.commit("w1", turn, Reply("model", "연준님도요?", raw="<owner>님도요?"))

    [delivery] = await Outbox(redis).read("telegram", wait=0)
    assert (delivery.address, delivery.text, delivery.kind) == (YUNA, "연준님도요?", "model")
    assert (delivery.origins, delivery.reply_to) == (("1",), 10)
    assert await mailbox.backlog() == 0
    await assert_sound(redis, mailbox)

    await mailbox.accept(YUNA, said(2, "응"))
    assert (await claim_one(mailbox)).history == (Exchange("오늘 너무 힘들었어", "<owner>님도요?"),)


async def test_an_update_is_accepted_once(mailbox: Mailbox) -> None:
    outcomes = await asyncio.gather(*(mailbox.accept(YUNA, said(1)) for _ in range(20)))
    assert Counter(outcomes) == {Accepted.ACCEPTED: 1, Accepted.DUPLICATE: 19}

    await mailbox.commit("w1", await claim_one(mailbox), answer("응"))
    assert await mailbox.accept(YUNA, said(1)) is Accepted.DUPLICATE
    assert await mailbox.backlog() == 0


async def test_channels_number_their_updates_each_for_itself(mailbox: Mailbox) -> None:
    assert await mailbox.accept(YUNA, said(1)) is Accepted.ACCEPTED
    assert await mailbox.accept(Address("console-local", "0"), said(1)) is Accepted.ACCEPTED


async def test_too_much_is_refused_and_leaves_no_trace(redis: Redis) -> None:
    mailbox = Mailbox(redis, max_backlog=3, max_mailbox=2)
    assert await mailbox.accept(YUNA, said(1)) is Accepted.ACCEPTED
    assert await mailbox.accept(YUNA, said(2)) is Accepted.ACCEPTED
    assert await mailbox.accept(YUNA, said(3)) is Accepted.MAILBOX_FULL
    assert await mailbox.accept(MINHO, said(4)) is Accepted.ACCEPTED
    assert await mailbox.accept(MINHO, said(5)) is Accepted.BACKLOG_FULL

    yuna, minho = await mailbox.claim("w1", limit=10, wait=0)
    assert (yuna.address, minho.address) == (YUNA, MINHO)
    assert await mailbox.accept(MINHO, said(5)) is Accepted.BACKLOG_FULL, "claimed messages wait too"
    await mailbox.commit("w1", yuna, answer("응"))
    assert await mailbox.accept(MINHO, said(5)) is Accepted.ACCEPTED, "a refused update is no duplicate"
    await assert_sound(redis, mailbox)


async def test_a_full_server_refuses_mail_but_can_be_drained(redis: Redis, mailbox: Mailbox) -> None:
    assert await mailbox.claim("w1", limit=1, wait=0) == []  # a worker was here, so the group stands
    await mailbox.accept(YUNA, said(1))
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            await mailbox.accept(YUNA, said(2))
        turn = await claim_one(mailbox)
        assert await mailbox.renew("w1", [turn]) == {turn}
        assert await mailbox.commit("w1", turn, answer("응"))
    finally:
        await redis.config_set("maxmemory", 0)
    assert await replies(redis) == ["응"]
    assert await mailbox.accept(YUNA, said(2)) is Accepted.ACCEPTED
    await assert_sound(redis, mailbox)


async def test_a_turn_takes_all_that_was_said(mailbox: Mailbox) -> None:
    for update_id, text in enumerate(["있잖아", "나 오늘", "면허 땄어!"]):
        await mailbox.accept(YUNA, said(update_id, text))
    turn = await claim_one(mailbox)
    assert turn.text == "있잖아\n나 오늘\n면허 땄어!"
    assert turn.origins == ("0", "1", "2")


async def test_a_claim_whose_answer_is_lost_again_and_again_is_one_try(
    redis_url: str, mailbox: Mailbox, hasty: Mailbox
) -> None:
    await mailbox.accept(YUNA, said(1, "여보세요" * 500))
    async with Wire(Path(redis_url.removeprefix("unix://"))) as wire:
        far = await connect(f"redis://127.0.0.1:{wire.port}/0")
        async with wire.hurt(Harm("cut_answer", 2000)):  # bytes: the claim itself is heard of, the messages are not
            with pytest.raises(RedisDownError):
                await Mailbox(far).claim("w1", limit=1, wait=0)
        await far.aclose()
    assert (await claim_one(hasty, "w2")).tries == 2


async def test_what_is_said_during_a_decode_becomes_the_next_turn(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1, "안녕"))
    turn = await claim_one(mailbox)
    await mailbox.accept(YUNA, said(2, "거기 있어?"))
    assert await mailbox.claim("w2", limit=10, wait=0) == [], "a chat is with one worker at a time"

    assert await mailbox.commit("w1", turn, answer("안녕하세요"))
    await assert_sound(redis, mailbox)
    following = await claim_one(mailbox, "w2")
    assert (following.text, following.tries) == ("거기 있어?", 1)
    assert following.history == (Exchange("안녕", "안녕하세요"),)


async def test_a_claim_wakes_for_new_mail(mailbox: Mailbox) -> None:
    waiting = asyncio.create_task(mailbox.claim("w1", limit=10, wait=5))
    await asyncio.sleep(0)
    await mailbox.accept(YUNA, said(1))
    [turn] = await waiting
    assert turn.address == YUNA


async def test_chats_are_claimed_in_the_order_of_their_coming(mailbox: Mailbox) -> None:
    for number in range(5):
        await mailbox.accept(Address("telegram", str(number)), said(number))
    first = await mailbox.claim("w1", limit=3, wait=0)
    rest = await mailbox.claim("w2", limit=3, wait=0)
    assert [turn.address.chat for turn in first + rest] == ["0", "1", "2", "3", "4"]


async def test_history_is_bounded_and_expires(redis: Redis) -> None:
    mailbox = Mailbox(redis, history_exchanges=2, history_ttl=100)
    for number in range(4):
        await mailbox.accept(YUNA, said(number, f"말 {number}"))
        await mailbox.commit("w1", await claim_one(mailbox), answer(f"답 {number}"))
    await mailbox.accept(YUNA, said(9))
    assert (await claim_one(mailbox)).history == (Exchange("말 2", "답 2"), Exchange("말 3", "답 3"))
    assert 0 < await redis.ttl("malbeot:{s0}:history:telegram/1001") <= 100


@pytest.mark.parametrize(("kept", "reply"), [(0, answer("응")), (4, APOLOGY)])
async def test_no_history_is_kept_where_none_is_wanted(redis: Redis, kept: int, reply: Reply) -> None:
    mailbox = Mailbox(redis, history_exchanges=kept)
    await mailbox.accept(YUNA, said(1))
    await mailbox.commit("w1", await claim_one(mailbox), reply)
    assert [key async for key in redis.scan_iter("*history*")] == []


async def test_a_silent_workers_turn_is_taken_over_and_its_commit_void(
    redis: Redis, mailbox: Mailbox, hasty: Mailbox
) -> None:
    await mailbox.accept(YUNA, said(1))
    stalled = await claim_one(mailbox, "w1")
    await mailbox.accept(YUNA, said(2))

    taken = await claim_one(hasty, "w2")
    assert (taken.tries, taken.suspect) == (2, True)
    assert taken.origins == ("1", "2")
    assert await mailbox.renew("w1", [stalled]) == set()
    assert not await mailbox.commit("w1", stalled, answer("늦은 답"))
    assert not await mailbox.bury("w1", stalled, "late", APOLOGY)
    await mailbox.release("w1", stalled)

    assert await mailbox.renew("w2", [taken]) == {taken}
    assert await mailbox.commit("w2", taken, answer("답"))
    assert not await mailbox.commit("w2", taken, answer("답")), "a turn is committed once"
    assert await replies(redis) == ["답"]
    await assert_sound(redis, mailbox)


async def test_a_worker_that_takes_over_from_itself_voids_its_earlier_try(mailbox: Mailbox, hasty: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    hung = await claim_one(mailbox)
    again = await claim_one(hasty)
    assert not await mailbox.commit("w1", hung, answer("응"))
    assert await mailbox.commit("w1", again, answer("응"))


async def test_a_claim_is_lost_from_the_moment_that_another_owns_its_entry(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    turn = await claim_one(mailbox)
    await redis.xclaim("malbeot:{s0}:ready", "workers", "w2", 0, [turn.entry])  # and w2 has not begun its try yet
    assert await mailbox.renew("w1", [turn]) == set()
    assert not await mailbox.commit("w1", turn, answer("응"))
    assert await replies(redis) == []
    await assert_sound(redis, mailbox)


async def test_a_renewed_claim_is_not_taken_over(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    turn = await claim_one(mailbox)
    await grow_old(redis, turn)
    assert await mailbox.renew("w1", [turn]) == {turn}
    assert await mailbox.claim("w2", limit=1, wait=0) == []
    await grow_old(redis, turn)
    assert (await claim_one(mailbox, "w2")).tries == 2


async def grow_old(redis: Redis, turn: Turn) -> None:
    """Make it a minute ago that the claim was renewed."""
    await redis.xclaim("malbeot:{s0}:ready", "workers", "w1", 0, [turn.entry], idle=60_000, justid=True)


async def test_expired_turns_come_one_by_one_apart_from_fresh_ones(mailbox: Mailbox, hasty: Mailbox) -> None:
    for number in range(25):
        await mailbox.accept(Address("telegram", str(number)), said(number))
    assert len(await mailbox.claim("w1", limit=25, wait=0)) == 25  # and w1 dies
    await mailbox.accept(YUNA, said(99))
    for number in range(25):
        [turn] = await hasty.claim("w2", limit=32, wait=0)
        assert (turn.address.chat, turn.suspect) == (str(number), True)
        assert await mailbox.commit("w2", turn, answer("응"))
    [fresh] = await hasty.claim("w2", limit=32, wait=0)
    assert (fresh.address, fresh.suspect) == (YUNA, False)


async def test_an_expired_claim_is_found_behind_many_held_ones(redis: Redis, mailbox: Mailbox) -> None:
    for number in range(60):
        await mailbox.accept(Address("telegram", str(number)), said(number))
    turns = await mailbox.claim("w1", limit=60, wait=0)
    await grow_old(redis, turns[-1])
    assert (await claim_one(mailbox, "w2")).address == turns[-1].address


async def test_a_released_turn_is_free_at_once_and_counts_no_try(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    turn = await claim_one(mailbox)
    waiting = asyncio.create_task(mailbox.claim("w2", limit=10, wait=5))
    await asyncio.sleep(0)
    await mailbox.release("w1", turn)
    [again] = await waiting
    assert (again.tries, again.messages) == (1, turn.messages)
    assert not await mailbox.commit("w1", turn, answer("응"))
    await assert_sound(redis, mailbox)


async def test_a_hopeless_turn_becomes_a_dead_letter_and_an_apology(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1, "독이 든 말"))
    turn = await claim_one(mailbox)
    await mailbox.accept(YUNA, said(2, "다른 말"))
    assert await mailbox.bury("w1", turn, "3 tries", APOLOGY)

    [delivery] = await Outbox(redis).read("telegram", wait=0)
    assert (delivery.kind, delivery.text, delivery.origins) == ("apology", APOLOGY.text, ("1",))
    [(_, letter)] = await redis.xrange("malbeot:{s0}:dead")
    assert letter["address"] == "telegram/1001"
    assert "독이 든 말" in letter["letter"]
    following = await claim_one(mailbox)
    assert (following.text, following.tries, following.history) == ("다른 말", 1, ())
    await assert_sound(redis, mailbox)


@pytest.mark.parametrize("clear", [Mailbox.reset, Mailbox.forget])
async def test_a_reset_or_forget_during_a_decode_voids_the_commit(redis: Redis, mailbox: Mailbox, clear) -> None:  # noqa: ANN001
    await mailbox.accept(YUNA, said(1, "옛 이야기"))
    await mailbox.commit("w1", await claim_one(mailbox), answer("옛 답"))
    assert await replies(redis) == ["옛 답"]
    await mailbox.accept(YUNA, said(2, "이어지는 이야기"))
    late = await claim_one(mailbox)
    await mailbox.accept(YUNA, said(3, "기다리는 말"))

    assert await clear(mailbox, YUNA) == 2
    assert await mailbox.backlog() == 0
    await mailbox.accept(YUNA, said(4, "새 이야기"))
    assert not await mailbox.commit("w1", late, answer("늦은 답"))

    turn = await claim_one(mailbox, "w2")
    assert (turn.text, turn.history, turn.tries) == ("새 이야기", (), 1)
    assert await mailbox.commit("w2", turn, answer("새 답"))
    assert (await replies(redis))[-1] == "새 답"
    await assert_sound(redis, mailbox)


@pytest.mark.parametrize("clear", [Mailbox.reset, Mailbox.forget])
async def test_a_replayed_reset_spares_what_came_after_it(mailbox: Mailbox, clear) -> None:  # noqa: ANN001
    await mailbox.accept(YUNA, said(1))
    assert await clear(mailbox, YUNA, update_id=2) == 1
    await mailbox.accept(YUNA, said(3, "그다음 말"))
    assert await clear(mailbox, YUNA, update_id=2) == 0
    assert (await claim_one(mailbox)).text == "그다음 말"


async def test_forget_leaves_nothing_of_the_chat_and_all_of_others(redis: Redis, mailbox: Mailbox) -> None:
    for chat, base in ((YUNA, 0), (MINHO, 10)):
        await mailbox.accept(chat, said(base + 1, f"{chat.chat}의 말"))
        await mailbox.commit("w1", await claim_one(mailbox), answer(f"{chat.chat}에게"))
        await mailbox.accept(chat, said(base + 2, f"{chat.chat}의 독"))
        await mailbox.bury("w1", await claim_one(mailbox), "3 tries", APOLOGY)
    for chat, base in ((YUNA, 0), (MINHO, 10)):
        await mailbox.accept(chat, said(base + 3, f"{chat.chat}의 새 말"))
    await Outbox(redis).read("telegram", wait=0, limit=1)  # one reply is already with a sender
    before = await everything(redis)
    assert "1001" in before

    await mailbox.forget(YUNA, update_id=4)

    after = await everything(redis)
    assert "1001" not in after
    assert before.count("1002") == after.count("1002")
    await assert_sound(redis, mailbox)


async def everything(redis: Redis) -> str:
    """All keys and values as one text."""
    readers = {"string": redis.get, "list": lambda key: redis.lrange(key, 0, -1), "hash": redis.hgetall}
    parts = []
    async for key in redis.scan_iter():
        kind = await redis.type(key)
        parts.append(f"{key} {await (redis.xrange(key) if kind == 'stream' else readers[kind](key))}")
    return "\n".join(parts)


async def test_a_server_that_comes_back_empty_is_set_up_again(redis: Redis, mailbox: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    lost = await claim_one(mailbox)
    await mailbox.beat("w1", {}, ttl=10)
    waiting = asyncio.create_task(mailbox.claim("w2", limit=1, wait=5))
    while await redis.execute_command("XINFO", "CONSUMERS", "malbeot:{s0}:ready", "workers") == []:
        pass
    await redis.flushall()
    await redis.script_flush()

    assert not await mailbox.commit("w1", lost, answer("잃어버린 말에 대한 답"))
    assert await mailbox.renew("w1", [lost]) == set()
    await mailbox.beat("w1", {}, ttl=10)
    assert await mailbox.accept(YUNA, said(1)) is Accepted.ACCEPTED
    [turn] = await waiting or await mailbox.claim("w2", limit=1, wait=2)
    assert await mailbox.commit("w2", turn, answer("답"))
    assert await replies(redis) == ["답"]
    await assert_sound(redis, mailbox)


async def test_mail_that_came_before_any_worker_is_found(redis: Redis, mailbox: Mailbox) -> None:
    assert await Outbox(redis).read("telegram", wait=0) == []
    await mailbox.accept(YUNA, said(1))
    assert (await claim_one(mailbox)).address == YUNA


@pytest.mark.parametrize("text", ["", "\x00", "한\ud800글", "👩‍👩‍👧‍👦", "a\nb", '"}]', "가" * 4096])
async def test_any_text_passes(redis: Redis, mailbox: Mailbox, text: str) -> None:
    await mailbox.accept(YUNA, said(1, text))
    turn = await claim_one(mailbox)
    assert turn.text == text.replace("\ud800", "?")
    assert await mailbox.commit("w1", turn, answer(text))
    assert await replies(redis) == [turn.text]


async def test_workers_are_known_while_they_give_signs_of_life(mailbox: Mailbox) -> None:
    await mailbox.beat("w2", {"engine": "ctranslate2"}, ttl=30)
    await mailbox.beat("w1", {"engine": "tensorflow"}, ttl=30)
    assert [(worker.name, worker.info["engine"]) for worker in await mailbox.workers()] == [
        ("w1", "tensorflow"),
        ("w2", "ctranslate2"),
    ]
    await mailbox.leave("w1")
    assert [worker.name for worker in await mailbox.workers()] == ["w2"]


async def test_a_dead_workers_claims_outlive_its_name(redis: Redis, mailbox: Mailbox, hasty: Mailbox) -> None:
    await mailbox.accept(YUNA, said(1))
    await claim_one(mailbox, "w1")
    await mailbox.leave("w1")
    assert await mailbox.workers() == []
    turn = await claim_one(hasty, "w2")
    assert await mailbox.commit("w2", turn, answer("응"))

    await mailbox.beat("w2", {}, ttl=30)
    consumers = await redis.xinfo_consumers("malbeot:{s0}:ready", "workers")
    assert [consumer["name"] for consumer in consumers] == ["w2"], "names that own nothing are cleared away"


async def test_many_workers_keep_every_chats_order_and_answer_everything_once(redis: Redis) -> None:
    """Workers that stall, crash and hand back, chats that talk meanwhile, and claims that expire very soon."""
    mailbox = Mailbox(redis, claim_ttl=0.05)
    chats = [Address("telegram", str(number)) for number in range(20)]
    async with asyncio.timeout(60):
        await converse(redis, mailbox, chats, workers=6, stall=0.08)
    await assert_sound(redis, mailbox)


def test_an_exchange_stored_before_kinds_were_is_still_read() -> None:
    assert codec.read_exchange('{"user":"안녕","bot":"네"}') == Exchange("안녕", "네", "model")
