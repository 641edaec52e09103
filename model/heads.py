"""What the encoder makes of a message: its emotion, whether it speaks of suicide or self-harm, and whether it asks who
the bot is.

Linear heads on the mean of the encoder's output over the newest turn; those that say yes or no look at the message's
letters as well. The encoder that they read may be one of their own (``training.listening``). NumPy alone: every engine
shares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
class YesNo:
    """A single logit: a linear one of the mean, and what each of ``model.letters`` adds to it, ``(PLACES,)``."""

    linear: Linear
    letters: np.ndarray

    def probabilities(self, pooled: np.ndarray, messages: Sequence[str]) -> np.ndarray:
        """Means ``(batch, d_model)`` and their messages -> how surely the answer is yes, ``(batch,)``."""
        logits = self.linear(pooled)[:, 0]
        for index, message in enumerate(messages):
            rows = letter_rows(message)
            logits[index] += self.letters[rows].sum() / np.sqrt(len(rows))
        # 1 / (1 + e^-x), written so that no exponential overflows.
        return np.asarray(0.5 * (1 + np.tanh(0.5 * logits)))


@dataclass(frozen=True)
class Heads:
    """``emotion`` has a logit for each of ``model.emotions.CODES``; ``identity`` is None where nobody has taught it.

    ``encoder`` has the weights of the encoder that they read and of its embeddings, named as in the checkpoint; what is
    missing there is the reply's.
    """

    emotion: Linear
    crisis: YesNo
    identity: YesNo | None = None
    encoder: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The heads whose ``arrays`` have the names of ``head_shapes``."""

        def linear(name: str) -> Linear:
            return Linear(arrays[f"{name}/kernel"], arrays[f"{name}/bias"])

        def yes_no(name: str) -> YesNo:
            return YesNo(linear(name), arrays[f"{name}/letters"])

        return cls(
            linear("emotion"),
            yes_no("crisis"),
            yes_no("identity") if "identity/kernel" in arrays else None,
            {name: array for name, array in arrays.items() if name not in head_shapes(0)},
        )

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name in a checkpoint."""
        arrays = {"emotion/kernel": self.emotion.kernel, "emotion/bias": self.emotion.bias, **self.encoder}
        for name, head in (("crisis", self.crisis), ("identity", self.identity)):
            if head is not None:
                arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = head.linear.kernel, head.linear.bias
                arrays[f"{name}/letters"] = head.letters
        return arrays


@dataclass(frozen=True)
class Understanding:
    """One message: its likeliest ``emotion`` (a code) with its ``probability``, and those of the six groups by name.

    ``crisis`` is how surely it speaks of suicide or self-harm, ``identity`` how surely it asks who or what the bot is,
    from 0 to 1; None where no head can say. ``training.listening`` sets what ``ALARM`` means: so sure is a head, by
    mistake, of one or two in a hundred ordinary messages.
    """

    emotion: str
    probability: float
    groups: dict[str, float]
    crisis: float
    identity: float | None = None


def head_shapes(d_model: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the heads themselves; those of ``identity`` may be missing."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, outputs in (("emotion", len(CODES)), ("crisis", 1), ("identity", 1)):
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (d_model, outputs), (outputs,)
    return {**shapes, "crisis/letters": (PLACES,), "identity/letters": (PLACES,)}


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


def understandings(heads: Heads, pooled: np.ndarray, messages: Sequence[str]) -> list[Understanding]:
    """What the heads say of each message, whose mean is a row of ``pooled`` ``(batch, d_model)``."""
    emotions = emotion_probabilities(heads, pooled)
    groups = group_probabilities(emotions)
    crisis = heads.crisis.probabilities(pooled, messages)
    identity = None if heads.identity is None else heads.identity.probabilities(pooled, messages)
    return [
        Understanding(
            CODES[int(emotions[row].argmax())],
            float(emotions[row].max()),
            dict(zip(GROUPS, map(float, groups[row]), strict=True)),
            float(crisis[row]),
            None if identity is None else float(identity[row]),
        )
        for row in range(len(messages))
    ]
