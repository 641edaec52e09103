"""Some 20 seconds of hurt wires; the long run is a command of tests/faults/cuts.py."""

from pathlib import Path

import pytest

from tests.faults.cuts import run


@pytest.mark.timeout(300)
async def test_the_promise_is_kept_while_wires_are_hurt(folder: Path) -> None:
    outcome = await run(faults=5, messages=250, seed=20, folder=folder, report=print)
    assert (outcome.findings.faults, outcome.crashes) == ([], []), f"seed {outcome.seed}"
    assert outcome.hurts.total() >= 5
