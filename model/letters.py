"""Letters in a row (character n-grams): what a message looks like, beside what the encoder makes of it.

Each has a vector, a message is their sum, and a layer stands between it and the answers (fastText; Joulin et al. 2017,
Bojanowski et al. 2017).
The encoder reads words by their meaning, as far as it has met them; a few letters in a row know a rare or misspelled
one by its parts. Hangul is read twice, by syllables and by the letters that they are put together from: 죽고싶 and
주꼬싶 share few of the former and many of the latter. NumPy alone; ``training.letters`` learns the same sums.
"""

import re
import unicodedata
import zlib
from collections.abc import Mapping

import numpy as np

# Rows of letters share this many places by a hash (the hashing trick, Weinberger et al. 2009): no table to be kept.
PLACES = 2**15
WIDTH = 64  # numbers of a vector
HIDDEN = 128  # numbers between the sum and the answers
_SYLLABLES, _LETTERS = (1, 2, 3, 4, 5), (4, 5, 6, 8)  # lengths
_LONGEST = 150  # syllables of a message that are read
_OTHER = re.compile(r"[\W_]+")
_REPEATED = re.compile(r"(.)\1+")


def letter_rows(text: str) -> list[int]:
    """The places, from 0 to ``PLACES`` - 1 and each once, of the letters in a row of ``text``."""
    plain = _REPEATED.sub(r"\1", _OTHER.sub("", unicodedata.normalize("NFC", text).lower()))[:_LONGEST]
    syllables = f"^{plain}$"
    letters = unicodedata.normalize("NFD", syllables)
    rows = {syllables[i : i + n] for n in _SYLLABLES for i in range(len(syllables) - n + 1)}
    rows |= {letters[i : i + n] for n in _LETTERS for i in range(len(letters) - n + 1)}
    return sorted({zlib.crc32(row.encode()) % PLACES for row in rows})


def letter_shapes() -> dict[str, tuple[int, ...]]:
    """Name and shape of every array."""
    return {
        "letters/embeddings": (PLACES, WIDTH),
        "letters/hidden/kernel": (WIDTH, HIDDEN),
        "letters/hidden/bias": (HIDDEN,),
        "letters/output/kernel": (HIDDEN, 2),
        "letters/output/bias": (2,),
    }


def letter_logits(arrays: Mapping[str, np.ndarray], message: str) -> np.ndarray:
    """A message -> the logits of ``model.heads.QUESTIONS``, ``(2,)``."""
    rows = letter_rows(message)
    summed = arrays["letters/embeddings"][rows].sum(axis=0) / np.sqrt(len(rows))
    hidden = np.maximum(summed @ arrays["letters/hidden/kernel"] + arrays["letters/hidden/bias"], 0)
    return np.asarray(hidden @ arrays["letters/output/kernel"] + arrays["letters/output/bias"])
