"""The criteria of a long run, and a moment of one; half an hour is a command of tests/faults/soak.py."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults.soak import Sample, grown, run

MIB = 2**20
FLAT = [
    Sample(float(at), {"server": 4 * MIB, "gateway": 50 * MIB}, {"gateway": 20}, {"gateway": 2}, 2 * MIB, 0, 3)
    for at in range(100)
]


def test_what_is_flat_has_not_grown() -> None:
    assert grown(FLAT) == []


def test_each_leak_is_named() -> None:
    [fault] = grown([replace(sample, files={"gateway": 20 + round(sample.at / 10)}) for sample in FLAT])
    assert fault.startswith("files of gateway grew from ")
    [fault] = grown([replace(sample, clients=3 + round(sample.at / 10)) for sample in FLAT])
    assert fault.startswith("clients of redis grew from ")


def test_the_time_before_the_first_fifth_has_passed_does_not_count() -> None:
    warming = [replace(sample, memory={"server": 2 * MIB, "gateway": MIB}) for sample in FLAT[:20]]
    assert grown([*warming, *FLAT[20:]]) == []


@pytest.mark.timeout(300)
async def test_a_moment_of_it(folder: Path) -> None:
    outcome = await run(0.1, 20, folder, print, full_load=3)
    assert outcome.findings.faults == []
    assert set(outcome.samples[0].memory) == {"supervisor", "gateway", "worker", "server"}
