"""Answers of each kind, for a moment; all of them, and longer, are a command of tests/faults/answers.py."""

from pathlib import Path

import pytest

from tests.faults import answers
from tests.faults.answers import MOVED, MOVED_TO, Harm, full, hanging_up, without_group
from tests.faults.scenes import Scene

pytestmark = pytest.mark.timeout(300)

SECONDS = 2.0


def assert_kept(scene: Scene) -> None:
    assert (scene.findings.faults, scene.fleet.crashes) == ([], [])
    assert scene.row.times > 0


@pytest.mark.parametrize("harm", [full, without_group, hanging_up], ids=lambda harm: harm.__name__)
async def test_what_redis_refuses_for_a_while_is_answered_once_and_in_order(folder: Path, harm: Harm) -> None:
    assert_kept(await answers.refusing(folder, harm.__name__, harm, SECONDS))


async def test_what_telegram_fails_at_is_tried_again_until_all_are_answered(folder: Path) -> None:
    assert_kept(await answers.moody(folder, SECONDS))


async def test_what_can_never_be_delivered_harms_no_other_chat(folder: Path) -> None:
    scene = await answers.undeliverable(folder)
    assert_kept(scene)
    assert scene.talk.telegram.texts(MOVED) == []
    assert scene.talk.telegram.texts(MOVED_TO)


async def test_a_revoked_token_stops_the_gateways_and_a_later_one_delivers(folder: Path) -> None:
    assert_kept(await answers.revoked(folder, "sendMessage"))
