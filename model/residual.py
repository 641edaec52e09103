"""The branch around every sub-layer: dropout, addition and layer normalisation (sections 3.1 and 5.4)."""

import keras

from model.config import ModelConfig


def branch_initializer(config: ModelConfig) -> str:
    """How a sub-layer's last matrix begins: where ``norm="pre"``, at zero, so that the stack begins as the identity.

    Then the decoder sees at once which words were said, however many layers will come to lie between (after Zhang et
    al. 2019, Fixup). Behind the paper's norm a branch of zeros would be no more than another norm: it begins as usual.
    """
    return "zeros" if config.norm == "pre" else "glorot_uniform"


class Residual(keras.layers.Layer):
    """``norm="post"``: LayerNorm(x + Sublayer(x)), the paper's; ``"pre"``: x + Sublayer(LayerNorm(x)).

    With the norm inside of the branch (Xiong et al. 2020) the sum runs through the whole stack untouched, so that
    deep models train without a careful warm-up; the stack then ends with a norm of its own.
    """

    def __init__(self, config: ModelConfig, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.pre = config.norm == "pre"
        self.norm = keras.layers.LayerNormalization(epsilon=config.layer_norm_epsilon, name="norm")
        self.dropout = keras.layers.Dropout(config.dropout, name="dropout")

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights; ``input_shape`` is ``(batch, length, d_model)``."""
        self.norm.build(input_shape)

    def enter(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """What the sub-layer gets to see of ``x``."""
        return self.norm(x) if self.pre else x

    def leave(self, x: keras.KerasTensor, y: keras.KerasTensor, training: bool = False) -> keras.KerasTensor:
        """``x`` and the sub-layer's output ``y`` joined."""
        x = x + self.dropout(y, training=training)
        return x if self.pre else self.norm(x)
