"""Words that the bot has said twice, and the newest message does not take up: it is time to leave them.

A small model clings to what a talk began with. Its own replies are part of what it reads, so a word that has once got
in calls for itself, and 떡볶이 is still there when the talk has come to an exam. People drop what the other one does
not go on with.
"""

import re
from collections import Counter
from collections.abc import Sequence

from model.tokenizer import Tokenizer

_WORD = re.compile("[가-힣]{2,}")
_STEM = 2  # syllables by which a word is known whatever particle it has: 떡볶이가, 떡볶이는


def worn_tokens(tokenizer: Tokenizer, turns: Sequence[str]) -> tuple[int, ...]:
    """All tokens that a worn word of ``turns``, ``[user, bot, …, user]``, may begin with."""
    said = Counter(stem for turn in turns[1::2] for stem in {word[:_STEM] for word in _WORD.findall(turn)})
    worn = [stem for stem, times in said.items() if times > 1 and stem not in turns[-1]]
    if not worn:
        return ()
    # A word may also be spelled by its first syllable and the rest; a syllable that the message has may be needed.
    beginnings = (*(f" {stem}" for stem in worn),)
    single = {f" {stem[0]}" for stem in worn if stem[0] not in turns[-1]}
    return tuple(
        index for index, token in enumerate(tokenizer.tokens) if token.startswith(beginnings) or token in single
    )
