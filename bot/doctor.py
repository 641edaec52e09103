"""The whole installation looked over: what is sound, what is not, and how to mend it.

Looks only: nothing is changed anywhere, and whoever polls Telegram is not disturbed. No secret is shown.
"""

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from time import time
from typing import Any, Protocol

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError, ResponseError
from rich.table import Table

from bot import settings as sources
from bot.embedded import running
from bot.errors import BotError
from bot.findings import Finding, State, clock
from bot.logs import secret_values
from bot.mailbox import DeadLetters, Mailbox
from bot.redis_link import connect
from bot.settings import MASK, Settings
from bot.tables import console, harmless

OLDEST = (6, 2)  # version of Redis
LITTLE_ROOM, NO_ROOM = 2**30, 2**27  # bytes free on the disk
_LONGEST = 300  # characters of what was found


class Loaded(Protocol):
    """What is asked of an engine."""

    @property
    def name(self) -> str: ...

    @property
    def checkpoint_hash(self) -> str: ...


Load = Callable[[Settings], Loaded]

_UNSEEN = "not allowed to look"


async def run_doctor(settings: Settings, load: Load | None) -> int:
    """Print the table; returns the exit code. `load` loads the checkpoint; None where no engine is installed."""
    parts = await asyncio.gather(
        _telegram(settings), _mailbox(settings), asyncio.to_thread(_checkpoint, settings, load)
    )
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


async def _mailbox(settings: Settings) -> list[Finding]:
    url = settings.redis_url.get_secret_value() if settings.redis_url else running(settings.data_dir)
    if url is None:
        return [Finding("Redis", "the embedded server is not running", State.WARNING, "make run")]
    try:
        server = await connect(url)
    except BotError as error:
        mend = "see that the server runs, that address, user and password are right, and that no firewall is between"
        return [Finding("Redis", str(error), State.FAULT, mend)]
    findings: list[Finding] = []
    try:
        if isinstance(server, RedisCluster):
            findings.append(Finding("Redis", "a cluster; how each node stands is not looked at"))
        else:
            for look in (_version, _persistence, _memory):
                findings += await _if_allowed(server, look)
        seconds, microseconds = await server.time()
        findings.append(clock("Redis", seconds + microseconds / 1e6, time()))
        findings += await _queue(server, settings)
    except BotError as error:
        findings.append(Finding("Redis", str(error), State.FAULT, "start the newer release again"))
    except RedisError as error:
        findings.append(Finding("Redis", f"was lost ({type(error).__name__})", State.FAULT, "look at its log"))
    finally:
        await server.aclose()
    return findings


Look = Callable[[Redis], Awaitable[Iterable[Finding]]]


async def _if_allowed(server: Redis, look: Look) -> Iterable[Finding]:
    try:
        return await look(server)
    except ResponseError:  # our user may not, or a provider has taken the command away
        return [Finding(f"Redis' {look.__name__.strip('_')}", _UNSEEN)]


async def _version(server: Redis) -> list[Finding]:
    about = await server.info("server")
    return [judge_version(str(about.get("valkey_version") or about["redis_version"]), "valkey_version" in about)]


def judge_version(version: str, valkey: bool) -> Finding:
    """A release's number as INFO tells it."""
    old = tuple(int(part) for part in version.split(".")[:2]) < OLDEST
    mend = "use Redis 6.2 or later, or Valkey" if old else ""
    return Finding("Redis", f"{'Valkey' if valkey else 'Redis'} {version}", State.FAULT if old else State.SOUND, mend)


async def _persistence(server: Redis) -> list[Finding]:
    about = await server.info("persistence")
    if not about["aof_enabled"]:
        mend = "redis-cli config set appendonly yes, and the same in its file: else what waits is lost with the server"
        return [Finding("append-only file", "off", State.FAULT, mend)]
    if "err" in (about["aof_last_write_status"], about["aof_last_bgrewrite_status"]):
        mend = "look at the server's log and at its disk, which may be full"
        return [Finding("append-only file", "cannot be written", State.FAULT, mend)]
    findings = [Finding("append-only file", "on")]
    for finding in await _if_allowed(server, _fsync):
        findings = [finding] if finding.found != _UNSEEN else [replace(findings[0], found=f"on; how safe: {_UNSEEN}")]
    return findings


async def _fsync(server: Redis) -> list[Finding]:
    often = (await server.config_get("appendfsync"))["appendfsync"]
    states = {"always": State.SOUND, "everysec": State.WARNING}
    lost = "the last second" if often == "everysec" else "the last half minute"
    mend = "" if often == "always" else f"redis-cli config set appendfsync always: else {lost} is lost in a power cut"
    return [Finding("append-only file", f"on, written out: {often}", states.get(str(often), State.FAULT), mend)]


async def _memory(server: Redis) -> list[Finding]:
    about: dict[str, Any] = await server.info("memory")
    used, most, policy = about["used_memory"], about["maxmemory"], about["maxmemory_policy"]
    share = used / most if most else 0.0
    state = State.FAULT if share > 0.95 else State.WARNING if share > 0.8 else State.SOUND
    findings = [
        Finding(
            "memory of Redis",
            f"{used / 2**20:.1f} MiB" + (f" of {most / 2**20:.1f} MiB" if most else ", no limit set"),
            state,
            "raise maxmemory, or lower MALBEOT_MAX_BACKLOG: a full server refuses messages" if state else "",
        )
    ]
    if policy != "noeviction":
        state = State.FAULT if most else State.WARNING
        mend = "redis-cli config set maxmemory-policy noeviction: else it deletes messages when it is full"
        findings.append(Finding("maxmemory-policy", policy, state, mend))
    return findings


async def _queue(server: Redis, settings: Settings) -> list[Finding]:
    mailbox = Mailbox.of(server, settings)
    workers, backlog = await mailbox.workers(), await mailbox.backlog()
    letters = len(await DeadLetters(server, shards=settings.shards).all())
    serving = sorted({worker.info.get("checkpoint", "") for worker in workers})
    findings = [Finding("workers", f"{len(workers)} alive, with checkpoint {' and '.join(serving)}")]
    if not workers:
        state = State.FAULT if backlog else State.WARNING
        findings = [Finding("workers", "none alive", state, "start one; if it ends again, its last line says why")]
    elif len(serving) > 1:
        mend = "wait, if you are rolling out a checkpoint; else give all workers the same"
        findings = [replace(findings[0], state=State.WARNING, mend=mend)]
    share = backlog / settings.max_backlog
    state = State.FAULT if share >= 1 else State.WARNING if share > 0.5 else State.SOUND
    mend = "start more workers; beyond MALBEOT_MAX_BACKLOG users are told to come back later" if state else ""
    findings.append(Finding("backlog", f"{backlog} of {settings.max_backlog} messages wait", state, mend))
    if letters:
        mend = "python -m bot dead list"
        findings.append(Finding("dead letters", f"{letters} could not be answered", State.WARNING, mend))
    return findings
