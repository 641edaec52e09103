"""Words read in other parts than usual, so that a model knows more of a word than its one spelling in tokens.

After BPE-dropout (Provilkov et al. 2020), which leaves out merges by chance: here a word is cut at random places and no
merge crosses a cut. That needs no merging of our own, and the same seed gives the same ids.
"""

import random
from typing import Self

from model.tokenizer import Tokenizer


class CuttingTokenizer(Tokenizer):
    """A tokenizer that cuts what users say; replies, its own texts, it reads as ever."""

    cuts: float
    rng: random.Random

    @classmethod
    def of(cls, tokenizer: Tokenizer, cuts: float, rng: random.Random) -> Self:
        """``tokenizer`` with a share ``cuts`` of the places between two characters cut."""
        cutting = cls.from_json(tokenizer.to_json())
        cutting.cuts, cutting.rng = cuts, rng
        return cutting

    def encode(self, text: str) -> list[int]:
        """Ids of a user's text; they decode to the same text whatever was cut."""
        parts = [" "]
        for character in text:
            if self.rng.random() < self.cuts:
                parts.append("")
            parts[-1] += character
        return [index for part in parts for index in self._ids(part)]
