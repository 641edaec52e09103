"""What the processes count on a message's way, and that it says nothing of anybody."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from bot.api import BotApi
from bot.chat_action import Typing
from bot.delivery import Sender
from bot.intake import Intake
from bot.mailbox import Mailbox, Outbox
from bot.metrics import GatewayMetrics, WorkerMetrics
from bot.pace import Pace
from bot.receiver import poll
from bot.settings import Settings
from bot.survey import survey
from bot.update import Me
from bot.worker import Worker
from tests.service import Scripted
from tests.telegram_api import TelegramApi


class Watched:
    """A gateway's and a worker's parts, whose metrics can be read here."""

    def __init__(self, redis: Redis, api: BotApi, typing: Typing, **changes: object) -> None:
        self.settings = Settings(**({"max_tries": 1} | changes))  # type: ignore[arg-type]
        self.gateway, self.worker = GatewayMetrics(), WorkerMetrics()
        self.mailbox, self.outbox = Mailbox.of(redis, self.settings), Outbox(redis)
        self._api, self._redis, self._typing = api, redis, typing
        self.pace = Pace(per_chat=0, per_group=0, overall=0, metrics=self.gateway)

    @contextlib.asynccontextmanager
    async def receiving(self) -> AsyncIterator[None]:
        intake = Intake(Me(110201543, "malbeot_bot"), self._redis, self.settings, self._typing, self.gateway)
        sender = Sender(self._api, self.outbox, self.pace, self._typing, None, self.gateway)
        async with _beside(lambda: poll(self._api, intake.take, metrics=self.gateway), sender.run):
            yield

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        with ThreadPoolExecutor(1) as thread:
            worker = Worker(Scripted(), self.mailbox, self.settings, thread, self.worker)
            task = asyncio.create_task(worker.run(stop))
            yield
            stop.set()
            await task


@contextlib.asynccontextmanager
async def _beside(*work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    tasks = [asyncio.ensure_future(each()) for each in work]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float:
    """What a scrape would show; 0 for what has not been counted yet."""
    return registry.get_sample_value(f"malbeot_{name}", labels) or 0.0


async def until(condition: Callable[[], object]) -> None:
    """Returns once the condition holds; a count follows what it counts, and nobody is told."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
async def typing(api: BotApi) -> AsyncIterator[Typing]:
    async with Typing(api, Pace()) as typing:
        yield typing


async def test_a_message_is_counted_on_its_whole_way(
    redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing
) -> None:
    watched = Watched(redis, api, typing)
    async with watched.receiving(), watched.working():
        telegram.say(7, "안녕")
        telegram.say(8, "/help")
        telegram.say(9, "죽고 싶어")
        telegram.message(10, photo=[])
        telegram.push({"message": {"chat": "?"}})
        gateway, worker = watched.gateway.registry, watched.worker.registry
        counts = (("model", 1), ("fixed", 2), ("crisis", 1))
        await until(lambda: all(value(gateway, "reply_seconds_count", kind=kind) == count for kind, count in counts))
    kinds = {kind: value(gateway, "updates_total", kind=kind) for kind in ("text", "command", "media", "malformed")}
    assert kinds == {"text": 2, "command": 1, "media": 1, "malformed": 1}
    assert value(gateway, "messages_accepted_total") == 2
    delivered = {
        kind: value(gateway, "deliveries_total", outcome="delivered", kind=kind)
        for kind in ("model", "fixed", "crisis")
    }
    assert delivered == {"model": 1, "fixed": 2, "crisis": 1}, "fixed texts and the model's are told apart"
    assert value(worker, "turns_total", outcome="answered") == 2
    assert (
        value(worker, "batch_turns_sum") == value(worker, "decode_seconds_count") == value(worker, "tokens_total") == 1
    )
    assert value(worker, "checkpoint_info", checkpoint="0123456789ab", engine="scripted") == 1


async def test_what_is_not_taken_in_is_counted_by_why(
    redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing
) -> None:
    watched = Watched(redis, api, typing, max_mailbox=1, max_backlog=2, user_rate=2, allowed="7,8,9")
    async with watched.receiving():
        for chat in (7, 7, 7, 8, 9, 10):
            telegram.say(chat, "안녕")
        await telegram.until(lambda: not telegram.updates)
    registry = watched.gateway.registry
    reasons = ("mailbox_full", "limited", "backlog_full", "not_allowed")
    assert [value(registry, "messages_refused_total", reason=reason) for reason in reasons] == [1, 1, 1, 1]


async def test_what_fails_is_counted_by_how(redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing) -> None:
    telegram.fail("getUpdates", status=502)
    telegram.fail("getUpdates", status=429, parameters={"retry_after": 1})
    telegram.fail("sendMessage", chat=7, status=500)
    telegram.fail("sendMessage", chat=7, status=429, parameters={"retry_after": 1})
    telegram.fail("sendMessage", chat=8, status=403, description="Forbidden: bot was blocked by the user")
    watched = Watched(redis, api, typing)
    async with watched.receiving(), watched.working():
        telegram.say(7, "독")
        telegram.say(8, "안녕")
        gateway, worker = watched.gateway.registry, watched.worker.registry
        await until(lambda: value(gateway, "deliveries_total", outcome="delivered", kind="apology") == 1)
        await until(lambda: value(gateway, "deliveries_total", outcome="undeliverable", kind="model") == 1)
        await until(lambda: value(worker, "dead_letters_total", reason="RuntimeError") == 1)
    for reason in ("telegram", "told_to_wait"):
        assert value(gateway, "receiving_failures_total", reason=reason) == 1
    assert value(gateway, "told_to_wait_total") == 1
    assert value(gateway, "send_failures_total") == 1
    assert value(worker, "decode_failures_total") >= 1
    assert value(worker, "turns_total", outcome="buried") == 1


async def test_a_second_poller_is_counted_as_a_conflict(
    redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing
) -> None:
    watched = Watched(redis, api, typing)
    telegram.fail("getUpdates", status=409, description="Conflict: terminated by other getUpdates request")
    async with watched.receiving():
        await until(lambda: value(watched.gateway.registry, "receiving_failures_total", reason="conflict") == 1)


async def test_a_turn_that_was_begun_before_is_a_claim_taken_over(
    redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing
) -> None:
    watched = Watched(redis, api, typing, claim_ttl=1, max_tries=3)
    async with watched.receiving():
        telegram.say(7, "안녕")
        while not await watched.mailbox.claim("gone", limit=1, wait=1):
            pass
        async with watched.working():
            await telegram.until(lambda: telegram.texts(7))
    assert value(watched.worker.registry, "claims_taken_over_total") == 1


async def test_what_all_gateways_share_is_looked_up_and_unknown_without_redis(
    redis: Redis, telegram: TelegramApi, api: BotApi, typing: Typing
) -> None:
    watched = Watched(redis, api, typing)
    async with watched.receiving():
        telegram.say(7, "안녕")
        telegram.say(7, "거기 있어?")
        await telegram.until(lambda: not telegram.updates)
    await watched.mailbox.beat("w1", {}, ttl=60)
    await survey(watched.mailbox, watched.outbox, watched.gateway)
    registry = watched.gateway.registry
    assert (value(registry, "backlog_messages"), value(registry, "workers"), value(registry, "redis_up")) == (2, 1, 1)
    waited = value(registry, "oldest_message_age_seconds")
    assert waited > 0
    await survey(watched.mailbox, watched.outbox, watched.gateway)
    assert value(registry, "oldest_message_age_seconds") > waited
    assert value(registry, "oldest_reply_age_seconds") == 0
    assert value(registry, "redis_memory_used_bytes") > 0
    assert value(registry, "redis_memory_max_bytes") == 0, "no limit"

    nowhere = Redis(port=1, socket_connect_timeout=1)
    await survey(Mailbox(nowhere), Outbox(nowhere), watched.gateway)
    await nowhere.aclose()
    assert value(registry, "redis_up") == 0
    assert str(registry.get_sample_value("malbeot_backlog_messages")) == "nan"
