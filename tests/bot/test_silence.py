"""Every error path, with every library at DEBUG: whatever goes wrong, nothing private is shown.

Real processes, a server with a password, and a Telegram that fails in each way that it can, quoting what it should not.
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from redis.asyncio import Redis

from bot import texts
from bot.redis_link import connect
from tests.bot.test_webhook import free_port
from tests.processes import Process, environment
from tests.servers import server
from tests.telegram_api import SECRET_HEADER, TOKEN, TelegramApi

CHAT = 987654321
WORDS = "남몰래한말"
PASSWORD, SECRET = "Pa@ss-of-redis", "Secret-of-the-webhook"
PLAIN = (TOKEN, TOKEN.partition(":")[2], PASSWORD, SECRET, WORDS, str(CHAT))
PRIVATE = {form for plain in PLAIN for form in (plain, quote(plain), json.dumps(plain)[1:-1])}
QUOTING = f"Bad Request: {CHAT} {WORDS} {TOKEN}"
MAIL, OUTBOX = f"malbeot:{{s0}}:mail:telegram/{CHAT}", "malbeot:{s0}:outbox:telegram"


@dataclass
class Stage:
    """A server, Telegram, and the processes that come and go."""

    folder: Path
    telegram: TelegramApi
    redis: Redis
    env: dict[str, str]

    @property
    def spoken(self) -> Path:
        return self.folder / "libraries.log"

    @contextlib.asynccontextmanager
    async def process(self, *command: str, **settings: str) -> AsyncIterator[Process]:
        """`python -m bot …` whose libraries are loud; what it says is searched when it has ended."""
        changes = {f"MALBEOT_{name.upper()}": value for name, value in settings.items()}
        with (self.folder / "output").open("ab") as output:
            subprocess = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.loud", str(self.spoken), *command,
                cwd=self.folder, env=self.env | changes, stdin=asyncio.subprocess.DEVNULL,
                stdout=output, stderr=asyncio.subprocess.PIPE,
            )  # fmt: skip
        process = Process(subprocess)
        try:
            yield process
        finally:
            await process.end()
            said = "\n".join(process.log) + (self.folder / "output").read_text("utf-8")
            assert {private for private in PRIVATE if private in said} == set()

    async def finish(self, *command: str, **settings: str) -> tuple[int, list[str]]:
        """Exit code and standard error of a process that ends by itself."""
        async with self.process(*command, **settings) as process:
            return await process.ended(), process.log


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with TelegramApi() as telegram, server(tmp_path, requirepass=PASSWORD) as path:
        url = f"unix://:{quote(PASSWORD)}@{path}"
        env = environment(
            tmp_path, telegram_token=TOKEN, telegram_api_url=telegram.url, redis_url=url, log_level="DEBUG",
            max_tries="1", decode_timeout="1", claim_ttl="1",
        )  # fmt: skip
        redis = await connect(url)
        yield Stage(tmp_path, telegram, redis, env)
        await redis.aclose()


@pytest.mark.timeout(300)
async def test_a_gateway_whose_telegram_and_redis_fail_in_every_way(stage: Stage) -> None:
    telegram = stage.telegram
    garbage = f"<html>{WORDS} {CHAT} {TOKEN}".encode()
    telegram.fail("getMe", status=502, body=garbage)
    telegram.fail("deleteWebhook", cut=True)
    telegram.fail("setMyCommands", status=400, description=QUOTING)
    async with stage.process("gateway") as gateway, stage.process("worker") as worker:
        await gateway.said("commands_refused")
        await gateway.said("gateway_ready")
        for failure in ({"status": 500, "description": QUOTING}, {"body": garbage}, {"cut": True}, {"status": 409}):
            telegram.fail("getUpdates", **failure)
            telegram.fail("sendMessage", **failure)
        telegram.fail("sendMessage", status=429, description=QUOTING, parameters={"retry_after": 1})
        telegram.fail("sendChatAction", status=400, description=QUOTING)
        telegram.say(CHAT, WORDS)
        await telegram.until(lambda: f"{WORDS}라고요" in telegram.texts(CHAT), timeout=120)
        for status in (400, 403):
            telegram.fail("sendMessage", status=status, description=QUOTING)
            telegram.say(CHAT, f"{WORDS} {status}")
            await gateway.said("undeliverable", times=1 if status == 400 else 2)
        telegram.say(CHAT, f"{WORDS} 독")
        await telegram.until(lambda: texts.APOLOGY in telegram.texts(CHAT), timeout=60)
        await worker.said("decode_failed")

        await stage.redis.config_set("maxmemory", 1)
        telegram.say(CHAT, f"{WORDS} 가득")
        await gateway.said("receiving_failed", times=2)
        await stage.redis.config_set("maxmemory", 0)
        await stage.redis.client_kill_filter(_type="normal", skipme=True)
        await telegram.until(lambda: f"{WORDS} 가득라고요" in telegram.texts(CHAT), timeout=60)

        await stage.redis.xadd(OUTBOX, {"address": f"telegram/{CHAT}", "reply": f'{{"{WORDS}'})
        assert await gateway.ended() == 1
        assert any("JSONDecodeError" in line for line in gateway.log), "its own words quote what it could not read"
    await stage.redis.delete(OUTBOX)
    telegram.fail("getMe", status=401, description=QUOTING)
    code, log = await stage.finish("gateway")
    assert (code, log[-1].startswith("malbeot: MALBEOT_TELEGRAM_TOKEN: ")) == (2, True)

    spoken = stage.spoken.read_text("utf-8")
    assert TOKEN in spoken, "the libraries do speak of it"
    assert str(CHAT) in spoken


@pytest.mark.timeout(300)
async def test_a_worker_that_hangs_or_cannot_read_what_is_stored(stage: Stage) -> None:
    from bot.address import Address
    from bot.mailbox import Mailbox, Message

    await Mailbox(stage.redis).accept(Address("telegram", str(CHAT)), Message(1, 1, f"{WORDS} 붙들", 0.0))
    code, log = await stage.finish("worker")
    assert (code, "MALBEOT_DECODE_TIMEOUT" in log[-1]) == (1, True)
    await stage.redis.lset(MAIL, 0, f'{{"{WORDS} {CHAT}')
    code, log = await stage.finish("worker")
    assert (code, any("JSONDecodeError" in line for line in log)) == (1, True)
    code, log = await stage.finish("worker", checkpoint=str(stage.folder / "nowhere"))


async def test_a_webhook_that_is_called_by_anyone(stage: Stage) -> None:
    listen = f"127.0.0.1:{free_port()}"
    hook = {"webhook_url": f"http://{listen}/{TOKEN}", "webhook_secret": SECRET, "webhook_listen": listen}
    async with stage.process("gateway", **hook) as gateway, httpx.AsyncClient() as client:
        await gateway.said("gateway_ready")
        right = {SECRET_HEADER: SECRET}
        for headers, body in (
            ({}, b"{}"), ({SECRET_HEADER: WORDS.encode()}, b"{}"), (right, f'{{"{WORDS}'.encode()), (right, b"[]"),
            (right, WORDS.encode() * 100_000), (right, b"[" * 100_000), (right, b"\xff"),
        ):  # fmt: skip
            answer = await client.post(hook["webhook_url"], headers=headers, content=body)
            assert 400 <= answer.status_code < 500
        await client.post(f"http://{listen}/{WORDS}", content=WORDS.encode())
        stage.telegram.say(CHAT, WORDS)
        await gateway.said('"accepted"')
        await stage.redis.config_set("maxmemory", 1)
        stage.telegram.say(CHAT, WORDS)
        await gateway.said("webhook_put_off")
        await stage.redis.config_set("maxmemory", 0)
    stage.telegram.fail("setWebhook", status=400, description=QUOTING)
    code, log = await stage.finish("gateway", **hook)
    assert (code, log[-1].startswith("malbeot: MALBEOT_WEBHOOK_URL: ")) == (2, True)


async def test_what_an_operator_is_shown(stage: Stage) -> None:
    from bot.mailbox import codec
    from bot.mailbox.letters import Message

    letter = codec.write_dead_letter((Message(1, 1, WORDS, 0.0),), "RuntimeError", 1, 0.0)
    entry = await stage.redis.xadd("malbeot:{s0}:dead", {"address": f"telegram/{CHAT}", "letter": letter})
    hook = {"webhook_url": f"https://x:{SECRET}@example.org/{TOKEN}", "webhook_secret": SECRET}
    for command in (["settings"], ["dead", "list"], ["dead", "show", entry], ["dead", "show", WORDS]):
        code, _ = await stage.finish(*command, **hook)
        assert code == (1 if command[-1] == WORDS else 0)
    wrong = stage.env["MALBEOT_REDIS_URL"]
    for name, value in {
        "telegram_token": TOKEN + "/", "webhook_secret": SECRET + "!", "history_ttl": WORDS, "owner": f"<{WORDS}>",
        "redis_url": wrong.replace("unix", "http"), "telegram_api_url": f"ftp://{PASSWORD}",
    }.items():  # fmt: skip
        code, log = await stage.finish("settings", **{name: value})
        assert (code, len(log)) == (2, 1)
    for url in (
        f"redis://:{PASSWORD}/x@localhost", f"redis://:{PASSWORD}@[x", f"redis://{PASSWORD}:{PASSWORD}@localhost:1",
        f"unix://:{PASSWORD}@/nowhere/x.sock", wrong + f"?db={PASSWORD}", wrong + f"?{PASSWORD}=1",
        wrong.replace("Pa", "Paa"),
    ):  # fmt: skip
        code, log = await stage.finish("dead", "list", redis_url=url)
        assert (code, len(log)) == (2, 1), log
