"""The webhook: Telegram brings the updates."""

import asyncio
import contextlib
import hmac
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import structlog
import uvicorn
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bot.errors import SettingsError
from bot.update import Json

MAX_BODY = 1 << 20  # bytes; an update is a few thousand
_BODY_TIMEOUT = 10.0  # seconds
_STOP_GRACE = 5  # seconds for requests under way
_SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 (the header's name)

log = structlog.get_logger()


def webhook_app(url: str, secret: str, take: Callable[[Json], Awaitable[None]]) -> Starlette:
    """Serves the path of `url`. Answers 200 only after the update was taken in; on anything else but a wrong
    request Telegram brings it again. A caller without the secret gets 401, and learns nothing more."""

    async def receive(request: Request) -> Response:
        given = request.headers.get(_SECRET_HEADER, "")
        if not hmac.compare_digest(given.encode(), secret.encode()):
            log.warning("webhook_refused", reason="secret")
            return Response(status_code=401)
        try:
            update = json.loads(await _body(request))
        except _TooLargeError:
            return Response(status_code=413)
        except (TimeoutError, ClientDisconnect):
            return Response(status_code=408)
        except (ValueError, RecursionError):
            update = None
        if not isinstance(update, dict):
            return Response(status_code=400)
        try:
            await take(update)
        except RedisError as error:
            log.warning("webhook_put_off", error=type(error).__name__)
            return Response(status_code=503)
        return Response(status_code=200)

    return Starlette(routes=[Route(urlsplit(url).path or "/", receive, methods=["POST"])])


async def serve(app: Starlette, listen: str) -> None:
    """Serve on `listen` (host:port) until cancelled, then finish the requests under way."""
    config = uvicorn.Config(
        app, log_config=None, access_log=False, lifespan="off", timeout_graceful_shutdown=_STOP_GRACE
    )
    server = _Server(config)
    with _bind(listen) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        log.info("webhook_listening", listen=listen)
        try:
            await asyncio.shield(serving)
        finally:
            server.should_exit = True
            await serving


class _TooLargeError(Exception):
    pass


async def _body(request: Request) -> bytes:
    body = bytearray()
    async with asyncio.timeout(_BODY_TIMEOUT):
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY:
                raise _TooLargeError
    return bytes(body)


def _bind(listen: str) -> socket.socket:
    host, _, port = listen.rpartition(":")
    host = host.strip("[]")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise SettingsError(f"MALBEOT_WEBHOOK_LISTEN: cannot listen there ({error.strerror})") from None
    except ValueError:  # of which UnicodeError is one: a label is empty or too long
        raise SettingsError("MALBEOT_WEBHOOK_LISTEN: cannot listen there (no such host)") from None


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the process has its own idea of how to stop
