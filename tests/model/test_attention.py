"""Attention looks where it may, and nowhere else."""

import numpy as np
from keras import ops

from model.attention import CausalSelfAttention, GlobalSelfAttention, scaled_dot_product_attention
from model.config import ModelConfig
from tests.model.shaken import shaken

RNG = np.random.default_rng(0)


def numbers(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


def test_it_is_the_formula_of_the_paper() -> None:
    query, key, value = numbers(1, 1, 2, 4), numbers(1, 1, 3, 4), numbers(1, 1, 3, 4)
    exponentials = np.exp(query[0, 0] @ key[0, 0].T / 2)  # √d_k = 2
    expected = exponentials / exponentials.sum(-1, keepdims=True) @ value[0, 0]
    output, weights = scaled_dot_product_attention(query, key, value, None)
    np.testing.assert_allclose(ops.convert_to_numpy(output)[0, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(weights).sum(-1), 1, rtol=1e-6)


def test_what_is_masked_has_no_weight() -> None:
    mask = np.array([True, False, True])
    _, weights = scaled_dot_product_attention(numbers(2, 2, 4, 8), numbers(2, 2, 3, 8), numbers(2, 2, 3, 8), mask)
    assert float(ops.max(weights[..., 1])) == 0


def test_padding_changes_nothing(tiny: ModelConfig) -> None:
    layer = GlobalSelfAttention(tiny)
    layer.build((None, None, tiny.d_model))
    shaken(layer)
    x = numbers(1, 5, tiny.d_model)
    alone = layer(x, np.ones((1, 1, 1, 5), bool))
    longer = np.concatenate([x, numbers(1, 3, tiny.d_model)], axis=1)
    padded = layer(longer, np.arange(8)[None, None, None] < 5)
    np.testing.assert_allclose(padded[:, :5], alone, atol=1e-5)


def test_nobody_looks_into_the_future(tiny: ModelConfig) -> None:
    layer = CausalSelfAttention(tiny)
    layer.build((None, None, tiny.d_model))
    shaken(layer)
    x = numbers(1, 6, tiny.d_model)
    changed = x.copy()
    changed[:, 4:] = 9
    np.testing.assert_allclose(layer(x)[:, :4], layer(changed)[:, :4], atol=1e-5)
    assert not np.allclose(layer(x)[:, 4:], layer(changed)[:, 4:], atol=1e-2)


def test_one_step_at_a_time_gives_what_the_whole_gives(tiny: ModelConfig) -> None:
    layer = CausalSelfAttention(tiny)
    layer.build((None, None, tiny.d_model))
    shaken(layer)
    x = numbers(2, 6, tiny.d_model)
    whole = layer(x)
    empty = ops.zeros((2, tiny.heads, 6, tiny.key_dim))
    cache = (empty, empty)
    for position in range(6):
        y, cache = layer.step(x[:, position : position + 1], position, cache)
        np.testing.assert_allclose(y, whole[:, position : position + 1], atol=1e-5)
