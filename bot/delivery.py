"""From the outbox to the users."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from itertools import count
from typing import Any, TypeVar

import structlog
from redis.exceptions import RedisError
from telegram.error import BadRequest, ChatMigrated, Forbidden, InvalidToken, RetryAfter, TelegramError

from bot.address import Address
from bot.api import BotApi, backoff, retry_after
from bot.chat_action import Typing
from bot.mailbox import Delivery, Outbox
from bot.pace import Pace

CHANNEL = "telegram"
MAX_UNITS = 4096  # UTF-16 units in a message
MOST_UNNOTED = 10  # messages sent, and not noted yet, beyond which no other is sent
_IN_HAND = 1000  # deliveries taken from the outbox at a time
_READ_WAIT = 5.0  # seconds
_REDIS_PAUSE = 5.0  # seconds at most between tries; Redis is our own, and users wait
_LOST_PAUSE = 0.1  # seconds

log = structlog.get_logger()
T = TypeVar("T")


class Sender:
    """Sends what stands in the outbox: at least once, a chat's replies in order, chats beside each other.

    A reply leaves the outbox after it was sent, or once it is plain that it never can be: the user blocked the bot,
    the chat is gone. Whatever passes (the network, Telegram's own faults, "retry after") is waited out.
    A message goes out twice only where its being sent could not be noted: the gateway died in between, Telegram's
    answer was lost, or Redis was out of reach until another sender took over. Where noting stalls, so does sending: few
    messages come into that danger. One sender at a time, each with an Outbox of its own.

    `unnoted` is handed from a process's sender to its next: what was sent while Redis was away for longer than the
    lease is good for, so that it still stands in the outbox. While `held` says no, nothing is sent: the lease has run
    out while the process was at a standstill, and another sends in our place.
    """

    def __init__(
        self,
        api: BotApi,
        outbox: Outbox,
        pace: Pace,
        typing: Typing,
        unnoted: set[str] | None = None,
        *,
        held: Callable[[], bool] = lambda: True,
    ) -> None:
        self._api = api
        self._outbox = outbox
        self._pace = pace
        self._typing = typing
        self._unnoted = set() if unnoted is None else unnoted
        self._held = held
        self._waiting: dict[Address, deque[Delivery]] = {}
        self._room = asyncio.Semaphore(_IN_HAND)
        self._noting = 0
        self._keeping_up = asyncio.Event()
        self._keeping_up.set()
        self._stopping = False

    async def run(self) -> None:
        """Send until cancelled; a message that is on its way by then is seen through and noted as sent.

        Raises InvalidToken, in an exception group, when Telegram no longer knows the token.
        """
        async with asyncio.TaskGroup() as chats:
            try:
                while True:
                    for delivery in await self._read():
                        await self._room.acquire()
                        if delivery.address in self._waiting:
                            self._waiting[delivery.address].append(delivery)
                        else:
                            self._waiting[delivery.address] = deque([delivery])
                            chats.create_task(self._serve(delivery.address))
            finally:
                self._stopping = True

    async def _read(self) -> list[Delivery]:
        for tries in count(1):
            try:
                return await self._outbox.read(CHANNEL, wait=_READ_WAIT)
            except RedisError as error:
                log.warning("outbox_unreadable", error=type(error).__name__)
                await asyncio.sleep(backoff(tries, most=_REDIS_PAUSE))
        raise AssertionError("unreachable")

    async def _serve(self, address: Address) -> None:
        """One chat's deliveries, one after the other."""
        waiting = self._waiting[address]
        while waiting:
            await self._deliver(waiting[0])
            waiting.popleft()
            self._room.release()
        del self._waiting[address]

    async def _deliver(self, delivery: Delivery) -> None:
        if delivery.id in self._unnoted:
            await self._note(delivery, "delivered")
            return
        chat = int(delivery.address.chat)
        parts = list(split(delivery.text))
        try:
            for number, part in enumerate(parts, 1):
                chat = await self._send(delivery, chat, part, last=number == len(parts))
        except (Forbidden, BadRequest) as error:
            await self._note(delivery, "undeliverable", error=type(error).__name__)
        if not parts:
            await self._note(delivery, "undeliverable", error="blank")

    async def _send(self, delivery: Delivery, chat: int, part: str, *, last: bool) -> int:
        """Send one part, however often it takes. Returns the chat's id, which may have changed."""
        for tries in count(1):
            await self._turn(chat)
            while not self._held():  # noqa: ASYNC110 - who gave us the lease will cancel us
                await asyncio.sleep(_LOST_PAUSE)
            try:
                await _to_the_end(self._call(delivery, chat, part, last=last))
                return chat
            except RetryAfter as error:
                log.warning("told_to_wait", seconds=retry_after(error))
                self._pace.halt(retry_after(error))
            except ChatMigrated as error:
                chat = error.new_chat_id
            except (Forbidden, BadRequest, InvalidToken):
                raise  # BadRequest first of all: in this library it is a kind of NetworkError
            except TelegramError as error:
                log.warning("send_failed", origins=delivery.origins, error=type(error).__name__, tries=tries)
                await asyncio.sleep(backoff(tries))
        raise AssertionError("unreachable")

    async def _turn(self, chat: int) -> None:
        await self._pace.turn(chat)
        while not self._keeping_up.is_set():
            await self._keeping_up.wait()
            await self._pace.turn(chat)  # all who waited may not go at once

    async def _call(self, delivery: Delivery, chat: int, part: str, *, last: bool) -> None:
        await self._api.send(chat, part, quote=delivery.reply_to)
        self._typing.stop(chat)
        if last:
            await self._note(delivery, "delivered", seconds=round(time.time() - delivery.committed_at, 3))

    async def _note(self, delivery: Delivery, outcome: str, **about: object) -> None:
        """Take the delivery out of the outbox: until this is done the next sender would send it again."""
        self._noting += 1
        if self._noting >= MOST_UNNOTED:
            self._keeping_up.clear()
        try:
            noted = await self._ack(delivery)
        finally:
            self._noting -= 1
            if self._noting < MOST_UNNOTED:
                self._keeping_up.set()
        if noted:
            log.info(outcome, origins=delivery.origins, chat=delivery.address, kind=delivery.kind, **about)

    async def _ack(self, delivery: Delivery) -> bool:
        """However often it takes; False if it is left to this process's next sender."""
        for tries in count(1):
            try:
                await self._outbox.ack(CHANNEL, delivery)
                self._unnoted.discard(delivery.id)
                return True
            except RedisError as error:
                log.warning("outbox_unwritable", origins=delivery.origins, error=type(error).__name__)
                if self._stopping:
                    self._unnoted.add(delivery.id)
                    return False
                await asyncio.sleep(backoff(tries, most=_REDIS_PAUSE))
        raise AssertionError("unreachable")


def split(text: str) -> Iterator[str]:
    """The text in parts that Telegram takes, cut at a line's end or a space where there is one; none if it is blank."""
    while len(text.encode("utf-16-le")) > 2 * MAX_UNITS:
        cut = len(text.encode("utf-16-le")[: 2 * MAX_UNITS].decode("utf-16-le", "ignore"))
        cut = max(text.rfind("\n", cut // 2, cut), text.rfind(" ", cut // 2, cut)) + 1 or cut
        if text[:cut].strip():
            yield text[:cut].strip()
        text = text[cut:]
    if text.strip():
        yield text.strip()


async def _to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """Await `work`; a cancellation is let through only when it is done."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise
