"""Which of the replies that a search found is given: the worthiest, unless it says again what was just said.

A search ranks by probability alone, and what is likely after anything at all (그러셨군요) is likely here too. Li et al.
2016, *A Diversity-Promoting Objective Function for Neural Conversation Models*, take off what the reply owes to being
common, which ranks by mutual information:

    worth = (log P(reply | conversation) - λ log P(reply | nothing)) / tokens ** length_penalty
            - REPETITION * share of words that begin as one before them - SHORTNESS * tokens lacking to SHORTEST
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.options import Decoding

REPETITION = 2.0  # nats, were every word a repeated one
SHORTNESS = 0.1  # nats for each token
SHORTEST = 4  # tokens with [END]; a reply that is shorter says hardly more than 네

_SENTENCE_END = re.compile(r"[.?!]")
_WORD = re.compile(r"\w{2,}")
_NAME = re.compile("<owner>|<bot>")
_INSIGNIFICANT = re.compile(r"[\W_]+")
_FIT, _EVASIVE, _SAID_BEFORE, _PARROTED, _BLANK = range(5)


@dataclass(frozen=True)
class Candidate:
    """A reply that was found: its text, its tokens without ``[END]``, its log P and that after nothing, in nats."""

    text: str
    tokens: int
    log_probability: float
    neutral: float = 0.0
    ids: tuple[int, ...] = ()


def rank(
    candidates: Sequence[Candidate], turns: Sequence[str], decoding: Decoding, *, asked: bool = False
) -> list[Candidate]:
    """The candidates for ``turns``, ``[user, bot, …, user]``, best first; of those that read the same only the best.

    Behind all others come, in this order: where the bot is ``asked`` who it is, what holds no name; what repeats a bot
    turn; what repeats the user; what is blank.
    """
    different: dict[str, Candidate] = {}
    # Stable: of equals the search's own order.
    for candidate in sorted(candidates, key=lambda one: (_fault(one.text, turns, asked), -worth(one, decoding))):
        different.setdefault(_essence(candidate.text), candidate)
    return list(different.values())


def worth(candidate: Candidate, decoding: Decoding) -> float:
    """The score above."""
    informative = candidate.log_probability - decoding.genericness * candidate.neutral
    lacking = max(SHORTEST - candidate.tokens - 1, 0)
    return (
        informative / (candidate.tokens + 1) ** decoding.length_penalty
        - REPETITION * _repeated(candidate.text)
        - SHORTNESS * lacking
    )


def _repeated(text: str) -> float:
    """The share of words that begin as one before them in the same sentence: 발표 발표를, 병원은 병원이면.

    People do so in one reply of seventy, and a small model in one of ten.
    """
    words = repeated = 0
    for sentence in _SENTENCE_END.split(text):
        before = set[str]()
        for word in _WORD.findall(sentence):
            words, repeated = words + 1, repeated + (word[:2] in before)
            before.add(word[:2])
    return repeated / max(words, 1)


def _fault(text: str, turns: Sequence[str], asked: bool) -> int:
    essence = _essence(text)
    if not essence:
        return _BLANK
    if essence == _essence(turns[-1]):
        return _PARROTED
    if essence in map(_essence, turns[1::2]):
        return _SAID_BEFORE
    return _EVASIVE if asked and not _NAME.search(text) else _FIT


def _essence(text: str) -> str:
    """Letters and digits alone: 네, 좋아요! and 네 좋아요 are the same reply."""
    return _INSIGNIFICANT.sub("", text).casefold()
