"""Which of the replies that a search found is given: the worthiest, unless it says again what was just said.

A search ranks by probability alone, and what is likely after anything at all (그러셨군요) is likely here too. Li et al.
2016, *A Diversity-Promoting Objective Function for Neural Conversation Models*, take off what the reply owes to being
common, which ranks by mutual information:

    worth = (log P(reply | conversation) - λ log P(reply | nothing)) / tokens ** length_penalty
            - REPETITION * share of words that begin as one before them - SHORTNESS * tokens lacking to SHORTEST

A beam's replies often differ in their beginnings and end in the same question, which may have been asked already. So
each is also tried ``without_said_sentences``; with every sentence new it comes before those that say one again.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from model.options import Decoding

REPETITION = 2.0  # nats, were every word a repeated one
SHORTNESS = 0.1  # nats for each token
SHORTEST = 4  # tokens with [END]; a reply that is shorter says hardly more than 네

ALIKE = 0.8  # share of the shorter sentence's pairs of syllables, from which on two sentences say the same

_SENTENCE_END = re.compile(r"[.?!]")
_BETWEEN_SENTENCES = re.compile(r"(?<=[.?!])\s+")
_WORD = re.compile(r"\w{2,}")
_NAME = re.compile("<owner>|<bot>")
_INSIGNIFICANT = re.compile(r"[\W_]+")
_FIT, _PARTLY_SAID, _EVASIVE, _SAID_BEFORE, _PARROTED, _BLANK = range(6)


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

    Behind all others come, in this order: what holds a sentence that was said already; where the bot is ``asked`` who
    it is, what holds no name; what repeats a bot turn; what repeats the user; what is blank.
    """
    different: dict[str, Candidate] = {}
    # Stable: of equals the search's own order.
    for candidate in sorted(candidates, key=lambda one: (_fault(one.text, turns, asked), -worth(one, decoding))):
        different.setdefault(_essence(candidate.text), candidate)
    return list(different.values())


def without_said_sentences(text: str, turns: Sequence[str]) -> str:
    """``text`` without the sentences that a bot turn of ``turns``, or ``text`` itself before them, has said already."""
    said = [_pairs(sentence) for turn in turns[1::2] for sentence in _BETWEEN_SENTENCES.split(turn)]
    sentences, new = _BETWEEN_SENTENCES.split(text), []
    for sentence in sentences:
        pairs = _pairs(sentence)
        if not any(_alike(pairs, other) for other in said):
            new.append(sentence)
        said.append(pairs)
    return " ".join(new) if len(new) < len(sentences) else text


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
    if asked and not _NAME.search(text):
        return _EVASIVE
    return _PARTLY_SAID if without_said_sentences(text, turns) != text else _FIT


def _pairs(sentence: str) -> set[str]:
    """Its pairs of neighbouring syllables: 병원에는 가 봤어요? and 병원에 가 봤어요? share five of six."""
    essence = _essence(sentence)
    return {essence[at : at + 2] for at in range(len(essence) - 1)}


def _alike(pairs: set[str], others: set[str]) -> bool:
    fewer = min(len(pairs), len(others))
    # 네 and 그래요 may be said as often as one likes.
    return fewer > 2 and len(pairs & others) >= ALIKE * fewer


def _essence(text: str) -> str:
    """Letters and digits alone: 네, 좋아요! and 네 좋아요 are the same reply."""
    return _INSIGNIFICANT.sub("", text).casefold()
