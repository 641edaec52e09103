"""Cross-entropy with label smoothing (section 5.4), over real tokens only, and a second task for the encoder."""

import keras
from keras import ops

from model.tokenizer import END, PAD
from model.transformer import Transformer
from training.heads import ClassifierHeads

Tensor = keras.KerasTensor


def token_losses(label: Tensor, logits: Tensor, smoothing: float = 0.0) -> Tensor:
    """Nats of every position, ``(batch, target)``.

    A share ``smoothing`` of the target's probability is spread evenly over the vocabulary. Written with logsumexp, so
    that the smoothed target distribution ``(batch, target, vocabulary)`` never has to be made.
    """
    normalizer = ops.logsumexp(logits, axis=-1)  # (batch, target)
    index = ops.cast(label, "int32")[..., None]  # Keras hands a loss its labels as floats
    chosen = ops.squeeze(ops.take_along_axis(logits, index, axis=-1), -1)
    loss = normalizer - chosen
    if smoothing:
        loss = (1 - smoothing) * loss + smoothing * (normalizer - ops.mean(logits, axis=-1))
    return loss


class SmoothedCrossEntropy(keras.losses.Loss):
    """The mean of ``token_losses`` over all tokens of a batch, padding left out; 0 where there is nothing else."""

    def __init__(self, smoothing: float) -> None:
        super().__init__(reduction=None, name="smoothed_cross_entropy")
        self.smoothing = smoothing

    def call(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        """Labels ``(batch, target)`` and logits ``(batch, target, vocabulary)`` -> a scalar."""
        real = ops.cast(ops.not_equal(y_true, PAD), "float32")
        return ops.sum(token_losses(y_true, y_pred, self.smoothing) * real) / ops.maximum(ops.sum(real), 1.0)


class ReplyLoss(keras.metrics.MeanMetricWrapper):
    """What a step lost on the reply alone, without the other tasks of ``Trainee``: nats a token."""

    def __init__(self, smoothing: float) -> None:
        super().__init__(SmoothedCrossEntropy(smoothing).call, name="reply")


class Trainee(keras.Model):
    """A Transformer at its lessons: to write the reply, and from the message alone to guess its words.

    The second task (a bag-of-words loss, Zhao et al. 2017) is the mean cross-entropy of the reply's tokens, in no
    order, under one softmax over the mean of the encoder's output. Left to itself a decoder first learns what replies
    sound like, and for thousands of steps gives everybody the same; this tells the encoder at once what matters.
    With ``heads`` it also learns to name the message's emotion and to hear of a crisis.
    """

    def __init__(
        self,
        transformer: Transformer,
        bag_of_words: float,
        heads: ClassifierHeads | None = None,
        r_drop: float = 0.0,
    ) -> None:
        super().__init__(name="trainee")
        self.transformer = transformer
        self.bag_of_words, self.r_drop = bag_of_words, r_drop
        self.heads = heads

    def build(self, input_shape: object = None) -> None:
        """Nothing of its own to make."""
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """``source``, ``target`` and ``label`` -> logits ``(batch, target, vocabulary)``.

        With heads also ``emotion`` and ``crisis`` ``(batch,)``, -1 where there is no label.
        """
        memory, mask = self.transformer.encode(inputs["source"], training=training)
        logits = self.transformer.decode(inputs["target"], memory, mask, training=training)
        beside = ops.zeros(())
        if self.heads is not None:
            beside += self.heads.loss(memory, inputs["source"], inputs["emotion"], inputs["crisis"])
        if self.bag_of_words:
            real = ops.cast(mask[:, 0, 0, :, None], memory.dtype)  # (batch, source, 1)
            mean = ops.sum(memory * real, axis=1, keepdims=True) / ops.sum(real, axis=1, keepdims=True)
            beside += self.bag_of_words * words_loss(inputs["label"], self.transformer.logits(mean)[:, 0])
        if self.r_drop and training:
            again = self.transformer({"source": inputs["source"], "target": inputs["target"]}, training=True)
            beside += self.r_drop * disagreement(inputs["label"], logits, again)
        self.add_loss(beside)
        return logits


def disagreement(label: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Nats by which two passes through dropout differ on a token (R-Drop, Liang et al. 2021): the mean of both
    Kullback-Leibler divergences between logits ``(batch, target, vocabulary)``, padding left out."""
    p, q = ops.log_softmax(one), ops.log_softmax(other)
    both = 0.5 * ops.sum((ops.exp(p) - ops.exp(q)) * (p - q), axis=-1)  # (batch, target)
    real = ops.cast(ops.not_equal(label, PAD), "float32")
    return ops.sum(both * real) / ops.maximum(ops.sum(real), 1.0)


def words_loss(label: Tensor, logits: Tensor) -> Tensor:
    """Nats to guess a word of ``label`` ``(batch, target)`` by ``logits`` ``(batch, vocabulary)``."""
    word = ops.cast(label > END, "float32")  # (batch, target)
    chosen = ops.take_along_axis(logits, label, axis=-1)
    return ops.sum((ops.logsumexp(logits, axis=-1, keepdims=True) - chosen) * word) / ops.maximum(ops.sum(word), 1.0)


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
        correct = ops.cast(ops.equal(ops.cast(ops.argmax(logits, axis=-1), "int32"), label), "float32")
        return {"nats": token_losses(label, logits) * real, "correct": correct * real}
