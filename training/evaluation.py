"""How well a Transformer predicts held-out replies, and whether it knows which reply belongs to what was said."""

import math
import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.tokenizer import Tokenizer
from training.batches import Example, bucketed, to_batch
from training.hardware import few_shapes
from training.loss import TokenScores

CANDIDATES = 20
_BATCH = 64


def likelihood(scores: TokenScores, rows: Sequence[Example], tokenizer: Tokenizer) -> dict[str, float]:
    """Loss (nats a token), accuracy, bits per character and perplexity of ``rows`` under teacher forcing.

    Bits per character divide by the reply's characters, so that models with other tokenizers can be compared.
    """
    nats = correct = 0.0
    tokens = 0
    for batch in bucketed(rows, _BATCH, few=few_shapes(scores.transformer.config)):
        result = scores.predict_on_batch({"source": batch.source, "target": batch.target, "label": batch.label})
        nats += float(result["nats"].sum())
        correct += float(result["correct"].sum())
        tokens += batch.tokens
    characters = sum(len(tokenizer.decode(row.label)) for row in rows)
    loss = nats / max(tokens, 1)
    return {
        "loss": loss,
        "accuracy": correct / max(tokens, 1),
        "bits_per_character": nats / math.log(2) / max(characters, 1),
        "perplexity": math.exp(min(loss, 50.0)),
        "examples": len(rows),
        "tokens": tokens,
    }


def hits_at_1(scores: TokenScores, rows: Sequence[Example], *, limit: int = 300, seed: int = 0) -> float:
    """Share of ``rows`` whose true reply is likelier, by nats a token, than 19 other replies drawn from ``rows``.

    At most ``limit`` of the rows are asked, always the same ones. Chance gives 0.05. Where there are fewer replies than
    ``CANDIDATES``, all of them stand beside the true one, and the figure is higher than it should be.
    """
    rng = random.Random(seed)
    replies = {tuple(row.label): row for row in rows}
    asked = rng.sample(list(rows), min(limit, len(rows)))
    few = few_shapes(scores.transformer.config)
    hits = 0
    for row in asked:
        others = [reply for label, reply in replies.items() if label != tuple(row.label)]
        # The true one last: of equals, and of what is no number, the first is taken.
        candidates = [*rng.sample(others, min(CANDIDATES - 1, len(others))), row]
        batch = to_batch([replace(candidate, source=row.source) for candidate in candidates], few)
        source = batch.source[:1]  # read once, and broadcast to all candidates
        label, target = batch.label, batch.target
        nats = scores.predict_on_batch({"source": source, "target": target, "label": label})["nats"].sum(axis=1)
        hits += int(np.argmin(nats / (label != 0).sum(axis=1)) == len(candidates) - 1)
    return hits / max(len(asked), 1)


def enough_candidates(rows: Sequence[Example]) -> bool:
    """Whether ``hits_at_1`` of ``rows`` is what it says."""
    return len({tuple(row.label) for row in rows}) >= CANDIDATES


def shuffled(rows: Sequence[Example], seed: int = 0) -> list[Example]:
    """``rows`` with their sources passed on to one another: what the loss is when the message tells nothing."""
    rng = random.Random(seed)
    order = list(range(len(rows)))
    rng.shuffle(order)
    # A rotation of a random order: nobody keeps their own source.
    source_of = {order[i]: rows[order[(i + 1) % len(order)]].source for i in range(len(order))}
    return [Example(source_of[index], row.target, row.label) for index, row in enumerate(rows)]
