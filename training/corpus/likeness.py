"""Which texts are alike: Jaccard similarity of their pairs of neighbouring letters, found without comparing all."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

from training.corpus.emotions import letters


def shingles(turns: Sequence[str]) -> frozenset[str]:
    """Pairs of neighbouring letters within each turn, spaces and punctuation left out; a lone letter is one as well."""
    spelled = [letters(turn) for turn in turns]
    return frozenset(text[at : at + 2] for text in spelled for at in range(max(len(text) - 1, 1)))


class LikenessIndex:
    """Texts that were added, asked for those that are alike to another.

    Two sets of similarity ``threshold`` or more share one of their few rarest shingles (prefix filtering: Chaudhuri et
    al. 2006, Bayardo et al. 2007), so only texts that do are compared. Nothing is missed, and nothing is random.
    """

    def __init__(self, texts: Sequence[Sequence[str]], threshold: float) -> None:
        sets = [shingles(turns) for turns in texts]
        frequency = Counter(shingle for text in sets for shingle in text)
        rank = {shingle: number for number, shingle in enumerate(sorted(frequency, key=lambda s: (frequency[s], s)))}
        self._sets = [frozenset(rank[shingle] for shingle in text) for text in sets]
        self._threshold = threshold
        self._holding: dict[int, list[int]] = defaultdict(list)  # rare shingle -> the texts added that have it

    def add(self, number: int) -> None:
        """Let text ``number`` of ``texts`` be found."""
        for shingle in self._rarest(number):
            self._holding[shingle].append(number)

    def alike(self, number: int) -> list[tuple[int, float]]:
        """Texts added that are alike to text ``number``, and how much, in the order in which they were added."""
        own = self._sets[number]
        candidates = dict.fromkeys(
            other for shingle in self._rarest(number) for other in self._holding.get(shingle, ())
        )
        found = []
        for other in candidates:
            text = self._sets[other]
            if min(len(own), len(text)) >= self._threshold * max(len(own), len(text)):
                shared = len(own & text)
                similarity = shared / (len(own) + len(text) - shared)
                if similarity >= self._threshold:
                    found.append((other, similarity))
        return sorted(found)

    def _rarest(self, number: int) -> list[int]:
        text = sorted(self._sets[number])
        return text[: len(text) - math.ceil(self._threshold * len(text)) + 1]
