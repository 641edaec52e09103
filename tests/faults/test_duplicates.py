"""Duplicates of every kind, from a few users; the long run is a command of tests/faults/duplicates.py."""

from pathlib import Path

import pytest

from tests.faults import duplicates
from tests.faults.duplicates import STALLS

pytestmark = pytest.mark.timeout(300)


async def test_however_often_an_update_is_pushed_and_to_whom_it_has_one_answer(folder: Path) -> None:
    scene = await duplicates.by_webhook(folder, seed=20, chats=6)
    assert (scene.findings.faults, scene.fleet.crashes) == ([], [])


async def test_what_is_polled_again_after_it_was_confirmed_changes_nothing(folder: Path) -> None:
    scene = await duplicates.by_polling(folder, seed=20, chats=6)
    assert (scene.findings.faults, scene.fleet.crashes) == ([], [])


@pytest.mark.parametrize("point", STALLS)
async def test_a_gateway_that_wakes_when_another_has_its_updates_changes_nothing(folder: Path, point: str) -> None:
    scene = await duplicates.woken(folder, seed=20, point=point)
    assert (scene.findings.faults, scene.fleet.crashes) == ([], [])
