"""Logs for terminals and collectors, which never hold a user's words, a chat's id or a secret.

What an update goes through is tied together by its id: log lines carry it as `origin`, or as `origins` where several
updates are answered at once. Give it to each line, or bind it for a while:

    with structlog.contextvars.bound_contextvars(origin=message.origin):
        log.info("accepted", chat=address)

Privacy does not rest on care taken at each log call:

- a chat is shown by a pseudonym, made of its Address; values of unknown kinds or under private names are withheld;
- of an exception the types and places are shown. What it says is left out, since it may quote a text, or a URL with the
  token in it, unless it is ours or the operating system's reason;
- libraries log URLs, request bodies and whole updates, so of what they log nothing is shown below WARNING, and from
  there on only where it comes from;
- from every finished line the secrets in the settings are taken out once more.
"""

import logging
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from pathlib import PurePath
from secrets import token_bytes
from traceback import walk_tb
from types import TracebackType
from typing import TextIO
from urllib.parse import unquote, urlsplit

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.address import Address, pseudonym
from bot.errors import BotError
from bot.settings import Settings

# Names under which only an Address is shown.
PRIVATE = frozenset({"chat", "chat_id", "message", "password", "reply", "secret", "text", "token", "url", "user"})
DEEPEST = 20  # places shown of one traceback
SHORTEST = 6  # characters; a secret shorter than this would be found in innocent words


def configure_logs(settings: Settings, stream: TextIO | None = None) -> None:
    """Send all that this process logs to the stream (standard error), as the settings want it; once, at its start."""
    stream = stream or sys.stderr
    text = settings.log_format == "text" or (settings.log_format == "auto" and stream.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="%H:%M:%S" if text else "iso", utc=not text),
            _show_faults,
            # A key of this process alone: nobody can find out the chat by trying all ids.
            _withhold(token_bytes(16)),
            _redacted(
                _console(stream) if text else structlog.processors.JSONRenderer(ensure_ascii=False),
                secret_values(settings),
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(stream),  # a line is one write: processes share the stream
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Foreign()], level=logging.WARNING, force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _on_crash
    threading.excepthook = lambda crash: _report("thread_crashed", crash.exc_value)
    sys.unraisablehook = lambda crash: _report("unraisable", crash.exc_value)


class Foreign(logging.Handler):
    """Passes on that a library has something to say, how grave it is, and where; never what."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        """Neither the record's text nor its arguments are touched."""
        level = logging.ERROR if record.levelno >= logging.ERROR else logging.WARNING
        structlog.get_logger().log(
            level, "library", library=record.name, place=f"{record.module}:{record.lineno}", exc_info=record.exc_info
        )


def _on_crash(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _report("crashed", error)


def _report(event: str, error: BaseException | None) -> None:
    structlog.get_logger().critical(event, exc_info=error)


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
    )


def _show_faults(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    given = line.pop("exc_info", None)
    if given is True:
        given = sys.exc_info()
    error = given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        line["exception"] = "\n".join(_fault(error, set()))
    return line


def _fault(error: BaseException, shown: set[int]) -> Iterator[str]:
    """The exception, where it came through, and what it came from, in lines."""
    shown.add(id(error))
    yield f"{type(error).__module__}.{type(error).__qualname__}{_reason(error)}"
    places = [
        f"  {frame.f_globals.get('__name__')}:{line} in {frame.f_code.co_name}"
        for frame, line in walk_tb(error.__traceback__)
    ]
    yield from places[-DEEPEST:]
    origin = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    parts = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    for other in (origin, *parts):
        if other is not None and id(other) not in shown:
            yield "from"
            yield from _fault(other, shown)


def _reason(error: BaseException) -> str:
    if isinstance(error, BotError):
        return f": {error}"
    if isinstance(error, OSError) and error.strerror:
        return f": {error.strerror}"
    return ""


def _withhold(key: bytes) -> Processor:
    def show(value: object) -> object:
        match value:
            case Address():
                return pseudonym(value, key)
            case None | bool() | int() | float() | str():
                return value
            case Enum():
                return show(value.value)
            case PurePath():
                return str(value)
            case Mapping():
                return {str(name): "withheld" if name in PRIVATE else show(item) for name, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [show(item) for item in value]
            case _:
                return f"<{type(value).__name__}>"

    def process(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
        return {
            name: "withheld" if name in PRIVATE and not isinstance(value, Address) else show(value)
            for name, value in line.items()
        }

    return process


def secret_values(settings: Settings) -> list[str]:
    """What must be shown nowhere, in every form that it may take."""
    secrets = []
    if settings.telegram_token:
        token = settings.telegram_token.get_secret_value()
        secrets += [token, token.partition(":")[2]]  # the second half alone too: URLs may write the colon as %3A
    if settings.webhook_secret:
        secrets.append(settings.webhook_secret.get_secret_value())
    if settings.invite_code:
        secrets.append(settings.invite_code.get_secret_value())
    if settings.redis_url:
        password = urlsplit(settings.redis_url.get_secret_value()).password or ""
        secrets += [password, unquote(password)]
    return [secret for secret in secrets if len(secret) >= SHORTEST]


def _redacted(render: Processor, secrets: Iterable[str]) -> Processor:
    def process(logger: WrappedLogger, method: str, line: EventDict) -> str:
        text = str(render(logger, method, line))
        for secret in secrets:
            text = text.replace(secret, "********")
        return text

    return process
