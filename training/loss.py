"""Cross-entropy with label smoothing (section 5.4), over real tokens only."""

import keras
from keras import ops

from model.tokenizer import PAD
from model.transformer import Transformer

Tensor = keras.KerasTensor


def token_losses(label: Tensor, logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Nats of every position, ``(batch, target)``.

    A share ``smoothing`` of the target's probability is spread evenly over the vocabulary. Written with logsumexp, so
    that the smoothed target distribution ``(batch, target, vocabulary)`` never has to be made.
    """
    normalizer = ops.logsumexp(logits, axis=-1)  # (batch, target)
    chosen = ops.squeeze(ops.take_along_axis(logits, label[..., None], axis=-1), -1)
    loss = normalizer - chosen
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing * (normalizer - ops.mean(logits, axis=-1))
    return loss


class SmoothedCrossEntropy(keras.losses.Loss):
    """The mean of ``token_losses`` over all tokens of a batch, padding left out."""

    def __init__(self, smoothing: float) -> None:
        super().__init__(reduction=None, name="smoothed_cross_entropy")
        self.smoothing = smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Labels ``(batch, target)`` and logits ``(batch, target, vocabulary)`` -> a scalar."""
        real = ops.cast(ops.not_equal(y_true, PAD), "float32")
        return ops.sum(token_losses(y_true, y_pred, self.smoothing) * real) / ops.sum(real)


class TokenScores(keras.Model):
    """A Transformer with its labels: nats of each label token, and whether it was the likeliest. For evaluation."""

    def __init__(self, transformer: Transformer) -> None:
        super().__init__(name="token_scores")
        self.transformer = transformer

    def build(self, input_shape: object = None) -> None:
        """Nothing of its own to make."""
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> dict[str, Tensor]:
        """``source``, ``target`` and ``label`` -> ``nats`` and ``correct``, ``(batch, target)``, 0 on padding."""
        logits = self.transformer({"source": inputs["source"], "target": inputs["target"]}, training=training)
        label = inputs["label"]
        real = ops.cast(ops.not_equal(label, PAD), "float32")
        correct = ops.cast(ops.equal(ops.argmax(logits, axis=-1), ops.cast(label, "int64")), "float32")
        return {"nats": token_losses(label, logits) * real, "correct": correct * real}
