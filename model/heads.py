"""What the encoder makes of a message: its emotion, whether it speaks of suicide or self-harm, and whether it asks who
the bot is.

Linear heads on the mean of the encoder's output over the newest turn. What is answered with yes or no is also asked of
``model.letters`` and ``model.phrases``, where these were taught: three who err differently, whose logits are averaged.
The encoder may be one of the heads' own (``training.listening``). NumPy alone: every engine shares them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from model.emotions import CODES, GROUPS
from model.letters import letter_logits
from model.phrases import phrase_logits
from model.tokenizer import BOT, END, PAD

QUESTIONS = ("crisis", "identity")
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
    """``emotion`` has a logit for each of ``model.emotions.CODES``; ``identity`` is None where nobody has taught it.

    ``encoder`` has the weights of the encoder that they read and of its embeddings, named as in the checkpoint; what is
    missing there is the reply's. ``letters`` and ``phrases`` have the arrays of those modules, or none.
    """

    emotion: Linear
    crisis: Linear
    identity: Linear | None = None
    encoder: Mapping[str, np.ndarray] = field(default_factory=dict)
    letters: Mapping[str, np.ndarray] = field(default_factory=dict)
    phrases: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """The heads whose ``arrays`` have the names of ``head_shapes``, and what else there is."""
        emotion, crisis, identity = (
            Linear(arrays[f"{name}/kernel"], arrays[f"{name}/bias"]) if f"{name}/kernel" in arrays else None
            for name in ("emotion", *QUESTIONS)
        )
        if emotion is None or crisis is None:
            raise KeyError("there are no heads without those of emotion and crisis")
        letters, phrases = (
            {name: array for name, array in arrays.items() if name.startswith(part)}
            for part in ("letters/", "phrases/")
        )
        known = {*head_shapes(0), *letters, *phrases}
        encoder = {name: array for name, array in arrays.items() if name not in known}
        return cls(emotion, crisis, identity, encoder, letters, phrases)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Every array by its name in a checkpoint."""
        arrays = {**self.encoder, **self.letters, **self.phrases}
        for name in ("emotion", *QUESTIONS):
            head: Linear | None = getattr(self, name)
            if head is not None:
                arrays[f"{name}/kernel"], arrays[f"{name}/bias"] = head.kernel, head.bias
        return arrays

    @property
    def readers(self) -> int:
        """How many are asked each of ``QUESTIONS``."""
        return 1 + bool(self.letters) + bool(self.phrases)

    def answers(self, pooled: np.ndarray, sources: Sequence[Sequence[int]], messages: Sequence[str]) -> np.ndarray:
        """Means ``(batch, d_model)``, the ids they are of and their messages -> how surely each of ``QUESTIONS`` is
        answered with yes, ``(batch, 2)``; what nobody was taught is of no meaning."""
        unasked = np.zeros((len(pooled), 1))
        heard = [np.concatenate([self.crisis(pooled), self.identity(pooled) if self.identity else unasked], axis=1)]
        if self.letters:
            heard.append(np.stack([letter_logits(self.letters, message) for message in messages]))
        if self.phrases:
            heard.append(phrase_logits(self.phrases, sources))
        # 1 / (1 + e^-x), written so that no exponential overflows.
        return np.asarray(0.5 * (1 + np.tanh(0.5 * np.mean(heard, axis=0))))


@dataclass(frozen=True)
class Understanding:
    """One message: its likeliest ``emotion`` (a code) with its ``probability``, and those of the six groups by name.

    ``crisis`` is how surely it speaks of suicide or self-harm, ``identity`` how surely it asks who or what the bot is,
    from 0 to 1; None where no head can say. ``training.listening`` sets what ``ALARM`` means: so sure is a head, by
    mistake, of one in a hundred ordinary messages, or fewer.
    """

    emotion: str
    probability: float
    groups: dict[str, float]
    crisis: float
    identity: float | None = None


def head_shapes(d_model: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array of the heads themselves; those of ``identity`` may be missing."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, outputs in (("emotion", len(CODES)), *((question, 1) for question in QUESTIONS)):
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (d_model, outputs), (outputs,)
    return shapes


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


def understandings(
    heads: Heads, pooled: np.ndarray, sources: Sequence[Sequence[int]], messages: Sequence[str]
) -> list[Understanding]:
    """What the heads say of each message, whose ids are in ``sources``, its mean in ``pooled`` ``(batch, d_model)``."""
    emotions = emotion_probabilities(heads, pooled)
    groups = group_probabilities(emotions)
    answers = heads.answers(pooled, sources, messages)
    return [
        Understanding(
            CODES[int(emotions[row].argmax())],
            float(emotions[row].max()),
            dict(zip(GROUPS, map(float, groups[row]), strict=True)),
            float(answers[row, 0]),
            None if heads.identity is None else float(answers[row, 1]),
        )
        for row in range(len(messages))
    ]
