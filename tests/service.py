"""The service with its parts in this process: gateway, worker and a scripted engine, on whatever server is named."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

from redis.asyncio import Redis

from bot.gateway import run_gateway
from bot.mailbox import Mailbox
from bot.redis_link import connect
from bot.settings import Settings
from bot.worker import Worker
from tests.bot.test_worker import Engine
from tests.telegram_api import TOKEN, TelegramApi
from tests.traces import in_memory


class Scripted(Engine):
    """Repeats what is said; dies of poison, and holds back what is to be held until it is let go."""

    def __init__(self) -> None:
        super().__init__(self._say_it)
        self.let_go, self.holding = Event(), Event()

    def _say_it(self, text: str) -> str:
        if "독" in text:
            raise RuntimeError(text)
        if "붙들" in text:
            self.holding.set()
            self.let_go.wait(60)
        return f"{text}라고요"


class Service:
    """Telegram before it, a server behind it."""

    def __init__(self, telegram: TelegramApi, redis: Redis, url: str, engine: Scripted) -> None:
        self.telegram, self.redis, self.url, self.engine = telegram, redis, url, engine

    async def ask(self, chat: int, text: str) -> str:
        """Say something and wait for the reply."""
        before = len(self.telegram.texts(chat))
        self.telegram.say(chat, text)
        await self.telegram.until(lambda: len(self.telegram.texts(chat)) > before, timeout=60)
        return self.telegram.texts(chat)[-1]

    async def held(self) -> dict[str, bytes]:
        """What the server holds, by key."""
        return await in_memory(self.url)

    async def until(self, condition: Callable[[dict[str, bytes]], object]) -> dict[str, bytes]:
        """What the server holds, as soon as it meets the condition."""
        async with asyncio.timeout(60):
            while not condition(held := await self.held()):  # noqa: ASYNC110 - it happens in the server
                await asyncio.sleep(0.05)
        return held


@contextlib.asynccontextmanager
async def serving(url: str, **changes: object) -> AsyncIterator[Service]:
    """Stands while the block is entered. A turn that fails once is a dead letter, unless `changes` say otherwise."""
    async with TelegramApi() as telegram:
        fixed = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "max_tries": 1}
        settings = Settings(**(fixed | changes))
        redis, stop, engine = await connect(url), asyncio.Event(), Scripted()
        with ThreadPoolExecutor(1) as thread:
            worker = Worker(engine, Mailbox.of(redis, settings), settings, thread)
            tasks = [asyncio.create_task(run_gateway(settings, redis, stop)), asyncio.create_task(worker.run(stop))]
            try:
                yield Service(telegram, redis, url, engine)
            finally:
                engine.let_go.set()
                stop.set()
                await asyncio.gather(*tasks)
                await redis.aclose()
