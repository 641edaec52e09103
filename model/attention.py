"""Scaled dot-product and multi-head attention (sections 3.2.1 and 3.2.2), and their three uses (section 3.2.3)."""

import keras
from keras import ops

from model.config import ModelConfig
from model.residual import Residual, branch_initializer

Tensor = keras.KerasTensor
KeysValues = tuple[Tensor, Tensor]


def scaled_dot_product_attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> KeysValues:
    """softmax(QKᵀ / √d_k) V, and the weights themselves.

    Args:
        query: ``(batch, heads, target, d_k)``.
        key: ``(batch, heads, source, d_k)``.
        value: ``(batch, heads, source, d_v)``.
        mask: booleans, True where a target may look; broadcast to ``(batch, heads, target, source)``.
    """
    scores = ops.matmul(query, ops.transpose(key, (0, 1, 3, 2)))  # (batch, heads, target, source)
    # In float32 whatever the policy: a softmax over bfloat16 scores loses half of its digits.
    scores = ops.cast(scores, "float32") / float(query.shape[-1]) ** 0.5
    if mask is not None:
        scores = ops.where(mask, scores, -1e9)
    weights = ops.cast(ops.softmax(scores), value.dtype)
    return ops.matmul(weights, value), weights  # (batch, heads, target, d_v)


class MultiHeadAttention(keras.layers.Layer):
    """``heads`` attentions side by side, each in its own projection of the input."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.heads, self.key_dim = config.heads, config.key_dim
        width = config.heads * config.key_dim
        self.query = keras.layers.Dense(width, name="query")
        self.key = keras.layers.Dense(width, name="key")
        self.value = keras.layers.Dense(width, name="value")
        self.projection = keras.layers.Dense(
            config.d_model, kernel_initializer=branch_initializer(config), name="projection"
        )

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, length, d_model)``."""
        for layer in (self.query, self.key, self.value):
            layer.build(input_shape)
        self.projection.build((*input_shape[:-1], self.heads * self.key_dim))

    def keys_values(self, context: Tensor) -> KeysValues:
        """Keys and values of ``context``, ``(batch, heads, source, key_dim)`` each: what a decoder's cache holds."""
        return self._split(self.key(context)), self._split(self.value(context))

    def attend(self, x: Tensor, keys_values: KeysValues, mask: Tensor | None) -> KeysValues:
        """Look from ``x`` ``(batch, target, d_model)`` at the keys; also returns the weights of every head."""
        heads, weights = scaled_dot_product_attention(self._split(self.query(x)), *keys_values, mask)
        joined = ops.reshape(ops.transpose(heads, (0, 2, 1, 3)), (-1, ops.shape(x)[1], self.heads * self.key_dim))
        return self.projection(joined), weights

    def _split(self, x: Tensor) -> Tensor:
        """``(batch, length, heads * key_dim)`` -> ``(batch, heads, length, key_dim)``."""
        return ops.transpose(ops.reshape(x, (-1, ops.shape(x)[1], self.heads, self.key_dim)), (0, 2, 1, 3))


class BaseAttention(keras.layers.Layer):
    """Multi-head attention in a residual branch."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.attention = MultiHeadAttention(config, name="attention")
        self.residual = Residual(config, name="residual")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, length, d_model)``."""
        self.attention.build(input_shape)
        self.residual.build(input_shape)


class GlobalSelfAttention(BaseAttention):
    """The encoder's: every position looks at every other, both ways."""

    def call(self, x: Tensor, mask: Tensor, training: bool = False) -> Tensor:
        """``x`` ``(batch, source, d_model)``; ``mask`` ``(batch, 1, 1, source)``, False on padding."""
        inner = self.residual.enter(x)
        y, _ = self.attention.attend(inner, self.attention.keys_values(inner), mask)
        return self.residual.leave(x, y, training=training)


class CausalSelfAttention(BaseAttention):
    """The decoder's: a position looks at itself and at what was written before it."""

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """The whole target at once, ``x`` ``(batch, target, d_model)``: training."""
        inner = self.residual.enter(x)
        position = ops.arange(ops.shape(x)[1])
        mask = position[:, None] >= position[None, :]  # (target, target)
        y, _ = self.attention.attend(inner, self.attention.keys_values(inner), mask)
        return self.residual.leave(x, y, training=training)

    def step(self, x: Tensor, position: Tensor, cache: KeysValues) -> tuple[Tensor, KeysValues]:
        """One token more, ``x`` ``(batch, 1, d_model)``: decoding.

        Args:
            x: the newest token's vector.
            position: where it stands; a scalar.
            cache: keys and values ``(batch, heads, max_target, key_dim)`` of the tokens before it.

        Returns:
            The new vector, and the cache with this token's key and value in it.
        """
        inner = self.residual.enter(x)
        keys, values = (
            ops.slice_update(kept, (0, 0, position, 0), new)
            for kept, new in zip(cache, self.attention.keys_values(inner), strict=True)
        )
        mask = ops.arange(ops.shape(keys)[2]) <= position  # (max_target,)
        y, _ = self.attention.attend(inner, (keys, values), mask)
        return self.residual.leave(x, y), (keys, values)


class CrossAttention(BaseAttention):
    """The decoder's look at the encoder's output; the only bridge between the two."""

    def call(self, x: Tensor, keys_values: KeysValues, mask: Tensor, training: bool = False) -> Tensor:
        """``x`` ``(batch, target, d_model)``; ``keys_values`` from the encoder's output; ``mask`` as in the encoder."""
        y, _ = self.attention.attend(self.residual.enter(x), keys_values, mask)
        return self.residual.leave(x, y, training=training)
