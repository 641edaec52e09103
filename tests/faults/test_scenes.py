"""Each staged fault once."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from bot import texts
from tests.faults import scenes
from tests.faults.scenes import YUNA, Scene

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("point", ["decoding", "decoded"])
async def test_a_worker_that_wakes_after_its_claim_was_taken_over_changes_nothing(folder: Path, point: str) -> None:
    scene = await scenes.stalled(folder, point)
    assert scene.findings.faults == []
    assert len(scene.talk.telegram.texts(YUNA)) == 2


@pytest.mark.parametrize("play", [scenes.poisoned, scenes.mired])
async def test_a_message_that_crashes_or_hangs_every_worker_harms_no_other(
    folder: Path, play: Callable[[Path], Awaitable[Scene]]
) -> None:
    scene = await play(folder)
    assert scene.findings.faults == []
    assert scene.fleet.crashes == []
    [apology] = [text for text in scene.talk.telegram.texts(YUNA) if text.startswith(texts.APOLOGY)]
    assert apology.endswith("#1")


async def test_a_server_that_comes_back_empty_is_used_again_and_who_waits_is_told(folder: Path) -> None:
    scene = await scenes.emptied(folder)
    assert scene.findings.faults == []
    assert scene.fleet.crashes == []
