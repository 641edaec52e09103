"""Some 30 seconds of killing; the long run is a command of tests/faults/kills.py."""

from pathlib import Path

import pytest

from tests.faults.kills import run


@pytest.mark.timeout(300)
async def test_the_promise_is_kept_while_everything_is_killed(folder: Path) -> None:
    outcome = await run(kills=12, messages=300, seed=20, folder=folder, report=print)
    assert (outcome.findings.faults, outcome.crashes) == ([], []), f"seed {outcome.seed}"
    assert outcome.kills.total() >= 12
