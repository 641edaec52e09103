"""Logs: readable, tied together by an update's id, and silent about what is private."""

import asyncio
import io
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.address import Address
from bot.api import BotApi
from bot.errors import ServerError
from bot.logs import configure_logs
from bot.mailbox import Mailbox, Message
from bot.settings import Settings
from tests.telegram_api import TOKEN, TelegramApi

CHAT = 987654321
WORDS = "아무한테도 말하지 마"
LOGGERS = ("root", "httpx", "httpcore", "telegram", "redis", "uvicorn", "asyncio")
SETTINGS = {"telegram_token": TOKEN, "redis_url": "redis://:p%40ssword-1@localhost/0", "log_format": "json"}


class Loud(logging.Handler):
    """What logging would have shown without us."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.text += f"{record.name} {record.getMessage()}\n"


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, hooks = root.handlers[:], (sys.excepthook, threading.excepthook, sys.unraisablehook)
    levels = {name: logging.getLogger(name).level for name in LOGGERS}
    yield
    logging.captureWarnings(capture=False)
    structlog.reset_defaults()
    root.handlers[:], (sys.excepthook, threading.excepthook, sys.unraisablehook) = handlers, hooks
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def configure(stream: io.StringIO, **settings: Any) -> Any:  # noqa: ANN401
    configure_logs(Settings(**{**SETTINGS, **settings}), stream)
    return structlog.get_logger()


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_collector_gets_json(stream: io.StringIO) -> None:
    log = configure(stream)
    with structlog.contextvars.bound_contextvars(origin="17"):
        log.info("accepted", waiting=3)
    log.debug("below the level")
    [line] = lines(stream)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", line.pop("timestamp"))
    assert line == {"event": "accepted", "level": "info", "origin": "17", "waiting": 3}


def test_a_terminal_gets_text(stream: io.StringIO) -> None:
    configure(stream, log_format="text", log_level="DEBUG").debug("claimed", turns=2)
    assert re.fullmatch(r"\d\d:\d\d:\d\d \[debug *\] claimed +turns=2\n", stream.getvalue())


async def test_an_origin_follows_its_own_task_only(stream: io.StringIO) -> None:
    log = configure(stream)

    async def handle(origin: str) -> None:
        with structlog.contextvars.bound_contextvars(origin=origin):
            await asyncio.sleep(0)
            log.info("handled", expected=origin)

    await asyncio.gather(handle("1"), handle("2"))
    assert [line["origin"] for line in lines(stream)] == [line["expected"] for line in lines(stream)] == ["1", "2"]


def test_a_chat_is_told_apart_but_not_told(stream: io.StringIO) -> None:
    log = configure(stream)
    for chat in (CHAT, CHAT, CHAT + 1):
        log.info("said", chat=Address("telegram", str(chat)))
    first, again, other = (line["chat"] for line in lines(stream))
    assert first == again != other
    assert str(CHAT) not in stream.getvalue()

    configure(stream).info("said", chat=Address("telegram", str(CHAT)))
    assert lines(stream)[-1]["chat"] != first, "the pseudonym's key is this process's own"


def test_private_names_and_unknown_values_are_withheld(stream: io.StringIO) -> None:
    message = Message(1, 2, WORDS, 0.0)
    address = Address("telegram", str(CHAT))
    configure(stream).info("x", text=WORDS, chat=CHAT, got=message, all=[message, {"text": WORDS}, (address,)])
    [line] = lines(stream)
    assert (line["text"], line["chat"], line["got"]) == ("withheld", "withheld", "<Message>")
    assert WORDS not in stream.getvalue()
    assert str(CHAT) not in stream.getvalue()


def test_a_secret_of_the_settings_leaves_no_line(stream: io.StringIO) -> None:
    half = TOKEN.partition(":")[2]
    configure(stream).info(f"GET /bot{TOKEN}/getMe", a=f"%3A{half}", b="p@ssword-1", c="p%40ssword-1")
    assert half not in stream.getvalue()
    assert "ssword" not in stream.getvalue()


def test_the_invite_code_leaves_no_line(stream: io.StringIO) -> None:
    configure_logs(Settings(invite_code="xK3-9_aB", log_format="json"), stream)
    structlog.get_logger().info("tried xK3-9_aB", a="/start xK3-9_aB")
    assert "xK3-9_aB" not in stream.getvalue()
    assert "********" in stream.getvalue()


def test_an_exception_shows_its_way_but_not_its_words(stream: io.StringIO) -> None:
    log = configure(stream)
    try:
        try:
            raise KeyError(WORDS)
        except KeyError as error:
            raise ExceptionGroup(WORDS, [ServerError("no server"), OSError(111, "Connection refused")]) from error
    except ExceptionGroup:
        log.exception("failed")
    [line] = lines(stream)
    assert line["level"] == "error"
    place = r"  test_logs:\d+ in test_an_exception_shows_its_way_but_not_its_words"
    assert re.fullmatch(
        rf"builtins.ExceptionGroup\n{place}\nfrom\nbuiltins.KeyError\n{place}\n"
        r"from\nbot.errors.ServerError: no server\nfrom\nbuiltins.ConnectionRefusedError: Connection refused",
        re.sub(r"  \S*test_logs", "  test_logs", line["exception"]),
    )


def test_a_crash_is_logged_like_any_exception(stream: io.StringIO) -> None:
    configure(stream)
    sys.excepthook(ValueError, ValueError(WORDS), None)
    [line] = lines(stream)
    assert (line["level"], line["event"], line["exception"]) == ("critical", "crashed", "builtins.ValueError")


def test_what_fails_in_a_thread_or_a_finalizer_is_no_exception(stream: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError(WORDS)

    class Failing:
        __del__ = staticmethod(fail)

    configure(stream)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    failing = Failing()
    del failing
    assert [line["event"] for line in lines(stream)] == ["thread_crashed", "unraisable"]
    assert WORDS not in stream.getvalue()


def test_of_a_library_only_the_place_is_shown_and_only_from_warnings_on(stream: io.StringIO) -> None:
    configure(stream, log_level="DEBUG")
    library = logging.getLogger("somelibrary.part")
    library.setLevel(logging.DEBUG)
    library.info("sent %s", WORDS)
    library.warning("cannot send %s", WORDS)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(WORDS, UserWarning, stacklevel=1)
    sent, warned = lines(stream)
    assert (sent["event"], sent["level"], sent["library"]) == ("library", "warning", "somelibrary.part")
    assert re.fullmatch(r"test_logs:\d+", sent["place"])
    assert warned["library"] == "py.warnings"
    assert WORDS not in stream.getvalue()


async def test_at_debug_over_real_http_and_redis_nothing_private_is_shown(stream: io.StringIO, redis: Redis) -> None:
    configure(stream, log_level="DEBUG")
    log, loud = structlog.get_logger(), Loud()
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.DEBUG)
    logging.getLogger().addHandler(loud)

    async with TelegramApi() as api:
        bot = BotApi(TOKEN, api.url)
        api.say(CHAT, WORDS)
        await bot.receive(offset=0, wait=1)
        await bot.identify()
        await bot.send(CHAT, WORDS)
        for status in (400, 403, 500):
            api.fail("sendMessage", status=status)
            try:
                await bot.send(CHAT, WORDS)
            except Exception:
                log.exception("send_failed", chat=Address("telegram", str(CHAT)))
        await bot.close_connections()
    try:
        async with httpx.AsyncClient() as client:
            response = await client.get(f"{api.url}/bot{TOKEN}/getMe?text={WORDS}")
            response.raise_for_status()
    except httpx.HTTPError:
        log.exception("unreachable")

    await Mailbox(redis).accept(Address("telegram", str(CHAT)), Message(1, 1, WORDS, 0.0))
    try:
        await redis.execute_command("NOSUCHCOMMAND", str(CHAT), WORDS)
    except ResponseError:
        log.exception("redis_failed")
    asyncio.get_running_loop().call_exception_handler({"message": WORDS, "exception": ValueError(str(CHAT))})

    assert TOKEN in loud.text, "the libraries do speak of it"
    assert str(CHAT) in loud.text
    shown = stream.getvalue()
    events = [line["event"] for line in lines(stream)]
    assert events == ["send_failed"] * 3 + ["unreachable", "redis_failed", "library"]
    for private in (TOKEN, TOKEN.partition(":")[2], str(CHAT), WORDS, httpx.QueryParams({"a": WORDS})["a"]):
        assert private not in shown
        assert json.dumps(private)[1:-1] not in shown
