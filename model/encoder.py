"""The encoder (section 3.1): the conversation, read both ways."""

import keras

from model.attention import GlobalSelfAttention
from model.config import ModelConfig
from model.feed_forward import FeedForward


class EncoderLayer(keras.layers.Layer):
    """Self-attention, then feed-forward."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.self_attention = GlobalSelfAttention(config, name="self_attention")
        self.feed_forward = FeedForward(config, name="feed_forward")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, source, d_model)``."""
        self.self_attention.build(input_shape)
        self.feed_forward.build(input_shape)

    def call(self, x: keras.KerasTensor, mask: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """``x`` ``(batch, source, d_model)``; ``mask`` ``(batch, 1, 1, source)``, False on padding."""
        return self.feed_forward(self.self_attention(x, mask, training=training), training=training)


class Encoder(keras.layers.Layer):
    """A stack of encoder layers over embedded ids."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.stack = [EncoderLayer(config, name=f"layer_{i}") for i in range(config.encoder_layers)]
        self.norm = (
            keras.layers.LayerNormalization(epsilon=config.layer_norm_epsilon, name="norm")
            if config.norm == "pre"
            else None
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, source, d_model)``."""
        for layer in self.stack:
            layer.build(input_shape)
        if self.norm is not None:
            self.norm.build(input_shape)

    def call(self, x: keras.KerasTensor, mask: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """Embeddings ``(batch, source, d_model)`` -> memory of the same shape."""
        for layer in self.stack:
            x = layer(x, mask, training=training)
        return x if self.norm is None else self.norm(x)
