"""What a process says of itself over HTTP, for those who watch over it: /healthz, /readyz, /metrics.

- `/healthz`: 200 as long as the process is up and its loop turns.
- `/readyz`: 200 once it can do its work, and while Redis answers; else 503. One line says what is amiss. A worker can
  once its engine has answered for the first time; a gateway once its receiver runs. A gateway that stands by for
  another is ready too: it takes over by itself.
- `/metrics`: what `bot.metrics` names, for Prometheus.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import structlog
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from bot.webhook import bind, serve_on

PATIENCE = 2.0  # seconds for Redis to answer

log = structlog.get_logger()


class Health:
    """How a process is. `lacks` names what it still waits for before it can do its work; nothing once it can.

    `look` is awaited before metrics are given out; it raises nothing.
    """

    def __init__(
        self,
        redis: Redis,
        registry: CollectorRegistry,
        *,
        lacks: str,
        look: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.lacks = lacks
        self._redis = redis
        self._registry = registry
        self._look = look

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The three addresses, as ASGI."""
        request = Request(scope, receive)
        answer = await self._answer(request) if request.method in ("GET", "HEAD") else Response(status_code=405)
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        match request.scope["path"]:
            case "/healthz":
                return PlainTextResponse("up\n")
            case "/readyz":
                amiss = self.lacks or await self._redis_amiss()
                return PlainTextResponse(f"{amiss or 'ready'}\n", status_code=503 if amiss else 200)
            case "/metrics":
                if self._look:
                    await self._look()
                return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
        return Response(status_code=404)

    async def _redis_amiss(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                await self._redis.time()
        except (RedisError, TimeoutError):
            return "Redis does not answer"
        return ""


@asynccontextmanager
async def serve_health(health: Health, listen: str | None) -> AsyncIterator[None]:
    """Serve on `listen` while the block is entered, if it says where. SettingsError if that cannot be."""
    if listen is None:
        yield
        return
    with bind(listen, "MALBEOT_METRICS_LISTEN") as listener:
        log.info("metrics_listening", listen=listen)
        serving = asyncio.create_task(serve_on(listener, health), name="health")
        try:
            yield
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)
