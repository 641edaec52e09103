"""Token embeddings with sines and cosines for positions (section 3.4)."""

import keras
from keras import ops

from model.positional import positional_encoding


class PositionalEmbedding(keras.layers.Layer):
    """Ids ``(batch, length)`` -> vectors ``(batch, length, d_model)``."""

    def __init__(self, vocabulary_size: int, d_model: int, max_length: int, dropout: float, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.scale = d_model**0.5
        self.embedding = keras.layers.Embedding(
            vocabulary_size, d_model, embeddings_initializer=keras.initializers.RandomNormal(0.0, d_model**-0.5),
            name="embedding",
        )  # fmt: skip
        self.dropout = keras.layers.Dropout(dropout, name="dropout")
        self.positions = positional_encoding(max_length, d_model)

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        self.embedding.build(input_shape)

    def call(self, ids: keras.KerasTensor, start: int = 0, training: bool = False) -> keras.KerasTensor:
        """Embed ``ids``, whose first one stands at position ``start`` (decoding goes on from a cache)."""
        length = ops.shape(ids)[1]
        positions = ops.convert_to_tensor(self.positions, dtype=self.compute_dtype)
        window = ops.slice(positions, (start, 0), (length, positions.shape[1]))  # (length, d_model)
        # sqrt(d_model) brings the embedding to the size of the encoding that is added (section 3.4).
        x = self.embedding(ids) * ops.cast(self.scale, self.compute_dtype) + window
        return self.dropout(x, training=training)

    def logits(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Vectors ``(…, d_model)`` -> a score for every token, by the very embedding matrix (section 3.4)."""
        return ops.matmul(x, ops.transpose(ops.cast(self.embedding.embeddings, x.dtype)))
