"""Several gateways share the deliveries, and keep to Telegram's limits together; one of them polls."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from redis.asyncio import Redis
from structlog.testing import capture_logs

from bot.address import Address
from bot.mailbox import Lease, Mailbox, Message, Outbox, Reply
from bot.pace import Pace
from bot.settings import Settings
from bot.share import Share
from bot.standby import while_holding
from tests.bot.test_gateway import gateway
from tests.bot.test_webhook import free_port
from tests.servers import until
from tests.telegram_api import TOKEN, TelegramApi

SHARDS = 4


class Stage:
    """Who delivers which shard now; never two the same."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._changed = asyncio.Condition()
        self.holders: dict[int, str] = {}

    @contextlib.asynccontextmanager
    async def gateway(self, name: str) -> AsyncIterator[None]:
        share = Share(self._redis, SHARDS, Pace())
        tasks = [asyncio.create_task(share.run())]
        for shard in range(SHARDS):
            work = self._work(name, shard)
            tasks.append(asyncio.create_task(while_holding(self._redis, "deliver:x", work, shard=shard, share=share)))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _work(self, name: str, shard: int) -> Callable[[Lease], Awaitable[None]]:
        async def work(_: Lease) -> None:
            assert shard not in self.holders, "two at a time"
            await self._note(shard, name)
            try:
                await asyncio.Event().wait()
            finally:
                del self.holders[shard]

        return work

    async def _note(self, shard: int, name: str) -> None:
        async with self._changed:
            self.holders[shard] = name
            self._changed.notify_all()

    async def until(self, **parts: int) -> None:
        async with asyncio.timeout(60), self._changed:
            await self._changed.wait_for(lambda: Counter(self.holders.values()) == parts)


async def test_one_gateway_has_all_two_share_and_what_one_leaves_the_other_takes(redis: Redis) -> None:
    stage = Stage(redis)
    async with stage.gateway("first"):
        await stage.until(first=4)
        async with stage.gateway("second"):
            await stage.until(first=2, second=2)
            async with stage.gateway("third"):
                await asyncio.sleep(0)
        await stage.until(first=4)


async def test_two_gateways_behind_a_webhook_deliver_beside_each_other_within_telegrams_limit(
    telegram: TelegramApi, redis: Redis
) -> None:
    number = 90
    with capture_logs() as logs:
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(2):
                port = free_port()
                url = f"http://127.0.0.1:{port}/hook"
                settings = Settings(
                    telegram_token=TOKEN, telegram_api_url=telegram.url, shards=SHARDS, webhook_url=url,
                    webhook_secret="s" * 32, webhook_listen=f"127.0.0.1:{port}",
                )  # fmt: skip
                await stack.enter_async_context(gateway(settings, redis))
                await until(lambda: _all_held(redis))
            await until(lambda: _two_handed_on(logs))
            outbox = Outbox(redis, shards=SHARDS)
            for chat in range(1, number + 1):
                message = Message(chat, chat, "안녕", 0.0)
                await outbox.post(Address("telegram", str(chat)), Reply("fixed", "네"), message=message)
            await telegram.until(lambda: len(telegram.sent) == number, timeout=60)
            assert {sent.chat for sent in telegram.sent} == set(range(1, number + 1))
    times = sorted(sent.at for sent in telegram.sent)
    # However slow the machine is, never more; what comes late may come in a bunch.
    assert times[-1] - times[0] > (number - 15) / 30


async def _all_held(redis: Redis) -> bool:
    return len(await redis.keys("malbeot:*:lease:deliver:telegram")) == SHARDS


async def _two_handed_on(logs: Sequence[Mapping[str, object]]) -> bool:
    return sum(line["event"] == "lease_handed_on" for line in logs) == 2


async def test_one_gateway_polls_and_the_next_takes_over_without_a_conflict(
    telegram: TelegramApi, redis: Redis
) -> None:
    settings = Settings(telegram_token=TOKEN, telegram_api_url=telegram.url)
    with capture_logs() as logs:
        async with gateway(settings, redis):
            async with gateway(settings, redis):
                await telegram.until(lambda: telegram.called("getUpdates"))
                telegram.say(7, "/help")
                await telegram.until(lambda: telegram.texts(7))
            telegram.say(8, "/help")
            await telegram.until(lambda: telegram.texts(8))
    assert not [
        line for line in logs if line["event"] in ("receiving_failed", "lease_lost") or "stop one" in line["event"]
    ]
    assert {line["lease"] for line in logs if line["event"] == "standing_by"} == {"poll", "deliver"}
    assert await Mailbox(redis).backlog() == 0
