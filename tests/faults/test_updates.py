"""A few hundred updates of every shape; `python -m tests.faults.updates` sends as many as one likes."""

import secrets
from pathlib import Path

import pytest

from tests.faults.updates import Echo, drive, engine


@pytest.mark.timeout(400)
async def test_no_update_stops_the_service_or_is_dropped_without_a_line(redis_url: str) -> None:
    seed = secrets.randbelow(2**31)
    summary = await drive(redis_url, 400, seed, Echo())
    assert summary.sent == 400
    assert summary.events["accepted"] and summary.events["ignored"] and summary.events["malformed"], summary


@pytest.mark.timeout(400)
async def test_no_text_stops_a_real_engine(redis_url: str, tmp_path: Path) -> None:
    summary = await drive(redis_url, 100, secrets.randbelow(2**31), engine(tmp_path))
    assert summary.events["delivered"], summary
