"""Servers as operators set them up: with users and passwords, behind TLS, as a cluster, or watched by sentinels."""

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from bot.embedded import _binary
from bot.redis_link import connect

T = TypeVar("T")

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@contextlib.asynccontextmanager
async def server(folder: Path, *, binary: str = "", **options: str) -> AsyncIterator[Path]:
    """A server with these options (`aclfile="…"`); gives the path of its socket."""
    path = folder / "redis.sock"
    settings = {"port": "0", "unixsocket": str(path), "dir": str(folder), "save": ""} | options
    arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(binary or str(_binary()), *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        said = b""
        while b"eady to accept connections" not in (line := await process.stdout.readline()):
            said += line
            assert line, said.decode()
        reading = asyncio.create_task(process.stdout.read())
        yield path
        process.terminate()
        await reading
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def certificates(folder: Path, *, name: str = "localhost") -> Path:
    """Make an authority and, signed by it, a certificate of `name`: `ca.pem`, `server.pem` and their keys."""
    authority = ("-x509", "-subj", "/CN=test", "-addext", "keyUsage=critical,keyCertSign")
    await _openssl(folder, *authority, "-keyout", "ca.key", "-out", "ca.pem")
    signed = ("-x509", "-CA", "ca.pem", "-CAkey", "ca.key", "-subj", f"/CN={name}")
    extensions = ("-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE")
    await _openssl(folder, *signed, *extensions, "-keyout", "server.key", "-out", "server.pem")
    return folder


async def _openssl(folder: Path, *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        "openssl", "req", *_EC, *arguments, cwd=folder, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()


@contextlib.asynccontextmanager
async def behind_tls(path: Path, keys: Path) -> AsyncIterator[int]:
    """TLS before the server at the socket, which is built without; gives the port on localhost."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(keys / "server.pem", keys / "server.key")
    links: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        links.add(task)
        inner_reader, inner_writer = await asyncio.open_unix_connection(path)
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))
        for end in (writer, inner_writer):
            end.close()

    front = await asyncio.start_server(serve, "localhost", 0, ssl=context)
    try:
        yield front.sockets[0].getsockname()[1]
    finally:
        front.close()
        for link in links:
            link.cancel()
        await asyncio.gather(*links, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


@contextlib.contextmanager
def in_background(servers: AbstractAsyncContextManager[T]) -> Iterator[T]:
    """Servers for many tests: their loop has a thread to itself, since each test has a loop of its own."""
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever)
    thread.start()
    try:
        made = asyncio.run_coroutine_threadsafe(servers.__aenter__(), loop).result()
        try:
            yield made
        finally:
            asyncio.run_coroutine_threadsafe(servers.__aexit__(None, None, None), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


NODE_TIMEOUT = 2000  # milliseconds; then a master that is silent is taken for dead


@dataclass
class Node:
    """A server on a port of this machine, or a sentinel."""

    folder: Path
    port: int = field(default_factory=lambda: free_port())
    process: asyncio.subprocess.Process | None = None
    options: dict[str, str] = field(default_factory=dict)  # of its first start

    async def again(self, **options: str) -> None:
        """Start it once more, after its death, with other options where these say so."""
        await self.start(**({name: value for name, value in self.options.items() if name != "replicaof"} | options))

    async def start(self, *arguments: str, **options: str) -> None:
        self.options = self.options or options
        settings = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder), "save": "", "logfile": "log"}
        words = [word for name, value in (settings | options).items() for word in (f"--{name}", *value.split(" "))]
        self.process = await asyncio.create_subprocess_exec(
            str(_binary()), *arguments, *words, cwd=self.folder, stdout=asyncio.subprocess.DEVNULL
        )
        await until(self._up)

    async def _up(self) -> object:
        assert self.process
        assert self.process.returncode is None, (self.folder / "log").read_text("utf-8")
        return await self.call("PING")

    async def call(self, *command: str) -> object:
        """What it answers to one command."""
        client = Redis(port=self.port, protocol=2, decode_responses=True, retry=Retry(NoBackoff(), 0))
        try:
            return await client.execute_command(*command)
        finally:
            await client.aclose()

    async def kill(self) -> None:
        """SIGKILL; nothing if it is dead."""
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()


async def until(holds: Callable[[], Awaitable[object]]) -> None:
    """Returns once the condition holds; a server that does not answer yet does not count."""
    async with asyncio.timeout(90):
        while True:
            with contextlib.suppress(RedisError, OSError):
                if await holds():
                    return
            await asyncio.sleep(0.05)


@contextlib.asynccontextmanager
async def emptied(made: "Cluster") -> AsyncIterator[Redis]:
    """The service's own client to a cluster that holds nothing."""
    client = await connect(made.url)
    await client.flushall()
    yield client
    await client.aclose()


def free_port() -> int:
    """One that no outgoing connection is given by the system, so that it stays free until a server takes it."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@contextlib.asynccontextmanager
async def nodes(folder: Path, number: int) -> AsyncIterator[list[Node]]:
    """That many, not started yet, each with a folder of its own; all are dead afterwards."""
    made = [Node(folder / str(index)) for index in range(number)]
    for node in made:
        node.folder.mkdir(parents=True)
    try:
        yield made
    finally:
        for node in made:
            await node.kill()


@dataclass
class Cluster:
    """Masters, each with as many replicas; the last of the nodes may be spare, and hold no slots yet."""

    nodes: list[Node]
    spare: int = 0

    @property
    def url(self) -> str:
        """Tells nothing of those that are spare."""
        known = self.nodes[: len(self.nodes) - self.spare]
        return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in known)

    async def owner(self, tag: str) -> Node:
        """The master that holds the keys with this hash tag now."""
        asked = next(node for node in self.nodes if node.process and node.process.returncode is None)
        slot = int(str(await asked.call("CLUSTER", "KEYSLOT", f"{{{tag}}}")))
        slots = await asked.call("CLUSTER", "SLOTS")
        assert isinstance(slots, list)
        [port] = [int(part[2][1]) for part in slots if part[0] <= slot <= part[1]]
        return next(node for node in self.nodes if node.port == port)

    async def move(self, tag: str, to: Node, *, halfway: Callable[[], Awaitable[object]] | None = None) -> None:
        """Give the slot of the keys with this hash tag to another master, as `redis-cli --cluster reshard` does.

        `halfway` is awaited while a part of the keys is gone, and once more when all are, but the slot is not.
        """
        source = await self.owner(tag)
        slot = str(await source.call("CLUSTER", "KEYSLOT", f"{{{tag}}}"))
        giver, taker = [str(await node.call("CLUSTER", "MYID")) for node in (source, to)]
        await to.call("CLUSTER", "SETSLOT", slot, "IMPORTING", giver)
        await source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", taker)
        half = int(str(await source.call("CLUSTER", "COUNTKEYSINSLOT", slot))) // 2
        for some in (half, 1_000_000):
            names = await source.call("CLUSTER", "GETKEYSINSLOT", slot, str(some))
            assert isinstance(names, list)
            await source.call("MIGRATE", "127.0.0.1", str(to.port), "", "0", "60000", "KEYS", *map(str, names))
            if halfway:
                await halfway()
        for node in (to, source):
            await node.call("CLUSTER", "SETSLOT", slot, "NODE", taker)

    async def refused(self, error: str) -> int:
        """How often any node has answered with this error (`MOVED`)."""
        times = 0
        for node in self.nodes:
            told = await node.call("INFO", "errorstats")
            assert isinstance(told, dict)
            times += int(told.get(f"errorstat_{error}", {"count": 0})["count"])
        return times


@contextlib.asynccontextmanager
async def cluster(
    folder: Path, *, masters: int = 3, replicas: int = 0, spare: int = 0, **options: str
) -> AsyncIterator[Cluster]:
    """A cluster that answers for all slots; each master has so many replicas that follow it."""
    async with nodes(folder, masters * (1 + replicas) + spare) as made:
        settings = {"cluster-enabled": "yes", "cluster-node-timeout": str(NODE_TIMEOUT)} | options
        for node in made:
            await node.start(**settings, **{"cluster-port": str(free_port())})
        ids = [str(await node.call("CLUSTER", "MYID")) for node in made]
        for index, node in enumerate(made[:masters]):
            first, last = 16384 * index // masters, 16384 * (index + 1) // masters - 1
            await node.call("CLUSTER", "ADDSLOTSRANGE", str(first), str(last))
        for node in made[1:]:
            info = str(await node.call("CONFIG", "GET", "cluster-port"))
            bus = "".join(sign for sign in info if sign.isdigit())
            await made[0].call("CLUSTER", "MEET", "127.0.0.1", str(node.port), bus)
        for node in made:
            await until(lambda node=node: _knows(node, ids))  # type: ignore[misc]
        for index, node in enumerate(made[masters : len(made) - spare]):
            await node.call("CLUSTER", "REPLICATE", ids[index % masters])
        for node in made:
            await until(lambda node=node: _ready(node))  # type: ignore[misc]
        yield Cluster(made, spare)


async def _knows(node: Node, ids: list[str]) -> bool:
    known = await node.call("CLUSTER", "NODES")
    return all(each in str(known) for each in ids)


async def _ready(node: Node) -> bool:
    info = str(await node.call("CLUSTER", "INFO"))
    replication = await node.call("INFO", "replication")
    assert isinstance(replication, dict)
    return "cluster_state:ok" in info and replication.get("master_link_status", "up") == "up"


@dataclass
class Watched:
    """A master and its replica, and the sentinels that watch them."""

    servers: list[Node]
    sentinels: list[Node]

    @property
    def url(self) -> str:
        return "redis+sentinel://" + ",".join(f"127.0.0.1:{node.port}" for node in self.sentinels) + "/malbeot"

    async def master(self) -> Node:
        """As the sentinels have it now."""
        address = await self.sentinels[0].call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "malbeot")
        assert isinstance(address, list)
        return next(node for node in self.servers if node.port == int(address[1]))


@contextlib.asynccontextmanager
async def watched(folder: Path, **options: str) -> AsyncIterator[Watched]:
    """One master, one replica, three sentinels of which two must agree."""
    async with nodes(folder, 5) as made:
        master, replica, *sentinels = made
        await master.start(**options)
        await replica.start(replicaof=f"127.0.0.1 {master.port}", **options)
        await until(lambda: _follows(replica))
        for sentinel in sentinels:
            path = sentinel.folder / "sentinel.conf"
            path.write_text(
                f"sentinel monitor malbeot 127.0.0.1 {master.port} 2\n"
                f"sentinel down-after-milliseconds malbeot {NODE_TIMEOUT}\n"
                "sentinel failover-timeout malbeot 10000\n"
            )
            await sentinel.start(str(path), "--sentinel")
        for sentinel in sentinels:
            await until(lambda sentinel=sentinel: _sees(sentinel))  # type: ignore[misc]
        yield Watched([master, replica], sentinels)


async def _follows(replica: Node) -> bool:
    info = await replica.call("INFO", "replication")
    return isinstance(info, dict) and info.get("master_link_status") == "up"


async def _sees(sentinel: Node) -> bool:
    words = await sentinel.call("SENTINEL", "MASTER", "malbeot")
    assert isinstance(words, list)
    known = dict(zip(words[::2], words[1::2], strict=True))
    return known["num-other-sentinels"] == "2" and known["num-slaves"] == "1"
