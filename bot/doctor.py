"""The whole installation looked over: what is sound, what is not, and how to mend it.

Looks only: nothing is changed anywhere, and whoever polls Telegram is not disturbed. No secret is shown.
"""

import asyncio
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from rich.table import Table

from bot import settings as sources
from bot.doctor_redis import look_at_redis
from bot.embedded import running
from bot.errors import BotError
from bot.findings import Finding, State
from bot.logs import secret_values
from bot.settings import MASK, Settings
from bot.tables import console, harmless

LITTLE_ROOM, NO_ROOM = 2**30, 2**27  # bytes free on the disk
_LONGEST = 300  # characters of what was found


class Loaded(Protocol):
    """What is asked of an engine."""

    @property
    def name(self) -> str: ...

    @property
    def checkpoint_hash(self) -> str: ...


Load = Callable[[Settings], Loaded]


async def run_doctor(settings: Settings, load: Load | None) -> int:
    """Print the table; returns the exit code. `load` loads the checkpoint; None where no engine is installed."""
    parts = await asyncio.gather(_telegram(settings), _redis(settings), asyncio.to_thread(_checkpoint, settings, load))
    findings = [*_files(settings), *(finding for part in parts for finding in part)]
    table = Table("", "what", "found", "mend")
    for finding in findings:
        sign, style = _SIGNS[finding.state]
        table.add_row(
            sign, finding.what, *(_shown(text, settings) for text in (finding.found, finding.mend)), style=style
        )
    console().print(table)
    return max(finding.state for finding in findings)


_SIGNS = {State.SOUND: ("✓", ""), State.WARNING: ("!", "yellow"), State.FAULT: ("✗", "bold red")}


def _shown(text: str, settings: Settings) -> str:
    for secret in secret_values(settings):
        text = text.replace(secret, MASK)
    return harmless(" ".join(text.split()))[:_LONGEST]


# This machine


def _files(settings: Settings) -> Iterator[Finding]:
    private = [path for path in (Path(".env"),) if path.exists()]
    if sources.SECRET_FILES.is_dir() and not os.path.ismount(sources.SECRET_FILES):
        # Mounted ones are a container's, where there is nobody else.
        private += [path for path in sorted(sources.SECRET_FILES.glob("malbeot_*")) if not os.path.ismount(path)]
    for path in private:
        mode = path.stat().st_mode & 0o777
        if mode & 0o077:
            state = State.FAULT if mode & 0o007 else State.WARNING
            whom = "everybody on this machine" if mode & 0o007 else "its group"
            yield Finding(path.name, f"open to {whom} (mode {mode:o})", state, f"chmod 600 {path}")
        else:
            yield Finding(path.name, f"mode {mode:o}")
    if settings.redis_url is None:
        yield from _data(settings.data_dir)


def _data(folder: Path) -> Iterator[Finding]:
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    state = State.FAULT if free < NO_ROOM else State.WARNING if free < LITTLE_ROOM else State.SOUND
    mend = "make room, or name a folder on another disk: MALBEOT_DATA_DIR" if state else ""
    yield Finding("disk", f"{free / 2**30:.1f} GiB free for {folder}", state, mend)
    if folder.exists() and (mode := folder.stat().st_mode & 0o777) & 0o077:
        yield Finding("data folder", f"open to others (mode {mode:o})", State.FAULT, f"chmod 700 {folder}")


def _checkpoint(settings: Settings, load: Load | None) -> Iterable[Finding]:
    if load is None:
        return [Finding("checkpoint", "no engine is installed here; ask a worker's doctor")]
    try:
        engine = load(settings)
    except BotError as error:
        mend = "train it anew, copy it whole, or leave MALBEOT_CHECKPOINT empty"
        return [Finding("checkpoint", str(error), State.FAULT, mend)]
    return [Finding("checkpoint", f"{engine.checkpoint_hash} answers, by {engine.name}")]


# Telegram


async def _telegram(settings: Settings) -> list[Finding]:
    if settings.telegram_token is None:
        mend = "write BotFather's token behind MALBEOT_TELEGRAM_TOKEN, unless the terminal is all you want"
        return [Finding("token", "none is set", State.WARNING, mend)]
    if find_spec("telegram") is None:
        return [Finding("Telegram", "is not spoken here; ask a gateway's doctor")]
    from bot.doctor_telegram import look_at_telegram

    return await look_at_telegram(settings, settings.telegram_token.get_secret_value())


# Redis


async def _redis(settings: Settings) -> list[Finding]:
    url = settings.redis_url.get_secret_value() if settings.redis_url else running(settings.data_dir)
    if url is None:
        return [Finding("Redis", "the embedded server is not running", State.WARNING, "make run")]
    return await look_at_redis(settings, url)
