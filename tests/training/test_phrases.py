"""What Keras learns of phrases is what NumPy says of them."""

import keras
import numpy as np

from model.phrases import phrase_logits, phrase_shapes
from training.batches import padded
from training.phrases import PhraseReader

SOURCES = [[1, 3, 30, 31, 2], [1, 3, 40, 2], [1, 3, 50, 51, 52, 53, 54, 55, 2]]
LABELS = {name: np.array([1, 0, -1]) for name in ("crisis", "identity")}


def reader() -> PhraseReader:
    keras.utils.set_random_seed(3)
    return PhraseReader(np.random.default_rng(0).normal(size=(60, 16), scale=0.1))


def test_both_say_the_same_however_much_padding_there_is() -> None:
    phrases = reader()
    arrays = phrases.learned()
    assert {name: array.shape for name, array in arrays.items()} == phrase_shapes(60, 16)
    for length in (12, 20):
        said = keras.ops.convert_to_numpy(phrases({"source": padded(SOURCES, length), **LABELS}))
        np.testing.assert_allclose(said, phrase_logits(arrays, SOURCES), rtol=1e-4, atol=1e-5)


def test_it_begins_with_vectors_of_a_size_that_layers_expect() -> None:
    assert 0.8 < reader().learned()["phrases/embeddings"].std() < 1.2


def test_it_learns_what_it_is_told() -> None:
    phrases = reader()
    phrases.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = [float(phrases.train_on_batch({"source": padded(SOURCES), **LABELS})) for _ in range(30)]
    assert losses[-1] < 0.2 * losses[0]
