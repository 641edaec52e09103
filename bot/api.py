"""Calls of Telegram's Bot API."""

import json
import os
import random
from datetime import timedelta
from typing import Any

import structlog
from telegram import Bot, ReplyParameters
from telegram.error import NetworkError, RetryAfter, TelegramError
from telegram.request import HTTPXRequest

from bot.update import Json, Me, is_id

_ALLOWED = ["message"]  # the only kind of update that is ever answered
_LONGEST_RETRY = 2**31  # seconds; the library cannot express any number

log = structlog.get_logger()


class BotApi(Bot):
    """python-telegram-bot's Bot, made fit for a receiver that must not stop.

    `receive` hands updates out as plain JSON, where `get_updates` fails as a whole over one that it can't parse; `send`
    and `identify` look at no more of an answer than they need, where the library fails over what it does not know, with
    errors of every kind. Don't call `initialize`: it puts the token into its exception. Errors are `telegram.error`'s,
    and so may quote what a server sent: log their class, never their text.
    """

    __slots__ = ("_pools",)

    def __init__(self, token: str, url: str) -> None:
        """`url` as MALBEOT_TELEGRAM_API_URL, without a slash at its end."""
        # The library's own switch: without it every RetryAfter comes with a warning that its type will change.
        os.environ.setdefault("PTB_TIMEDELTA", "1")
        calls = _Request(connection_pool_size=64, read_timeout=10, pool_timeout=5)
        polling = _Request(connection_pool_size=2)
        super().__init__(
            token,
            base_url=f"{url}/bot",
            base_file_url=f"{url}/file/bot",
            request=calls,
            get_updates_request=polling,
        )
        self._pools = (calls, polling)

    def __repr__(self) -> str:
        return type(self).__name__  # the library's own shows the token

    async def receive(self, *, offset: int, wait: int) -> list[Json]:
        """The updates from `offset` on, at most 100, waiting up to `wait` seconds; confirms those before `offset`.

        What has no id is no update, could not be confirmed, and is left out.
        """
        data = {"offset": offset, "timeout": wait, "allowed_updates": _ALLOWED}
        answer = await self._post("getUpdates", data, read_timeout=wait + 10)
        if not isinstance(answer, list):
            raise TelegramError("Invalid server response")
        updates = [update for update in answer if isinstance(update, dict) and is_id(update.get("update_id"))]
        if len(updates) < len(answer):
            log.warning("without_id", updates=len(answer) - len(updates))
            if not updates:
                raise TelegramError("Invalid server response")  # it would come again at once
        return updates

    async def send(self, chat: int, text: str, *, quote: int | None = None) -> None:
        """Send a text, in answer to the message `quote`, if there still is one."""
        data: dict[str, Any] = {"chat_id": chat, "text": text}
        if quote is not None:
            data["reply_parameters"] = ReplyParameters(quote, allow_sending_without_reply=True)
        await self._post("sendMessage", data)

    async def identify(self) -> Me:
        """Whose token it is."""
        match await self._post("getMe"):
            case {"id": bot, "username": str(name)} if is_id(bot):
                return Me(bot, name)
        raise TelegramError("Invalid server response")

    async def register_webhook(self, url: str, secret: str) -> None:
        await self.set_webhook(url, secret_token=secret, allowed_updates=_ALLOWED)

    async def close_connections(self) -> None:
        for pool in self._pools:
            await pool.shutdown()


class _Request(HTTPXRequest):
    """HTTPXRequest that takes for Telegram's answer only what can be one.

    A proxy, a firewall or a server that starts says 400, 403 or 404 as well, in HTML: nothing follows from that for a
    chat or the token. What can't be parsed, and may hold users' words, the library would log: it never sees it.
    """

    async def do_request(self, *arguments: Any, **options: Any) -> tuple[int, bytes]:  # noqa: ANN401
        code, payload = await super().do_request(*arguments, **options)
        try:
            answer = json.loads(payload.decode())
        except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
            answer = None
        match answer:
            case {"ok": True, "result": _} if 200 <= code < 300:
                return code, payload
            case {"ok": False} if code >= 400 and _is_error(answer):
                return code, payload
        raise NetworkError("Invalid server response")


def _is_error(answer: dict[str, Any]) -> bool:
    match answer.get("parameters", {}):
        case {"retry_after": seconds}:
            return type(seconds) is int and 0 <= seconds <= _LONGEST_RETRY
        case {"migrate_to_chat_id": chat}:
            return is_id(chat)
        case dict():
            return isinstance(answer.get("description", ""), str)
    return False


def backoff(tries: int, *, most: float = 30.0) -> float:
    """Seconds to wait after the `tries`-th failure in a row: from half a second, doubling up to `most`, jittered."""
    return min(most, 0.5 * 2.0 ** min(tries - 1, 16)) * random.uniform(0.75, 1.25)  # noqa: S311 (a jitter)


def retry_after(error: RetryAfter) -> float:
    """Seconds."""
    pause = error.retry_after
    return pause.total_seconds() if isinstance(pause, timedelta) else float(pause)
