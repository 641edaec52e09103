"""Weights as if something had been learned: in a new stack every branch is zero, and shows nothing."""

from typing import TypeVar

import keras
import numpy as np

_Layer = TypeVar("_Layer", bound=keras.layers.Layer)


def shaken(layer: _Layer, seed: int = 5) -> _Layer:
    """``layer``, which has its weights, with each of them moved by chance."""
    rng = np.random.default_rng(seed)
    for variable in layer.weights:
        variable.assign(variable + rng.normal(0, 0.15, variable.shape))
    return layer
