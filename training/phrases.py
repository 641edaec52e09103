"""``model.phrases`` while it is learned: the same sums in Keras."""

import keras
import numpy as np
from keras import ops

from model.heads import QUESTIONS
from model.phrases import FILTERS, WIDTHS
from model.tokenizer import PAD
from training.heads import answer_loss

_WORDS_DROPPED = 0.2  # of a token's vector, the same numbers all along the message
_DROPOUT = 0.5

Tensor = keras.KerasTensor


class PhraseReader(keras.Model):
    """Convolutions over tokens in float32, begun with the ``embeddings`` ``(vocabulary, d_model)`` of a checkpoint."""

    def __init__(self, embeddings: np.ndarray) -> None:
        super().__init__(name="phrases")
        size, d_model = embeddings.shape
        self.embeddings = keras.layers.Embedding(size, d_model, dtype="float32")
        self.embeddings.build((None, None))
        # As large as the rest expects: tied embeddings are small, since logits are made of them.
        self.embeddings.set_weights([embeddings / max(float(embeddings.std()), 1e-6)])
        self.widths = [
            keras.layers.Conv1D(FILTERS, width, padding="same", activation="relu", dtype="float32") for width in WIDTHS
        ]
        self.drop_words = keras.layers.SpatialDropout1D(_WORDS_DROPPED, dtype="float32")
        self.drop = keras.layers.Dropout(_DROPOUT, dtype="float32")
        self.answers = keras.layers.Dense(len(QUESTIONS), dtype="float32")
        for layer in self.widths:
            layer.build((None, None, d_model))
        self.answers.build((None, len(WIDTHS) * FILTERS))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """Ids ``source`` ``(batch, source)``, padded with 0, and the labels -> logits ``(batch, 2)``."""
        real = ops.cast(ops.not_equal(inputs["source"], PAD), "float32")[:, :, None]
        vectors = self.drop_words(self.embeddings(inputs["source"]), training=training) * real
        found = [ops.max(layer(vectors) * real, axis=1) for layer in self.widths]
        logits = self.answers(self.drop(ops.concatenate(found, axis=1), training=training))
        self.add_loss(answer_loss(inputs, logits))
        return logits

    def learned(self) -> dict[str, np.ndarray]:
        """What a checkpoint keeps, as ``model.phrases.phrase_shapes`` names it."""
        layers = {
            **{f"width_{width}": layer for width, layer in zip(WIDTHS, self.widths, strict=True)},
            "output": self.answers,
        }
        arrays = {"phrases/embeddings": ops.convert_to_numpy(self.embeddings.weights[0])}
        for name, layer in layers.items():
            kernel, bias = layer.weights
            arrays[f"phrases/{name}/kernel"] = ops.convert_to_numpy(kernel)
            arrays[f"phrases/{name}/bias"] = ops.convert_to_numpy(bias)
        return arrays
