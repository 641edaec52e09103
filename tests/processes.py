"""The service's own processes, as a test starts, watches and ends them."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


class Process:
    """`python -m bot …`, and what it says on standard error, line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.log: list[str] = []
        self._process = process
        self._closed = False
        self._changed = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    @property
    def pid(self) -> int:
        return self._process.pid

    def children(self, *, recursive: bool = True) -> list[psutil.Process]:
        """Those alive now."""
        return psutil.Process(self.pid).children(recursive=recursive)

    def child(self, name: str) -> psutil.Process:
        """The child that runs `python -m bot NAME`."""
        [found] = [child for child in self.children() if child.cmdline()[1:4] == ["-m", "bot", name]]
        return found

    async def until(self, condition: Callable[[list[str]], object]) -> None:
        """Returns once the lines on standard error meet the condition; fails if the process ends before."""
        async with self._changed:
            await self._changed.wait_for(lambda: condition(self.log) or self._closed)
        assert condition(self.log), f"ended with {await self._process.wait()}: {self.log}"

    async def said(self, words: str, *, times: int = 1) -> None:
        """Returns once that many lines hold the words."""
        await self.until(lambda log: sum(words in line for line in log) >= times)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal; returns the exit code."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)
        return await self.ended()

    async def ended(self) -> int:
        """Returns the exit code, once there is one."""
        code = await self._process.wait()
        await self._reading
        return code

    async def _read(self) -> None:
        assert self._process.stderr
        async for line in self._process.stderr:
            await self._note(line.decode().rstrip())
        self._closed = True
        await self._note(None)

    async def _note(self, line: str | None) -> None:
        async with self._changed:
            self.log += [] if line is None else [line]
            self._changed.notify_all()


def environment(data_dir: Path, **settings: str) -> dict[str, str]:
    """An environment with these settings (`owner="…"`) and none of the developer's own."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MALBEOT_")}
    settings = {"data_dir": str(data_dir), "log_format": "json"} | settings
    return clean | {"PYTHONPATH": str(ROOT)} | {f"MALBEOT_{name.upper()}": value for name, value in settings.items()}


@contextlib.asynccontextmanager
async def running(command: str, data_dir: Path, **settings: str) -> AsyncIterator[Process]:
    """`python -m bot COMMAND`, stopped at the end of the block if it has not ended by then.

    It starts in `data_dir`: a `.env` of the developer's lies elsewhere.
    """
    subprocess = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        command,
        cwd=data_dir,
        env=environment(data_dir, **settings),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    process = Process(subprocess)
    try:
        yield process
    finally:
        await process.end(signal.SIGTERM)
