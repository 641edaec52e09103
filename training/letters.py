"""``model.letters`` while it is learned: the same sums in Keras."""

import keras
import numpy as np
from keras import ops

from model.heads import QUESTIONS
from model.letters import HIDDEN, PLACES, WIDTH
from model.tokenizer import PAD
from training.heads import answer_loss

_DROPOUT = 0.3

Tensor = keras.KerasTensor


class LetterReader(keras.Model):
    """A vector for each place of letters, their sum, and a layer between it and the answers; in float32."""

    def __init__(self) -> None:
        super().__init__(name="letters")
        self.embeddings = keras.layers.Embedding(PLACES + 1, WIDTH, dtype="float32")
        self.between = keras.layers.Dense(HIDDEN, activation="relu", dtype="float32")
        self.answers = keras.layers.Dense(len(QUESTIONS), dtype="float32")
        self.drop = keras.layers.Dropout(_DROPOUT, dtype="float32")
        self.embeddings.build((None, None))
        self.between.build((None, WIDTH))
        self.answers.build((None, HIDDEN))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """Labels and ``letters`` ``(batch, rows)``, each its place and 1 (0 is padding) -> logits ``(batch, 2)``."""
        rows = inputs["letters"]
        real = ops.cast(ops.not_equal(rows, PAD), "float32")[:, :, None]  # (batch, rows, 1)
        count = ops.maximum(ops.sum(real, axis=1), 1.0)
        summed = ops.sum(self.embeddings(rows) * real, axis=1) / ops.sqrt(count)
        between = self.between(self.drop(summed, training=training))
        logits = self.answers(self.drop(between, training=training))
        self.add_loss(answer_loss(inputs, logits))
        return logits

    def learned(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps, as ``model.letters.letter_shapes`` names it."""
        arrays = {"letters/embeddings": ops.convert_to_numpy(self.embeddings.weights[0])[1:]}
        for name, layer in (("hidden", self.between), ("output", self.answers)):
            kernel, bias = layer.weights
            arrays[f"letters/{name}/kernel"] = ops.convert_to_numpy(kernel)
            arrays[f"letters/{name}/bias"] = ops.convert_to_numpy(bias)
        return arrays
