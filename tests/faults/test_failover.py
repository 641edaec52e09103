"""A failover under load, in short: two masters of a cluster die, and what a replica had to have is not lost."""

from pathlib import Path

import pytest

from tests.faults.failover import Case, run


@pytest.mark.timeout(600)
async def test_what_a_replica_had_to_have_is_answered_after_its_master_died(folder: Path) -> None:
    outcome = await run(Case("cluster", 1, 0.5), 1, 11, folder)
    assert outcome.breaches == []
