"""The doctor on installations that are sound, and on such as are not: each fault is a real one."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest
from redis.asyncio import Redis

from bot import doctor, doctor_telegram
from bot.address import Address
from bot.api import BotApi
from bot.doctor import Load, run_doctor
from bot.doctor_server import judge_version
from bot.embedded import EmbeddedServer
from bot.findings import Finding, State
from bot.mailbox import Mailbox, Message
from bot.redis_link import connect
from bot.settings import Settings
from bot.worker import load_speaker
from tests.bot.test_mailbox import APOLOGY
from tests.bot.test_redis_access import PASSWORD, acl_file
from tests.checkpoints import random_checkpoint
from tests.processes import environment, running
from tests.servers import server
from tests.telegram_api import TOKEN, TelegramApi

SECRET = "s3cret-of-the-webhook"
Table = dict[str, tuple[str, str, str]]
Examine = Callable[..., Awaitable[tuple[int, Table]]]


def table(printed: str) -> Table:
    """Of each thing its sign, what was found, and the mend."""
    found: Table = {}
    what = ""
    for line in printed.splitlines():
        cells = [cell.strip() for cell in line.split("│")[1:-1]]
        if len(cells) == 4:
            what = cells[1] or what  # else the row goes on
            before = found.get(what, ("", "", ""))
            found[what] = tuple(f"{old} {new}".strip() for old, new in zip(before, (cells[0], *cells[2:]), strict=True))
    return found


@pytest.fixture
def examine(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Examine:
    """Runs the doctor here; returns exit code and table. Nothing secret is ever in it."""
    monkeypatch.setattr("bot.settings.SECRET_FILES", tmp_path / "secrets")

    async def run(load: Load | None = None, **settings: object) -> tuple[int, Table]:
        code = await run_doctor(Settings(**{"data_dir": tmp_path / "data", **settings}), load)
        printed = capsys.readouterr().out
        assert [word for word in (TOKEN, TOKEN.partition(":")[2], SECRET, PASSWORD) if word in printed] == []
        return code, table(printed)

    return run


async def test_a_sound_installation_is_sound(
    telegram: TelegramApi, redis_url: str, redis: Redis, tmp_path: Path
) -> None:
    await redis.config_set("maxmemory", "100mb")
    settings = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "redis_url": redis_url}
    settings["checkpoint"] = str(random_checkpoint(tmp_path / "checkpoint"))
    (tmp_path / ".env").write_text("MALBEOT_OWNER=김하늘\n")
    (tmp_path / ".env").chmod(0o600)
    async with running("worker", tmp_path, **settings) as worker:
        await worker.said("worker_ready")
        async with asyncio.timeout(60):
            while not await Mailbox(redis).workers():  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.05)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "doctor",
            cwd=tmp_path, env=environment(tmp_path, **settings), stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        printed = (await process.communicate())[0].decode()
    await redis.config_set("maxmemory", "0")
    found = table(printed)
    assert process.returncode == 0, printed
    assert {sign for sign, _, _ in found.values()} - {""} == {"✓"}
    assert set(found) >= {".env", "Bot API", "token", "webhook", "updates", "Redis", "append-only file"}
    assert set(found) >= {"memory of Redis", "clock of Redis", "clock of 127.0.0.1", "workers", "backlog", "checkpoint"}
    assert telegram.called("getUpdates") == [], "whoever polls is not thrown out"


async def test_without_token_and_server_it_is_a_warning(examine: Examine) -> None:
    code, found = await examine()
    assert (code, found["token"][0], found["Redis"][:2]) == (1, "!", ("!", "the embedded server is not running"))
    assert found["checkpoint"][0] == "✓"


async def test_a_token_that_telegram_does_not_know(telegram: TelegramApi, examine: Examine) -> None:
    telegram.token = "1:another"
    code, found = await examine(telegram_token=TOKEN, telegram_api_url=telegram.url)
    assert (code, found["token"][0]) == (2, "✗")
    assert "/revoke" in found["token"][2]


async def test_a_bot_api_that_is_not_there(examine: Examine) -> None:
    code, found = await examine(telegram_token=TOKEN, telegram_api_url="http://127.0.0.1:1")
    assert (code, found["Bot API"][0], found["token"][0]) == (2, "✗", "✗")
    assert "ConnectError" in found["Bot API"][1]
    assert "MALBEOT_TELEGRAM_API_URL" in found["Bot API"][2]


@pytest.mark.parametrize(("hours", "sign"), [(-0.01, "!"), (1, "✗")])
async def test_a_clock_that_differs(examine: Examine, hours: float, sign: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        date = formatdate(time() + 3600 * hours, usegmt=True)
        writer.write(
            f"HTTP/1.1 404 Not Found\r\nDate: {date}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        _, found = await examine(telegram_token=TOKEN, telegram_api_url=f"http://127.0.0.1:{port}")
    assert found["clock of 127.0.0.1"][0] == sign
    assert ("ahead" if hours > 0 else "behind") in found["clock of 127.0.0.1"][1]


async def test_webhooks_that_are_not_as_they_should_be(telegram: TelegramApi, api: BotApi, examine: Examine) -> None:
    polling = {"telegram_token": TOKEN, "telegram_api_url": telegram.url}
    webhook = polling | {"webhook_url": "https://bot.example.org/hook", "webhook_secret": SECRET}
    _, found = await examine(**webhook)
    assert found["webhook"][:2] == ("✗", "none is set")
    await api.register_webhook("https://elsewhere.example.org/hidden-path", SECRET)
    _, found = await examine(**webhook)
    assert found["webhook"][:2] == ("✗", "another one is set, at elsewhere.example.org")
    _, found = await examine(**polling)
    assert found["webhook"][0] == "!"
    await api.register_webhook(webhook["webhook_url"], SECRET)
    _, found = await examine(**webhook)
    assert found["webhook"][:2] == ("✓", "is set")


async def test_a_webhook_that_cannot_be_reached(telegram: TelegramApi, api: BotApi, examine: Examine) -> None:
    await api.register_webhook("http://127.0.0.1:1/hook", SECRET)
    for _ in range(doctor_telegram.PENDING + 1):
        telegram.say(7, "안녕")
    await telegram.until(lambda: 0 in telegram.pushes)
    _, found = await examine(
        telegram_token=TOKEN,
        telegram_api_url=telegram.url,
        webhook_url="http://127.0.0.1:1/hook",
        webhook_secret=SECRET,
    )
    assert found["webhook"][0] == found["updates"][0] == "!"
    assert "Connection refused" in found["webhook"][1]


async def test_a_server_that_loses_what_it_is_told(examine: Examine, tmp_path: Path) -> None:
    async with server(tmp_path) as path:
        redis = Redis(unix_socket_path=str(path))
        url = f"unix://{path}"
        code, found = await examine(redis_url=url)
        assert (code, found["append-only file"][0]) == (2, "✗")
        await redis.config_set("appendonly", "yes")
        for often, sign in (("no", "✗"), ("everysec", "!"), ("always", "✓")):
            await redis.config_set("appendfsync", often)
            assert (await examine(redis_url=url))[1]["append-only file"][0] == sign

        await redis.config_set("maxmemory-policy", "allkeys-lru")
        assert (await examine(redis_url=url))[1]["maxmemory-policy"][0] == "!"
        used = (await redis.info("memory"))["used_memory"]
        for share, sign in ((0.05, "✓"), (0.88, "!"), (0.99, "✗")):
            await redis.config_set("maxmemory", round(used / share))
            _, found = await examine(redis_url=url)
            assert (found["maxmemory-policy"][0], found["memory of Redis"][0]) == ("✗", sign)
        await redis.aclose()


async def test_where_the_rights_end_nothing_is_a_fault(examine: Examine, tmp_path: Path) -> None:
    async with server(tmp_path, aclfile=acl_file(tmp_path)) as path:
        code, found = await examine(redis_url=f"unix://malbeot:{PASSWORD}@{path}")
        assert [found[f"Redis' {part}"][:2] for part in ("version", "persistence")] == [
            ("✓", "not allowed to look")
        ] * 2
        assert found["memory of Redis"][0] == "✓", "which is among the rights"
        assert code == 1, "no worker is alive"
        code, found = await examine(redis_url=f"unix://malbeot:{PASSWORD}x@{path}")
        assert (code, found["Redis"][0]) == (2, "✗")


async def test_a_version_that_is_too_old() -> None:
    assert judge_version("6.0.16", valkey=False).state is State.FAULT
    assert judge_version("10.0.1", valkey=False) == Finding("Redis", "Redis 10.0.1")


async def test_nobody_answers_and_much_waits(redis: Redis, redis_url: str, examine: Examine) -> None:
    mailbox = Mailbox(redis)
    code, found = await examine(redis_url=redis_url)
    assert (code, found["workers"][0], found["backlog"][0]) == (1, "!", "✓")
    for number in range(1, 4):
        await mailbox.accept(Address("telegram", str(number)), Message(number, None, "안녕", time()))
    code, found = await examine(redis_url=redis_url, max_backlog=4)
    assert (code, found["workers"][0], found["backlog"][0]) == (2, "✗", "!")
    assert (await examine(redis_url=redis_url, max_backlog=3))[1]["backlog"][0] == "✗"
    [turn] = await mailbox.claim("w1", limit=1, wait=2)
    await mailbox.bury("w1", turn, "RuntimeError", APOLOGY)
    _, found = await examine(redis_url=redis_url)
    assert found["dead letters"] == ("!", "1 could not be answered", "python -m bot dead list")
    for name in ("abc", "def"):
        await mailbox.beat(name, {"checkpoint": name}, ttl=60)
    _, found = await examine(redis_url=redis_url)
    assert found["workers"][:2] == ("!", "2 alive, with checkpoint abc and def")


async def test_a_checkpoint_that_is_broken_or_not_for_the_engine(examine: Examine, tmp_path: Path) -> None:
    folder = random_checkpoint(tmp_path / "checkpoint")
    _, found = await examine(load_speaker, checkpoint=folder)
    assert found["checkpoint"][0] == "✓"
    (folder / "model.safetensors").write_bytes(b"half of it")
    code, found = await examine(load_speaker, checkpoint=folder)
    assert (code, found["checkpoint"][0]) == (2, "✗")
    assert "safetensors" in found["checkpoint"][1]


async def test_a_disk_that_is_full(examine: Examine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any disk is, for one who needs more room than there is on it."""
    assert (await examine())[1]["disk"][0] == "✓"
    monkeypatch.setattr(doctor, "LITTLE_ROOM", 2**60)
    assert (await examine())[1]["disk"][0] == "!"
    monkeypatch.setattr(doctor, "NO_ROOM", 2**60)
    assert (await examine())[1]["disk"][0] == "✗"


async def test_files_that_others_can_read(examine: Examine, tmp_path: Path) -> None:
    secrets, data = tmp_path / "secrets", tmp_path / "data"
    secrets.mkdir()
    data.mkdir(mode=0o755)
    (secrets / "malbeot_webhook_secret").write_text(SECRET)
    (secrets / "malbeot_webhook_secret").chmod(0o640)
    Path(".env").write_text(f"MALBEOT_TELEGRAM_TOKEN={TOKEN}\nMALBEOT_TELEGRAM_API_URL=http://127.0.0.1:1\n")
    Path(".env").chmod(0o644)
    code, found = await examine()
    assert code == 2
    assert found[".env"] == ("✗", "open to everybody on this machine (mode 644)", "chmod 600 .env")
    assert found["malbeot_webhook_secret"][0] == "!"
    assert found["data folder"][0] == "✗"


async def test_an_embedded_server_is_found(examine: Examine, tmp_path: Path) -> None:
    async with EmbeddedServer(tmp_path / "data") as embedded:
        _, found = await examine()
        assert found["append-only file"][:2] == ("✓", "on, written out: always")
        redis = await connect(embedded.url)
        await redis.rpush("malbeot:{s0}:dead", "no stream")
        code, found = await examine()
        assert (code, found["Redis"][0].endswith("✗")) == (2, True)
        await redis.aclose()
