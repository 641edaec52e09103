"""How a reply is searched for; the same words for both engines."""

from dataclasses import dataclass
from typing import Literal


class DecodingError(ValueError):
    """Decoding options that contradict each other or are out of range."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """By a beam unless it is said otherwise; the other fields matter to the method that names them."""

    method: Literal["greedy", "beam", "sample"] = "beam"
    max_tokens: int = 64
    beam_size: int = 4  # beam
    length_penalty: float = 1.0  # beam: a hypothesis is worth log P / tokens ** length_penalty
    top_p: float = 0.9  # sample: the smallest set of tokens that has this probability (Holtzman et al. 2020)
    temperature: float = 0.8  # sample
    candidates: int = 4  # beam: so many of what it found are ranked anew (see model.rerank); at most beam_size
    genericness: float = 0.0  # beam: λ, how much being likely after anything counts against a reply
    repetition_penalty: float = 1.5  # what is written already is so much less likely to be written again; 1: as likely
    no_repeat_ngram: int = 2  # no sequence of so many tokens is written twice; 0 allows it

    def __post_init__(self) -> None:
        """Refuse what no engine can do."""
        if self.method not in ("greedy", "beam", "sample"):
            raise DecodingError(f"method must be greedy, beam or sample, not {self.method!r}")
        for name, low, high in (
            ("max_tokens", 1, 512),
            ("beam_size", 1, 32),
            ("length_penalty", 0.0, 4.0),
            ("candidates", 1, 32),
            ("genericness", 0.0, 1.0),
            ("top_p", 0.01, 1.0),
            ("temperature", 0.05, 5.0),
            ("repetition_penalty", 1.0, 4.0),
            ("no_repeat_ngram", 0, 16),
        ):
            if not low <= getattr(self, name) <= high:
                raise DecodingError(f"{name} must be between {low} and {high}, not {getattr(self, name)!r}")
