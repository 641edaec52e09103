"""What admins are told: counts by the hour in a real Redis, the five lines, and the picture."""

import io
from collections import Counter
from time import time

import pytest
from PIL import Image
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot import stats, texts
from bot.mailbox import Hour, Hours
from bot.mailbox.hours import HOUR, KEPT, WAITS, hour_of, together, wait_field
from bot.metrics import GatewayMetrics
from bot.picture import Picture
from bot.stats import DAY, chart
from bot.survey import write_hours
from tests.bot.test_gateway import echoing, gateway, settings
from tests.telegram_api import TelegramApi

ADMIN, STRANGER = 90071111, 90073333
THE_HOUR = hour_of(1_800_000_000.0)


def hour(*waits: float, begins: int = THE_HOUR, **counts: int) -> Hour:
    return Hour(begins, counts | Counter(map(wait_field, waits)))


async def test_all_gateways_count_into_the_same_hour_and_it_does_not_stay(redis: Redis) -> None:
    for _ in range(2):
        await Hours(redis).add(THE_HOUR, {"accepted": 2, "refused": 1, wait_field(1.5): 1})
    before, now = await Hours(redis).read(THE_HOUR - HOUR, 2)
    assert (before.accepted, before.refused, before.replies) == (0, 0, 0)
    assert (now.begins, now.accepted, now.refused, now.replies) == (THE_HOUR, 4, 2, 2)
    [key] = await redis.keys()
    assert KEPT - 60 < await redis.ttl(key) <= KEPT


async def test_what_redis_does_not_take_is_counted_later(redis: Redis) -> None:
    metrics = GatewayMetrics()
    metrics.accepted()
    metrics.refused("limited")
    nowhere = Redis(port=1, socket_connect_timeout=1)
    with pytest.raises(RedisError):
        await write_hours(Hours(nowhere), metrics)
    await nowhere.aclose()
    await write_hours(Hours(redis), metrics)
    await write_hours(Hours(redis), metrics)
    found = together(await Hours(redis).read(hour_of(time()) - HOUR, 2))
    assert (found.accepted, found.refused) == (1, 1)


def test_shares_of_waiting_times_are_found_between_the_ends_of_their_class() -> None:
    assert hour().wait(0.5) is None
    assert hour(4.0).wait(1.0) == 5.0, "no more is known than that it lies between 3 and 5"
    assert hour(*[4.0] * 10).wait(0.5) == 4.0
    assert hour(*[0.1] * 95, *[50.0] * 5).wait(0.95) == 0.5
    assert hour(*[0.1] * 94, *[50.0] * 6).wait(0.95) == pytest.approx(35.0)
    assert hour(10_000.0).wait(0.5) == WAITS[-1]


def test_five_lines_whatever_the_figures_are() -> None:
    quiet = texts.stats(0, 0, 0, waits=(None, None), backlog=0, oldest=0.0, workers=0)
    busy = texts.stats(128, 120, 3, waits=(2.14, 600.0), backlog=2, oldest=12.3, workers=4)
    assert len(quiet.splitlines()) == len(busy.splitlines()) == 5
    assert quiet.endswith("지금 기다리는 글이 없어요. 그런데 일하는 워커가 하나도 없어요.")
    assert "중간값(p50)이 2.1초, p95가 10분 이상이에요." in busy
    assert busy.endswith("지금 글 2개가 답을 기다려요(가장 오래된 글은 12초째). 일하는 워커는 4개예요.")


def test_a_picture_is_what_was_drawn() -> None:
    picture = Picture(60, 40, [(255, 255, 255), (200, 0, 0), (0, 0, 0)])
    picture.box(10, 5, 3, 2, 1)
    picture.text(30, 10, "1", 2)
    image = Image.open(io.BytesIO(picture.png())).convert("RGB")
    assert image.size == (60, 40)
    red = {(x, y) for x in range(60) for y in range(40) if image.getpixel((x, y)) == (200, 0, 0)}
    assert red == {(x, y) for x in (10, 11, 12) for y in (5, 6)}
    assert (0, 0, 0) in {colour for _, colour in image.getcolors()}


@pytest.mark.parametrize("most", [0, 1, 7, 99, 100, 123_456, 9_999_999])
def test_the_chart_holds_any_figures(most: int) -> None:
    hours = [
        hour(*[700.0] * (number % 3), begins=THE_HOUR + number * HOUR, accepted=most, refused=number)
        for number in range(DAY)
    ]
    image = Image.open(io.BytesIO(chart(hours)))
    image.load()
    assert image.format == "PNG"


def test_a_bar_is_as_high_as_its_hour() -> None:
    hours = [hour(begins=THE_HOUR + number * HOUR, accepted=100 * (number == 23)) for number in range(DAY)]
    image = Image.open(io.BytesIO(chart(hours))).convert("RGB")
    pixels = {colour: number for number, colour in image.getcolors()}
    assert pixels[stats._PALETTE[stats._BLUE]] == stats._PANEL * stats._BAR, "100 is the top of the scale"


async def test_an_admin_gets_lines_and_a_picture_once_and_nobody_else_does(telegram: TelegramApi, redis: Redis) -> None:
    async with echoing(redis), gateway(settings(telegram, admins=f"{ADMIN}", allowed=f"{STRANGER}"), redis):
        telegram.say(STRANGER, "안녕")
        await telegram.until(lambda: telegram.texts(STRANGER))
        telegram.say(STRANGER, "/stats")
        update = telegram.say(ADMIN, "/stats")
        await telegram.until(lambda: telegram.pictures and telegram.texts(ADMIN))
        telegram.push({**update_of(ADMIN), "update_id": update})  # brought again
        telegram.say(ADMIN, "/who")
        await telegram.until(lambda: len(telegram.texts(ADMIN)) == 2)
    assert telegram.texts(STRANGER) == ["안녕", texts.UNKNOWN_COMMAND]
    assert telegram.texts(ADMIN)[0].startswith("오늘 0시(한국 시간)부터 글 1개를 받았어요.\n")
    [(chat, png, caption)] = telegram.pictures
    assert (chat, caption) == (ADMIN, texts.STATS_PICTURE)
    assert Image.open(io.BytesIO(png)).format == "PNG"
    assert not [key async for key in redis.scan_iter("*hour:*") if str(STRANGER) in str(await redis.hgetall(key))]


async def test_a_picture_that_telegram_refuses_costs_nothing_else(telegram: TelegramApi, redis: Redis) -> None:
    telegram.fail("sendPhoto", status=400, description="Bad Request: PHOTO_INVALID_DIMENSIONS")
    async with echoing(redis), gateway(settings(telegram, admins=f"{ADMIN}"), redis):
        telegram.say(ADMIN, "/stats")
        await telegram.until(lambda: telegram.called("sendPhoto") and telegram.texts(ADMIN))
        telegram.say(ADMIN, "안녕")
        await telegram.until(lambda: telegram.texts(ADMIN)[-1] == "안녕")
    assert telegram.pictures == []


async def test_what_was_counted_is_written_down_when_the_gateway_stops(telegram: TelegramApi, redis: Redis) -> None:
    async with gateway(settings(telegram), redis):
        telegram.say(7, "안녕")
        await telegram.until(lambda: telegram.called("sendChatAction"))
    assert together(await Hours(redis).read(hour_of(time()) - HOUR, 2)).accepted == 1


def update_of(chat: int) -> dict[str, object]:
    head = {"message_id": 1, "chat": {"id": chat, "type": "private"}, "from": {"id": chat, "is_bot": False}}
    return {"message": head | {"text": "/stats"}}
