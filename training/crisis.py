"""The crisis head, fitted once more when the encoder has learned what it will: a logistic regression, and its alarm.

While the Transformer is trained the head shapes the encoder. Then the encoder stands still, and what is left is a small
convex problem: weights for the encoder's mean and for the message's letters (``model.letters``), since the two err
differently. It takes minutes, so it can be done again whenever there are more messages to learn from.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np
from keras import ops

from model.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from model.heads import ALARM, Heads, Linear, crisis_probabilities
from model.letters import PLACES, letter_rows
from model.tokenizer import PAD
from model.transformer import Transformer
from training.batches import padded
from training.corpus import Conversation
from training.labels import crisis_label
from training.mixture import Mixture
from training.understanding import newest_turn_means

# The share of ordinary messages that may be answered with the help line: each is a nuisance, a missed one a danger.
MISTAKEN = 0.01

_DRAWS = 2  # epochs of the mixture that it learns from: most families' expansions, most messages typed in two ways
_EPOCHS = 5
_BATCH = 64
_RATE = 2e-3
_POSITIVE = 4.0  # weight of a message that does speak of it


def fit_crisis_in(folder: Path, mixture: Mixture, seed: int, card: dict[str, Any]) -> None:
    """Put what ``fit_crisis`` makes into the checkpoint in ``folder``, and ``card`` on its card; all else stays."""
    kept = load_checkpoint(folder)
    heads = fit_crisis(kept, mixture, seed)
    card = {**kept.card, **card}
    save_checkpoint(folder, kept.config, kept.tokenizer, kept.weights, card, half=True, heads=heads)


def fit_crisis(checkpoint: Checkpoint, mixture: Mixture, seed: int) -> Heads:
    """The heads of ``checkpoint`` with the second one learned anew from ``mixture``.

    Where the mixture has no message that speaks of a crisis, or none that does not, the heads stay as they are.

    Raises:
        ValueError: the checkpoint has no heads.
    """
    if checkpoint.heads is None:
        raise ValueError("this checkpoint has no heads: its encoder has not learned to hear of a crisis")
    messages = dict(_messages(mixture, seed))
    texts, labels = list(messages), np.array(list(messages.values()), "float32")
    if labels.all() or not labels.any():
        return checkpoint.heads
    transformer = Transformer(checkpoint.config)
    transformer.set_named_weights(checkpoint.weights)
    means = newest_turn_means(transformer, checkpoint.tokenizer, texts)
    crisis, letters = _regression(means, [[place + 1 for place in letter_rows(text)] for text in texts], labels, seed)
    heads = replace(checkpoint.heads, crisis=crisis, letters=letters)
    ordinary = ordinary_turns(mixture, "validation")
    if not ordinary:
        return heads
    said = crisis_probabilities(heads, newest_turn_means(transformer, checkpoint.tokenizer, ordinary), ordinary)
    return _alarmed(heads, float(np.quantile(said, 1 - MISTAKEN)))


def ordinary_turns(mixture: Mixture, split: Literal["validation", "test"]) -> list[str]:
    """What people say in held-out conversations, each once, where nothing is the matter."""
    talks = [talk for part in mixture.held_out(split).values() for talk in part]
    return sorted({text for talk in talks for text, label in _turns(talk) if label == 0})


def _messages(mixture: Mixture, seed: int) -> Iterator[tuple[str, int]]:
    """Texts with 1 or 0, none of them held out."""
    for number in range(1, _DRAWS + 1):
        for talk in mixture.epoch(seed, number):
            yield from ((text, label) for text, label in _turns(talk) if label >= 0)
        yield from ((message.text, int(message.crisis)) for message in mixture.epoch_messages(seed, number))
    yield from ((message.text, int(message.crisis)) for message in mixture.messages_of("train"))


def _turns(talk: Conversation) -> list[tuple[str, int]]:
    turns = talk.turns[talk.context :: 2]
    return [(text, crisis_label(talk, exchange)) for exchange, text in enumerate(turns)]


def _regression(
    means: np.ndarray, rows: Sequence[list[int]], labels: np.ndarray, seed: int
) -> tuple[Linear, np.ndarray]:
    """Logistic regression on means ``(messages, d_model)`` and rows of letters; those from 1, since 0 is padding."""
    centre, scale = means.mean(axis=0), means.std(axis=0) + 1e-6
    keras.utils.set_random_seed(seed)
    model, dense, embedding = _model(means.shape[1])
    rng = random.Random(seed)
    order = list(range(len(labels)))
    for _ in range(_EPOCHS):
        rng.shuffle(order)
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            inputs = [(means[batch] - centre) / scale, padded([rows[index] for index in batch])]
            weight = np.where(labels[batch] == 1, _POSITIVE, 1.0)
            model.train_on_batch(inputs, labels[batch][:, None], sample_weight=weight)
    kernel, bias = (ops.convert_to_numpy(variable) for variable in dense.weights)
    letters = ops.convert_to_numpy(embedding.weights[0])[1:, 0]
    kernel = kernel / scale[:, None]
    return Linear(kernel, bias - centre @ kernel), letters


def _model(d_model: int) -> tuple[keras.Model, keras.layers.Dense, keras.layers.Embedding]:
    mean = keras.Input((d_model,))
    rows = keras.Input((None,), dtype="int32")
    # In float32 whatever the encoder computes in.
    dense = keras.layers.Dense(1, kernel_initializer="zeros", dtype="float32")
    embedding = keras.layers.Embedding(PLACES + 1, 1, embeddings_initializer="zeros", dtype="float32")
    real = ops.cast(ops.not_equal(rows, PAD), "float32")[:, :, None]  # (batch, rows, 1)
    added = ops.sum(embedding(rows) * real, axis=1) / ops.sqrt(ops.sum(real, axis=1))
    model = keras.Model([mean, rows], dense(mean) + added)
    model.compile(
        optimizer=keras.optimizers.Adam(_RATE),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
    )
    return model, dense, embedding


def _alarmed(heads: Heads, level: float) -> Heads:
    """``heads`` with its bias moved so that what was as sure as ``level`` is as sure as ``ALARM``."""

    def logit(p: float) -> float:
        return float(np.log(p) - np.log1p(-p))

    moved = heads.crisis.bias + np.float32(logit(ALARM) - logit(min(max(level, 1e-6), 1 - 1e-6)))
    return replace(heads, crisis=Linear(heads.crisis.kernel, moved.astype("float32")))
