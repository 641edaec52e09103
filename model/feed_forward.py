"""Position-wise feed-forward network (section 3.3): what a position thinks about what it has gathered."""

import keras

from model.config import ModelConfig
from model.residual import Residual, branch_initializer


class FeedForward(keras.layers.Layer):
    """max(0, xW₁ + b₁)W₂ + b₂ at each position alone, in a residual branch. ``(batch, length, d_model)`` throughout."""

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(config.feed_forward, activation=config.activation, name="inner")
        self.outer = keras.layers.Dense(config.d_model, kernel_initializer=branch_initializer(config), name="outer")
        self.residual = Residual(config, name="residual")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, length, d_model)``."""
        self.inner.build(input_shape)
        self.outer.build((*input_shape[:-1], self.inner.units))
        self.residual.build(input_shape)

    def call(self, x: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """``x`` ``(batch, length, d_model)``."""
        y = self.outer(self.inner(self.residual.enter(x)))
        return self.residual.leave(x, y, training=training)
