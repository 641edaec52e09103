"""The "typing…" that a user sees until the reply comes."""

import asyncio
from types import TracebackType
from typing import Self

from telegram.constants import ChatAction
from telegram.error import RetryAfter, TelegramError

from bot.api import BotApi, retry_after
from bot.pace import Pace

_DELAY = 0.3  # seconds; a reply that is faster needs no announcement
_EVERY = 4.5  # seconds; Telegram shows an action for five
_LONGEST = 60.0  # seconds; by then another gateway has delivered the reply, or none will come soon
_REMEMBERED = 600.0  # seconds
_MOST_REMEMBERED = 10_000  # chats
_MOST_CHATS = 50  # at a time: a courtesy must not eat up the limits that replies need


class Typing:
    """Best effort: on any trouble the user sees nothing, and nothing else suffers."""

    def __init__(self, api: BotApi, pace: Pace) -> None:
        self._api = api
        self._pace = pace
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._waiting: dict[int, float] = {}  # since when, on the loop's clock; the longest first

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, chat: int) -> None:
        """Show it soon, and until `stop`."""
        self._waiting.setdefault(chat, asyncio.get_running_loop().time())
        if len(self._waiting) > _MOST_REMEMBERED:
            del self._waiting[next(iter(self._waiting))]
        if chat not in self._tasks and len(self._tasks) < _MOST_CHATS:
            task = self._tasks[chat] = asyncio.create_task(self._show(chat))
            task.add_done_callback(lambda done: self._remove(chat, done))

    def waiting(self, before: float) -> list[int]:
        """Chats that a reply has been due in since then (the loop's clock), shown or not; another may have sent it."""
        since = asyncio.get_running_loop().time() - _REMEMBERED
        return [chat for chat, began in self._waiting.items() if since < began < before]

    def stop(self, chat: int) -> None:
        self._waiting.pop(chat, None)
        if task := self._tasks.get(chat):
            task.cancel()

    def _remove(self, chat: int, task: asyncio.Task[None]) -> None:
        if self._tasks.get(chat) is task:
            del self._tasks[chat]

    async def _show(self, chat: int) -> None:
        try:
            async with asyncio.timeout(_LONGEST):
                await asyncio.sleep(_DELAY)
                while True:
                    if not self._pace.halted:
                        await self._api.send_chat_action(chat, ChatAction.TYPING)
                    await asyncio.sleep(_EVERY)
        except RetryAfter as error:
            self._pace.halt(retry_after(error))
        except (TelegramError, TimeoutError):
            return
