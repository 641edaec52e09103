"""What is ruled out or made less likely is just that, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from model.constraints import block_repeats, nucleus, penalize_repeats


def test_blocking_rules_out_exactly_what_would_repeat() -> None:
    ids = tf.constant([[5, 6, 7, 5, 6, 0, 0], [5, 6, 7, 8, 9, 0, 0]])
    logits = block_repeats(tf.zeros((2, 10)), ids, tf.constant(5), 3)
    assert np.argwhere(logits.numpy() < 0).tolist() == [[0, 7]]


def test_the_nucleus_is_the_smallest_set_with_its_probability() -> None:
    logits = tf.math.log([[0.5, 0.3, 0.15, 0.05]])
    for top_p, kept in ((0.4, 1), (0.5, 1), (0.6, 2), (0.9, 3), (1.0, 4)):
        assert int(tf.reduce_sum(tf.cast(nucleus(logits, top_p) > -1e8, tf.int32))) == kept


def test_what_is_written_already_gets_less_likely_and_nothing_else_does() -> None:
    logits = tf.constant([[3.0, 2.0, -2.0, 0.5], [3.0, 2.0, -2.0, 0.5]])
    ids = tf.constant([[1, 2, 1, 0], [3, 0, 0, 0]])  # 0 is padding
    found = penalize_repeats(logits, ids, 2.0)
    assert found.numpy() == pytest.approx(np.array([[3.0, 1.0, -4.0, 0.5], [3.0, 2.0, -2.0, 0.25]]))
    assert penalize_repeats(logits, ids, 1.0).numpy() == pytest.approx(logits.numpy())
