"""A wire that can be hurt: a proxy between two processes of the service, or between it and Telegram.

    async with Wire(address) as wire:            # wire.port is where the service connects to
        async with wire.hurt(Harm("silent")):    # and is well again after the block
            ...

What is on its way when a connection is cut is lost. A connection that fell silent stays so when the wire is well: its
peer has forgotten it, as behind a router that was restarted.
"""

import asyncio
import contextlib
import socket
import struct
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qsl

TICK = 0.05  # seconds
_CHUNK = 1 << 16  # bytes


@dataclass(frozen=True)
class Harm:
    """What is done to a wire.

    cut: all connections are closed, and new ones at once. cut_answer: each that has brought `size` bytes of answers is
    closed. silent: connections are accepted, and nothing goes either way. delay: everything takes `size` seconds,
    there and back. throttle: `size` bytes in a tick, each way.
    """

    kind: Literal["cut", "cut_answer", "silent", "delay", "throttle"]
    size: float = 0


@dataclass
class Request:
    """An HTTP request that was passed on whole; times are monotonic seconds."""

    method: str  # of the Bot API
    params: dict[str, str]
    at: float
    answered: float | None = None  # when the last byte of the answer was passed back


@dataclass
class Hurt:
    """Some time of a wire's life; still being hurt if `end` is infinite."""

    harm: Harm
    start: float
    end: float = float("inf")


class Wire:
    """Stands while the block is entered. With `http`, what was asked through it is on record."""

    def __init__(self, target: Path | int, *, http: bool = False) -> None:
        """`target` is a Unix socket, or a port of this machine."""
        self.requests: list[Request] = []
        self.hurts: list[Hurt] = []
        self.harm: Harm | None = None
        self._target = target
        self._http = http
        self._links: dict[_Link, asyncio.Task[None]] = {}

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        tasks = list(self._links.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def hurt(self, harm: Harm) -> AsyncIterator[None]:
        """Do harm for as long as the block takes."""
        hurt = Hurt(harm, time.monotonic())
        self.hurts.append(hurt)
        self.harm = harm
        for link, task in self._links.items():
            link.brought = 0
            if harm.kind == "silent":
                link.silent = True
            elif harm.kind == "cut":
                task.cancel()
        try:
            yield
        finally:
            self.harm = None
            hurt.end = time.monotonic()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        harm = self.harm
        link = _Link(writer, silent=harm is not None and harm.kind == "silent")
        task = self._links[link] = asyncio.current_task() or asyncio.Task.current_task()
        del task
        try:
            if harm is None or harm.kind != "cut":
                await self._join(link, reader)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            del self._links[link]
            link.reset()

    async def _join(self, link: "_Link", reader: asyncio.StreamReader) -> None:
        if isinstance(self._target, Path):
            answers, link.inner = await asyncio.open_unix_connection(self._target)
        else:
            answers, link.inner = await asyncio.open_connection("127.0.0.1", self._target)
