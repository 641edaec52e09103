"""Votes are counted only with the key that they belong to."""

import json
from pathlib import Path

import pytest

from training.votes import VotesError, count_votes, read_key, read_votes, sign_test

KEY = {"page": "0123456789ab", "a": "runs/first", "b": "runs/second", "left": ["a", "b", "b"], "identical": 2}


def test_each_side_goes_to_its_checkpoint() -> None:
    votes = {"page": KEY["page"], "votes": {"0": "left", "1": "left", "2": "right"}}
    assert count_votes(votes, KEY) == {
        "a": {"checkpoint": "runs/first", "better": 2},
        "b": {"checkpoint": "runs/second", "better": 1},
        "same": 0,
        "not_voted": 0,
        "identical": 2,
        "sign_test_p": 1.0,
    }


@pytest.mark.parametrize(
    ("wins", "losses", "p"), [(0, 0, 1.0), (5, 5, 1.0), (5, 0, 2 / 32), (0, 5, 2 / 32), (8, 2, 112 / 1024), (1, 0, 1.0)]
)
def test_the_sign_test_is_the_binomial_tail_of_both_sides(wins: int, losses: int, p: float) -> None:
    assert sign_test(wins, losses) == pytest.approx(p)


def test_votes_of_another_page_are_refused() -> None:
    with pytest.raises(VotesError, match="another page"):
        count_votes({"page": "ba9876543210", "votes": {}}, KEY)
    with pytest.raises(VotesError, match="does not have"):
        count_votes({"page": KEY["page"], "votes": {"3": "left"}}, KEY)


@pytest.mark.parametrize("content", [[], {}, {"page": "x"}, {"page": "x", "votes": {"0": "up"}}, KEY])
def test_a_file_that_holds_no_votes_is_named(tmp_path: Path, content: object) -> None:
    path = tmp_path / "votes.json"
    path.write_text(json.dumps(content))
    with pytest.raises(VotesError, match=r"votes\.json"):
        read_votes(path)


@pytest.mark.parametrize("text", ["{", "{}", '{"page": "x", "votes": {}}'])
def test_a_file_that_is_no_key_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "key.json"
    path.write_text(text)
    with pytest.raises(VotesError, match=r"key\.json"):
        read_key(path)
