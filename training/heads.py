"""The heads of ``model.heads`` while they are learned: the same sums in Keras, and their loss."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from model.emotions import CODES
from model.heads import QUESTIONS, Heads
from model.tokenizer import BOT, END, PAD

Tensor = keras.KerasTensor

# Weight of a message of the kind crisis among all that a reply answers: they are rare, and none should be missed.
_POSITIVE = 10.0
_YES = 4.0  # the same where messages without a reply are learned from, of which a third say yes


class ClassifierHeads(keras.layers.Layer):
    """Emotion and crisis by two linear layers on the mean of the encoder's output over the newest turn.

    In float32 whatever the encoder computes in. Both begin at zero, as a logistic regression may: no head says
    anything before it has learned something.
    """

    def __init__(self, d_model: int, emotion_weight: float, crisis_weight: float) -> None:
        super().__init__(name="heads", dtype="float32")
        self.emotion_weight = emotion_weight
        self.crisis_weight = crisis_weight
        self.emotion = keras.layers.Dense(len(CODES), kernel_initializer="zeros", dtype="float32", name="emotion")
        self.crisis = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32", name="crisis")
        self.build((None, None, d_model))

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, source, d_model)``."""
        for head in (self.emotion, self.crisis):
            head.build((None, input_shape[-1]))
        self.built = True

    def call(self, memory: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Memory ``(batch, source, d_model)`` and ids -> logits of emotion ``(batch, 60)`` and crisis ``(batch,)``."""
        pooled = newest_turn_mean(memory, source)
        return self.emotion(pooled), self.crisis(pooled)[:, 0]

    def loss(self, memory: Tensor, source: Tensor, emotion: Tensor, crisis: Tensor) -> Tensor:
        """Both losses in nats a labelled row, weighted, as one scalar; labels ``(batch,)``, -1 where there is none."""
        emotion_logits, crisis_logits = self(memory, source)
        return self.emotion_weight * emotion_loss(emotion, emotion_logits) + self.crisis_weight * yes_no_loss(
            crisis, crisis_logits, _POSITIVE
        )

    def learned(self) -> Heads | None:
        """What a checkpoint keeps of them: both, or where one has no weight, neither."""
        if not (self.emotion_weight and self.crisis_weight):
            return None
        arrays = {
            f"{head.name}/{variable.name}": ops.convert_to_numpy(variable)
            for head in (self.emotion, self.crisis)
            for variable in head.weights
        }
        return Heads.from_arrays(arrays)

    def begin_from(self, heads: Heads) -> None:
        """Put in what ``learned`` gave."""
        arrays: dict[str, np.ndarray] = heads.to_arrays()
        for head in (self.emotion, self.crisis):
            for variable in head.weights:
                variable.assign(arrays[f"{head.name}/{variable.name}"])


def newest_turn_mean(memory: Tensor, source: Tensor) -> Tensor:
    """``model.heads.newest_turn_mean`` in Keras: ``(batch, d_model)``, float32."""
    ends = ops.equal(source, BOT) | ops.equal(source, END) | ops.equal(source, PAD)
    real = ops.cast(ops.equal(ops.cumsum(ops.cast(ends, "int32"), axis=1), 0), "float32")[:, :, None]
    return ops.sum(ops.cast(memory, "float32") * real, axis=1) / ops.maximum(ops.sum(real, axis=1), 1.0)


def emotion_loss(label: Tensor, logits: Tensor) -> Tensor:
    """Mean cross-entropy of the rows with a label ``(batch,)`` under ``logits`` ``(batch, 60)``; 0 where none has."""
    known = ops.cast(label >= 0, "float32")
    chosen = ops.take_along_axis(logits, ops.maximum(label, 0)[:, None], axis=-1)[:, 0]
    return _mean((ops.logsumexp(logits, axis=-1) - chosen), known)


def yes_no_loss(label: Tensor, logit: Tensor, positive: float) -> Tensor:
    """The same for the yes or no of ``logit`` ``(batch,)``; a yes weighs ``positive`` times as much."""
    known = ops.cast(label >= 0, "float32")
    yes = ops.cast(ops.equal(label, 1), "float32")
    nats = yes * positive * ops.softplus(-logit) + (1.0 - yes) * ops.softplus(logit)
    return _mean(nats, known)


def answer_loss(labels: Mapping[str, Tensor], logits: Tensor) -> Tensor:
    """The loss of ``QUESTIONS`` ``(batch, 2)``, whose labels ``(batch,)`` go by their names; -1 is none."""
    return sum(yes_no_loss(labels[name], logits[:, index], _YES) for index, name in enumerate(QUESTIONS))


def _mean(nats: Tensor, known: Tensor) -> Tensor:
    return ops.sum(nats * known) / ops.maximum(ops.sum(known), 1.0)
