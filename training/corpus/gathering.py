"""All corpora that a command was told of, with what may be done with each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from training.corpus.aihub import LICENCE as AIHUB_LICENCE, read_aihub
from training.corpus.conversation import Conversation
from training.corpus.jsonlines import read_jsonlines
from training.corpus.own import Family, read_own
from training.corpus.public import read_public


@dataclass(frozen=True, kw_only=True)
class Corpora:
    """Conversations and families; the licence of each corpus; and what was counted while AI Hub's was read."""

    conversations: list[Conversation]
    families: list[Family]
    licences: dict[str, str]
    aihub: Counter[str] = field(default_factory=Counter)


def gather(public: Path | None = None, data: Sequence[Path] = (), aihub: Path | None = None) -> Corpora:
    """Our own corpus, and the public sets, files and AI Hub's corpus where they are given."""
    dialogues, families = read_own()
    conversations, licences, counts = [*dialogues], {"own corpus": "CC BY 4.0"}, Counter[str]()
    if public is not None:
        conversations += read_public(public)
        licences["public sets of training/corpus/public.toml"] = "MIT"
    for path in data:
        conversations += read_jsonlines(path)
        licences[path.name] = "the operator's own"
    if aihub is not None:
        conversations += read_aihub(aihub, counts)
        licences["감성대화 말뭉치 of NIA (한국지능정보사회진흥원), AI Hub"] = AIHUB_LICENCE
    return Corpora(conversations=conversations, families=families, licences=licences, aihub=counts)
