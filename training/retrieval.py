"""The baseline that a Transformer has to beat: the reply of the training message that looks most like this one."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from model.dialogue import tidy

_SIZES = (1, 2, 3)  # characters in an n-gram


class Retrieval:
    """Nearest neighbour by cosine over character n-grams, weighted by tf-idf. Sees the newest message alone."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        """``pairs``: messages and the replies to them."""
        self._pairs = list(dict.fromkeys(pairs))
        counts = [_ngrams(message) for message, _ in self._pairs]
        found = Counter(ngram for count in counts for ngram in count)
        self._idf = {ngram: math.log(len(counts) / number) + 1 for ngram, number in found.items()}
        postings: defaultdict[str, list[tuple[int, float]]] = defaultdict(list)
        for index, count in enumerate(counts):
            for ngram, weight in self._vector(count).items():
                postings[ngram].append((index, weight))
        self._postings = {
            ngram: (np.array([index for index, _ in entries]), np.array([weight for _, weight in entries]))
            for ngram, entries in postings.items()
        }

    def reply(self, message: str) -> str:
        """The reply to the training message nearest to ``message``; of equals the first."""
        similarity = np.zeros(len(self._pairs))
        for ngram, weight in self._vector(_ngrams(message)).items():
            if ngram in self._postings:
                indices, weights = self._postings[ngram]
                similarity[indices] += weight * weights
        return self._pairs[int(similarity.argmax())][1]

    def choose(self, message: str, candidates: Sequence[str]) -> int:
        """Which of ``candidates`` looks most like the reply that would have been given."""
        wanted = self._vector(_ngrams(self.reply(message)))
        similarities = []
        for candidate in candidates:
            vector = self._vector(_ngrams(candidate))
            similarities.append(sum(weight * vector.get(ngram, 0.0) for ngram, weight in wanted.items()))
        return int(np.argmax(similarities))

    def _vector(self, count: Counter[str]) -> dict[str, float]:
        """tf-idf of length 1."""
        weights = {ngram: (1 + math.log(number)) * self._idf.get(ngram, 1.0) for ngram, number in count.items()}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {ngram: weight / length for ngram, weight in weights.items()}


def _ngrams(text: str) -> Counter[str]:
    text = f" {tidy(text)} "
    return Counter(text[start : start + size] for size in _SIZES for start in range(len(text) - size + 1))
