"""The decoder (section 3.1): the reply, written token by token while looking at what was read."""

import keras
from keras import ops

from model.attention import CausalSelfAttention, CrossAttention, KeysValues
from model.config import ModelConfig
from model.feed_forward import FeedForward

Tensor = keras.KerasTensor
# Of each layer: the target's keys and values so far, and the memory's, which never change.
Cache = list[tuple[KeysValues, KeysValues]]


class DecoderLayer(keras.layers.Layer):
    """Causal self-attention, cross-attention, feed-forward."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.self_attention = CausalSelfAttention(config, name="self_attention")
        self.cross_attention = CrossAttention(config, name="cross_attention")
        self.feed_forward = FeedForward(config, name="feed_forward")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, target, d_model)``."""
        self.self_attention.build(input_shape)
        self.cross_attention.build(input_shape)
        self.feed_forward.build(input_shape)

    def call(self, x: Tensor, memory: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """``x`` ``(batch, target, d_model)``; ``memory`` ``(batch, source, d_model)``; ``mask`` the memory's."""
        x = self.self_attention(x, training=training)
        keys_values = self.cross_attention.attention.keys_values(memory)
        x = self.cross_attention(x, keys_values, mask, training=training)
        return self.feed_forward(x, training=training)

    def step(
        self, x: Tensor, position: Tensor, cache: tuple[KeysValues, KeysValues], mask: Tensor
    ) -> tuple[Tensor, tuple[KeysValues, KeysValues]]:
        """One token: ``x`` ``(batch, 1, d_model)``; see ``CausalSelfAttention.step``."""
        written, read = cache
        x, written = self.self_attention.step(x, position, written)
        x = self.cross_attention(x, read, mask)
        return self.feed_forward(x), (written, read)


class Decoder(keras.layers.Layer):
    """A stack of decoder layers over embedded ids."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.stack = [DecoderLayer(config, name=f"layer_{i}") for i in range(config.decoder_layers)]
        self.norm = (
            keras.layers.LayerNormalization(epsilon=config.layer_norm_epsilon, name="norm")
            if config.norm == "pre"
            else None
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, target, d_model)``."""
        for layer in self.stack:
            layer.build(input_shape)
        if self.norm is not None:
            self.norm.build(input_shape)

    def call(self, x: Tensor, memory: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """The whole target at once: embeddings ``(batch, target, d_model)`` -> vectors of the same shape."""
        for layer in self.stack:
            x = layer(x, memory, mask, training=training)
        return x if self.norm is None else self.norm(x)

    def start(self, memory: Tensor, max_target: int) -> Cache:
        """An empty cache for targets of at most ``max_target`` tokens, with the memory's keys and values computed."""
        shape = (ops.shape(memory)[0], self.config.heads, max_target, self.config.key_dim)
        empty = ops.zeros(shape, dtype=self.compute_dtype)
        return [((empty, empty), layer.cross_attention.attention.keys_values(memory)) for layer in self.stack]

    def step(self, x: Tensor, position: Tensor, cache: Cache, mask: Tensor) -> tuple[Tensor, Cache]:
        """One token: embeddings ``(batch, 1, d_model)`` at ``position`` -> vectors, and the cache with it in."""
        new: Cache = []
        for layer, kept in zip(self.stack, cache, strict=True):
            x, kept = layer.step(x, position, kept, mask)
            new.append(kept)
        return (x if self.norm is None else self.norm(x)), new
