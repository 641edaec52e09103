"""The votes of a blind comparison, unblinded and counted."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

_CHOICES = ("left", "same", "right")


class VotesError(ValueError):
    """Votes or a key that cannot be read, or that do not belong together; the message is one line."""


def count_votes(votes: dict[str, Any], key: dict[str, Any]) -> dict[str, Any]:
    """How often each checkpoint was the better one, and how likely such a split is between equals.

    Args:
        votes: ``{"page": …, "votes": {"0": "left", "3": "same", …}}``, as the page saves it.
        key: what ``compare`` wrote beside the page.
    """
    if votes["page"] != key["page"]:
        raise VotesError("these votes were cast on another page than the key belongs to")
    if not all(int(index) < len(key["left"]) for index in votes["votes"]):
        raise VotesError("there is a vote on a prompt that the key does not have")
    better: Counter[str] = Counter()
    for index, choice in votes["votes"].items():
        left = key["left"][int(index)]
        right = "b" if left == "a" else "a"
        better[{"left": left, "same": "same", "right": right}[choice]] += 1
    return {
        "a": {"checkpoint": key["a"], "better": better["a"]},
        "b": {"checkpoint": key["b"], "better": better["b"]},
        "same": better["same"],
        "not_voted": len(key["left"]) - better.total(),
        "identical": key["identical"],
        "sign_test_p": round(sign_test(better["a"], better["b"]), 4),
    }


def sign_test(wins: int, losses: int) -> float:
    """The two-sided sign test: how likely a split at least as uneven is if either side wins by the toss of a coin.

    Votes for neither are left out (Dixon and Mood 1946). 1.0 where there is no vote.
    """
    total = wins + losses
    tail = sum(math.comb(total, k) for k in range(min(wins, losses) + 1))
    return min(1.0, 2 * tail / 2**total)


def read_votes(path: Path) -> dict[str, Any]:
    """A file of votes; ``VotesError`` where it is none."""
    content = _read(path)
    votes = content.get("votes")
    if not isinstance(content.get("page"), str) or not isinstance(votes, dict):
        raise VotesError(f"{path} holds no votes of a comparison")
    if not all(index.isdecimal() and choice in _CHOICES for index, choice in votes.items()):
        raise VotesError(f"{path}: a vote is left, same or right")
    return content


def read_key(path: Path) -> dict[str, Any]:
    """A key file; ``VotesError`` where it is none."""
    content = _read(path)
    if set(content) != {"page", "a", "b", "left", "identical"} or not set(content["left"]) <= {"a", "b"}:
        raise VotesError(f"{path} is no key of a comparison")
    return content


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise VotesError(f"{path}: {error.strerror}") from None
    except ValueError:
        raise VotesError(f"{path} is not JSON") from None
    if not isinstance(content, dict):
        raise VotesError(f"{path}: a JSON object is expected")
    return content
