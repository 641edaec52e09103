"""What the encoder makes of a message: its emotion, and whether it speaks of suicide or self-harm.

Two linear heads on the mean of the encoder's output over the newest turn; the second looks at the message's letters as
well. NumPy alone: every engine shares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from model.emotions import CODES, GROUPS
from model.letters import PLACES, letter_rows
from model.tokenizer import BOT, END, PAD

ALARM = 0.5  # how sure the head has to be to be believed


@dataclass(frozen=True)
class Linear:
    """``kernel`` ``(inputs, outputs)`` and ``bias`` ``(outputs,)``, float32."""

    kernel: np.ndarray
    bias: np.ndarray

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Vectors ``(batch, inputs)`` -> ``(batch, outputs)``."""
        return x @ self.kernel + self.bias


@dataclass(frozen=True)
class Heads:
    """``emotion`` has a logit for each of ``model.emotions.CODES``, ``crisis`` a single one.

    ``letters`` ``(PLACES,)`` is what each of ``model.letters`` adds to the latter.
    """

    emotion: Linear
    crisis: Linear
    letters: np.ndarray

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The heads whose ``arrays`` have the names of ``head_shapes``."""
        emotion, crisis = (Linear(arrays[f"{name}/kernel"], arrays[f"{name}/bias"]) for name in ("emotion", "crisis"))
        return cls(emotion, crisis, arrays["crisis/letters"])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name in a checkpoint."""
        linear = {
            f"{name}/{part}": getattr(head, part)
            for name, head in (("emotion", self.emotion), ("crisis", self.crisis))
            for part in ("kernel", "bias")
        }
        return {**linear, "crisis/letters": self.letters}


@dataclass(frozen=True)
class Understanding:
    """One message: its likeliest ``emotion`` (a code) with its ``probability``, and those of the six groups by name.

    ``crisis`` is how surely it speaks of suicide or self-harm, from 0 to 1. ``training.crisis`` sets what ``ALARM``
    means: so sure is the head, by mistake, of one in a hundred ordinary messages.
    """

    emotion: str
    probability: float
    groups: dict[str, float]
    crisis: float


def head_shapes(d_model: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the heads."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, outputs in (("emotion", len(CODES)), ("crisis", 1)):
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (d_model, outputs), (outputs,)
    return {**shapes, "crisis/letters": (PLACES,)}


def newest_turn(source: np.ndarray) -> np.ndarray:
    """Where the newest turn of ids ``(batch, source)`` stands, as bools: ``[START] [USER]`` and its own tokens.

    It ends before the first ``[BOT]``, or where nothing was said before it, before ``[END]``: the same tokens, whether
    it is told alone or after others.
    """
    return np.cumsum(np.isin(source, (BOT, END, PAD)), axis=1) == 0


def newest_turn_mean(memory: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Memory ``(batch, source, d_model)`` and its ids ``(batch, source)`` -> means ``(batch, d_model)``."""
    real = newest_turn(source)[:, :, None]  # (batch, source, 1)
    return (memory * real).sum(axis=1) / np.maximum(real.sum(axis=1), 1)


def emotion_probabilities(heads: Heads, pooled: np.ndarray) -> np.ndarray:
    """Means ``(batch, d_model)`` -> probabilities of the sixty emotions ``(batch, 60)``."""
    logits = heads.emotion(pooled)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def group_probabilities(emotions: np.ndarray) -> np.ndarray:
    """Probabilities of the sixty ``(batch, 60)`` -> of the six groups ``(batch, 6)``: the sums of their ten."""
    return np.asarray(emotions.reshape(-1, len(GROUPS), len(CODES) // len(GROUPS)).sum(axis=2))


def crisis_probabilities(heads: Heads, pooled: np.ndarray, messages: Sequence[str]) -> np.ndarray:
    """Means ``(batch, d_model)`` and their messages -> ``Understanding.crisis`` of each ``(batch,)``."""
    logits = heads.crisis(pooled)[:, 0]
    for index, message in enumerate(messages):
        rows = letter_rows(message)
        logits[index] += heads.letters[rows].sum() / np.sqrt(len(rows))
    # 1 / (1 + e^-x), written so that no exponential overflows.
    return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


def understandings(heads: Heads, pooled: np.ndarray, messages: Sequence[str]) -> list[Understanding]:
    """What the heads say of each message, whose mean is a row of ``pooled`` ``(batch, d_model)``."""
    emotions = emotion_probabilities(heads, pooled)
    rows = zip(emotions, group_probabilities(emotions), crisis_probabilities(heads, pooled, messages), strict=True)
    return [
        Understanding(
            CODES[int(sixty.argmax())],
            float(sixty.max()),
            dict(zip(GROUPS, map(float, six), strict=True)),
            float(crisis),
        )
        for sixty, six, crisis in rows
    ]
