"""A wire that can be hurt: a proxy between two processes of the service, or between it and Telegram.

    async with Wire(address) as wire:            # wire.port is where the service connects to
        async with wire.hurt(Harm("silent")):    # and is well again after the block
            ...

What is on its way when a connection is cut is lost. A connection that fell silent stays so when the wire is well: its
peer has forgotten it, as behind a router that was restarted.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import parse_qsl

TICK = 0.05  # seconds
_CHUNK = 1 << 16  # bytes
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


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
        self._target = target
        self._http = http
        self._harm: Harm | None = None
        self._links: dict[_Link, asyncio.Task[None]] = {}

    @property
    def port(self) -> int:
        """Of 127.0.0.1."""
        return int(self._server.sockets[0].getsockname()[1])

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
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
        self._harm = harm
        for link, task in self._links.items():
            link.brought = 0
            if harm.kind == "silent":
                link.silent = True
            elif harm.kind == "cut":
                task.cancel()
        try:
            yield
        finally:
            self._harm = None
            hurt.end = time.monotonic()

    def _is(self, kind: str) -> bool:
        return self._harm is not None and self._harm.kind == kind

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link(reader, writer, _Record(self.requests) if self._http else None, silent=self._is("silent"))
        task = self._links[link] = asyncio.create_task(self._serve(link))
        task.add_done_callback(lambda _: self._links.pop(link))

    async def _serve(self, link: "_Link") -> None:
        ends = [link.writer]
        pumps: list[asyncio.Task[None]] = []
        try:
            if self._is("cut"):
                return
            if isinstance(self._target, Path):
                answers, inner = await asyncio.open_unix_connection(self._target)
            else:
                answers, inner = await asyncio.open_connection("127.0.0.1", self._target)
            ends.append(inner)
            pumps += [asyncio.create_task(self._ask(link, inner)), asyncio.create_task(self._answer(link, answers))]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if link.silent and not pumps[0].done():
                await asyncio.wait(pumps[:1])  # the other end has hung up, which is not heard at this one
        except OSError:
            pass  # nobody listens there
        finally:
            # All of this at once: another cancellation may come while the rest is waited for.
            for pump in pumps:
                pump.cancel()
            for end in ends:
                end.transport.abort()
            await asyncio.gather(*pumps, *(end.wait_closed() for end in ends), return_exceptions=True)

    async def _ask(self, link: "_Link", inner: asyncio.StreamWriter) -> None:
        while data := await link.reader.read(_CHUNK):
            async for piece in self._slowed(data):
                if link.silent:
                    break
                if link.record:
                    link.record.asked(piece)
                inner.write(piece)
                await inner.drain()

    async def _answer(self, link: "_Link", answers: asyncio.StreamReader) -> None:
        while data := await answers.read(_CHUNK):
            async for piece in self._slowed(data):
                if link.silent:
                    break
                left = int(self._harm.size) - link.brought if self._harm and self._is("cut_answer") else len(piece)
                link.brought += len(piece)
                link.writer.write(piece[: max(left, 0)])
                await link.writer.drain()
                if left < len(piece):
                    return
                if link.record:
                    link.record.answered(piece)

    async def _slowed(self, data: bytes) -> AsyncIterator[bytes]:
        if self._harm and self._is("delay"):
            await asyncio.sleep(self._harm.size)
        while data and self._harm and self._is("throttle"):
            piece, data = data[: int(self._harm.size)], data[int(self._harm.size) :]
            yield piece
            await asyncio.sleep(TICK)
        if data:
            yield data


@dataclass(eq=False)
class _Link:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    record: "_Record | None"
    silent: bool  # nothing goes through it any more
    brought: int = 0  # bytes of answers since the last harm began


class _Record:
    """Reads along on a connection of HTTP/1.1."""

    def __init__(self, requests: list[Request]) -> None:
        self._requests = requests
        self._open: deque[Request] = deque()
        self._asked = self._answered = b""

    def asked(self, data: bytes) -> None:
        self._asked += data
        while message := _message(self._asked):
            head, body, self._asked = message
            method = head.split(b" ", 2)[1].rpartition(b"/")[2]
            request = Request(method.decode(), dict(parse_qsl(body.decode())), time.monotonic())
            self._requests.append(request)
            self._open.append(request)

    def answered(self, data: bytes) -> None:
        self._answered += data
        while message := _message(self._answered):
            self._answered = message[2]
            self._open.popleft().answered = time.monotonic()


def _message(data: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Head, body and what follows, once a message is there as a whole."""
    head, end, rest = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    size = int(length[1]) if length else 0
    return (head, rest[:size], rest[size:]) if end and len(rest) >= size else None
