"""What a speaker's replies are like, all of them together: how varied, how polite, and how many went wrong."""

import itertools
import re
from collections import Counter
from collections.abc import Sequence

_POLITE = re.compile(r"(요|다|까|죠|세요)[.?!\"']*$")
_MARKS = ("\ufffd", "[PAD]", "[START]", "[END]", "[USER]", "[BOT]")


def habits(replies: Sequence[str]) -> dict[str, float]:
    """Shares of ``replies``, and their variety.

    Returns:
        ``empty``, ``unknown`` (with a character or mark that is no text), ``looping`` (three words in a row said twice)
        and ``polite`` (ends as one speaks to those one respects) as shares of all; ``distinct_1`` and ``distinct_2``,
        different words and pairs of words among all of them (Li et al. 2016); ``ten_most_frequent``, the share that the
        ten commonest replies cover; ``characters``, their mean length.
    """
    number = len(replies)
    if not number:
        raise ValueError("no replies")
    words = [reply.split() for reply in replies]
    pairs = [pair for reply in words for pair in itertools.pairwise(reply)]
    single = [word for reply in words for word in reply]
    return {
        "empty": sum(not reply.strip() for reply in replies) / number,
        "unknown": sum(any(mark in reply for mark in _MARKS) for reply in replies) / number,
        "looping": sum(_loops(reply) for reply in words) / number,
        "polite": sum(bool(_POLITE.search(reply.strip())) for reply in replies) / number,
        "distinct_1": len(set(single)) / max(len(single), 1),
        "distinct_2": len(set(pairs)) / max(len(pairs), 1),
        "ten_most_frequent": sum(times for _, times in Counter(replies).most_common(10)) / number,
        "characters": sum(map(len, replies)) / number,
    }


def _loops(words: Sequence[str]) -> bool:
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(trigrams)) < len(trigrams)
