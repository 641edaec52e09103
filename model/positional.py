"""Sines and cosines for positions (section 3.5)."""

import numpy as np


def positional_encoding(length: int, d_model: int) -> np.ndarray:
    """Each position as a point on ``d_model / 2`` circles that turn ever more slowly. Shape ``(length, d_model)``.

    All sines first, then all cosines, as TensorFlow's tutorial has them; the paper interleaves the two, which is the
    same up to the order of the columns.
    """
    position = np.arange(length)[:, None]  # (length, 1)
    rate = 10_000.0 ** (-np.arange(d_model // 2) / (d_model / 2))  # (d_model / 2,)
    angle = position * rate  # (length, d_model / 2)
    return np.concatenate([np.sin(angle), np.cos(angle)], axis=-1).astype("float32")
