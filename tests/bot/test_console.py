"""The console as its users meet it: in a pipe and on a terminal, with a scripted worker behind the queue."""

import asyncio
import codecs
import contextlib
import os
import pty
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from redis.asyncio import Redis

from bot import texts
from bot.console import Talk
from bot.errors import BotError
from bot.mailbox import Mailbox, Reply
from bot.settings import Settings
from tests.processes import environment

# Makes its standard input the terminal of a new session, as a login does; without that Ctrl-C would be no signal, nor
# would it be one where the tests run in the background of a shell, which has them ignore it.
ON_A_TERMINAL = """
import os, signal, sys
os.login_tty(0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.executable, [sys.executable, "-m", "bot", "chat"])
"""


@contextlib.asynccontextmanager
async def echoing(redis: Redis) -> AsyncIterator[None]:
    """A worker that gives every turn back, with what was said before."""

    async def work() -> None:
        mailbox = Mailbox(redis)
        await mailbox.beat("echo", {}, ttl=60)
        while True:
            for turn in await mailbox.claim("echo", limit=10, wait=1):
                said = " ← ".join([turn.text, *(exchange.user for exchange in reversed(turn.history))])
                await mailbox.commit("echo", turn, Reply("model", said, raw=said))

    task = asyncio.create_task(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def env(redis_url: str, tmp_path: Path) -> dict[str, str]:
    return environment(tmp_path, redis_url=redis_url)


async def piped(env: dict[str, str], lines: str) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `python -m bot chat` with these lines piped in."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "chat"),
        env=env,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(lines.encode())
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_in_a_pipe_each_line_has_one_reply_and_nothing_else_is_said(redis: Redis, env: dict[str, str]) -> None:
    async with echoing(redis):
        assert await piped(env, "안녕\n\n뭐 해?\n") == (0, "안녕\n뭐 해? ← 안녕\n", "")


async def test_commands_are_those_of_telegram(redis: Redis, env: dict[str, str]) -> None:
    async with echoing(redis):
        _, out, _ = await piped(env, "안녕\n/RESET\n뭐 해?\n/춤춰\n")
    assert out.splitlines() == ["안녕", texts.RESET, "뭐 해?", texts.UNKNOWN_COMMAND]


async def test_who_needs_no_worker(env: dict[str, str]) -> None:
    code, out, _ = await piped(env | {"MALBEOT_OWNER": "김하늘"}, "/who\n")
    assert (code, "김하늘" in out) == (0, True)


async def test_a_talk_leaves_nothing_behind(redis: Redis, env: dict[str, str]) -> None:
    async with echoing(redis):
        await piped(env, "비밀인데\n")
    kinds = {key.split(":")[2] async for key in redis.scan_iter("*console*")}
    assert kinds <= {"seen"}  # an update's number alone


async def test_two_consoles_keep_to_themselves(redis: Redis, env: dict[str, str]) -> None:
    async with echoing(redis):
        lines = ["".join(f"{name}{number}\n" for number in range(5)) for name in "가나"]
        first, second = await asyncio.gather(*(piped(env, each) for each in lines))
    assert [line.partition(" ")[0] for line in first[1].splitlines()] == lines[0].split()
    assert [line.partition(" ")[0] for line in second[1].splitlines()] == lines[1].split()


async def test_without_a_worker_the_user_is_told_what_to_start(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.console.PATIENCE", 0.1)
    with pytest.raises(BotError, match="python -m bot worker"):
        await Talk(redis, Settings(), None).answer("안녕")


async def test_bytes_that_are_no_text_do_no_harm(redis: Redis, env: dict[str, str]) -> None:
    async with echoing(redis):
        process = await asyncio.create_subprocess_exec(
            sys.executable, *("-m", "bot", "chat"), env=env | {"LC_ALL": "C"}, stdin=-1, stdout=-1
        )
        out, _ = await process.communicate(b"\xff\xfe\n\xec\x95\x88\n")
    assert out.decode().splitlines()[1].startswith("안 ← ")


@pytest.mark.parametrize("leave", [b"\x04", b"\x03"], ids=["Ctrl-D", "Ctrl-C"])
async def test_on_a_terminal_there_is_a_prompt_and_a_clean_way_out(
    redis: Redis, env: dict[str, str], leave: bytes
) -> None:
    terminal, inner = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        sys.executable, *("-c", ON_A_TERMINAL), env=env | {"TERM": "xterm"}, stdin=inner, stdout=inner
    )
    os.close(inner)
    try:
        async with echoing(redis):
            await shown(terminal, "\x1b[1m나\x1b[0m: ")
            os.write(terminal, "안녕\n".encode())
            assert "\x1b[1;36m말벗\x1b[0m: 안녕\r\n" in await shown(terminal, "안녕\r\n\x1b[1m나\x1b[0m: ")
            await until_it_waits(process.pid)
            os.write(terminal, leave)
            await shown(terminal, None)
        assert await process.wait() == 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()  # else a read that waits for it would keep the tests from ending
        os.close(terminal)


async def until_it_waits(pid: int) -> None:
    """Returns once the process sleeps: Python loses a Ctrl-C that comes after `input` has shown its prompt and before
    it waits for a key, which nobody's fingers are fast enough for.
    """
    while psutil.Process(pid).status() != psutil.STATUS_SLEEPING:  # noqa: ASYNC110 - it happens in another process
        await asyncio.sleep(0.01)


async def shown(terminal: int, end: str | None) -> str:
    """What the terminal shows up to the words `end`, or until the program has left it."""
    seen = ""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with contextlib.suppress(OSError):  # how Linux says that the other side is closed
        while end is None or end not in seen:
            if not (more := await asyncio.to_thread(os.read, terminal, 4096)):
                break
            seen += decoder.decode(more)
    return seen
