"""Phrases: what a few tokens in a row say, wherever they stand, beside what the encoder makes of the whole.

A convolution over the tokens' embeddings and the strongest that it finds of each kind (Kim 2014). The encoder weighs
every word against every other and answers for the mean; this asks whether one of some hundreds of turns of phrase
occurs at all. The two err differently. NumPy alone; ``training.phrases`` learns the same sums.
"""

from collections.abc import Mapping, Sequence

import numpy as np

WIDTHS = (1, 2, 3, 4, 5)  # tokens
FILTERS = 160  # kinds of phrases of each width


def phrase_shapes(vocabulary: int, d_model: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array."""
    shapes: dict[str, tuple[int, ...]] = {"phrases/embeddings": (vocabulary, d_model)}
    for width in WIDTHS:
        shapes[f"phrases/width_{width}/kernel"] = (width, d_model, FILTERS)
        shapes[f"phrases/width_{width}/bias"] = (FILTERS,)
    shapes["phrases/output/kernel"], shapes["phrases/output/bias"] = (len(WIDTHS) * FILTERS, 2), (2,)
    return shapes


def phrase_logits(arrays: Mapping[str, np.ndarray], ids: Sequence[int]) -> np.ndarray:
    """Ids of a message, without padding -> the logits of ``model.heads.QUESTIONS``, ``(2,)``."""
    vectors = arrays["phrases/embeddings"][list(ids)]  # (tokens, d_model)
    found = []
    for width in WIDTHS:
        kernel = arrays[f"phrases/width_{width}/kernel"]
        edged = np.pad(vectors, (((width - 1) // 2, width // 2), (0, 0)))
        rows = np.lib.stride_tricks.sliding_window_view(edged, width, axis=0)  # (tokens, d_model, width)
        seen = rows.transpose(0, 2, 1).reshape(len(vectors), -1) @ kernel.reshape(-1, FILTERS)
        found.append(np.maximum(seen + arrays[f"phrases/width_{width}/bias"], 0).max(axis=0))
    return np.asarray(np.concatenate(found) @ arrays["phrases/output/kernel"] + arrays["phrases/output/bias"])
