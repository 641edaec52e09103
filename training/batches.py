"""Conversations -> the three arrays of the original: encoder input, decoder input, label; in length buckets."""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from model.config import ModelConfig
from model.dialogue import source_ids, target_ids
from model.tokenizer import PAD, START, Tokenizer
from training.corpus import Conversation
from training.corpus.messages import Message
from training.labels import UNKNOWN, crisis_label, emotion_label

T = TypeVar("T")

# Lengths are padded up to a multiple of this, so that few shapes occur.
_STEP = 4
# Where every shape is compiled anew (XLA): to the greatest lengths there may be, or to these halved, so often at most.
_HALVINGS = 3
# A row from which nothing is learned: it fills up a batch.
_NOTHING = ([START], [START], [PAD])


@dataclass(frozen=True)
class Example:
    """Ids of one reply: ``source`` is what the encoder reads, ``target`` and ``label`` the decoder's two sides.

    ``emotion`` and ``crisis`` are what ``training.labels`` says of the message, -1 where that is nothing.
    """

    source: list[int]
    target: list[int]
    label: list[int]
    emotion: int = UNKNOWN
    crisis: int = UNKNOWN


@dataclass(frozen=True)
class Batch:
    """Three int32 arrays ``(batch, length)`` padded with 0, and the heads' two ``(batch,)``."""

    source: np.ndarray
    target: np.ndarray
    label: np.ndarray
    emotion: np.ndarray
    crisis: np.ndarray

    @property
    def tokens(self) -> int:
        """Label tokens, padding not counted."""
        return int((self.label != PAD).sum())


def examples(
    conversations: Iterable[Conversation], tokenizer: Tokenizer, config: ModelConfig, *, last_turn_only: bool = False
) -> list[Example]:
    """Every bot turn of ``conversations`` given what precedes it; or of each its last one alone."""
    made = []
    for conversation in conversations:
        pairs = list(enumerate(conversation.examples()))
        for exchange, (context, reply) in pairs[-1:] if last_turn_only else pairs:
            source = source_ids(tokenizer, context, config.max_source)
            labels = emotion_label(conversation, exchange), crisis_label(conversation, exchange)
            made.append(Example(source, *target_ids(tokenizer, reply, config.max_target), *labels))
    return made


def message_example(message: Message, tokenizer: Tokenizer, config: ModelConfig) -> Example:
    """A message that nobody answers: the heads learn from it, the decoder nothing."""
    return Example(source_ids(tokenizer, [message.text], config.max_source), [START], [], crisis=int(message.crisis))


def padded(rows: Sequence[Sequence[int]], length: int | None = None) -> np.ndarray:
    """Rows of ids as one array ``(rows, length)``; by default as long as the longest, rounded up to a bucket."""
    if length is None:
        length = -(-max(1, *map(len, rows)) // _STEP) * _STEP
    array = np.full((len(rows), length), PAD, dtype="int32")
    for index, row in enumerate(rows):
        array[index, : len(row)] = row
    return array


def alike_in_length(rows: Sequence[T], size: int, length: Callable[[T], int], rng: random.Random) -> list[list[T]]:
    """``rows`` in batches of ``size``, those of like lengths together, the batches in random order."""
    order = list(rows)
    rng.shuffle(order)
    order.sort(key=length)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    rng.shuffle(batches)
    return batches


def to_batch(rows: Sequence[Example], few: ModelConfig | None = None) -> Batch:
    """Examples as one batch; with ``few`` in one of four shapes for a model of that configuration: the longest that it
    reads and writes, or a half, a quarter, an eighth of both."""
    source = target = None
    if few is not None:
        read, written = max(len(row.source) for row in rows), max(len(row.target) for row in rows)
        halved = [(-(-few.max_source // 2**n), -(-few.max_target // 2**n)) for n in range(_HALVINGS, -1, -1)]
        source, target = next((s, t) for s, t in halved if s >= read and t >= written)
    return Batch(
        padded([row.source for row in rows], source),
        padded([row.target for row in rows], target),
        padded([row.label for row in rows], target),
        np.array([row.emotion for row in rows], dtype="int32"),
        np.array([row.crisis for row in rows], dtype="int32"),
    )


def bucketed(
    rows: Sequence[Example], batch_size: int, rng: random.Random | None = None, few: ModelConfig | None = None
) -> Iterator[Batch]:
    """``rows`` in batches of like lengths, so that little padding is computed.

    With ``rng`` the rows are shuffled, sorted by length only within windows of 400 batches, and the batches come in
    random order; without it they come sorted. With ``few`` they have few shapes, as ``to_batch`` makes them, and one
    that is not full is filled up with rows from which nothing is learned.
    """
    order = list(rows)
    window = len(order) or 1
    if rng is not None:
        rng.shuffle(order)
        window = 400 * batch_size
    chunks = []
    for start in range(0, len(order), window):
        part = sorted(order[start : start + window], key=lambda row: (len(row.source) // _STEP, len(row.label)))
        chunks += [part[i : i + batch_size] for i in range(0, len(part), batch_size)]
    if rng is not None:
        rng.shuffle(chunks)
    for chunk in chunks:
        filling = [Example(*_NOTHING)] * (batch_size - len(chunk)) if few else []
        yield to_batch(chunk + filling, few)
