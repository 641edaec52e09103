"""The state of a server in a file, and on its way to another server.

A backup is lines of JSON: what it is, then a line for each key, and at the end how many there are. It holds what users
wrote, so nobody but its owner may read the file.
"""

import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from secrets import token_hex

from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.embedded import EmbeddedServer, running
from bot.errors import BotError, SettingsError
from bot.mailbox import Mailbox
from bot.redis_link import connect
from bot.settings import Settings
from bot.state import Entry, State, put, refusal, take

FORMAT = 1
PIPE = Path("-")  # standard input or output


async def back_up(settings: Settings, path: Path) -> None:
    """Write the state of the settings' server into a file, whole or not at all; the bot may run meanwhile."""
    async with _standing(settings) as server:
        state = await take(server, token_hex(8))
    if path == PIPE:
        sys.stdout.writelines(_lines(state))
        sys.stdout.flush()
    else:
        try:
            _write(path, _lines(state))
        except OSError as error:
            raise BotError(f"{path}: {error.strerror}") from None
    _tell("backed up", state)


async def restore(settings: Settings, path: Path) -> None:
    """Put what a file holds into the settings' server, which must hold nothing of malbeot's yet."""
    try:
        text = sys.stdin.read() if path == PIPE else path.read_text("utf-8")
    except OSError as error:
        raise BotError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BotError(f"{path}: no backup of malbeot's") from None
    state = _parse(path, text)
    async with _standing(settings) as server:
        _tell("restored" if await put(server, state) else "is there already", state)


async def migrate(settings: Settings, to: str | None) -> None:
    """Copy the embedded server's state to the server at `to`, or at the settings' address; the former keeps its own."""
    if to is None and settings.redis_url is None:
        raise SettingsError("MALBEOT_REDIS_URL: must be set to where all shall move, unless --to says it")
    folder = settings.data_dir
    if running(folder):
        raise BotError(f"malbeot is still running on {folder}: stop `make run` and the consoles first")
    if not (folder / "appendonlydir").is_dir():
        raise BotError(f"there is nothing to move: no embedded server has ever run in {folder}")
    target = to or (settings.redis_url.get_secret_value() if settings.redis_url else "")
    async with EmbeddedServer(folder) as embedded, _reached(embedded.url) as source, _reached(target) as server:
        state = await take(source, await Mailbox(source).founded(0))
        _tell("moved" if await put(server, state) else "is there already", state)


@asynccontextmanager
async def _standing(settings: Settings) -> AsyncIterator[Redis]:
    """The settings' server; an embedded one that is not running stands for as long as this takes."""
    url = settings.redis_url.get_secret_value() if settings.redis_url else running(settings.data_dir)
    if url:
        async with _reached(url) as server:
            yield server
    else:
        async with EmbeddedServer(settings.data_dir) as embedded, _reached(embedded.url) as server:
            yield server


@asynccontextmanager
async def _reached(url: str) -> AsyncIterator[Redis]:
    server = await connect(url)
    try:
        yield server
    except RedisError as error:
        raise refusal(error) from None
    finally:
        await server.aclose()


def _tell(done: str, state: State) -> None:
    # On standard error: a backup may be on its way through standard output.
    print(f"{done}: {len(state.entries)} keys, {state.waiting} messages wait in them", file=sys.stderr)


def _lines(state: State) -> Iterable[str]:
    yield _line({"malbeot": "state", "format": FORMAT, "id": state.id})
    for entry in state.entries:
        yield _line(asdict(entry))
    yield _line({"end": len(state.entries)})


def _line(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n"


def _write(path: Path, lines: Iterable[str]) -> None:
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, path)
    except BaseException:
        Path(fresh).unlink(missing_ok=True)
        raise


def _parse(path: Path, text: str) -> State:
    """BotError if it is no backup, a newer release's, or not whole."""
    try:
        head, *rows = map(json.loads, text.removesuffix("\n").split("\n"))  # what else may end a line is users'
        if head["malbeot"] != "state":
            raise ValueError
        if head["format"] > FORMAT:
            raise BotError(f"{path}: written by a newer release of malbeot")
        entries = [Entry(row["key"], row["kind"], row["value"], row["expires_at"]) for row in rows if "key" in row]
        if not rows or rows[-1] != {"end": len(entries)}:
            raise BotError(f"{path}: its end is missing; nothing was changed")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BotError(f"{path}: no backup of malbeot's, or damaged; nothing was changed") from None
    return State(head["id"], tuple(entries))
