"""The embedded server: a real one, which lives as long as its owner and keeps what it was told."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from bot.embedded import EmbeddedServer, running
from bot.errors import ServerError
from bot.redis_link import connect

OWNER = """
import asyncio, sys
from pathlib import Path
from bot.embedded import EmbeddedServer

async def main():
    async with EmbeddedServer(Path(sys.argv[1])) as server:
        print(server.url, flush=True)
        await asyncio.to_thread(sys.stdin.readline)

asyncio.run(main())
"""


def servers_of(folder: Path) -> list[psutil.Process]:
    """The processes, watchers included, that work in the folder."""
    return [process for process in psutil.process_iter() if str(folder) in " ".join(command_line(process))]


def command_line(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline() if process.name() != Path(sys.executable).name else []
    except psutil.Error:
        return []


async def own(folder: Path) -> asyncio.subprocess.Process:
    """A process that owns a server, which has just started."""
    pipe = asyncio.subprocess.PIPE
    owner = await asyncio.create_subprocess_exec(sys.executable, "-c", OWNER, str(folder), stdin=pipe, stdout=pipe)
    assert owner.stdout
    assert (await owner.stdout.readline()).startswith(b"unix://")
    return owner


async def until_gone(folder: Path) -> None:
    async with asyncio.timeout(20):
        while servers_of(folder):  # noqa: ASYNC110 - what is waited for happens in another process
            await asyncio.sleep(0.02)


async def test_it_stands_while_the_block_is_entered(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    async with EmbeddedServer(folder) as server:
        assert running(folder) == server.url
        redis = await connect(server.url)
        await redis.set("word", "말벗")
        assert (await redis.config_get("appendfsync"))["appendfsync"] == "always"
        assert (await redis.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"
        assert (await redis.config_get("port"))["port"] == "0"
        await redis.aclose()
        assert [path for path in folder.rglob("*") if path.stat().st_mode & 0o077] == []
        assert folder.stat().st_mode & 0o777 == 0o700
    assert running(folder) is None
    await until_gone(folder)

    async with EmbeddedServer(folder) as server:
        redis = await connect(server.url)
        assert await redis.get("word") == "말벗"
        await redis.aclose()


async def test_a_killed_owner_takes_its_server_along_and_loses_nothing(tmp_path: Path) -> None:
    owner = await own(tmp_path)
    url = running(tmp_path)
    assert url
    redis = await connect(url)
    await redis.set("word", "말벗")
    await redis.aclose()
    owner.kill()
    await owner.wait()
    # The next one may come at once: it waits until the former is gone.
    async with EmbeddedServer(tmp_path) as server:
        redis = await connect(server.url)
        assert await redis.get("word") == "말벗"
        await redis.aclose()
    await until_gone(tmp_path)


async def test_ctrl_c_in_the_terminal_reaches_the_owner_alone(tmp_path: Path) -> None:
    owner = await own(tmp_path)
    assert {os.getpgid(process.pid) for process in servers_of(tmp_path)}.isdisjoint({os.getpgid(owner.pid)})
    owner.send_signal(signal.SIGINT)
    await owner.communicate(b"\n")
    await until_gone(tmp_path)


async def test_a_folder_has_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.embedded.LOCK_WAIT", 0.1)
    async with EmbeddedServer(tmp_path) as server:
        with pytest.raises(ServerError, match=r"^MALBEOT_DATA_DIR: another malbeot"):
            async with EmbeddedServer(tmp_path):
                pass
        assert running(tmp_path) == server.url


async def test_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("a-rather-long-name-" * 6)
    for _ in range(2):
        async with EmbeddedServer(folder) as server:
            assert len(server.url) < 100
            assert running(folder) == server.url
            temporary = Path(server.url.removeprefix("unix://")).parent
            assert temporary.stat().st_mode & 0o777 == 0o700
        assert running(folder) is None
        assert not temporary.exists()


async def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ServerError, match=r"^MALBEOT_DATA_DIR: no server can start in .*file"):
        async with EmbeddedServer(tmp_path / "file"):
            pass


async def test_a_server_that_does_not_start_says_where_to_look(tmp_path: Path) -> None:
    (tmp_path / "appendonlydir").write_text("not a folder")
    with pytest.raises(ServerError, match=r"redis\.log"):
        async with EmbeddedServer(tmp_path):
            pass
    await until_gone(tmp_path)
