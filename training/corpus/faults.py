"""Faults of form in our own corpus: what a person who writes more of it is told before anybody trains on it.

Sense is found by reading (``python -m training check --sample``); these are the slips that reading passes over.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from model.emotions import EMOTIONS
from model.profanity import is_profane
from training.corpus.conversation import Conversation
from training.corpus.own import Family, fill

KINDS = ("emotion", "smalltalk", "greeting", "identity", "boundary", "crisis", "limits")

_SHORTEST, _LONGEST, _LONGEST_IN_CRISIS, _LONGEST_MESSAGE = 5, 95, 130, 120  # characters
_MOST_EXCHANGES = 5
_FEWEST_FILLERS, _MOST_FILLERS = 3, 40
_FEWEST = {"first": (5, 5), "next": (3, 3)}  # user patterns, bot patterns
_DECORATION = re.compile(r"[~ㅋㅎㅠㅜ]|[\U0001F300-\U0001FAFF]")
_POLITE = re.compile(r"(요|다|죠|까)[.!?]?\"?$")
_LEFT_OVER = re.compile(r"[{}\[\]]|<(?!owner>|bot>)")
# A form that depends on the last sound of a name which nobody knows yet.
_ON_A_NAME = re.compile(r"<bot>(?:이|가|은|는|을|를|과|와|아|야|이에요|예요|이라|라고|이라고)(?![가-힣])")
_BOTH_FORMS = re.compile(r"(?:은\(는\)|이\(가\)|을\(를\)|와\(과\))")


@dataclass(frozen=True)
class Fault:
    """What is wrong, and in which record."""

    record: str
    what: str

    def __str__(self) -> str:
        """One line."""
        return f"{self.record}: {self.what}"


def reply_faults(reply: str, kind: str) -> Iterator[str]:
    """What is wrong with the form of a reply, its slots filled."""
    longest = _LONGEST_IN_CRISIS if kind == "crisis" else _LONGEST
    if not _SHORTEST <= len(reply) <= longest:
        yield f"{len(reply)} characters, not {_SHORTEST} to {longest}: {reply}"
    if _DECORATION.search(reply):
        yield f"decoration in a reply: {reply}"
    if not _POLITE.search(reply.strip()):
        yield f"not a polite ending: {reply}"
    if reply.strip()[-1:] not in (".", "?", "!"):
        yield f"no mark at the end: {reply}"
    if _LEFT_OVER.search(reply):
        yield f"a placeholder that nothing fills: {reply}"
    if _ON_A_NAME.search(reply):
        yield f"a particle that depends on the bot's name: {reply}"
    if _BOTH_FORMS.search(reply):
        yield f"both forms of a particle: {reply}"
    if is_profane(reply):
        yield f"a swear word in a reply: {reply}"


def dialogue_faults(dialogue: Conversation) -> Iterator[Fault]:
    """What is wrong with one dialogue."""
    name = dialogue.name
    yield from (Fault(name, what) for what in _label_faults(dialogue.kind, dialogue.emotion))
    if not 1 <= len(dialogue.turns) // 2 <= _MOST_EXCHANGES:
        yield Fault(name, f"{len(dialogue.turns) // 2} exchanges, not 1 to {_MOST_EXCHANGES}")
    for message, reply in zip(dialogue.turns[::2], dialogue.turns[1::2], strict=True):
        if not 1 <= len(message) <= _LONGEST_MESSAGE:
            yield Fault(name, f"{len(message)} characters, not 1 to {_LONGEST_MESSAGE}: {message}")
        yield from (Fault(name, what) for what in reply_faults(reply, dialogue.kind))


def family_faults(family: Family, rng: random.Random, expansions: int = 6) -> Iterator[Fault]:
    """What is wrong with one family: its patterns, and all of its replies under a few draws of fillers."""
    yield from (Fault(family.id, what) for what in _label_faults(family.kind, family.emotion))
    named = (("first", family.first), ("next", family.next))
    blocks = [(name, exchanges) for name, exchanges in named if exchanges is not None]
    for name, exchanges in blocks:
        for side, patterns, fewest in zip(("user", "bot"), (exchanges.user, exchanges.bot), _FEWEST[name], strict=True):
            if len(patterns) < fewest:
                yield Fault(family.id, f"{len(patterns)} {side} patterns in {name}, not {fewest} or more")
            for pattern, times in Counter(patterns).items():
                if times > 1:
                    yield Fault(family.id, f"a pattern twice: {pattern}")
    used = "".join(pattern for _, exchanges in blocks for pattern in (*exchanges.user, *exchanges.bot))
    for slot, fillers in family.slots.items():
        if not _FEWEST_FILLERS <= len(fillers) <= _MOST_FILLERS:
            yield Fault(family.id, f"{len(fillers)} fillers of {slot}, not {_FEWEST_FILLERS} to {_MOST_FILLERS}")
        if f"{{{slot}" not in used:
            yield Fault(family.id, f"no pattern uses the slot {slot}")
    for _ in range(expansions):
        fillers = {slot: rng.choice(choices) for slot, choices in family.slots.items()}
        for _, exchanges in blocks:
            yield from (
                Fault(family.id, what)
                for pattern in exchanges.bot
                for what in reply_faults(fill(pattern, fillers), family.kind)
            )
            yield from (
                Fault(family.id, f"a placeholder that nothing fills: {pattern}")
                for pattern in exchanges.user
                if _LEFT_OVER.search(fill(pattern, fillers))
            )


def corpus_faults(dialogues: Iterable[Conversation], families: Iterable[Family], seed: int = 0) -> list[Fault]:
    """All faults of a corpus, those between its records too: names and dialogues that stand twice."""
    dialogues, families = list(dialogues), list(families)
    rng = random.Random(seed)
    faults = [fault for dialogue in dialogues for fault in dialogue_faults(dialogue)]
    faults += [fault for family in families for fault in family_faults(family, rng)]
    names = Counter([dialogue.name for dialogue in dialogues] + [family.id for family in families])
    faults += [Fault(name, "the name stands twice") for name, times in names.items() if times > 1]
    replies = Counter(turns for dialogue in dialogues if len(turns := dialogue.turns[1::2]) > 1)
    faults += [
        Fault("dialogues", f"the same replies twice: {turns[0]}") for turns, times in replies.items() if times > 1
    ]
    return list(dict.fromkeys(faults))


def _label_faults(kind: str, emotion: str | None) -> Iterator[str]:
    if kind not in KINDS:
        yield f"no such kind: {kind!r}"
    if emotion is not None and emotion not in EMOTIONS:
        yield f"no such emotion: {emotion!r}"
    if kind == "emotion" and emotion is None:
        yield "of the kind emotion, and none is named"
