"""Servers as operators set them up: with users and passwords, or behind TLS."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from bot.embedded import _binary

_EC = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


@contextlib.asynccontextmanager
async def server(folder: Path, **options: str) -> AsyncIterator[Path]:
    """A server with these options (`aclfile="…"`); gives the path of its socket."""
    path = folder / "redis.sock"
    settings = {"port": "0", "unixsocket": str(path), "dir": str(folder), "save": ""} | options
    arguments = [argument for name, value in settings.items() for argument in (f"--{name}", value)]
    process = await asyncio.create_subprocess_exec(str(_binary()), *arguments, stdout=asyncio.subprocess.PIPE)
    assert process.stdout
    try:
        said = b""
        while b"Ready to accept connections" not in (line := await process.stdout.readline()):
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
