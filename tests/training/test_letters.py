"""What Keras learns of letters is what NumPy says of them."""

import keras
import numpy as np

from model.letters import letter_logits, letter_rows, letter_shapes
from training.batches import padded
from training.letters import LetterReader

MESSAGES = ["죽고 싶어", "배고파", "너 누구야"]
INPUTS = {
    "letters": padded([[place + 1 for place in letter_rows(message)] for message in MESSAGES]),
    "crisis": np.array([1, 0, -1]),
    "identity": np.array([-1, 0, 1]),
}


def test_both_say_the_same() -> None:
    keras.utils.set_random_seed(3)
    letters = LetterReader()
    arrays = letters.learned()
    assert {name: array.shape for name, array in arrays.items()} == letter_shapes()
    said = keras.ops.convert_to_numpy(letters(INPUTS))
    np.testing.assert_allclose(said, [letter_logits(arrays, message) for message in MESSAGES], rtol=1e-4, atol=1e-6)


def test_it_learns_what_it_is_told_and_what_nobody_said_does_not_count() -> None:
    keras.utils.set_random_seed(3)
    letters = LetterReader()
    letters.compile(keras.optimizers.Adam(1e-2), jit_compile=False)
    losses = [float(letters.train_on_batch(INPUTS)) for _ in range(30)]
    assert losses[-1] < 0.2 * losses[0]
    arrays = letters.learned()
    crisis, identity = np.array([letter_logits(arrays, message) for message in MESSAGES]).T
    assert crisis[0] > 0 > crisis[1] and identity[2] > 0 > identity[1]
