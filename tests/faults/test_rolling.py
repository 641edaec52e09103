"""A short rolling restart; the long run is a command of tests/faults/rolling.py."""

from pathlib import Path

import pytest

from tests.faults.kills import GATEWAYS, WORKERS
from tests.faults.rolling import graces, run


@pytest.mark.timeout(300)
async def test_nobody_feels_that_every_process_is_restarted(folder: Path) -> None:
    outcome = await run(rounds=1, messages=300, seed=20, folder=folder, report=print)
    assert (outcome.findings.faults, outcome.crashes) == ([], [])
    assert [(stop.role, stop.code) for stop in outcome.stops] == [
        *[("gateway", 0)] * GATEWAYS,
        *[("worker", 0)] * WORKERS,
        ("server", 0),
    ]


def test_the_grace_of_each_process_is_read() -> None:
    assert set(graces()) == {"gateway", "worker", "server"}
