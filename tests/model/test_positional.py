"""Positions as points on circles."""

import numpy as np

from model.positional import positional_encoding


def test_the_slowest_and_the_fastest_circle() -> None:
    table = positional_encoding(50, 8)
    assert table.shape == (50, 8)
    np.testing.assert_allclose(table[0], [0, 0, 0, 0, 1, 1, 1, 1])
    np.testing.assert_allclose(table[:, 0], np.sin(np.arange(50)), atol=1e-5)
    np.testing.assert_allclose(table[:, 7], np.cos(np.arange(50) / 1_000), atol=1e-5)


def test_a_distance_is_the_same_rotation_everywhere() -> None:
    """The property the paper chose them for: PE(p + k) is a linear function of PE(p)."""
    table = positional_encoding(64, 16)
    products = table @ table.T
    for distance in (1, 5, 20):
        np.testing.assert_allclose(np.diag(products, distance), products[0, distance], rtol=1e-3)
