"""What `/who` says about the checkpoint."""

import json
from pathlib import Path

import pytest

from bot import about


def test_the_card_in_one_line(tmp_path: Path) -> None:
    shape = {"encoder_layers": 4, "decoder_layers": 2}
    card = {"name": "malbeot default", "parameters": 7_312_384, "config": shape, "epochs": []}
    (tmp_path / "card.json").write_text(json.dumps(card))
    assert about.facts(tmp_path) == "모델: malbeot default, 인코더 4층과 디코더 2층, 파라미터 약 731만 개"


def test_a_card_that_tells_less(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text('{"name": "malbeot original"}')
    assert about.facts(tmp_path) == "모델: malbeot original"


def test_a_card_of_absurd_numbers_and_names_stays_one_short_line(tmp_path: Path) -> None:
    shape = {"encoder_layers": 10**400, "decoder_layers": 2}
    card = {"name": "말벗\n" * 5000, "parameters": 10**400, "config": shape}
    (tmp_path / "card.json").write_text(json.dumps(card))
    facts = about.facts(tmp_path)
    assert facts is not None
    assert "\n" not in facts
    assert len(facts) < 100


@pytest.mark.parametrize("card", ["", "[1, 2]", "{}", '{"name": 3, "parameters": "many", "config": []}', "{\xff"])
def test_an_unreadable_card_says_nothing(tmp_path: Path, card: str) -> None:
    (tmp_path / "card.json").write_text(card, encoding="latin-1")
    assert about.facts(tmp_path) is None


def test_no_card_says_nothing(tmp_path: Path) -> None:
    assert about.facts(tmp_path) is None
