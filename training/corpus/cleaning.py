"""What of a corpus is trained on: tidy text, each thing once, nothing that was held out, and no swearing bot.

Only training is cleaned. Held-out conversations stay where they are and as many as they are, so that figures of
different days can be compared; what is too like one of them leaves training.
"""

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import replace

from model.profanity import is_profane
from training.corpus.conversation import Conversation
from training.corpus.emotions import letters
from training.corpus.likeness import LikenessIndex

# Within training, the same thing said in other words is welcome and only what is all but equal goes; what is like a
# held-out conversation goes sooner.
_ALIKE, _ALL_BUT_EQUAL = 0.75, 0.9
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff\x00-\x08\x0e-\x1f\x7f]")
_ORDER = {"test": 0, "validation": 1, "train": 2}  # what comes later is held against what came before
_COUNTS = (
    "read", "tidied", "empty", "profane", "leaked", "leaked_alike", "duplicates", "near_duplicates",
    "validation_like_test", "kept",
)  # fmt: skip


def tidy(text: str) -> str:
    """``text`` composed (NFC), without invisible characters, with single spaces and none around."""
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def clean(
    conversations: Sequence[Conversation], split_of: Callable[[str], str]
) -> tuple[list[Conversation], dict[str, int]]:
    """The conversations to keep, in their order, and how many were changed or left out, and why.

    ``split_of`` tells a group's side: test, validation or train. Groups stay as they are, so nothing changes sides.
    Counted are ``tidied`` and, taken out of training, ``empty``, ``profane``, ``leaked`` (equal to a held-out
    conversation), ``leaked_alike`` (like one), ``duplicates`` and ``near_duplicates`` (of each other).
    ``validation_like_test`` are counted and stay. The same input gives the same output.
    """
    counts = dict.fromkeys(_COUNTS, 0)
    talks = [replace(talk, turns=tuple(map(tidy, talk.turns))) for talk in conversations]
    sides = [split_of(talk.group) for talk in talks]
    texts = ["\n".join(map(letters, talk.turns)) for talk in talks]
    index = LikenessIndex([talk.turns for talk in talks], _ALIKE)
    dropped: set[int] = set()
    for number in sorted(range(len(talks)), key=lambda number: _ORDER[sides[number]]):
        alike = [(sides[other], texts[other] == texts[number], likeness) for other, likeness in index.alike(number)]
        fault = _fault(talks[number], sides[number], alike)
        if fault:
            counts[fault] += 1
        if fault and sides[number] == "train":
            dropped.add(number)
        else:
            index.add(number)
    kept = [talk for number, talk in enumerate(talks) if number not in dropped]
    tidied = sum(talk.turns != before.turns for talk, before in zip(talks, conversations, strict=True))
    return kept, {**counts, "read": len(talks), "tidied": tidied, "kept": len(kept)}


def _fault(talk: Conversation, side: str, alike: list[tuple[str, bool, float]]) -> str | None:
    """What is wrong with a conversation, given side, equality and likeness of those before that are like it."""
    if side != "train":
        return "validation_like_test" if side == "validation" and any(other == "test" for other, *_ in alike) else None
    if not all(talk.turns):
        return "empty"
    if any(map(is_profane, talk.turns[1::2])):
        return "profane"
    held_out = [equal for other, equal, _ in alike if other != "train"]
    if held_out:
        return "leaked" if any(held_out) else "leaked_alike"
    if any(equal for _, equal, _ in alike):
        return "duplicates"
    return "near_duplicates" if any(likeness >= _ALL_BUT_EQUAL for *_, likeness in alike) else None
