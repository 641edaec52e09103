"""The whole of Figure 1: embeddings, encoder, decoder, output."""

from collections.abc import Mapping

import keras
import numpy as np
from keras import ops

from model.config import ModelConfig
from model.decoder import Cache, Decoder
from model.embedding import PositionalEmbedding
from model.encoder import Encoder
from model.tokenizer import PAD

Tensor = keras.KerasTensor


class Transformer(keras.Model):
    """Source ids and target ids in, a score for every next token out."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(name="transformer", **kwargs)
        self.config = config
        size, width, dropout = config.vocabulary_size, config.d_model, config.dropout
        if config.tied_embeddings:
            longest = max(config.max_source, config.max_target)
            self.source_embedding = PositionalEmbedding(size, width, longest, dropout, name="embedding")
            self.target_embedding = self.source_embedding
            self.output_layer = None
        else:
            self.source_embedding = PositionalEmbedding(size, width, config.max_source, dropout, name="source")
            self.target_embedding = PositionalEmbedding(size, width, config.max_target, dropout, name="target")
            self.output_layer = keras.layers.Dense(size, name="output")
        self.encoder = Encoder(config, name="encoder")
        self.decoder = Decoder(config, name="decoder")
        self.build()

    def build(self, input_shape: None = None) -> None:
        """Make the weights; their shapes follow from the configuration alone."""
        vectors = (None, None, self.config.d_model)
        self.source_embedding.build((None, None))
        if self.output_layer is not None:
            self.target_embedding.build((None, None))
            self.output_layer.build(vectors)
        self.encoder.build(vectors)
        self.decoder.build(vectors)
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """Teacher forcing: every next token of the target at once.

        Args:
            inputs: ``source`` ``(batch, source)`` and ``target`` ``(batch, target)``, ids padded with 0.
            training: whether dropout is on.

        Returns:
            Scores before the softmax, float32, ``(batch, target, vocabulary)``.
        """
        memory, mask = self.encode(inputs["source"], training=training)
        return self.decode(inputs["target"], memory, mask, training=training)

    def encode(self, source: Tensor, training: bool = False) -> tuple[Tensor, Tensor]:
        """Ids ``(batch, source)`` -> memory ``(batch, source, d_model)`` and its mask ``(batch, 1, 1, source)``."""
        mask = ops.not_equal(source, PAD)[:, None, None, :]
        return self.encoder(self.source_embedding(source, training=training), mask, training=training), mask

    def decode(self, target: Tensor, memory: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """Ids ``(batch, target)`` and what ``encode`` gave -> scores ``(batch, target, vocabulary)``."""
        x = self.target_embedding(target, training=training)
        return self.logits(self.decoder(x, memory, mask, training=training))

    def step(self, token: Tensor, position: Tensor, cache: Cache, mask: Tensor) -> tuple[Tensor, Cache]:
        """Scores ``(batch, vocabulary)`` of what follows ``token`` ``(batch,)``, and the cache with it in."""
        x, cache = self.decoder.step(self.target_embedding(token[:, None], start=position), position, cache, mask)
        return self.logits(x)[:, 0], cache

    def logits(self, x: Tensor) -> Tensor:
        """Decoder vectors ``(batch, target, d_model)`` -> scores ``(batch, target, vocabulary)``, float32."""
        scores = self.source_embedding.logits(x) if self.output_layer is None else self.output_layer(x)
        return ops.cast(scores, "float32")

    def named_weights(self) -> dict[str, np.ndarray]:
        """Every weight by its name in a checkpoint."""
        return {_name(variable): ops.convert_to_numpy(variable).astype("float32") for variable in self.weights}

    def set_named_weights(self, weights: Mapping[str, np.ndarray]) -> None:
        """Put in what ``named_weights`` gave."""
        for variable in self.weights:
            variable.assign(weights[_name(variable)])


def _name(variable: keras.Variable) -> str:
    name: str = variable.path.split("/", 1)[1]  # without "transformer/"
    return name
