"""What becomes of a service whose checkpoint is changed while it runs."""

from pathlib import Path

import pytest

from tests.faults.swaps import swapped


@pytest.mark.timeout(300)
async def test_a_worker_serves_on_with_what_it_has_loaded_and_the_next_takes_what_is_there(folder: Path) -> None:
    scene = await swapped(folder)
    assert scene.findings.faults == []
    assert len(scene.first) == len(scene.second) == 1
    assert scene.first != scene.second
    for refusal in scene.refusals:
        assert refusal.code == 2
        [line] = refusal.lines
        assert line.startswith("malbeot: MALBEOT_CHECKPOINT: ")
