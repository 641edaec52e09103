"""Everything in one go: real processes, an embedded server, and a stand-in for Telegram."""

import asyncio
import signal
from pathlib import Path

import psutil
import pytest

from tests.checkpoints import random_checkpoint
from tests.processes import Process, running
from tests.telegram_api import TOKEN, TelegramApi


@pytest.fixture
def settings(telegram: TelegramApi, tmp_path: Path) -> dict[str, str]:
    checkpoint = random_checkpoint(tmp_path / "checkpoint")
    return {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "checkpoint": str(checkpoint)}


async def ready(process: Process) -> list[psutil.Process]:
    """Wait for gateway and worker; returns all processes below this one."""
    await process.said("gateway_ready")
    await process.said("worker_ready")
    return process.children()


async def gone(processes: list[psutil.Process]) -> bool:
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, timeout=20)
    return not alive


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_one_signal_stops_all_in_order(settings: dict[str, str], tmp_path: Path, number: int) -> None:
    async with running("all", tmp_path, **settings) as process:
        children = await ready(process)
        assert await process.end(number) == 0
        assert await gone(children)
    events = [line for line in process.log if "stopp" in line]
    assert ["stopping" in events[0], "worker_stopped" in events[1], "gateway_stopped" in events[2]] == [True] * 3


async def test_no_child_outlives_a_supervisor_that_is_killed(settings: dict[str, str], tmp_path: Path) -> None:
    async with running("all", tmp_path, **settings) as process:
        children = await ready(process)
        assert len(children) >= 3  # server, gateway, worker
        psutil.Process(process.pid).kill()
        assert await gone(children)


async def test_a_child_that_dies_is_started_again(
    telegram: TelegramApi, settings: dict[str, str], tmp_path: Path
) -> None:
    async with running("all", tmp_path, **settings) as process:
        await ready(process)
        process.child("worker").kill()
        await process.said("child_died")
        await process.said("worker_ready", times=2)
        telegram.say(5, "안녕")
        await telegram.until(lambda: telegram.texts(5))


async def test_a_setting_that_only_the_operator_can_mend_stops_all(settings: dict[str, str], tmp_path: Path) -> None:
    async with running("all", tmp_path, **settings | {"checkpoint": str(tmp_path / "nowhere")}) as process:
        assert await process.ended() == 2
    assert any(line.startswith("malbeot: MALBEOT_CHECKPOINT: ") for line in process.log)


async def test_a_redis_that_is_not_there_is_told_at_once(settings: dict[str, str], tmp_path: Path) -> None:
    async with running("all", tmp_path, **settings, redis_url=f"unix://{tmp_path}/none.sock") as process:
        assert await process.ended() == 2
    [line] = process.log
    assert line.startswith("malbeot: MALBEOT_REDIS_URL: ")


async def test_a_second_supervisor_in_the_same_folder_is_turned_away(settings: dict[str, str], tmp_path: Path) -> None:
    async with running("all", tmp_path, **settings) as first:
        await first.said("gateway_ready")
        async with running("all", tmp_path, **settings) as second:
            assert await second.ended() == 2
        [line] = second.log
        assert line.startswith("malbeot: MALBEOT_DATA_DIR: another malbeot runs a server")
