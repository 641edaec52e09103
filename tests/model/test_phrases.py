"""A few tokens in a row are found wherever they stand."""

import numpy as np
import pytest

from model.phrases import FILTERS, WIDTHS, phrase_logits, phrase_shapes


@pytest.fixture
def arrays() -> dict[str, np.ndarray]:
    """One filter, for the token 7 before the token 9, says yes to the first question; all else is silent."""
    shapes = phrase_shapes(20, 20)
    arrays = {name: np.zeros(shape) for name, shape in shapes.items()}
    arrays["phrases/embeddings"] = np.eye(20)
    arrays["phrases/width_2/kernel"][0, 7, 0] = arrays["phrases/width_2/kernel"][1, 9, 0] = 1
    arrays["phrases/width_2/bias"][0] = -1
    arrays["phrases/output/kernel"][WIDTHS.index(2) * FILTERS, 0] = 5
    return arrays


@pytest.mark.parametrize("ids", [[7, 9], [1, 3, 7, 9, 2], [7, 9, 5, 5, 5, 5, 5], [5, 5, 5, 5, 5, 7, 9]])
def test_it_is_heard_at_the_beginning_in_the_middle_and_at_the_end(
    arrays: dict[str, np.ndarray], ids: list[int]
) -> None:
    assert phrase_logits(arrays, [ids]).tolist() == [[5, 0]]


@pytest.mark.parametrize("ids", [[9, 7], [7, 5, 9], [7], [9]])
def test_another_order_and_half_of_it_are_something_else(arrays: dict[str, np.ndarray], ids: list[int]) -> None:
    assert phrase_logits(arrays, [ids]).tolist() == [[0, 0]]


def test_none_reaches_into_the_next_message(arrays: dict[str, np.ndarray]) -> None:
    messages = [[7, 9], [5, 7], [9, 5], [7], [9], [1, 3, 7, 9, 2]] * 20
    assert phrase_logits(arrays, messages)[:, 0].tolist() == [5, 0, 0, 0, 0, 5] * 20
