"""Processes of ours that other processes of ours start: `python -m bot NAME`."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Self

import structlog

from bot.errors import BotError, SettingsError
from bot.settings import PREFIX, Settings

SETTINGS_FAULT = 2  # the exit code for what only the operator can mend
LONGEST_PAUSE = 30.0  # seconds before a child is started again
SOUND_AFTER = 60.0  # seconds of life that make up for earlier deaths
LAST_PORT = 65535
WORKER_GRACE = 10.0  # seconds, on top of the longest decode

log = structlog.get_logger()


class ChildRefusedError(BotError):
    """A child ended with a fault that the operator must mend. It has said which on its standard error."""

    exit_code = SETTINGS_FAULT


class Child:
    """One child process. It leaves by itself when this process is gone, whatever ended it (see `bot.lifetime`)."""

    def __init__(
        self,
        name: str,
        *,
        stop_grace: float,
        stderr: IO[bytes] | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        """`changes` to this process's environment."""
        self.name = name
        self._stop_grace = stop_grace
        self._stderr = stderr
        self._changes = changes or {}
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    def worker(cls, settings: Settings, *, stderr: IO[bytes] | None = None) -> Self:
        """A worker, which may take as long to leave as its longest decode.

        The gateway beside it has MALBEOT_METRICS_LISTEN; the worker serves its own metrics on the next port.
        """
        listen = settings.metrics_listen
        changes = {f"{PREFIX}METRICS_LISTEN": _next_port(listen)} if listen else None
        return cls("worker", stop_grace=settings.decode_timeout + WORKER_GRACE, stderr=stderr, changes=changes)

    async def _start(self) -> asyncio.subprocess.Process:
        # Its standard input stays open for as long as this process lives.
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            self.name,
            "--attached",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=self._stderr,
            env=os.environ | self._changes,
            start_new_session=True,  # Ctrl-C is for the parent, which stops its children in order
        )
        self._process = process
        return process

    async def keep(self) -> None:
        """Start the process, and again whenever it ends; ChildRefusedError once that would be no use."""
        loop = asyncio.get_running_loop()
        deaths = 0
        while True:
            began = loop.time()
            process = await self._start()
            code = await process.wait()
            if code == SETTINGS_FAULT:
                raise ChildRefusedError(f"the {self.name} cannot start")
            deaths = 1 if loop.time() - began > SOUND_AFTER else deaths + 1
            pause = min(0.5 * 2 ** min(deaths - 1, 10), LONGEST_PAUSE)
            log.error("child_died", child=self.name, code=code, restart_in=pause)
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask the process to leave, and wait until it has; one that overstays its grace is killed."""
        process = self._process
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(self._stop_grace):
                await process.wait()
        except TimeoutError:
            log.error("child_killed", child=self.name, after=self._stop_grace)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _next_port(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    if int(port) == LAST_PORT:
        raise SettingsError(f"{PREFIX}METRICS_LISTEN: must leave a port after it, which is the worker's")
    return f"{host}:{int(port) + 1}"
