"""Our own corpus: dialogues written whole, and families, small grammars that each expand into many conversations.

``README.md`` beside this file defines both formats.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.corpus.conversation import Conversation, CorpusError
from training.corpus.jsonlines import read_records
from training.corpus.particles import PARTICLES, with_particle

OWN = Path(__file__).with_name("own")

_SLOT = re.compile(r"\{(\w+)(?:\.(u|b))?(?::(\w+))?\}")

Filler = str | dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Exchanges:
    """User patterns and bot patterns of which any goes with any."""

    user: tuple[str, ...]
    bot: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Family:
    """One intent: patterns with slots, and perhaps a second exchange that follows any of the first."""

    id: str
    kind: str
    emotion: str | None
    slots: dict[str, tuple[Filler, ...]]
    first: Exchanges
    next: Exchanges | None

    def draw(self, rng: random.Random) -> Conversation:
        """One conversation of the many: a filler for each slot serves it whole."""
        fillers = {name: rng.choice(choices) for name, choices in self.slots.items()}
        turns = []
        for exchanges in (self.first, self.next):
            if exchanges is not None:
                turns += [fill(rng.choice(exchanges.user), fillers), fill(rng.choice(exchanges.bot), fillers)]
        return Conversation(
            source="families", group=f"family:{self.id}", turns=tuple(turns), kind=self.kind, emotion=self.emotion
        )


def fill(pattern: str, fillers: dict[str, Filler]) -> str:
    """``pattern`` with its slots filled: ``{F}``, ``{F:을}`` with a particle, ``{P.u}`` and ``{P.b}`` by speaker."""

    def filled(slot: re.Match[str]) -> str:
        filler = fillers[slot[1]]
        word = filler if isinstance(filler, str) else filler[slot[2]]
        return with_particle(word, slot[3]) if slot[3] else word

    return _SLOT.sub(filled, pattern)


def read_own(folder: Path = OWN) -> tuple[list[Conversation], list[Family]]:
    """The dialogues and the families of ``folder``.

    Raises:
        CorpusError: there is no file of either; or a line is wrong, which it names.
    """
    if not any(folder.glob("dialogues-*.jsonl")) and not any(folder.glob("families-*.jsonl")):
        raise CorpusError(f"{folder} has no dialogues-*.jsonl and no families-*.jsonl")
    dialogues = [
        _dialogue(record, f"{path}:{number}")
        for path in sorted(folder.glob("dialogues-*.jsonl"))
        for number, record in read_records(path)
    ]
    families = [
        _family(record, f"{path}:{number}")
        for path in sorted(folder.glob("families-*.jsonl"))
        for number, record in read_records(path)
    ]
    return dialogues, families


def _dialogue(record: dict[str, Any], where: str) -> Conversation:
    try:
        turns = tuple(turn[side].strip() for turn in record["turns"] for side in ("user", "bot"))
        return Conversation(
            source="dialogues",
            group=f"dialogue:{record.get('story', record['id'])}",
            name=record["id"],
            turns=turns,
            kind=record["kind"],
            emotion=record.get("emotion"),
            situation=record.get("situation"),
            age=record.get("age"),
            gender=record.get("gender"),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{where}: not a dialogue: {error!r}") from None


def _family(record: dict[str, Any], where: str) -> Family:
    try:
        family = Family(
            id=record["id"],
            kind=record["kind"],
            emotion=record.get("emotion"),
            slots={name: tuple(fillers) for name, fillers in (record.get("slots") or {}).items()},
            first=Exchanges(user=tuple(record["user"]), bot=tuple(record["bot"])),
            next=Exchanges(user=tuple(record["next"]["user"]), bot=tuple(record["next"]["bot"]))
            if record.get("next")
            else None,
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise CorpusError(f"{where}: not a family: {error!r}") from None
    for name, fillers in family.slots.items():
        if not fillers:
            raise CorpusError(f"{where}: the slot {name} has no filler")
        if any(isinstance(filler, dict) and not {"u", "b"} <= set(filler) for filler in fillers):
            raise CorpusError(f"{where}: a filler of {name} lacks u or b")
    for exchanges in (family.first, family.next):
        if exchanges and not (exchanges.user and exchanges.bot):
            raise CorpusError(f"{where}: an exchange without user or bot patterns")
        for pattern in (*exchanges.user, *exchanges.bot) if exchanges else ():
            for name, form, particle in _SLOT.findall(pattern):
                if name not in family.slots:
                    raise CorpusError(f"{where}: {pattern!r} uses the slot {name}, which is not defined")
                if any(isinstance(filler, dict) != bool(form) for filler in family.slots[name]):
                    raise CorpusError(f"{where}: {pattern!r}: say .u or .b of {name} exactly where it has two forms")
                if particle and particle not in PARTICLES:
                    raise CorpusError(f"{where}: {pattern!r}: there is no particle {particle!r}")
    return family
