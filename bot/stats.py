"""`/stats`: for admins, today in five lines, and a picture of the last 24 hours.

The figures come from Redis, where all gateways count by the hour. The lines go the way of every answer, by the outbox.
The outbox holds texts only, so the picture is sent at once by the gateway that got the command, and best effort: should
Telegram refuse it, or the gateway end, the lines come without it.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta, timezone
from time import time

import structlog
from redis.exceptions import RedisError
from telegram.error import RetryAfter, TelegramError

from bot import texts
from bot.api import BotApi, retry_after
from bot.mailbox import Hour, Hours, Mailbox
from bot.mailbox.hours import HOUR, hour_of, together
from bot.metrics import GatewayMetrics
from bot.pace import Pace
from bot.picture import HEIGHT, Picture
from bot.survey import write_hours

DAY = 24  # hours
KOREA = timezone(timedelta(hours=9))  # containers run in UTC; who speaks Korean with the bot lives by this clock

_PALETTE = (
    (255, 255, 255),
    (226, 230, 236),
    (96, 106, 120),
    (52, 120, 210),
    (214, 70, 70),
    (22, 128, 110),
    (160, 215, 200),
)
_WHITE, _LINE, _INK, _BLUE, _RED, _DARK, _LIGHT = range(len(_PALETTE))
_LEFT, _SLOT, _BAR = 108, 34, 24  # pixels: the margin for labels, an hour, and its bar
_WIDTH = _LEFT + DAY * _SLOT + 24
_PANEL = 240  # pixels of height
_UPPER, _LOWER = 40, 40 + _PANEL + 50
_BOTTOM = _LOWER + _PANEL + 12

log = structlog.get_logger()


class Stats:
    """Tells admins how the service does."""

    def __init__(
        self,
        hours: Hours,
        mailbox: Mailbox,
        metrics: GatewayMetrics,
        api: BotApi,
        pace: Pace,
        tasks: asyncio.TaskGroup,
    ) -> None:
        """`tasks` is where the sending of pictures runs."""
        self._hours = hours
        self._mailbox = mailbox
        self._metrics = metrics
        self._api = api
        self._pace = pace
        self._tasks = tasks

    async def today(self) -> str:
        """Since midnight in Korea, and how it is now."""
        await write_hours(self._hours, self._metrics)
        now = datetime.now(KOREA)
        midnight = round(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp())
        day = together(await self._hours.read(midnight, now.hour + 1))
        return texts.stats(
            day.accepted,
            day.replies,
            day.refused,
            waits=(day.wait(0.5), day.wait(0.95)),
            backlog=await self._mailbox.backlog(),
            oldest=await self._mailbox.oldest(),
            workers=len(await self._mailbox.workers()),
        )

    def show(self, chat: int) -> None:
        """Send the picture, soon."""
        self._tasks.create_task(self._show(chat), name="stats")

    async def _show(self, chat: int) -> None:
        try:
            hours = await self._hours.read(hour_of(time()) - (DAY - 1) * HOUR, DAY)
            png = await asyncio.to_thread(chart, hours)
            await self._pace.turn(chat)
            await self._api.send_picture(chat, png, texts.STATS_PICTURE)
        except RetryAfter as error:
            self._pace.halt(retry_after(error))
        except (TelegramError, RedisError) as error:
            log.warning("picture_failed", error=type(error).__name__)


def chart(hours: Sequence[Hour]) -> bytes:
    """24 hours as PNG. Above, of each hour, the messages taken in and, on top, those refused; below p50 and p95."""
    picture = Picture(_WIDTH, _BOTTOM + HEIGHT + 20, _PALETTE)
    most = max(hour.accepted + hour.refused for hour in hours)
    slowest = max(hour.wait(0.95) or 0.0 for hour in hours)
    count_top, wait_top = _round_up(max(most, 2)), _round_up(max(slowest, 1.0))
    _grid(picture, _UPPER, count_top, _short)
    _grid(picture, _LOWER, wait_top, lambda value: f"{value:g}s")
    for x, colour, name in ((_LEFT, _DARK, "p50"), (_LEFT + 100, _LIGHT, "p95")):
        picture.box(x, _LOWER - 32, HEIGHT, HEIGHT, colour)
        picture.text(x + 30, _LOWER - 32, name, _INK)
    for number, hour in enumerate(hours):
        x = _LEFT + number * _SLOT + (_SLOT - _BAR) // 2
        accepted = round(_PANEL * hour.accepted / count_top)
        refused = round(_PANEL * hour.refused / count_top)
        picture.box(x, _UPPER + _PANEL - accepted, _BAR, accepted, _BLUE)
        picture.box(x, _UPPER + _PANEL - accepted - refused, _BAR, refused, _RED)
        for share, colour in ((0.95, _LIGHT), (0.5, _DARK)):
            height = round(_PANEL * (hour.wait(share) or 0.0) / wait_top)
            picture.box(x, _LOWER + _PANEL - height, _BAR, height, colour)
        clock = datetime.fromtimestamp(hour.begins, UTC).astimezone(KOREA).hour
        if clock % 3 == 0:
            picture.text(x + _BAR // 2, _BOTTOM, str(clock), _INK, align=0.5)
    return picture.png()


def _grid(picture: Picture, top: int, most: float, label: Callable[[float], str]) -> None:
    for share in (0.0, 0.5, 1.0):
        y = top + round(_PANEL * (1 - share))
        picture.box(_LEFT, y, DAY * _SLOT, 2, _LINE)
        picture.text(_LEFT - 12, y - HEIGHT // 2, label(most * share), _INK, align=1.0)


def _short(value: float) -> str:
    """In no more signs than the margin holds."""
    if value >= 1_000_000:
        return f"{value / 1_000_000:g}m"
    return f"{value / 1000:g}k" if value >= 10_000 else f"{value:g}"


def _round_up(value: float) -> float:
    """To 1, 2, 4, 6 or 10 times a power of ten: half of it is short as well."""
    power = 1.0
    while value > 10 * power:
        power *= 10
    return next(step * power for step in (1, 2, 4, 6, 10) if value <= step * power)
