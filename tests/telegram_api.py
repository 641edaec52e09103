"""A stand-in for Telegram's Bot API that speaks real HTTP.

    async with TelegramApi() as api:                 # api.url is what MALBEOT_TELEGRAM_API_URL gets
        api.say(7, "안녕")                            # a user writes: an update waits for getUpdates or is pushed
        await api.until(lambda: api.texts(7) == ["반가워요"])
        api.fail("sendMessage", status=429, parameters={"retry_after": 2})   # what the next call gets

It keeps to what the documentation promises: updates are confirmed by `offset` alone, a second getUpdates cuts
off the first with 409, webhook pushes carry the secret and are repeated until they get a 2xx, texts have a length.
Everything that was called and sent is on record. As a program it serves load tests:

    python -m tests.telegram_api --port 8081         # then /test/updates, /test/sent (see `_control`)
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import socket
import time
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"  # the documentation's own example
BOT = {"id": 110201543, "is_bot": True, "first_name": "말벗", "username": "malbeot_bot"}
SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"
MAX_TEXT = 4096  # UTF-16 units

Params = dict[str, Any]
Update = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """A message that arrived in a chat; `at` is monotonic time in seconds."""

    chat: int
    text: str
    message_id: int
    reply_to: int | None
    at: float


@dataclass(frozen=True)
class Call:
    """One call of a method, whatever became of it."""

    method: str
    params: Params
    at: float


@dataclass
class Failure:
    """What calls of `method` (for `chat`, if given) get instead of an answer, `times` times."""

    method: str
    times: int = 1
    chat: int | None = None
    status: int = 500
    description: str = "Internal Server Error"
    parameters: Params = field(default_factory=dict)
    body: bytes | None = None  # sent as it is, in place of the error as JSON
    cut: bool = False  # close the connection in the middle of the body
    performed: bool = False  # the method takes effect all the same: only its answer is lost


class ApiError(Exception):
    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.description = description


@dataclass
class _Webhook:
    url: str
    secret: str
    queues: dict[int, deque[Update]] = field(default_factory=lambda: defaultdict(deque))
    tasks: dict[int, asyncio.Task[None]] = field(default_factory=dict)


class TelegramApi:
    def __init__(self, *, token: str = TOKEN, port: int = 0) -> None:
        self.token = token
        self.updates: list[Update] = []  # not confirmed yet
        self.sent: list[Sent] = []
        self.unheard: set[int] = set()  # ids of messages that arrived while their sender was told of a failure
        self.mood: Callable[[str], Failure | None] = lambda _: (
            None
        )  # what calls of a method get that none was ordered for
        self.failed = 0  # calls that were let fail
        self.calls: list[Call] = []
        self.pushes: list[int] = []  # status of each webhook push; 0 where there was no answer
        self.commands: list[dict[str, str]] = []
        self._failures: list[Failure] = []
        self._webhook: _Webhook | None = None
        self._poll = 0  # number of the newest getUpdates; older ones give way
        self._update_ids = itertools.count(1)
        self._message_ids = itertools.count(1)
        self._changed = asyncio.Condition()
        self._socket = socket.create_server(("127.0.0.1", port))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        routes = [
            Route("/bot{token}/{method}", self._serve, methods=["GET", "POST"]),
            Route("/test/{what}", self._control, methods=["GET", "POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, log_level="critical", lifespan="off")
        self._server = Server(config)

    async def __aenter__(self) -> Self:
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        self._client = httpx.AsyncClient(timeout=10)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._drop_webhook()
        self._poll += 1  # sends a waiting getUpdates home
        await self._tell()
        self._server.should_exit = self._server.force_exit = True
        await self._serving
        await self._client.aclose()

    # What users do

    def say(self, chat: int, text: str, **message: object) -> int:
        """`text` is written in a private chat. Returns the update's id; `message` overrides fields."""
        return self.message(chat, text=text, **message)

    def message(self, chat: int, **fields: object) -> int:
        """A message of any kind. Negative chat ids are groups."""
        kind = {"id": chat, "type": "private"} if chat > 0 else {"id": chat, "type": "supergroup", "title": "모임"}
        sender = {"id": abs(chat), "is_bot": False, "first_name": "민지"}
        head = {"message_id": next(self._message_ids), "date": int(time.time()), "chat": kind, "from": sender}
        return self.push({"message": head | fields})

    def push(self, update: Update) -> int:
        """Any update; it gets the next id unless it brings one. Returns the id."""
        update = {"update_id": next(self._update_ids)} | update
        if self._webhook is None:
            self.updates.append(update)
            asyncio.get_running_loop().create_task(self._tell())
        else:
            self._enqueue(self._webhook, update)
        return int(update["update_id"])

    # What goes wrong

    def fail(self, method: str, **how: Any) -> None:  # noqa: ANN401
        """Lets the next call of `method` fail, or the next ones; `how` as the fields of Failure."""
        self._failures.append(Failure(method, **how))

    def mend(self) -> None:
        """No more failures."""
        self._failures.clear()

    # What can be seen

    def texts(self, chat: int) -> list[str]:
        return [message.text for message in self.sent if message.chat == chat]

    def called(self, method: str) -> list[Call]:
        return [call for call in self.calls if call.method == method]

    @property
    def waiting(self) -> int:
        """How many updates are not confirmed yet."""
        return sum(map(len, self._webhook.queues.values())) if self._webhook else len(self.updates)

    @property
    def webhook_url(self) -> str:
        return self._webhook.url if self._webhook else ""

    async def until(self, condition: Callable[[], object], *, timeout: float = 20.0) -> None:
        """Returns as soon as `condition` holds; looks again after each call, answer and push."""
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: bool(condition()))
        except TimeoutError:
            raise AssertionError(f"not within {timeout} s; calls: {len(self.calls)}, sent: {self.sent[-5:]}") from None

    # The server

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _serve(self, request: Request) -> Response:
        method = request.path_params["method"]
        params = dict(request.query_params)
        if body := await request.body():
            is_json = request.headers.get("content-type", "").startswith("application/json")
            params |= json.loads(body) if is_json else dict(parse_qsl(body.decode(), keep_blank_values=True))
        self.calls.append(Call(method, params, time.monotonic()))
        try:
            return await self._answer(request.path_params["token"], method, params)
        except ApiError as error:
            return _error(error.status, error.description)
        finally:
            await self._tell()

    async def _answer(self, token: str, method: str, params: Params) -> Response:
        if token != self.token:
            raise ApiError(401, "Unauthorized")
        handler = self._methods().get(method)
        if handler is None:
            raise ApiError(404, "Not Found")
        failure = self._take_failure(method, params)
        if failure is None:
            # As Telegram writes it: in ASCII, which can spell half a surrogate pair.
            content = json.dumps({"ok": True, "result": await handler(params)})
            return Response(content, media_type="application/json")
        self.failed += 1
        if failure.performed:
            result = await handler(params)
            if method == "sendMessage":
                self.unheard.add(result["message_id"])
        return _failed(failure)

    def _take_failure(self, method: str, params: Params) -> Failure | None:
        for failure in self._failures:
            if failure.method == method and failure.chat in (None, int(params.get("chat_id", 0))):
                failure.times -= 1
                if failure.times == 0:
                    self._failures.remove(failure)
                return failure
        return self.mood(method)

    def _methods(self) -> dict[str, Callable[[Params], Any]]:
        return {
            "getMe": self._get_me,
            "getUpdates": self._get_updates,
            "sendMessage": self._send_message,
            "sendChatAction": self._send_chat_action,
            "setMyCommands": self._set_my_commands,
            "setWebhook": self._set_webhook,
            "deleteWebhook": self._delete_webhook,
            "getWebhookInfo": self._get_webhook_info,
        }

    async def _get_me(self, _: Params) -> Params:
        return BOT

    async def _get_updates(self, params: Params) -> list[Update]:
        if self._webhook:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first",
            )
        self._poll += 1
        mine = self._poll
        await self._tell()
        offset = int(params.get("offset", 0))
        self.updates = [update for update in self.updates if update["update_id"] >= offset]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(float(params.get("timeout", 0))), self._changed:
                await self._changed.wait_for(lambda: self.updates or self._poll != mine)
        if self._poll != mine:
            raise ApiError(
                409,
                "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running",
            )
        return self.updates[: int(params.get("limit", 100))]

    async def _send_message(self, params: Params) -> Params:
        chat, text = _chat(params), str(params.get("text", ""))
        if not text.strip():
            raise ApiError(400, "Bad Request: message text is empty")
        if len(text.encode("utf-16-le")) // 2 > MAX_TEXT:
            raise ApiError(400, "Bad Request: message is too long")
        reply = params.get("reply_parameters")
        reply_to = json.loads(reply)["message_id"] if isinstance(reply, str) else None
        message = Sent(chat, text, next(self._message_ids), reply_to, time.monotonic())
        self.sent.append(message)
        kind = "private" if chat > 0 else "supergroup"
        return {
            "message_id": message.message_id,
            "date": int(time.time()),
            "chat": {"id": chat, "type": kind},
            "from": BOT,
            "text": text,
        }

    async def _send_chat_action(self, params: Params) -> bool:
        _chat(params)
        return True

    async def _set_my_commands(self, params: Params) -> bool:
        self.commands = json.loads(params["commands"])
        return True

    async def _set_webhook(self, params: Params) -> bool:
        await self._drop_webhook()
        if url := params.get("url"):
            self._webhook = _Webhook(url, params.get("secret_token", ""))
            waiting, self.updates = self.updates, []
            for update in waiting:
                self._enqueue(self._webhook, update)
        return True

    async def _delete_webhook(self, _: Params) -> bool:
        await self._drop_webhook()
        return True

    async def _get_webhook_info(self, _: Params) -> Params:
        return {"url": self.webhook_url, "has_custom_certificate": False, "pending_update_count": self.waiting}

    # Webhook pushes: the updates of a chat one after the other, chats beside each other

    def _enqueue(self, hook: _Webhook, update: Update) -> None:
        chat = update.get("message", {}).get("chat", {}).get("id", 0)
        hook.queues[chat].append(update)
        if chat not in hook.tasks:
            hook.tasks[chat] = asyncio.create_task(self._push_all(hook, chat))

    async def _push_all(self, hook: _Webhook, chat: int) -> None:
        queue, pause = hook.queues[chat], 0.05
        while queue:
            try:
                answer = await self._client.post(hook.url, json=queue[0], headers={SECRET_HEADER: hook.secret})
                status = answer.status_code
            except httpx.HTTPError:
                status = 0
            self.pushes.append(status)
            if 200 <= status < 300:
                queue.popleft()
                pause = 0.05
            else:
                await asyncio.sleep(pause)
                pause = min(2 * pause, 1.0)
            await self._tell()
        del hook.tasks[chat]

    async def _drop_webhook(self) -> None:
        hook, self._webhook = self._webhook, None
        if hook:
            for task in (tasks := list(hook.tasks.values())):
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            unpushed = itertools.chain.from_iterable(hook.queues.values())
            self.updates += sorted(unpushed, key=lambda update: int(update["update_id"]))

    # For load tests in another process

    async def _control(self, request: Request) -> Response:
        """POST /test/updates [[chat, text], …] → update ids; GET /test/sent?after=n → the messages from the n-th on."""
        if request.path_params["what"] == "updates" and request.method == "POST":
            return JSONResponse([self.say(chat, text) for chat, text in await request.json()])
        if request.path_params["what"] == "sent":
            after = int(request.query_params.get("after", 0))
            return JSONResponse([vars(message) for message in self.sent[after:]])
        return Response(status_code=404)


class Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the signals belong to the test run


def _chat(params: Params) -> int:
    try:
        return int(params["chat_id"])
    except (KeyError, ValueError):
        raise ApiError(400, "Bad Request: chat not found") from None


def _error(status: int, description: str, parameters: Params | None = None) -> Response:
    content = {"ok": False, "error_code": status, "description": description}
    return JSONResponse(content | ({"parameters": parameters} if parameters else {}), status_code=status)


def _failed(failure: Failure) -> Response:
    if failure.cut:
        return StreamingResponse(_half_a_body(), headers={"Content-Length": "1000"}, media_type="application/json")
    if failure.body is not None:
        return Response(failure.body, status_code=failure.status, media_type="application/json")
    return _error(failure.status, failure.description, failure.parameters)


async def _half_a_body() -> AsyncIterator[bytes]:
    yield b'{"ok":true,"result":{"message'
    raise ConnectionAbortedError  # uvicorn then closes the connection with the rest of the body owed


async def _main(port: int, token: str) -> None:
    async with TelegramApi(token=token, port=port) as api:
        print(api.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A stand-in for Telegram's Bot API")
    parser.add_argument("--port", type=int, default=8081)
    parser.add_argument("--token", default=TOKEN)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(arguments.port, arguments.token))
