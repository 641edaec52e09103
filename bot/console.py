"""The console: talk in the terminal, over the same queue and the same worker as Telegram's users."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from secrets import token_hex
from time import time

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot import texts
from bot.address import Address
from bot.children import Child, ChildRefusedError
from bot.commands import answer
from bot.embedded import EmbeddedServer, running
from bot.errors import BotError, ServerError
from bot.mailbox import Accepted, Mailbox, Message, Outbox, agree
from bot.redis_link import connect
from bot.settings import Settings
from bot.terminal import Terminal

PATIENCE = 20.0  # seconds without a sign of life from any worker; a fresh one may still be loading
LOOK_EVERY = 1.0  # seconds


def run_console(settings: Settings, *, instead_of_gateway: bool = False) -> None:
    """Answer line after line until the input ends, or Ctrl-C; then leave no trace of the talk in Redis.

    Where no server is set and none runs in the data folder, the console has one of its own, and a worker;
    `instead_of_gateway` brings a worker to a server that is set, too. BotError when there is nobody to answer.
    """
    terminal = Terminal(settings.bot_name)
    # Reading a line blocks the main thread, where readline and Ctrl-C are at home; the loop runs in between.
    with suppress(KeyboardInterrupt, BrokenPipeError), asyncio.Runner() as runner:
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        stack = AsyncExitStack()
        try:
            talk = runner.run(stack.enter_async_context(_talk(settings, instead_of_gateway)))
            terminal.greet(*[texts.TOKENLESS] * instead_of_gateway, texts.console(settings.bot_name))
            for line in terminal.lines():
                with terminal.writing():
                    reply = runner.run(talk.answer(line))
                terminal.say(reply)
        finally:
            runner.run(stack.aclose())


class Talk:
    """One conversation. It has a channel of its own, so that two consoles never read each other's replies."""

    def __init__(self, redis: Redis, settings: Settings, worker: asyncio.Task[None] | None) -> None:
        self._address = Address(f"console-{token_hex(4)}", "0")
        self._settings = settings
        self._worker = worker
        self._mailbox = Mailbox.of(redis, settings)
        self._outbox = Outbox.of(redis, settings)
        self._numbers = count(1)

    async def answer(self, line: str) -> str:
        """What the bot says to `line`, a command or not."""
        try:
            if line.startswith("/"):
                return await self._obey(line)
            message = Message(f"{self._address.channel}-{next(self._numbers)}", None, line, time())
            match await self._mailbox.accept(self._address, message):
                case Accepted.BACKLOG_FULL:
                    return texts.BACKLOG_FULL
                case Accepted.MAILBOX_FULL:
                    return texts.MAILBOX_FULL
            return await self._reply(message)
        except RedisError as error:
            raise ServerError(f"Redis is lost ({type(error).__name__})") from None

    async def _obey(self, line: str) -> str:
        command = line[1:].split(maxsplit=1)[0].lower() if line[1:].strip() else ""
        said = await answer(command, address=self._address, mailbox=self._mailbox, settings=self._settings)
        return said or texts.UNKNOWN_COMMAND

    async def _reply(self, message: Message) -> str:
        loop = asyncio.get_running_loop()
        alive = loop.time()
        while loop.time() - alive < PATIENCE:
            if self._worker and self._worker.done():
                self._worker.result()
            for delivery in await self._outbox.read(
                self._address.channel, wait=LOOK_EVERY, shard=self._outbox.shard(self._address)
            ):
                await self._outbox.ack(self._address.channel, delivery)
                if message.origin in delivery.origins:
                    return delivery.text
            if await self._mailbox.workers():
                alive = loop.time()
        raise BotError("no worker answers; start one with `python -m bot worker`")

    async def leave(self) -> None:
        """Leave nothing behind."""
        with suppress(RedisError):
            await self._mailbox.forget(self._address)
            await self._outbox.close(self._address)


@asynccontextmanager
async def _talk(settings: Settings, instead_of_gateway: bool) -> AsyncIterator[Talk]:
    async with AsyncExitStack() as stack:
        worker = None
        url = settings.redis_url.get_secret_value() if settings.redis_url else running(settings.data_dir)
        if url is None:
            url = (await stack.enter_async_context(EmbeddedServer(settings.data_dir))).url
            worker = await stack.enter_async_context(_worker(settings))
        redis = await connect(url)
        stack.push_async_callback(redis.aclose)
        await agree(redis, settings.shards)
        if worker is None and instead_of_gateway and settings.redis_url:
            worker = await stack.enter_async_context(_worker(settings))
        talk = Talk(redis, settings, worker)
        stack.push_async_callback(talk.leave)
        yield talk


@asynccontextmanager
async def _worker(settings: Settings) -> AsyncIterator[asyncio.Task[None]]:
    """A worker process of the console's own, whose log goes to a file: the terminal belongs to the talk."""
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / "worker.log"
    with path.open("wb") as file:
        child = Child.worker(settings, stderr=file)
        keeping = asyncio.create_task(_keep(child, path), name="worker")
        try:
            yield keeping
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await child.stop()


async def _keep(child: Child, path: Path) -> None:
    try:
        await child.keep()
    except ChildRefusedError:
        last = path.read_text("utf-8", "replace").strip().rpartition("\n")[2]
        raise ChildRefusedError(last.removeprefix("malbeot: ") or f"the worker cannot start; see {path}") from None
