"""The loss is the formula, and padding costs nothing."""

import numpy as np
import pytest
from keras import ops

from training.loss import ReplyLoss, SmoothedCrossEntropy, Trainee, disagreement, token_losses, words_loss

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


def test_guessing_words_counts_words_alone_in_no_order() -> None:
    logits = RNG.normal(size=(2, 9)).astype("float32")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    label = np.array([[5, 7, 2, 0], [3, 2, 0, 0]])  # 2 is [END]
    expected = -(log_p[0, 5] + log_p[0, 7] + log_p[1, 3]) / 3
    assert float(words_loss(label, logits)) == pytest.approx(float(expected), rel=1e-5)
    assert float(words_loss(np.array([[7, 5, 2, 0], [3, 2, 0, 0]]), logits)) == pytest.approx(float(expected), rel=1e-5)


def test_two_passes_disagree_by_the_divergence_of_their_distributions() -> None:
    one, other = RNG.normal(size=(2, 1, 3, 5)).astype("float32")
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (one, other))
    expected = ((p * np.log(p / q)).sum(-1) + (q * np.log(q / p)).sum(-1))[0, :2].mean() / 2
    label = np.array([[7, 2, 0]])  # the third is padding
    assert float(disagreement(label, one, other)) == pytest.approx(float(expected), rel=1e-4)
    assert float(disagreement(label, one, one)) == pytest.approx(0, abs=1e-6)


def test_the_second_task_is_added_to_the_first() -> None:
    from model.config import ModelConfig, preset
    from model.transformer import Transformer

    config: ModelConfig = preset(
        "default", vocabulary_size=50, d_model=16, heads=2, key_dim=8, feed_forward=32, encoder_layers=1, dropout=0.0
    )
    transformer = Transformer(config)
    inputs = {"source": np.array([[1, 3, 20, 2]]), "target": np.array([[1, 30]]), "label": np.array([[30, 2]])}
    losses = []
    for weight in (0.0, 0.5):
        trainee = Trainee(transformer, weight)
        trainee.compile(loss=SmoothedCrossEntropy(0.0), metrics=[ReplyLoss(0.0)])
        losses.append(trainee.test_on_batch(inputs, inputs["label"], return_dict=True))
    assert losses[0]["loss"] == pytest.approx(losses[0]["reply"], rel=1e-4)
    assert losses[1]["reply"] == pytest.approx(losses[0]["reply"], rel=1e-4)
    assert losses[1]["loss"] > losses[0]["loss"] + 0.1


def test_a_row_that_fills_a_batch_up_changes_nothing() -> None:
    from model.config import preset
    from model.transformer import Transformer
    from training.batches import Example, bucketed
    from training.heads import ClassifierHeads

    config = preset(
        "default", vocabulary_size=50, d_model=16, heads=2, key_dim=8, feed_forward=32, encoder_layers=1, dropout=0.0,
        max_source=8, max_target=8,
    )  # fmt: skip
    trainee = Trainee(Transformer(config), 0.5, ClassifierHeads(16, 0.1, 0.4), r_drop=1.0)
    trainee.compile(loss=SmoothedCrossEntropy(0.1), metrics=[ReplyLoss(0.1)])
    rows = [Example([1, 3, 20, 2], [1, 30], [30, 2], emotion=4, crisis=0), Example([1, 3, 21, 2], [1], [2], crisis=1)]
    [full] = bucketed(rows, 2, few=config)
    [filled] = bucketed(rows, 5, few=config)
    figures = [trainee.test_on_batch(vars(batch), batch.label, return_dict=True) for batch in (full, filled)]
    assert filled.source.shape[0] == 5
    assert figures[0] == pytest.approx(figures[1], rel=1e-4)
