"""The webhook: Telegram brings the updates."""

import asyncio
import contextlib
import hmac
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import unquote, urlsplit

import structlog
import uvicorn
from redis.exceptions import RedisError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from bot.errors import SettingsError
from bot.update import Json

MAX_BODY = 1 << 20  # bytes; an update is a few thousand
_HEAD_TIMEOUT = 10.0  # seconds
_BODY_TIMEOUT = 10.0  # seconds
_MOST_CONNECTIONS = 256  # Telegram opens 40, a proxy before us a few; and 1,024 files is what a process often may open
_REPEAT_AFTER = 10.0  # seconds before callers without the secret are mentioned again
_STOP_GRACE = 5  # seconds for requests under way
_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 (the header's name)

log = structlog.get_logger()


def webhook_app(url: str, secret: str, take: Callable[[Json], Awaitable[None]]) -> ASGIApp:
    """Serves the path of `url`. Answers 200 only after the update was taken in; on anything else but a wrong
    request Telegram brings it again. A caller without the secret gets 401, and learns nothing more: not even the path.
    """
    path = unquote(urlsplit(url).path) or "/"
    refused = _Refused()

    async def answer(request: Request) -> int:
        if not hmac.compare_digest(request.headers.get(_SECRET_HEADER, "").encode(), secret.encode()):
            refused.note()
            return 401
        if request.scope["path"] != path:
            return 404
        if request.method != "POST":
            return 405
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415
        try:
            update = json.loads(await _body(request))
        except _TooLargeError:
            return 413
        except (TimeoutError, ClientDisconnect):
            return 408
        except (ValueError, RecursionError):
            update = None
        if not isinstance(update, dict):
            return 400
        try:
            await take(update)
        except RedisError as error:
            log.warning("webhook_put_off", error=type(error).__name__)
            return 503
        return 200

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status = await answer(Request(scope, receive))
        if status not in (200, 401, 503):
            log.warning("webhook_refused", reason="request", status=status)
        await Response(status_code=status)(scope, receive, send)

    return app


async def serve(app: ASGIApp, listen: str) -> None:
    """Serve on `listen` (host:port) until cancelled, then finish the requests under way."""
    with bind(listen, "MALBEOT_WEBHOOK_LISTEN") as listener:
        log.info("webhook_listening", listen=listen)
        await serve_on(listener, app)


async def serve_on(listener: socket.socket, app: ASGIApp) -> None:
    """As `serve`, on an address that was bound before."""
    config = uvicorn.Config(
        app,
        http=_Connection,
        ws="none",
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=_STOP_GRACE,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving


class _Refused:
    """Counts callers without the secret, and says so at once, but not for each of a flood."""

    def __init__(self) -> None:
        self._times = 0
        self._told_at = -_REPEAT_AFTER

    def note(self) -> None:
        self._times += 1
        if time.monotonic() - self._told_at >= _REPEAT_AFTER:
            self._told_at = time.monotonic()
            log.warning("webhook_refused", reason="secret", times=self._times)  # since the start


class _TooLargeError(Exception):
    pass


async def _body(request: Request) -> bytes:
    if (
        int(request.headers.get("content-length", "0")) > MAX_BODY
    ):  # h11 lets nothing but digits through, twenty at most
        raise _TooLargeError
    body = bytearray()
    async with asyncio.timeout(_BODY_TIMEOUT):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise _TooLargeError
    return bytes(body)


def bind(listen: str, variable: str) -> socket.socket:
    """Listen on host:port; SettingsError, in the name of the variable that says so, if that cannot be."""
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(f"{variable}: cannot listen there ({error.strerror})") from None
    except ValueError:  # of which UnicodeError is one: a label is empty or too long
        raise SettingsError(f"{variable}: cannot listen there (no such host)") from None


class _Connection(H11Protocol):
    """One that says nothing, or not the whole of a request's head, is closed: uvicorn itself would wait for ever.

    It has `_HEAD_TIMEOUT` for it, twice at most; beyond `_MOST_CONNECTIONS` the oldest that never asked goes at once.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.since = self.loop.time()
        self._before: object = None
        self._timer = self.loop.call_later(_HEAD_TIMEOUT, self._look)
        if len(self.connections) > _MOST_CONNECTIONS:
            silent = [other for other in self.connections if isinstance(other, _Connection) and not other._busy]
            min(silent, key=lambda other: (other.cycle is not None, other.since)).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        super().connection_lost(exc)

    @property
    def _busy(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _look(self) -> None:
        if self.cycle is self._before and not self._busy:
            self.transport.abort()
            return
        self._before = self.cycle
        self._timer = self.loop.call_later(_HEAD_TIMEOUT, self._look)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process has its own idea of how to stop
