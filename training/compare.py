"""Two checkpoints side by side, blind: a person says which reply is better without knowing whose it is.

Which side is whose is drawn for each prompt anew and stands in a key file of its own. The page holds the replies alone.
"""

import hashlib
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from model.dialogue import fill_names
from model.engine import Engine
from training.corpus import CorpusError
from training.corpus.jsonlines import read_records

_TEMPLATE = Path(__file__).with_name("compare.html")
_BATCH = 32


@dataclass(frozen=True)
class Comparison:
    """``page``: the HTML file's text. ``key``: what unblinds its votes. ``asked`` prompts are on the page."""

    page: str
    key: dict[str, Any]
    asked: int


def read_prompts(path: Path) -> list[list[str]]:
    """Conversations to be answered, of lines ``{"turns": [user, bot, …, user]}``.

    A last turn of the bot's is left out, so that what ``python -m training split`` writes serves as well.

    Raises:
        CorpusError: a line is no conversation, or there is none.
    """
    prompts = []
    for number, record in read_records(path):
        turns = record.get("turns")
        if not isinstance(turns, list) or not turns or not all(isinstance(t, str) and t.strip() for t in turns):
            raise CorpusError(f"{path}:{number}: 'turns' must be a list of texts")
        prompts.append(turns if len(turns) % 2 else turns[:-1])
    if not prompts:
        raise CorpusError(f"{path} has no conversation")
    return prompts


def replies(engine: Engine, prompts: Sequence[list[str]], *, owner: str, bot: str) -> list[str]:
    """What a checkpoint says to each of ``prompts``, as people see it."""
    return [
        fill_names(reply.text, owner=owner, bot=bot)
        for start in range(0, len(prompts), _BATCH)
        for reply in engine.reply(prompts[start : start + _BATCH])
    ]


def compare(
    prompts: Sequence[list[str]],
    replies_a: Sequence[str],
    replies_b: Sequence[str],
    *,
    names: tuple[str, str],
    seed: int,
) -> Comparison:
    """A page that asks about every prompt where the two differ; equal replies are counted in the key.

    Args:
        prompts: conversations ``[user, bot, …, user]``.
        replies_a: the first checkpoint's, one a prompt.
        replies_b: the second checkpoint's.
        names: of the two checkpoints, for the key alone.
        seed: draws the sides; neither it nor the names are in the page.
    """
    rng = random.Random(seed)
    pairs, left = [], []
    for turns, a, b in zip(prompts, replies_a, replies_b, strict=True):
        if a == b:
            continue
        sides = [("a", a), ("b", b)]
        rng.shuffle(sides)
        left.append(sides[0][0])
        pairs.append({"turns": turns, "left": sides[0][1], "right": sides[1][1]})
    digest = hashlib.sha256(json.dumps(pairs, ensure_ascii=False).encode()).hexdigest()[:12]
    data = json.dumps({"page": digest, "pairs": pairs}, ensure_ascii=False, separators=(",", ":"))
    key = {"page": digest, "a": names[0], "b": names[1], "left": left, "identical": len(prompts) - len(pairs)}
    # Inside of a script element a text must not end it.
    page = _TEMPLATE.read_text(encoding="utf-8").replace('"DATA"', data.replace("<", "\\u003c"))
    return Comparison(page, key, len(pairs))
