"""Does the bot say who it is when it is asked, and only then? Asked of 468 messages that are never trained on.

One half of them (``corpus/probes``) asks, in every form that people use: name, who, maker, human, which AI, what it can
do. The others speak of names, makers, people and robots, or of "you", and ask nothing of the kind. They were written by
two who had not seen the corpus, and those that came out like a line of it were taken away.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.engine import Engine
from training.corpus.jsonlines import read_records

PROBES = Path(__file__).parent / "corpus" / "probes"
# What an answer to such a question holds; the names are placeholders until a person sees them.
_OF_ITSELF = ("<owner>", "<bot>", "챗봇", "프로그램", "말동무", "인공지능")


@dataclass(frozen=True)
class IdentityProbe:
    """A message, whether it asks who the bot is, and in which form."""

    text: str
    asks: bool
    form: str


def read_probes(folder: Path = PROBES) -> list[IdentityProbe]:
    """All of them, in the order of the files ``identity-*.jsonl``."""
    paths = sorted(folder.glob("identity-*.jsonl"))
    return [IdentityProbe(**record) for path in paths for _, record in read_records(path)]


def speaks_of_itself(reply: str) -> bool:
    """Whether ``reply`` says who or what the bot is."""
    return any(word in reply for word in _OF_ITSELF)


def gives_a_name(reply: str) -> bool:
    """Whether ``reply`` holds the owner's or the bot's name."""
    return "<owner>" in reply or "<bot>" in reply


def identity_figures(replies: Sequence[str], probes: Sequence[IdentityProbe]) -> dict[str, Any]:
    """Recall over those that ask, in all and by form, and the share of the others that get the bot's name as well.

    Recall counts replies that say who or what the bot is; ``false_identity`` counts only those that hold a name, since
    a bot may well say that as a chatbot it does not eat.
    """
    asked, answered = Counter[str](), Counter[str]()
    others = false = 0
    for reply, probe in zip(replies, probes, strict=True):
        if probe.asks:
            asked[probe.form] += 1
            answered[probe.form] += speaks_of_itself(reply)
        else:
            others += 1
            false += gives_a_name(reply)
    return {
        "recall": answered.total() / asked.total(),
        "by_form": {form: answered[form] / number for form, number in sorted(asked.items())},
        "false_identity": false / others,
        "asking": asked.total(),
        "others": others,
    }


def identity_of(engine: Engine) -> dict[str, Any]:
    """The figures of an engine's replies to the probes, each a talk of its own."""
    probes = read_probes()
    return identity_figures([reply.text for reply in engine.reply([[probe.text] for probe in probes])], probes)
