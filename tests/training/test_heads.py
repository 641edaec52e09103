"""The heads learn from labelled messages alone, and the checkpoint's copy says what they say."""

import keras
import numpy as np
import pytest
from keras import ops

from model.config import preset
from model.heads import emotion_probabilities, newest_turn_mean
from model.transformer import Transformer
from training.heads import ClassifierHeads, emotion_loss, yes_no_loss
from training.loss import ReplyLoss, SmoothedCrossEntropy, Trainee

RNG = np.random.default_rng(0)
SOURCE = np.array([[1, 3, 20, 21, 4, 22, 2, 0], [1, 3, 23, 2, 0, 0, 0, 0]], dtype="int32")
MEMORY = RNG.normal(size=(2, 8, 16)).astype("float32")
NONE = np.array([-1, -1], dtype="int32")


def random_heads() -> ClassifierHeads:
    heads = ClassifierHeads(16, 0.1, 0.1)
    for variable in heads.weights:
        variable.assign(RNG.normal(size=variable.shape))
    return heads


def test_keras_and_numpy_say_the_same() -> None:
    heads = random_heads()
    kept = heads.learned()
    assert kept is not None
    pooled = newest_turn_mean(MEMORY, SOURCE)
    emotion, crisis = heads(MEMORY, SOURCE)
    np.testing.assert_allclose(ops.softmax(emotion), emotion_probabilities(kept, pooled), atol=1e-6)
    np.testing.assert_allclose(crisis, kept.crisis(pooled)[:, 0], atol=1e-5)

    again = ClassifierHeads(16, 0.1, 0.1)
    again.begin_from(kept)
    np.testing.assert_array_equal(ops.convert_to_numpy(again(MEMORY, SOURCE)[0]), ops.convert_to_numpy(emotion))


def test_each_loss_is_the_mean_over_its_labelled_rows() -> None:
    logits = RNG.normal(size=(3, 60)).astype("float32")
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    label = np.array([7, -1, 59])
    assert float(emotion_loss(label, logits)) == pytest.approx(-(log_p[0, 7] + log_p[2, 59]) / 2, rel=1e-5)

    logit = np.array([0.5, 1.5, -2.0], dtype="float32")
    p = 1 / (1 + np.exp(-logit))
    expected = -(10 * np.log(p[0]) + np.log(1 - p[2])) / 2  # a yes weighs ten times a no
    assert float(yes_no_loss(np.array([1, -1, 0]), logit, positive=10.0)) == pytest.approx(expected, rel=1e-5)


def test_without_a_label_nothing_is_lost_and_nothing_learned() -> None:
    heads = random_heads()
    assert float(heads.loss(MEMORY, SOURCE, NONE, NONE)) == 0.0
    assert float(ClassifierHeads(16, 0.0, 0.0).loss(MEMORY, SOURCE, np.array([3, 4]), np.array([1, 0]))) == 0.0


def test_a_head_without_weight_is_not_kept() -> None:
    assert ClassifierHeads(16, 0.1, 0.0).learned() is None


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_they_learn_beside_the_reply(precision: str) -> None:
    keras.config.set_dtype_policy(precision)
    try:
        keras.utils.set_random_seed(1)
        config = preset(
            "default", vocabulary_size=50, d_model=16, heads=2, key_dim=8, feed_forward=32, encoder_layers=1,
            decoder_layers=1, dropout=0.0,
        )  # fmt: skip
        heads = ClassifierHeads(config.d_model, 0.5, 0.5)
        trainee = Trainee(Transformer(config), 0.0, heads)
        trainee.compile(
            optimizer=keras.optimizers.Adam(1e-2), loss=SmoothedCrossEntropy(0.0), metrics=[ReplyLoss(0.0)],
            jit_compile=False,
        )  # fmt: skip
        trainee.build()
        label = np.array([[30, 2], [31, 2]], dtype="int32")
        inputs = {
            "source": SOURCE, "target": np.array([[1, 30], [1, 31]], dtype="int32"), "label": label,
            "emotion": np.array([11, 48], dtype="int32"), "crisis": np.array([1, 0], dtype="int32"),
        }  # fmt: skip
        for _ in range(60):
            trainee.reset_metrics()
            figures = trainee.train_on_batch(inputs, label, return_dict=True)
        assert figures["loss"] - figures["reply"] < 0.3
        memory, _ = trainee.transformer.encode(SOURCE)
        emotion, crisis = heads(memory, SOURCE)
        assert ops.convert_to_numpy(ops.argmax(emotion, -1)).tolist() == [11, 48]
        assert crisis[0] > 0 > crisis[1]

        unlabelled = trainee.test_on_batch({**inputs, "emotion": NONE, "crisis": NONE}, label, return_dict=True)
        assert np.isfinite(unlabelled["loss"])
    finally:
        keras.config.set_dtype_policy("float32")
