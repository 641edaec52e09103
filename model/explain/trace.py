"""One forward pass, layer by layer, that keeps what each attention looked at.

The layers themselves return vectors only, as training and decoding want it. The walk below does what their ``call``
does, in the same order, and keeps the weights that ``attend`` has computed anyway.
"""

from typing import NamedTuple

import numpy as np
from keras import ops

from model.attention import BaseAttention, KeysValues, Tensor
from model.tokenizer import PAD
from model.transformer import Transformer


class Trace(NamedTuple):
    """What a forward pass gave and looked at; weights of a row sum to 1."""

    logits: np.ndarray  # (batch, target, vocabulary)
    encoder: np.ndarray  # (batch, layers, heads, source, source)
    decoder: np.ndarray  # (batch, layers, heads, target, target)
    cross: np.ndarray  # (batch, layers, heads, target, source)


def trace(transformer: Transformer, source: np.ndarray, target: np.ndarray) -> Trace:
    """Read ``source`` ``(batch, source)`` and write ``target`` ``(batch, target)``, ids padded with 0, watching.

    Writing the whole target at once looks where writing it token by token looked: a position sees only what stands
    before it, and that is the same either way.
    """
    encoder, decoder, cross = [], [], []

    mask = ops.not_equal(source, PAD)[:, None, None, :]  # (batch, 1, 1, source)
    x = transformer.source_embedding(source)
    for layer in transformer.encoder.stack:
        x, weights = _look(layer.self_attention, x, None, mask)
        x = layer.feed_forward(x)
        encoder.append(weights)
    memory = x if transformer.encoder.norm is None else transformer.encoder.norm(x)

    position = np.arange(target.shape[1])
    causal = position[:, None] >= position[None, :]  # (target, target)
    x = transformer.target_embedding(target)
    for layer in transformer.decoder.stack:
        x, weights = _look(layer.self_attention, x, None, causal)
        decoder.append(weights)
        x, weights = _look(layer.cross_attention, x, layer.cross_attention.attention.keys_values(memory), mask)
        cross.append(weights)
        x = layer.feed_forward(x)
    logits = transformer.logits(x if transformer.decoder.norm is None else transformer.decoder.norm(x))

    return Trace(ops.convert_to_numpy(logits), _stacked(encoder), _stacked(decoder), _stacked(cross))


def _look(
    layer: BaseAttention, x: Tensor, keys_values: KeysValues | None, mask: Tensor | np.ndarray
) -> tuple[Tensor, Tensor]:
    """An attention in its residual branch: the new ``x``, and the weights. No ``keys_values``: it looks at itself."""
    inner = layer.residual.enter(x)
    y, weights = layer.attention.attend(inner, keys_values or layer.attention.keys_values(inner), mask)
    return layer.residual.leave(x, y), weights


def _stacked(layers: list[Tensor]) -> np.ndarray:
    """Weights ``(batch, heads, …, …)`` of every layer -> ``(batch, layers, heads, …, …)``."""
    return np.stack([ops.convert_to_numpy(weights).astype("float32") for weights in layers], axis=1)
