"""What `/who` says about the checkpoint."""

import json
from pathlib import Path

import pytest

from bot import about


def test_the_card_in_one_line(tmp_path: Path) -> None:
    card = {"preset": "default", "parameters": 7_312_384, "trained": "2025-03-09T11:00:00+00:00"}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert about.facts(tmp_path) == "모델: default, 파라미터 약 731만 개, 2025년 3월 9일에 학습"


@pytest.mark.parametrize(
    "card", ["", "[1, 2]", "{}", '{"preset": 3, "parameters": "many", "trained": "soon"}', "{\xff"]
)
def test_an_unreadable_card_says_nothing(tmp_path: Path, card: str) -> None:
    (tmp_path / "card.json").write_text(card, encoding="latin-1")
    assert about.facts(tmp_path) is None


def test_no_card_says_nothing(tmp_path: Path) -> None:
    assert about.facts(tmp_path) is None
