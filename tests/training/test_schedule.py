"""Up in a straight line, down along a cosine or with the root of the step."""

import pytest

from training.schedule import Noam, WarmupCosine


def test_its_shape() -> None:
    rate = [float(WarmupCosine(1e-3, 10, 110)(step)) for step in range(120)]
    assert rate[0] == pytest.approx(1e-4)
    assert max(rate) == rate[9] == pytest.approx(1e-3)
    assert rate[59] == pytest.approx(5e-4, rel=1e-3)
    assert rate[109] == pytest.approx(0, abs=1e-9)
    assert rate[119] == pytest.approx(0, abs=1e-9)
    assert rate[:10] == sorted(rate[:10])
    assert rate[9:110] == sorted(rate[9:110], reverse=True)


def test_the_papers_rises_for_the_warm_up_and_falls_with_the_root() -> None:
    rate = [float(Noam(512, 100)(step)) for step in range(500)]
    assert rate[99] == max(rate) == pytest.approx(512**-0.5 * 100**-0.5)
    assert rate[49] == pytest.approx(rate[99] / 2)
    assert rate[399] == pytest.approx(rate[99] / 2)
