"""Phrases: what a few tokens in a row say, wherever they stand, beside what the encoder makes of the whole.

A convolution over the tokens' embeddings and the strongest that it finds of each kind (Kim 2014). The encoder weighs
every word against every other and answers for the mean; this asks whether one of some hundreds of turns of phrase
occurs at all. The two err differently. NumPy alone; ``training.phrases`` learns the same sums.
"""

from collections.abc import Mapping, Sequence

import numpy as np

WIDTHS = (1, 2, 3, 4, 5)  # tokens
FILTERS = 160  # kinds of phrases of each width
_EDGE = max(WIDTHS) // 2  # tokens beyond a message's ends that its widest phrases reach to
_TOGETHER = 32  # messages


def phrase_shapes(vocabulary: int, d_model: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of every array."""
    shapes: dict[str, tuple[int, ...]] = {"phrases/embeddings": (vocabulary, d_model)}
    for width in WIDTHS:
        shapes[f"phrases/width_{width}/kernel"] = (width, d_model, FILTERS)
        shapes[f"phrases/width_{width}/bias"] = (FILTERS,)
    shapes["phrases/output/kernel"], shapes["phrases/output/bias"] = (len(WIDTHS) * FILTERS, 2), (2,)
    return shapes


def phrase_logits(arrays: Mapping[str, np.ndarray], sources: Sequence[Sequence[int]]) -> np.ndarray:
    """Ids of messages, without padding -> the logits of ``model.heads.QUESTIONS``, ``(messages, 2)``."""
    return np.concatenate([_logits(arrays, sources[at : at + _TOGETHER]) for at in range(0, len(sources), _TOGETHER)])


def _logits(arrays: Mapping[str, np.ndarray], sources: Sequence[Sequence[int]]) -> np.ndarray:
    """All of ``sources`` in one row, with nothing around each: a large product is cheaper than many small ones."""
    ends = np.cumsum([len(ids) + _EDGE for ids in sources])
    begins = ends - [len(ids) for ids in sources]
    row = np.zeros((ends[-1] + _EDGE, arrays["phrases/embeddings"].shape[1]), "float32")
    for begin, ids in zip(begins, sources, strict=True):
        row[begin : begin + len(ids)] = arrays["phrases/embeddings"][list(ids)]
    # Where each message begins and ends in what is found from the first edge on; every other stretch is one between.
    stretches = np.stack([begins, ends], axis=1).reshape(-1)[:-1] - _EDGE
    found = []
    for width in WIDTHS:
        kernel, first = arrays[f"phrases/width_{width}/kernel"], _EDGE - (width - 1) // 2
        shifted = (row[first + at : ends[-1] + first + at - _EDGE] @ kernel[at] for at in range(width))
        seen = np.maximum(sum(shifted) + arrays[f"phrases/width_{width}/bias"], 0)
        found.append(np.maximum.reduceat(seen, stretches)[::2])
    return np.asarray(np.concatenate(found, axis=1) @ arrays["phrases/output/kernel"] + arrays["phrases/output/bias"])
