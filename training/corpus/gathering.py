"""All corpora that a command was told of, with what may be done with each."""

import tomllib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.corpus import public as public_sets
from training.corpus.aihub import LICENCE as AIHUB_LICENCE, read_aihub
from training.corpus.conversation import Conversation
from training.corpus.jsonlines import read_jsonlines
from training.corpus.own import Family, read_own
from training.corpus.public import read_public


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """One source, its licence, and what the licence allows in a few words."""

    name: str
    licence: str
    purpose: str
    conversations: list[Conversation]
    families: list[Family] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Gathering:
    """Corpora in the order in which they were named, and what was counted while AI Hub's was read."""

    corpora: list[Corpus]
    aihub: Counter[str]

    @property
    def conversations(self) -> list[Conversation]:
        return [conversation for corpus in self.corpora for conversation in corpus.conversations]

    @property
    def families(self) -> list[Family]:
        return [family for corpus in self.corpora for family in corpus.families]

    @property
    def licences(self) -> dict[str, str]:
        """By name, for a checkpoint's card."""
        return {corpus.name: corpus.licence for corpus in self.corpora}

    def notes(self) -> list[str]:
        """What reading AI Hub's files found, in words."""
        return [f"AI Hub, {name.replace('_', ' ')}: {number:,}" for name, number in self.aihub.items()]


def gather(public: Path | None = None, data: Sequence[Path] = (), aihub: Path | None = None) -> Gathering:
    """Our own corpus, and the public sets, files and AI Hub's corpus where they are given."""
    dialogues, families = read_own()
    corpora = [
        Corpus(
            name="own corpus",
            licence="CC BY 4.0",
            purpose="everything, with attribution",
            conversations=dialogues,
            families=families,
        )
    ]
    if public is not None:
        corpora += _public(public)
    for path in data:
        corpora.append(
            Corpus(
                name=path.name,
                licence="the operator's own",
                purpose="what its owner allows",
                # Nobody's file is taken for a corpus of ours, of which more is known, whatever it is called.
                conversations=read_jsonlines(path, f"data:{path.stem}"),
            )
        )
    counts: Counter[str] = Counter()
    if aihub is not None:
        corpora.append(
            Corpus(
                name="감성대화 말뭉치 (AI Hub; NIA 한국지능정보사회진흥원)",
                licence=AIHUB_LICENCE,
                purpose="training; neither the data nor copies of it may be passed on",
                conversations=list(read_aihub(aihub, counts)),
            )
        )
    return Gathering(corpora=corpora, aihub=counts)


def _public(folder: Path) -> list[Corpus]:
    by_source: dict[str, list[Conversation]] = {}
    for conversation in read_public(folder):
        by_source.setdefault(conversation.source, []).append(conversation)
    manifest = tomllib.loads(public_sets.MANIFEST.read_text(encoding="utf-8"))
    return [
        Corpus(
            name=source,
            licence=manifest[source]["license"],
            purpose="everything, with its notice",
            conversations=conversations,
        )
        for source, conversations in by_source.items()
    ]
