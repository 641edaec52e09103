"""The loss is the formula, and padding costs nothing."""

import numpy as np
import pytest
from keras import ops

from training.loss import SmoothedCrossEntropy, token_losses

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_it_is_the_cross_entropy_with_the_smoothed_distribution(smoothing: float) -> None:
    logits = RNG.normal(size=(2, 3, 5)).astype("float32")
    label = RNG.integers(0, 5, (2, 3))
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    wanted = (1 - smoothing) * np.eye(5)[label] + smoothing / 5
    expected = -(wanted * log_p).sum(-1)
    np.testing.assert_allclose(ops.convert_to_numpy(token_losses(label, logits, smoothing)), expected, rtol=1e-4)


def test_padding_has_no_say() -> None:
    logits = RNG.normal(size=(1, 4, 5)).astype("float32")
    loss = SmoothedCrossEntropy(0.1)
    short = loss(np.array([[3, 2]]), logits[:, :2])
    assert float(loss(np.array([[3, 2, 0, 0]]), logits)) == pytest.approx(float(short), rel=1e-5)
